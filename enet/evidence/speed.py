"""Speed on this host: times of an artifact and of its reference, measured alternately."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.metrics.latency import Ratio, Times, speedup


@dataclass(frozen=True, kw_only=True)
class Speed(Evidence):
    """Times of an artifact and of its reference, over the same images, alternately, in one process.

    Attributes:
        reference: origin of the times that the artifact is compared with.
        conditions: processor, cores, governor, threads, and the load by other processes just before and after
            (``busy_before``, ``busy_after``: fraction of all cores in 0..1).
    """

    kind: ClassVar[str] = "speed"
    provenance: Provenance
    reference: Provenance
    batch_size: int
    times: Times
    reference_times: Times
    conditions: dict[str, Any]

    @property
    def images_per_second(self) -> float:
        return self.times.images_per_second

    @property
    def ratio(self) -> Ratio:
        """Images/s of the artifact over those of the reference, with its interval."""
        return speedup(self.reference_times, self.times)

    def summary(self) -> dict[str, Any]:
        return {
            "images_per_second": self.images_per_second,
            "reference_images_per_second": self.reference_times.images_per_second,
            "ratio": asdict(self.ratio),
            "latency_ms": {f"p{p}": 1000 * self.times.latency(p) for p in (50, 90, 99)},
        }
