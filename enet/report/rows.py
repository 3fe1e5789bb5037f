"""Rows of ``verdicts.json``, checked when they are read: everything that draws them relies on their types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from enet.deliverable.toml_reader import convert
from enet.errors import InputError
from enet.gates.base import Outcome, Verdict

Types = Mapping[str, Any]

OUTCOMES = [outcome.value for outcome in Outcome]
VERDICT: Types = {
    **dict.fromkeys(("test", "case", "in_words", "gate", "outcome", "sentence"), str),
    **dict.fromkeys(("measured", "low", "high", "margin"), float | None),
    **dict.fromkeys(("backend", "unit"), str | None),
    **dict.fromkeys(("notes", "caveats"), tuple[str, ...]),
    "batch_size": int | None,
    "numbers": dict[str, float],
}
assert VERDICT.keys() >= Verdict(gate="", outcome=Outcome.INFO, sentence="").to_json().keys()

#: A diagnosis, a hypothesis that was tried, the comparison of layers, and the first one that differs.
DIAGNOSIS: Types = {
    **dict.fromkeys(("cause", "sentence", "artifact"), str),
    **dict.fromkeys(("facts", "images"), tuple[str, ...]),
}
ROW: Types = {
    **dict.fromkeys(("name", "ran"), str),
    **dict.fromkeys(("miou_before", "miou_after"), float | None),
    "images": int,
    "seconds": float,
}
LAYERS: Types = {"sentence": str}
FIRST: Types = {**dict.fromkeys(("largest", "median", "allowed"), float), "shape": tuple[int, ...], "picture": str}


def checked(table: object, types: Types, what: str) -> dict[str, Any]:
    """A table that has these keys, of these types.

    Raises:
        InputError: it has not.
    """
    if not isinstance(table, dict):
        raise InputError(f"{what} {table!r:.40}, expected a table")
    for name, hint in types.items():
        if name not in table:
            raise InputError(f"{what} [{name}] is missing")
        value = convert(hint, table[name], f"{what} [{name}]")
        if isinstance(value, tuple) and not isinstance(table[name], list):
            raise InputError(f"{what} [{name}]: {value}, expected a list")
    return table


def as_verdict(table: object) -> dict[str, Any]:
    """A verdict, with finite numbers.

    Raises:
        InputError: it is none.
    """
    found = checked(table, VERDICT, "verdict")
    for value in (*found.values(), *found["numbers"].values()):
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"verdict {found['test']}: {value}, expected finite numbers")
    if found["outcome"] not in OUTCOMES:
        raise InputError(f"verdict [outcome]: {found['outcome']!r}, expected one of {', '.join(OUTCOMES)}")
    return found


def as_diagnosis(table: object) -> dict[str, Any] | None:
    """A diagnosis, if there is one; what it may lack is empty.

    Raises:
        InputError: it is none.
    """
    if table is None:
        return None
    whole = {"facts": [], "images": [], "artifact": "", **table} if isinstance(table, dict) else table
    found = checked(whole, DIAGNOSIS, "diagnosis")
    rows = found.setdefault("rows", [])
    if not isinstance(rows, list):
        raise InputError(f"diagnosis [rows]: {rows!r:.40}, expected a list")
    for row in rows:
        checked(row, ROW, "diagnosis [rows]")
    if layers := found.get("layers"):
        first = checked(layers, LAYERS, "diagnosis [layers]").get("first")
        if first is not None:
            known = first if isinstance(first, dict) else FIRST
            checked(first, {name: FIRST[name] for name in FIRST if name in known}, "diagnosis [first]")
    return found
