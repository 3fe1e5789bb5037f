"""A row of a self-test's table: what was broken, what should notice, what did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was tried.

    Args:
        name: of the fault, the input or the moment, in a few words.
        stage: what it was planted in, such as "weights" or "export"; the table is grouped by it.
        meant: what should notice: gates' names; for bad input the exit code.
        found: what did, in words; a figure where a figure is the answer.
        ok: whether that is what should have been.
        below: nothing noticed, and nothing need: the figures are within what is asked.
    """

    name: str
    stage: str
    meant: str
    found: str
    ok: bool
    below: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "stage": self.stage,
            "gate": self.meant,
            "found": self.found,
            "caught": self.ok and not self.below,
            "ok": self.ok,
        }


def line(row: Row) -> str:
    """A row as text; the columns suit a terminal."""
    sign = "MISSED" if not row.ok else "below" if row.below else "ok"
    return f"{sign:<7} {row.stage:<14} {row.name:<46} {row.meant:<24} {row.found}"


def closing(part: str, rows: Sequence[Row]) -> str:
    """The count below a table."""
    missed, below = [row.name for row in rows if not row.ok], sum(row.below for row in rows)
    count = f"{part}: {len(rows) - len(missed)} of {len(rows)} ok"
    count += f", {below} of them below what is asked" if below else ""
    return count + (f"; not: {', '.join(missed)}" if missed else "")
