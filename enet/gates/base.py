"""What a gate says: an outcome, one sentence, and the measured value beside its limits."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import Provenance

#: What is missing if the user asked for less.
LIMITED = "only some images were requested"
#: What is wrong with the evidence of a network that sees nothing, perhaps since its input has another range.
ONE_CLASS = "one class is predicted everywhere"


class Outcome(enum.Enum):
    """INFO: a value without a limit. NO_EVIDENCE: there is nothing to decide by; never a pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    NO_EVIDENCE = "NO EVIDENCE"
    INFO = "INFO"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A measured value beside its limits.

    Attributes:
        measured: in ``unit``.
        unit: "%", "pp" (percentage points), "px" (pixels), "x" (a factor), "ms", "images/s"; or what is counted, such
            as "of 8".
        low: the least accepted value, or None.
        high: the largest accepted value, or None.
    """

    measured: float
    unit: str
    low: float | None = None
    high: float | None = None

    @property
    def margin(self) -> float | None:
        """Distance to the nearer limit, in ``unit``; negative beyond it; None without limits."""
        distances = [] if self.low is None else [self.measured - self.low]
        distances += [] if self.high is None else [self.high - self.measured]
        return min(distances, default=None)

    @property
    def ok(self) -> bool:
        """Whether every limit holds; NaN is beyond all limits."""
        return (self.low is None or self.measured >= self.low) and (self.high is None or self.measured <= self.high)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a gate said.

    Attributes:
        gate: its name in the catalogue.
        sentence: what was found and what is expected, in words and with all digits.
        check: what decided, if something was measured.
        numbers: further values, for reports.
        notes: what a reader should know beside it.
        caveats: what a PASS leaves unproven, such as "model not proven"; the conclusion's headline repeats it.
        incomplete: there is no evidence only because fewer images than expected were measured.
    """

    gate: str
    outcome: Outcome
    sentence: str
    check: Check | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def measured(self) -> float | None:
        return self.check.measured if self.check else None

    def __str__(self) -> str:
        return "; ".join([f"{self.outcome.value} {self.gate}: {self.sentence}", *self.notes, *self.caveats])

    def to_json(self) -> dict[str, Any]:
        """As ``verdicts.json`` holds it: value, limits, unit and margin as numbers, or null."""
        figures = {name: getattr(self.check, name, None) for name in ("measured", "low", "high", "margin")}
        return {
            "gate": self.gate,
            "outcome": self.outcome.value,
            **{name: value if value is not None and math.isfinite(value) else None for name, value in figures.items()},
            "unit": self.check.unit if self.check else None,
            "sentence": self.sentence,
            "notes": list(self.notes),
            "caveats": list(self.caveats),
            "numbers": {name: value for name, value in self.numbers.items() if math.isfinite(value)},
        }


def decide(
    gate: str,
    checks: Sequence[Check],
    sentence: str,
    missing_part: str | None = None,
    notes: Sequence[str] = (),
    numbers: dict[str, float] | None = None,
) -> Verdict:
    """FAIL if a check fails; PASS only if, besides, nothing is missing (see ``missing_images``).

    The verdict shows the first check that fails, or else the first.
    """
    failed = [check for check in checks if not check.ok]
    outcome = Outcome.FAIL if failed else Outcome.NO_EVIDENCE if missing_part else Outcome.PASS
    incomplete = outcome is Outcome.NO_EVIDENCE
    return Verdict(
        gate=gate,
        outcome=outcome,
        sentence=f"{sentence}; {missing_part}" if incomplete else sentence,
        check=[*failed, *checks][0],
        numbers=numbers or {},
        notes=tuple(notes),
        incomplete=incomplete,
    )


def no_evidence(gate: str, reason: str, check: Check | None = None) -> Verdict:
    """Build a verdict for evidence that cannot be used."""
    return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=reason, check=check)


def informational(gate: str, sentence: str, check: Check | None = None) -> Verdict:
    """Build a verdict for a value that has no limit."""
    return Verdict(gate=gate, outcome=Outcome.INFO, sentence=sentence, check=check)


def signed(value: float) -> str:
    """Four decimals with a sign, never "-0.0000".

    >>> signed(-0.00001), signed(-0.25)
    ('+0.0000', '-0.2500')
    """
    return f"{round(value, 4) + 0.0:+.4f}"


def first_reason(*reasons: tuple[object, str]) -> str | None:
    """Return the first reason whose condition holds, or None."""
    return next((reason for holds, reason in reasons if holds), None)


def reference_name(provenance: Provenance) -> str:
    """What an artifact is compared with, in words."""
    return "the delivered ONNX" if provenance.delivered else "PyTorch"


def provenance_problem(provenance: Provenance) -> str | None:
    """Return the reason why nothing measured there can be evidence, or None."""
    if provenance.missing_reason:
        return provenance.missing_reason
    if provenance.simulated:
        return "measured on a simulated device"
    if problems := provenance.node_problems():
        return f"measured by machines that differ: {format_list(problems, first=2)}"
    if problems := provenance.device_problems():
        return f"{format_list(problems, first=2)} (--allow-busy-device accepts that)"
    return None


def subject_problem(provenance: Provenance, deliverable: Deliverable) -> str | None:
    """Return the reason why nothing measured there can be evidence for this deliverable, or None."""
    named, given = deliverable.network.sha256, provenance.weights_sha256
    other = f"evidence for {provenance.deliverable!r}, expected {deliverable.name!r}"
    return provenance_problem(provenance) or first_reason(
        (provenance.deliverable != deliverable.name, other),
        (named and given and named != given, f"weights {given[:12]}, expected {str(named)[:12]} of the deliverable"),
    )


def named_data_problem(dataset_sha256: str, images: Sequence[str], deliverable: Deliverable) -> str | None:
    """Return the reason why these are not the images that the deliverable names, or None.

    Of fewer images than expected, limited or missing, the digest is another in any case: ``missing_images`` says so.
    """
    named, whole = deliverable.dataset.sha256, len(images) == deliverable.dataset.images
    if named and whole and dataset_sha256 != named:
        return f"data set {dataset_sha256[:12] or 'unknown'}, expected {named[:12]} of the deliverable"
    return None


def missing_images(images: Sequence[str], expected: int, limited: bool) -> str | None:
    """Return what is missing, or None."""
    if len(images) < expected:
        return f"{expected - len(images)} of {expected} images missing"
    return LIMITED if limited else None
