"""JSON schema of a deliverable's file, for editors that complete and check TOML; it follows from the dataclasses."""

from __future__ import annotations

import inspect
import re
import types
import typing
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal

from enet.deliverable.spec import Deliverable

DRAFT = "https://json-schema.org/draft/2020-12/schema"
#: Fields that no file states.
NOT_IN_FILES = ("path",)
PLAIN: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}


def schema() -> dict[str, Any]:
    """The schema of all keys: types, choices, defaults, and the comments on the fields."""
    return {"$schema": DRAFT, "title": "enet deliverable", **table(Deliverable)}


def table(kind: type[Any]) -> dict[str, Any]:
    """The schema of a dataclass."""
    hints, comments = typing.get_type_hints(kind), comments_of(kind)
    own = [item for item in fields(kind) if item.name not in NOT_IN_FILES]
    properties = {item.name: described(item, value(hints[item.name]), comments) for item in own}
    required = [item.name for item in own if item.default is MISSING and item.default_factory is MISSING]
    more = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **more, "additionalProperties": False}


def described(item: Field[Any], found: dict[str, Any], comments: dict[str, str]) -> dict[str, Any]:
    """Add a field's comment and its default."""
    if item.name in comments:
        found["description"] = comments[item.name]
    if item.default not in (MISSING, None):
        found["default"] = list(item.default) if isinstance(item.default, tuple) else item.default
    return found


def comments_of(kind: type[Any]) -> dict[str, str]:
    """The ``#:`` comments above a dataclass's fields."""
    found = re.findall(r"((?:^ +#:.*\n)+) +(\w+):", inspect.getsource(kind), re.MULTILINE)
    return {name: " ".join(re.findall(r"#: ?(.*)", text)).replace("``", "") for text, name in found}


def value(hint: Any) -> dict[str, Any]:
    """The schema of a value of this type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        return table(typing.cast("type[Any]", hint))
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (types.UnionType, typing.Union):  # always of one type and None
        return value(next(each for each in arguments if each is not types.NoneType))
    if origin is dict:
        return {"type": "object", "additionalProperties": value(arguments[1])}
    if origin is tuple:
        items = {"type": "array", "items": value(arguments[0])}
        if arguments[-1] is not ...:
            return items | {"minItems": len(arguments), "maxItems": len(arguments)}
        return {"anyOf": [items, value(str)]} if arguments[0] is str else items  # a text stands for a list of one
    return dict(PLAIN[hint])
