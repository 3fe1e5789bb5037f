"""Speed on this host: times of an artifact and of its reference, measured alternately."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.metrics.latency import Rate, Ratio, Times, rate, speedup


@dataclass(frozen=True, kw_only=True)
class TimedOutputs:
    """What came out of the timed executions of an artifact, whose inputs all differ.

    Attributes:
        seed: made the inputs, and chose the executions that were run again.
        executions: number of the artifact's timed executions.
        compared: those whose labels were compared with the reference's for the same input.
        agreement: smallest fraction of equal pixels of an image in that comparison, in 0..1.
        repeated: number of executions whose input was run again, untimed, by the artifact opened anew.
        repeat_agreement: smallest fraction of equal pixels of an image in that comparison, in 0..1.
    """

    seed: int
    executions: int
    compared: int
    agreement: float
    repeated: int
    repeat_agreement: float


@dataclass(frozen=True, kw_only=True)
class RecordedSpeed:
    """What a record keeps of a race.

    Attributes:
        ratio: images/s of the artifact over those of the reference.
        artifact, reference: images/s that each would have had without other processes, see ``unhindered``.
    """

    ratio: Ratio
    artifact: Rate
    reference: Rate


@dataclass(frozen=True, kw_only=True)
class Speed(Evidence):
    """Times of an artifact and of its reference, over the same images, alternately, in one process.

    Attributes:
        reference: origin of the times that the artifact is compared with.
        conditions: what decides speed (``host_conditions``, and that of both engines), and the fraction in 0..1 of
            the time that each side's threads waited while others used the CPU (``waited_artifact``,
            ``waited_reference``), and in which the reference's neither ran nor waited (``idle_reference``); None if
            the system does not tell.
        outputs: the check of the timed executions' outputs; None if there was none.
    """

    kind: ClassVar[str] = "speed"
    provenance: Provenance
    reference: Provenance
    batch_size: int
    times: Times
    reference_times: Times
    conditions: dict[str, Any]
    outputs: TimedOutputs | None = None

    @property
    def images_per_second(self) -> float:
        return self.times.images_per_second

    @property
    def ratio(self) -> Ratio:
        """Images/s of the artifact over those of the reference, with its interval."""
        return speedup(self.reference_times, self.times)

    @property
    def waited(self) -> float:
        """Fraction in 0..1 of their time that threads waited while others used the CPU; 0 if it is unknown."""
        return max(self.conditions.get(name) or 0.0 for name in ("waited_artifact", "waited_reference"))

    @property
    def record(self) -> RecordedSpeed:
        """The figures that later runs are compared with."""
        return RecordedSpeed(
            ratio=self.ratio,
            artifact=unhindered(self.times, self.conditions.get("waited_artifact")),
            reference=unhindered(self.reference_times, self.conditions.get("waited_reference")),
        )

    def summary(self) -> dict[str, Any]:
        return {
            "images_per_second": self.images_per_second,
            "reference_images_per_second": self.reference_times.images_per_second,
            "ratio": asdict(self.ratio),
            "latency_ms": {f"p{p}": 1000 * self.times.latency(p) for p in (50, 90, 99)},
        }


def unhindered(times: Times, waited: float | None) -> Rate:
    """Images/s without the time that threads waited for others' use of the CPU.

    A side that sleeps does not wait, so this does not excuse it.
    """
    found, left = rate(times), 1 - min(waited or 0.0, 0.99)
    return Rate(found.value / left, found.low / left, found.high / left)
