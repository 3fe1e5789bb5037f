"""The table of faults: what was broken, which gates should notice, which did."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from enet.gates import Outcome, Verdict
from enet.gates.base import signed
from enet.measure.subject import Subject
from enet.selftest.acceptance import small, verdicts, with_own_cache
from enet.selftest.planted import FAULTS, Fault
from enet.selftest.planted.base import STAGES
from enet.selftest.table import SOUND, Row

#: Number of images; a batch of four has a tail of two. Pixels of a side, in a whole and in a quick self-test.
IMAGES, SIDE, QUICK_SIDE = 10, 480, 240

#: Faults of each stage that a quick self-test injects into the product. It runs all faults in records.
QUICK_FAULTS = 1

#: Gates whose values show that a fault stays within the tolerances.
COMPARED = ("reference_miou", "miou", "onnx_logits")


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """First the sound deliverable, which must be accepted; then each fault."""
    subject = small(folder, images=IMAGES, side=QUICK_SIDE if quick else SIDE)
    alarms = failed_gates(list(verdicts(with_own_cache(subject, folder / "sound"))))
    observed = f"noticed by {', '.join(alarms)}" if alarms else SOUND
    yield Row(name="none", stage="none", expected=SOUND, observed=observed, ok=not alarms)
    for fault in select_faults(quick=quick):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            yield check_fault(fault, subject, Path(own))


def select_faults(*, quick: bool) -> list[Fault]:
    """The faults, stage by stage."""
    faults = []
    for stage in STAGES:
        of_stage = [fault for fault in FAULTS if fault.stage == stage]
        injected = [fault for fault in of_stage if fault.inject]
        faults += [fault for fault in of_stage if not (quick and fault in injected[QUICK_FAULTS:])]
    return faults


def check_fault(fault: Fault, subject: Subject, folder: Path) -> Row:
    """Inject a fault, ask all gates, and compare."""
    found = fault.verdicts(subject, folder)
    names, reason = failed_gates(found), fault.within_tolerance
    return Row(
        name=fault.name,
        stage=fault.stage,
        expected="none" if reason else ", ".join(fault.gates),
        observed=f"noticed by {', '.join(names)}" if names else f"{reason or 'not noticed'}; {format_changes(found)}",
        ok=bool(names) or is_within_tolerances(found) if reason else bool(set(names) & {*fault.gates}),
        within_tolerance=bool(reason) and not names,
    )


def failed_gates(found: list[Verdict]) -> list[str]:
    """The gates that did not pass, each once."""
    return list(dict.fromkeys(verdict.gate for verdict in found if verdict.outcome is not Outcome.PASS))


def format_changes(found: list[Verdict]) -> str:
    """How far mIoU moved and how far its limits still are, and what the gate of logits notes."""
    words = [
        f"{verdict.gate} {signed(verdict.numbers['points'])} pp, margin {verdict.check.margin:.4f} pp"
        for verdict in found
        if verdict.check and "points" in verdict.numbers
    ]
    words += [note for verdict in found for note in verdict.notes if verdict.gate == "onnx_logits"]
    return "; ".join(dict.fromkeys(words)) or "no value"


def is_within_tolerances(found: list[Verdict]) -> bool:
    """Whether mIoU or the logits were compared, and stayed within the deliverable's tolerances."""
    checks = [verdict.check for verdict in found if verdict.check and verdict.gate in COMPARED]
    return bool(checks) and all(check.ok for check in checks)
