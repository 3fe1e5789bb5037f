"""Verdicts as lines of a terminal, at most 80 columns: outcome, gate in words, measured, limit, margin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from enet.errors import folded
from enet.gates.catalogue import GATES

#: Widths of the columns.
OUTCOME, GATE, MEASURED, LIMIT, MARGIN = 12, 32, 10, 16, 10

#: Digits after the point, by unit. Factors, times and rates have significant digits instead.
DECIMALS = {"%": 2, "pp": 2, "px": 2}
SIGNIFICANT = {"x": 3, "ms": 4, "images/s": 4}

#: Digits are added until measured and limit print differently, at most so many.
MAX_MORE_DIGITS = 6

#: What needs attention first.
ORDER = ("FAIL", "NO EVIDENCE", "INFO", "PASS")


def in_short(verdicts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What did not pass first; then, of the passes of a gate, the one nearest to its limit for all of them."""
    families: dict[Any, list[Mapping[str, Any]]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: ORDER.index(verdict["outcome"])):
        passed = verdict["outcome"] == "PASS"
        families.setdefault(verdict["gate"] if passed else len(families), []).append(verdict)
    return [members[0] if len(members) == 1 else nearest(members) for members in families.values()]


def nearest(passes: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The pass with the smallest margin, named by the number of cases."""
    first = min(passes, key=lambda verdict: math.inf if verdict["margin"] is None else verdict["margin"])
    return {**first, "in_words": f"{len(passes)} cases"}


def table_head() -> str:
    return f"{'outcome':<{OUTCOME}}{'gate':<{GATE}}{'measured':>{MEASURED}}{'limit':>{LIMIT}}{'margin':>{MARGIN}}"


def table_lines(verdict: Mapping[str, Any]) -> list[str]:
    """The lines of one verdict, as in ``verdicts.json``. What did not pass has its sentence below."""
    start, gate = f"{verdict['outcome']:<{OUTCOME}}", gate_in_words(verdict)
    measured, limit, margin = cells_of(verdict)
    left = f" {measured:>{MEASURED - 1}}"
    cells = f"{left} {limit:>{MEASURED + LIMIT - len(left) - 1}} {margin:>{MARGIN - 1}}"
    if len(gate) < GATE:
        lines = [f"{start}{gate:<{GATE}}{cells}"]
    else:  # the figures move to a line of their own
        lines = [f"{start}{gate}", f"{'':<{OUTCOME + GATE}}{cells}"]
    if verdict["outcome"] != "PASS":
        lines += folded(what_was_found(verdict), OUTCOME)
    return [line.rstrip() for line in lines]


def what_was_found(verdict: Mapping[str, Any]) -> str:
    """The sentence of a verdict, with its notes."""
    return "; ".join([verdict["sentence"], *verdict["notes"]])


def gate_in_words(verdict: Mapping[str, Any]) -> str:
    """Such as "mIoU, onnxruntime, bs16"."""
    gate = GATES.get(verdict["gate"])
    title = gate.title if gate else verdict["gate"].replace("_", " ")
    return ", ".join(filter(None, [title, verdict.get("in_words", "")]))


def cells_of(verdict: Mapping[str, Any]) -> tuple[str, str, str]:
    """Measured value, limit and margin in words; "-" for what there is not."""
    measured, low, high, margin, unit = (verdict[name] for name in ("measured", "low", "high", "margin", "unit"))
    if measured is None:
        return "-", "-", "-"
    more = 0
    limits = [value for value in (low, high) if value is not None]
    while more < MAX_MORE_DIGITS and any(
        value != measured and number(value, unit, more) == number(measured, unit, more) for value in limits
    ):
        more += 1
    shown = [None if value is None else number(value, unit, more) for value in (low, high)]
    if None not in shown:
        limit = with_unit(f"{shown[0]}..{shown[1]}", unit)
    elif not limits:
        limit = "-"
    elif unit in DECIMALS or unit in SIGNIFICANT:
        limit = ("≥ " if high is None else "≤ ") + with_unit(next(filter(None, shown)), unit)
    else:  # counts, of which none is allowed
        limit = str(next(filter(None, shown)))
    measurable = margin is not None and (unit in DECIMALS or unit in SIGNIFICANT)
    distance = with_unit(number(margin, unit, more), "pp" if unit == "%" else unit) if measurable else "-"
    return with_unit(number(measured, unit, more), unit), limit, distance


def number(value: float, unit: str, more: int = 0) -> str:
    """A value without its unit, with ``more`` digits than usual; never "-0.00"."""
    if unit in DECIMALS:
        text = f"{value:.{DECIMALS[unit] + more}f}"
    elif unit in SIGNIFICANT:
        text = f"{value:.{SIGNIFICANT[unit] + more}g}"
    else:
        text = f"{value:.0f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def with_unit(text: str, unit: str) -> str:
    return f"{text}{unit}" if unit == "x" else f"{text} {unit}"
