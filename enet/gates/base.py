"""What a gate says, and how it comes to say it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from enet.errors import format_list
from enet.evidence import Provenance

#: What is missing where the user asked for less.
LIMITED = "only some images were asked for"


class Outcome(enum.Enum):
    PASS = "PASS"
    FAIL = "FAIL"
    NO_EVIDENCE = "NO EVIDENCE"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a gate said, in one sentence, with the numbers that decided it.

    ``incomplete``: there is no evidence only because fewer images than expected were measured. ``reported``: nothing is
    asked of the figure; it is told, not judged.
    """

    gate: str
    outcome: Outcome
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    incomplete: bool = False
    reported: bool = False

    def __str__(self) -> str:
        return f"{self.outcome.value} {self.gate}: {self.sentence}" + "".join(f"; {note}" for note in self.notes)


def decide(
    gate: str, ok: bool, sentence: str, numbers: dict[str, float], missing: str | None, notes: tuple[str, ...] = ()
) -> Verdict:
    """FAIL at once; PASS only if nothing is ``missing`` (see ``too_few``)."""
    outcome = Outcome.FAIL if not ok else Outcome.NO_EVIDENCE if missing else Outcome.PASS
    if outcome is Outcome.NO_EVIDENCE:
        sentence = f"{sentence}; {missing}"
    return Verdict(
        gate=gate,
        outcome=outcome,
        sentence=sentence,
        numbers=numbers,
        notes=notes,
        incomplete=outcome is Outcome.NO_EVIDENCE,
    )


def informational(gate: str, sentence: str, numbers: dict[str, float] | None = None) -> Verdict:
    """A figure, or the lack of one, that nothing is asked of."""
    return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=numbers or {}, reported=True)


def provenance_problem(provenance: Provenance) -> str | None:
    """Why nothing that was measured there can be evidence, or None."""
    if provenance.absent:
        return provenance.absent
    if provenance.simulated:
        return "measured on a simulated device"
    if troubles := provenance.device_problems():
        return f"{format_list(troubles, first=2)} (--allow-busy-device accepts that)"
    return None


def missing_images(images: tuple[str, ...], expected: int, limited: bool) -> str | None:
    """What is missing, or None."""
    if len(images) < expected:
        return f"{len(images)} images of {expected} expected"
    return LIMITED if limited else None
