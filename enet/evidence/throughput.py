"""Throughput: the time of every execution, as a tool measured it, with what makes the figure believable or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any, ClassVar

from enet.evidence.provenance import SCHEMA, Provenance


@dataclass(frozen=True, kw_only=True)
class DeviceTiming:
    """What one device did of a run.

    ``compute_ms`` holds the milliseconds of every execution and is empty where the tool kept only their mean.
    ``mean_ms`` and ``stated`` (images/s) are the tool's own figures; ``started`` and ``ended`` are seconds since 1970,
    where they were recorded.
    """

    device: str
    images: int
    executions: int
    compute_ms: tuple[float, ...]
    mean_ms: float
    stated: float | None = None
    started: float | None = None
    ended: float | None = None

    @property
    def mean(self) -> float:
        """Mean milliseconds of an execution: of the raw times, or the tool's figure where there are none."""
        return fmean(self.compute_ms) if self.compute_ms else self.mean_ms


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """One run of a data set, timed.

    ``batch_size`` is the model's, 0 if nothing tells; ``batch_size_source`` says in words what does,
    ``batch_ambiguity``
    why
    it isn't certain. The batch size *stated* on a command line only scales the tool's own figure. ``contradictions``
    are the
    reader's findings that the record's figures deny each other. ``tail_dropped``: the tool leaves out a last batch
    that isn't full.
    """

    kind: ClassVar[str] = "throughput"
    provenance: Provenance
    tool: str
    batch_size: int
    batch_size_source: str
    claimed_batch_size: int | None
    shares: tuple[DeviceTiming, ...]
    images_expected: int
    zero_input: bool = False
    tail_dropped: bool = False
    contradictions: tuple[str, ...] = ()
    batch_ambiguity: str = ""

    def __post_init__(self) -> None:
        if not self.shares:
            raise ValueError("shares is empty, but should hold one share for every device")

    @property
    def images(self) -> int:
        return sum(share.images for share in self.shares)

    @property
    def mean_ms(self) -> float:
        """Mean milliseconds of an execution, over all devices."""
        executions = sum(share.executions for share in self.shares)
        return sum(share.mean * share.executions for share in self.shares) / executions if executions else float("nan")

    @property
    def images_per_second(self) -> float:
        """Of one device, by ais_bench's formula, which recorded baselines follow: ``1000 * batch / mean(compute ms)``.

        Compute time only: transfers and the host's work are not in it. NaN if nothing ran.
        """
        return self.rate(self.mean_ms)

    def rate(self, mean_ms: float) -> float:
        return 1000 * self.batch_size / mean_ms if mean_ms > 0 else float("nan")

    @property
    def seconds(self) -> float | None:
        """Wall clock from the first device's start to the last one's end, where that is recorded."""
        starts = [share.started for share in self.shares if share.started is not None]
        ends = [share.ended for share in self.shares if share.ended is not None]
        return max(ends) - min(starts) if len(starts) == len(ends) == len(self.shares) else None

    @property
    def wall_images_per_second(self) -> float | None:
        """All devices together, by the clock on the wall: with reading, transfers and waiting for the slowest."""
        return self.images / self.seconds if self.seconds else None

    @property
    def drift(self) -> float:
        """How much slower the second half of the executions was than the first, by median, on the device that changed
        most; 0.1 is 10 %. 0 without raw times."""
        found = [0.0]
        for share in self.shares:
            if half := len(share.compute_ms) // 2:
                found.append(median(share.compute_ms[-half:]) / median(share.compute_ms[:half]) - 1)
        return max(found, key=abs)

    @property
    def percentile_99(self) -> float | None:
        """99th percentile of all raw times in ms, linear between ranks as numpy's; None without raw times."""
        times = sorted(time for share in self.shares for time in share.compute_ms)
        if not times:
            return None
        place = 0.99 * (len(times) - 1)
        low = int(place)
        high = min(low + 1, len(times) - 1)
        return times[low] + (times[high] - times[low]) * (place - low)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "images": self.images,
            "mean_ms": self.mean_ms,
            "percentile_99_ms": self.percentile_99,
            "images_per_second": self.images_per_second,
            "seconds": self.seconds,
            "wall_images_per_second": self.wall_images_per_second,
            **asdict(self),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Throughput:
        shares = tuple(DeviceTiming(**{**share, "compute_ms": tuple(share["compute_ms"])}) for share in table["shares"])
        names = (
            "tool",
            "batch_size",
            "batch_size_source",
            "claimed_batch_size",
            "images_expected",
            "zero_input",
            "tail_dropped",
            "batch_ambiguity",
        )
        return cls(
            provenance=Provenance.from_json(table["provenance"]),
            shares=shares,
            contradictions=tuple(table["contradictions"]),
            **{name: table[name] for name in names},
        )
