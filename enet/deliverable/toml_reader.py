"""TOML files read into frozen dataclasses; every error names its line."""

from __future__ import annotations

import ast
import re
import sys
import types
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal

from enet.errors import InputError, unknown_name_error
from enet.storage.files import require_plain_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


#: No TOML file of ours is larger.
MAX_BYTES = 1_000_000


def add_line_number(message: str, path: Path) -> str:
    """A message about a key or table of a TOML file, with the line that it is on where that can be found.

    The message names the file, then tables and key in brackets, as ``parse`` does, or a key followed by ``=``.
    """
    place, _, rest = message.removeprefix(str(path)).partition(" is " if "] is " in message else ":")
    keys = re.findall(r"\[([^\[\]]+)\]", place)
    if named := re.match(r"\W*(?:key=(?P<key>'.*?'|\".*?\") is |(?!value=)(\w+)(?:=| holds))", rest):
        keys.append(ast.literal_eval(named["key"]) if named["key"] else named[2])
    table: list[str] = []
    found = None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if header := re.match(r"\s*\[{1,2}([^\[\]=]+)\]", line):
            table = plain_keys(header[1])
            if keys and table == keys[: len(table)]:
                found = number  # where the key itself is missing
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
    """The parts of a TOML key without their quotes.

    >>> plain_keys('network . "outputs"')
    ['network', 'outputs']
    """
    return [part.strip("\"'") for part in re.findall(NAME, dotted)]


def read_toml(path: Path, what: str, advice: str = "") -> dict[str, Any]:
    """The tables of a TOML file.

    Args:
        what: what the file is, for messages; ``advice`` follows if there is no such file.
    Raises:
        InputError: it can't be read, or isn't TOML.
    """
    try:
        require_plain_file(path, at_most=MAX_BYTES)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{what} {path}: {error.strerror}{advice}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path}: not UTF-8 at byte {error.start}. Save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and numbers or nesting beyond any use
        raise InputError(f"{what} {path}: not valid TOML: {error}") from error


def require(condition: bool, message: str) -> None:
    """Refuse a value; ``parse`` adds the place."""
    if not condition:
        raise ValueError(message)


def parse(kind: type[Any], table: object, where: str) -> Any:
    """Make a dataclass from a TOML table, checking every key and type.

    Raises:
        InputError: naming the place (``where``), the key and what it should be.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where} is {table!r}, but should be a table")
    hints = typing.get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    for key in table:
        if key not in names:
            raise unknown_name_error("key", key, [n for n in names if n != "path"], where=where)
    missing = [
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING and f.name not in table
    ]
    if missing:
        raise InputError(f"{where}: {', '.join(missing)} missing, but should be given")
    values = {key: convert(hints[key], value, f"{where} [{key}]") for key, value in table.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def convert(hint: Any, value: object, where: str) -> Any:
    """Check one value against its type hint; numbers may be given as whole numbers where a float is due."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, int) and abs(value) >= 1 << 63:  # TOML's own limit; Python prints no number of any length
        raise InputError(f"{where} is too large a number")
    if hasattr(hint, "__dataclass_fields__"):
        return parse(hint, value, where)
    if origin is Literal:
        if value not in arguments:
            raise unknown_name_error("value", value, arguments, where=where)
        return value
    if origin is types.UnionType:  # the only unions here are with None, which TOML hasn't
        return convert(arguments[0], value, where)
    if origin is tuple:
        length = None if arguments[-1] is ... else len(arguments)
        if not isinstance(value, list) or length not in (None, len(value)):
            raise InputError(f"{where} is {value!r}, but should be a list of {length or 'one or more'} values")
        return tuple(convert(arguments[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise InputError(f"{where} is {value!r}, but should be of type {hint.__name__}")
    return value
