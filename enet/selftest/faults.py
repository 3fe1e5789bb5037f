"""The table of faults: what was broken, which gates should notice, which did."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from enet.gates import Outcome, Verdict
from enet.measure.subject import Subject
from enet.selftest.acceptance import small, verdicts, with_own_cache
from enet.selftest.planted import FAULTS, Fault
from enet.selftest.planted.base import STAGES
from enet.selftest.table import Row

#: Images, and pixels of a side. Ten leave a batch of four with a tail of two.
WHOLE, QUICK = {"images": 10, "side": 480}, {"images": 10, "side": 240}

#: So many faults of each stage are planted in the product for a quick self-test; those in records all are.
QUICK_FAULTS = 1


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """First the sound deliverable, which must be accepted; then each fault."""
    subject = small(folder, **(QUICK if quick else WHOLE))
    refused = noticed(list(verdicts(with_own_cache(subject, folder / "sound"))))
    found = f"noticed by {', '.join(refused)}" if refused else "accepted"
    yield Row(name="none", stage="none", meant="accepted", found=found, ok=not refused)
    for fault in chosen(quick=quick):
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            yield row(fault, subject, Path(aside))


def chosen(*, quick: bool) -> list[Fault]:
    """The faults, stage by stage."""
    faults = []
    for stage in STAGES:
        mine = [fault for fault in FAULTS if fault.stage == stage]
        live = [fault for fault in mine if fault.live]
        faults += [fault for fault in mine if not (quick and fault in live[QUICK_FAULTS:])]
    return faults


def row(fault: Fault, subject: Subject, folder: Path) -> Row:
    """Plant a fault, ask all gates, and say what came of it."""
    said = fault.verdicts(subject, folder)
    names = noticed(said)
    if fault.below:
        found = f"noticed by {', '.join(names)}" if names else f"{fault.below}; {moved(said)}"
        return Row(
            name=fault.name,
            stage=fault.stage,
            meant="none",
            found=found,
            ok=bool(names) or small_enough(said),
            below=not names,
        )
    return Row(
        name=fault.name,
        stage=fault.stage,
        meant=", ".join(fault.gates),
        found=f"noticed by {', '.join(names)}" if names else f"not noticed; {moved(said)}",
        ok=bool(set(names) & {*fault.gates}),
    )


def noticed(said: list[Verdict]) -> list[str]:
    """The gates that did not pass, each once."""
    return list(dict.fromkeys(verdict.gate for verdict in said if verdict.outcome is not Outcome.PASS))


def moved(said: list[Verdict]) -> str:
    """How far the figures moved that passed all the same."""
    words = [
        f"{verdict.gate} {numbers['points']:+.4f} points of +-{(numbers['high'] - numbers['low']) / 2:.4f}"
        for verdict in said
        if "points" in (numbers := verdict.numbers)
    ]
    words += [note for verdict in said for note in verdict.notes if verdict.gate == "logits"]
    return "; ".join(dict.fromkeys(words)) or "no figure"


def small_enough(said: list[Verdict]) -> bool:
    """Whether figures show that it stayed within what the deliverable allows: mIoU, or logits of which none is too far
    off without an excuse."""
    figures = [verdict.numbers for verdict in said]
    return any({"points", "over_limit_unexcused"} & set(each) for each in figures) and all(
        abs(each.get("points", 0)) <= (each.get("high", 0) - each.get("low", 0)) / 2
        and not each.get("over_limit_unexcused")
        for each in figures
    )
