"""Speed on this machine: times of an artifact and of what it is compared with, taken in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from enet.evidence.provenance import SCHEMA, Provenance
from enet.metrics.latency import Ratio, Times, speedup


@dataclass(frozen=True, kw_only=True)
class Speed:
    """An artifact's times and its baseline's, of the same images, in turn, in one process.

    ``conditions`` are what else decides times: processor, cores, governor, threads, and what others used of the
    processor just before and after (``busy_before``, ``busy_after``: share of all cores, 0..1).
    """

    kind: ClassVar[str] = "speed"
    provenance: Provenance
    baseline: Provenance
    batch_size: int
    times: Times
    baseline_times: Times
    conditions: dict[str, Any]

    @property
    def images_per_second(self) -> float:
        return self.times.images_per_second

    @property
    def ratio(self) -> Ratio:
        """How many times the baseline's images/s, with its interval."""
        return speedup(self.baseline_times, self.times)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "images_per_second": self.images_per_second,
            "baseline_images_per_second": self.baseline_times.images_per_second,
            "ratio": asdict(self.ratio),
            "latency_ms": {f"p{p}": 1000 * self.times.latency(p) for p in (50, 90, 99)},
            **asdict(self),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Speed:
        times = {
            name: Times(
                images=table[name]["images"],
                rounds=tuple(table[name]["rounds"]),
                executions=tuple(table[name]["executions"]),
            )
            for name in ("times", "baseline_times")
        }
        return cls(
            provenance=Provenance.from_json(table["provenance"]),
            baseline=Provenance.from_json(table["baseline"]),
            batch_size=table["batch_size"],
            conditions=dict(table["conditions"]),
            **times,
        )
