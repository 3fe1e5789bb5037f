"""Two runs of one deliverable, by number: changed outcomes, moved values, classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from enet.errors import InputError
from enet.evidence import Accuracy
from enet.report import figures
from enet.report.contents import CHAIN, Contents
from enet.report.figures import Cell, Table
from enet.report.terminal import cells_of, gate_in_words

#: What a gate's row says, by the row's class in the style sheet, in the order of the page.
GROUPS = {"other": "with another outcome", "moved": "with another value", "same": "unchanged"}


def compared(first: Contents, second: Contents) -> dict[str, Any]:
    """What the page shows of two runs, the older first.

    Raises:
        InputError: they are of different deliverables.
    """
    if first.deliverable != second.deliverable:
        names = f"{second.deliverable}, {first.folder} of {first.deliverable}"
        raise InputError(f"{second.folder}: a run of {names}. Give two runs of one deliverable")
    sides = [{verdict["test"]: verdict for verdict in contents.verdicts} for contents in (first, second)]
    pairs = [tuple(side.get(test) for side in sides) for test in {**sides[0], **sides[1]}]
    rows = sorted((row(*pair) for pair in pairs), key=lambda cells: list(GROUPS).index(cells[0].style))
    counts = Counter(cells[0].style for cells in rows)
    titles = ("gate", "outcome", "older", "newer", "change", "limit")
    runs = common(first, second)
    return {
        "first": first,
        "second": second,
        "headline": f"{counts['other']} of {len(rows)} outcomes changed, {counts['moved']} more values moved",
        "choices": [(style, counts[style], name, "") for style, name in GROUPS.items()],
        "gates": Table(name="Gates", titles=titles, rows=rows),
        "runs": runs,
        "classes": runs and has_same_classes(runs) and figures.classes(runs[1], runs[0], ("older", "newer")),
        "notes": [*order(first, second), *notes(runs)],
    }


def row(older: Mapping[str, Any] | None, newer: Mapping[str, Any] | None) -> list[Cell]:
    """A gate's row; the style of its first cell is its group."""
    both = [older, newer]
    known = next(verdict for verdict in reversed(both) if verdict)
    outcomes = [verdict["outcome"].lower() if verdict else "not run" for verdict in both]
    values = [Cell(cells_of(verdict)[0] if verdict else "-", style="number") for verdict in both]
    change = moved(older, newer)
    is_other = outcomes[0] != outcomes[1]
    style = "other" if is_other else "moved" if change.value else "same"
    outcome = Cell(" → ".join(dict.fromkeys(outcomes)), style=outcomes[1].replace(" ", "-") if is_other else "")
    limit = Cell(cells_of(known)[1], style="number")
    why = Markup("<small>{}</small>").format(newer["sentence"].partition("; ")[0]) if is_other and newer else ""
    head = Cell(Markup("{} {}").format(gate_in_words(known), why).rstrip(), style=style)
    return [head, outcome, *values, change, limit]


def moved(older: Mapping[str, Any] | None, newer: Mapping[str, Any] | None) -> Cell:
    """By how much the measured value changed; coloured by whether it came nearer to its limit."""
    if not (older and newer) or None in (older["measured"], newer["measured"]) or older["unit"] != newer["unit"]:
        return Cell("-", style="number")
    change, unit = newer["measured"] - older["measured"], newer["unit"]
    if not change:
        return Cell("0", 0.0)
    margins = older["margin"], newer["margin"]
    style = "" if None in margins or margins[0] == margins[1] else "better" if margins[1] > margins[0] else "worse"
    digits = ",.0f" if isinstance(change, int) else ".2f" if unit in ("%", "pp") and abs(change) >= 0.005 else ".3g"
    name = {"%": " pp", "x": "x"}.get(unit, "" if unit.startswith("of ") else f" {unit}")
    return Cell(f"{change:+{digits}}{name} {style}".rstrip(), change, style)


def common(first: Contents, second: Contents) -> tuple[Accuracy, Accuracy] | None:
    """Accuracy of the artifact that both runs scored; of several, that of the lowest mIoU in the newer one."""
    older = {str(each.provenance): each for each in first.accuracies if each.matrix.sum()}
    newer = [each for each in second.artifacts if each.matrix.sum() and str(each.provenance) in older]
    newer = newer or [each for each in second.accuracies if each.matrix.sum() and str(each.provenance) in older]
    found = min(newer, key=lambda each: each.miou, default=None)
    return None if found is None else (older[str(found.provenance)], found)


def has_same_classes(runs: tuple[Accuracy, Accuracy]) -> bool:
    return runs[0].classes == runs[1].classes


def order(first: Contents, second: Contents) -> list[str]:
    """What is odd about two runs as an older and a newer one."""
    if first.run == second.run:
        return ["both folders hold the same run"]
    return ["the run named older began later: exchange the folders"] if first.began > second.began else []


def notes(runs: tuple[Accuracy, Accuracy] | None) -> list[str]:
    """What else differs between two runs, and so may explain a change."""
    if runs is None:
        return ["no artifact was scored in both runs, so classes are not compared"]
    older, newer = runs
    found = [] if older.images == newer.images else [f"other images: {len(older.images)} and {len(newer.images)}"]
    if not has_same_classes(runs):
        found.append("other classes, so their IoU is not compared")
    for name, field in CHAIN:
        sides = [getattr(run.provenance, field) for run in runs]
        if sides[0] != sides[1]:
            found.append(f"other {name}: {' and '.join(each[:12] or 'unknown' for each in sides)}")
    for library in {**older.provenance.versions, **newer.provenance.versions}:
        versions = [run.provenance.versions.get(library, "none") for run in runs]
        if versions[0] != versions[1]:
            found.append(f"other {library}: {versions[0]} and {versions[1]}")
    return found
