"""A row of a self-test's table: what was broken, what should notice, what did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: What is expected of a sound run.
SOUND = "accepted"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault and its result.

    Attributes:
        name: of the fault, in a few words.
        stage: stage that has the fault, such as "weights" or "export"; the table is grouped by it.
        expected: gates that should notice, separated by commas.
        observed: what noticed, in words; or a measured value.
        ok: whether the observed result is the expected one.
        within_tolerance: no gate noticed, and none need, because the values are within the tolerances.
    """

    name: str
    stage: str
    expected: str
    observed: str
    ok: bool
    within_tolerance: bool = False

    def to_json(self) -> dict[str, Any]:
        caught = self.ok and not self.within_tolerance
        table = {"name": self.name, "stage": self.stage, "gate": self.expected, "found": self.observed}
        return {**table, "caught": caught, "ok": self.ok}


def line(row: Row) -> str:
    """A row as text, in columns for a terminal."""
    sign = "MISSED" if not row.ok else "within" if row.within_tolerance else "ok"
    return f"{sign:<7} {row.stage:<14} {row.name:<46} {row.expected:<28} {row.observed}"


def closing(part: str, rows: Sequence[Row]) -> str:
    """The line below a table: counts, and the names of missed rows."""
    missed, within = [row.name for row in rows if not row.ok], sum(row.within_tolerance for row in rows)
    count = f"{part}: {len(rows) - len(missed)} of {len(rows)} ok"
    count += f", {within} of them within the tolerances" if within else ""
    return count + (f"; missed: {', '.join(missed)}" if missed else "")


def rates(rows: Sequence[Row]) -> list[str]:
    """Lines of a table: faults drawn, caught and too small to be seen, and false alarms, of each family."""
    names = list(dict.fromkeys(row.stage for row in rows if row.expected != SOUND))
    lines = [f"{'family':<30} {'drawn':>6} {'caught':>7} {'unseen':>7} {'missed':>7}"]
    for name in names:
        of = [row for row in rows if row.stage == name]
        unseen, missed = sum(row.within_tolerance for row in of), sum(not row.ok for row in of)
        lines.append(f"{name:<30} {len(of):>6} {len(of) - unseen - missed:>7} {unseen:>7} {missed:>7}")
    sound = [row for row in rows if row.expected == SOUND]
    return [*lines, f"false alarms: {sum(not row.ok for row in sound)} of {len(sound)} sound runs"]
