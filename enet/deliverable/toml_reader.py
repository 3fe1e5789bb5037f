"""Read TOML files into frozen dataclasses; every error names its line."""

from __future__ import annotations

import ast
import re
import sys
import types
import typing
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal

from enet.errors import InputError, InputErrors, unknown_name_error
from enet.storage.text import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


#: Size limit of TOML files in bytes, so that a wrong path cannot fill memory.
MAX_BYTES = 1_000_000


def add_line_number(message: str, path: Path) -> str:
    """Add to a message the line of the key or table that it is about, if that line can be found.

    Args:
        message: ``<path> [<table>] [<key>]: <problem>``, brackets as ``parse`` writes them. A problem that begins with
            ``<key>=`` or ``key='<key>' is`` names the key, too.
    Returns:
        The message with ``<path>:<line>`` for ``<path>``.
    """
    place, _, rest = message.removeprefix(str(path)).partition(":")
    keys = re.findall(r"\[([^\[\]]+)\]", place)
    if named := re.match(r"\s*(?:key=(?P<key>'.*?'|\".*?\") is |(?!value=)(\w+)=)", rest):
        keys.append(ast.literal_eval(named["key"]) if named["key"] else named[2])
    table: list[str] = []
    found = None
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if header := re.match(r"\s*\[{1,2}([^\[\]=]+)\]", line):
            table = plain_keys(header[1])
            if keys and table == keys[: len(table)]:
                found = number  # if the key itself is missing
        elif key := re.match(rf"\s*({NAME}(?:\s*\.\s*{NAME})*)\s*=", line):
            here = [*table, *plain_keys(key[1])]
            if keys in (here, here[-1:]):
                found = number
                break
            shared = min(len(keys), len(here))
            if found is None and shared and here[:shared] == keys[:shared]:
                found = number  # an inline table, or dotted keys
    return message if found is None else message.replace(str(path), f"{path}:{found}", 1)


#: A part of a TOML key: bare, or quoted.
NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""


def plain_keys(dotted: str) -> list[str]:
    """Split a TOML key into its parts, without their quotes.

    >>> plain_keys('network . "outputs"')
    ['network', 'outputs']
    """
    return [part.strip("\"'") for part in re.findall(NAME, dotted)]


def read_toml(path: Path, what: str, advice: str = "") -> dict[str, Any]:
    """Read the tables of a TOML file.

    Args:
        what: the kind of file, for messages.
        advice: end of the message if the file cannot be opened.
    Raises:
        InputError: the file cannot be read, or is not TOML.
    """
    try:
        return tables(read_text(path, at_most=MAX_BYTES))
    except OSError as error:
        raise InputError(f"{what} {path}: {error.strerror}{advice}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path}: not UTF-8 at byte {error.start}. Save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and numbers or nesting beyond any use
        raise InputError(f"{what} {path}: not valid TOML: {error}") from error


def tables(text: str) -> dict[str, Any]:
    """Parse TOML; raise ValueError if it is none."""
    return tomllib.loads(text)


#: Broken rules of the dataclass that ``parse`` makes, so that all of them are told; elsewhere the first one is raised.
BROKEN: ContextVar[list[str] | None] = ContextVar("BROKEN", default=None)


def require(condition: bool, message: str) -> None:
    """Raise ValueError unless ``condition`` holds, or keep the message for ``parse``, which adds the place."""
    if condition:
        return
    broken = BROKEN.get()
    if broken is None:
        raise ValueError(message)
    field = message.partition("=")[0]
    if not any(each.partition("=")[0] == field for each in broken):  # one message for one value
        broken.append(message)


def expect(owner: object, name: str, condition: object, rule: str) -> None:
    """Raise ValueError unless ``condition`` holds: "<name>=<its value>, expected <rule>"; ``parse`` adds the place."""
    value = getattr(owner, name)
    require(bool(condition), f"{name}={list(value) if isinstance(value, tuple) else value!r}, expected {rule}")


def expect_digest(owner: object, name: str) -> None:
    """Raise ValueError unless the field is None or a SHA-256 in hexadecimal."""
    value = getattr(owner, name)
    expect(
        owner,
        name,
        value is None or re.fullmatch(r"[0-9a-f]{64}", value),
        "64 digits of 0-9 and a-f, as sha256sum prints",
    )


def parse(kind: type[Any], table: object, where: str, **given: object) -> Any:
    """Make a dataclass of type ``kind`` from a TOML table, checking every key, type and rule.

    Args:
        given: values of fields that may not be in the table.
    Raises:
        InputErrors: keys are unknown or missing, or values are wrong; each message begins with ``where`` and the key.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where}: {table!r}, expected a table")
    hints = typing.get_type_hints(kind)
    known = {item.name: item for item in fields(kind) if item.name not in given}
    mistakes = [str(unknown_name_error("key", key, known, where=where)) for key in table if key not in known]
    required = [name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING]
    meant = " ".join(mistakes)  # a mistyped key is told once
    if missing := [name for name in required if name not in table and f"did you mean {name!r}" not in meant]:
        mistakes.append(f"{where}: {', '.join(missing)} missing. Give every key that has no default")
    values = {}
    for key in known.keys() & table.keys():
        try:
            values[key] = convert(hints[key], table[key], f"{where} [{key}]")
        except InputError as error:
            mistakes += messages_of(error)
    unknown = {name for name in (*known.keys() & table.keys(), *required) if name not in values}
    made, broken = make(kind, {**dict.fromkeys(unknown), **values, **given}, is_whole=not mistakes)
    broken = [message for message in broken if message.partition("=")[0] not in unknown]
    if mistakes := [*mistakes, *(f"{where}: {message}" for message in broken)]:
        raise InputErrors(mistakes)
    return made


def make(kind: type[Any], values: dict[str, Any], *, is_whole: bool) -> tuple[Any, list[str]]:
    """Make a dataclass; return it, and every rule of it that is broken.

    Args:
        is_whole: no value is missing; otherwise None stands for it, and checks that rely on it say nothing.
    """
    broken: list[str] = []
    token = BROKEN.set(broken)
    try:
        return kind(**values), broken
    except Exception as error:  # a check that relies on what is missing, or on a rule that is broken
        if isinstance(error, ValueError) and is_whole:
            return None, [*broken, str(error)]
        if is_whole and not broken:
            raise
        return None, broken
    finally:
        BROKEN.reset(token)


def convert(hint: Any, value: object, where: str) -> Any:
    """Check one value against its type hint and return it; a whole number becomes a float if the hint says so."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, int) and abs(value) >= 1 << 63:  # TOML's limit; Python refuses to print a very long number
        raise InputError(f"{where}: number too large, expected at most 64 bits")
    if hasattr(origin, "__value__"):  # numpy's NDArray, which is a `type` statement from Python 3.12 on
        return convert(origin.__value__, value, where)
    if hasattr(hint, "__dataclass_fields__"):
        return parse(hint, value, where)
    if origin is Literal:
        if value not in arguments:
            raise unknown_name_error("value", value, arguments, where=where)
        return value
    if origin in (types.UnionType, typing.Union):  # always of one type and None
        kind = arguments[1] if arguments[0] is types.NoneType else arguments[0]
        return None if value is None else convert(kind, value, where)
    if origin in (tuple, dict):
        return convert_items(origin, arguments, value, where)
    if hint is float and type(value) is int:
        return float(value)
    kind = object if hint is Any else origin or hint
    if not isinstance(value, kind) or (hint is int and isinstance(value, bool)):
        raise InputError(f"{where}: {value!r}, expected type {kind.__name__}")
    return value


def convert_items(kind: type[Any], hints: tuple[Any, ...], value: object, where: str) -> Any:
    """Check a list or a table of values of one type; a list becomes a tuple, as does a text where several may be."""
    if kind is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where}: {value!r}, expected a table")
        pairs = {key: (hints[1], item, f"{where} [{key}]") for key, item in value.items()}
        return dict(zip(pairs, convert_all(pairs.values()), strict=True))
    length = None if hints[-1] is ... else len(hints)
    if isinstance(value, str) and hints == (str, ...):
        value = [value]
    if not isinstance(value, list) or length not in (None, len(value)):
        raise InputError(f"{where}: {value!r}, expected a list of {length or 'one or more'} values")
    return tuple(convert_all((hints[0], item, where) for item in value))


def convert_all(items: Iterable[tuple[Any, object, str]]) -> list[Any]:
    """``convert`` each (hint, value, place).

    Raises:
        InputErrors: some are wrong; all of them are told.
    """
    found: list[Any] = []
    mistakes: list[str] = []
    for item in items:
        try:
            found.append(convert(*item))
        except InputError as error:
            mistakes += messages_of(error)
    if mistakes:
        raise InputErrors(list(dict.fromkeys(mistakes)))
    return found


def messages_of(error: InputError) -> Sequence[str]:
    """The lines of an error, one for each mistake."""
    return error.messages if isinstance(error, InputErrors) else [str(error)]
