"""Throughput: the time of every execution, as a tool measured it, and what makes the figure credible or not."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, ClassVar

import numpy as np

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.metrics.latency import drift


@dataclass(frozen=True, kw_only=True)
class DeviceTiming:
    """Times of one device in a run.

    Attributes:
        compute_ms: milliseconds of every execution; empty if the tool kept only their mean.
        mean_ms: mean compute time per execution in ms, as the tool printed it.
        claimed: throughput in images/s, as the tool printed it.
        started, ended: seconds since 1970, if recorded.
    """

    device: str
    images: int
    executions: int
    compute_ms: tuple[float, ...]
    mean_ms: float
    claimed: float | None = None
    started: float | None = None
    ended: float | None = None

    @property
    def mean(self) -> float:
        """Mean milliseconds per execution: of the raw times, or the tool's own value if there are none."""
        return fmean(self.compute_ms) if self.compute_ms else self.mean_ms

    @property
    def typical(self) -> float:
        """Milliseconds of an execution that a few slow ones do not hide: the median, if it is below the mean."""
        return min(self.mean, median(self.compute_ms)) if self.compute_ms else self.mean


@dataclass(frozen=True, kw_only=True)
class Throughput(Evidence):
    """One timed run over a data set.

    Attributes:
        tool: name of the tool that measured the times.
        batch_size: the model's; 0 if it is unknown.
        batch_size_source: where the batch size is known from, in words.
        claimed_batch_size: according to a command line; it only scales the tool's own figure.
        device_timings: at least one.
        zero_input: the tool ran on zeros instead of images.
        tail_dropped: the tool leaves out a last batch that is not full.
        contradictions: values of the record that contradict each other, in words.
        problems: reasons why the record cannot be used, however fast it was, in words.
        gaps: what a pass would lack, in words.
        caveats: what the record leaves unproven, such as "model not proven".
        batch_ambiguity: why the batch size is not certain; empty if it is.
    """

    kind: ClassVar[str] = "throughput"
    provenance: Provenance
    tool: str
    batch_size: int
    batch_size_source: str
    claimed_batch_size: int | None
    device_timings: tuple[DeviceTiming, ...]
    images_expected: int
    zero_input: bool = False
    tail_dropped: bool = False
    contradictions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    batch_ambiguity: str = ""

    def __post_init__(self) -> None:
        if not self.device_timings:
            raise ValueError("device_timings is empty, expected one timing per device")

    @property
    def images(self) -> int:
        return sum(timing.images for timing in self.device_timings)

    @property
    def mean_ms(self) -> float:
        """Mean milliseconds per execution, over all devices; NaN if nothing ran."""
        executions = sum(timing.executions for timing in self.device_timings)
        total = sum(timing.mean * timing.executions for timing in self.device_timings)
        return total / executions if executions else float("nan")

    @property
    def images_per_second(self) -> float:
        """Throughput of one device by ais_bench's formula, as in recorded baselines; NaN if nothing ran.

        ``1000 * batch / mean(compute ms)``, without transfers and work of the host.
        """
        return self.device_images_per_second(self.mean_ms)

    def device_images_per_second(self, mean_ms: float) -> float:
        """Images/s of a device that takes ``mean_ms`` milliseconds per execution."""
        return 1000 * self.batch_size / mean_ms if mean_ms > 0 else float("nan")

    @property
    def seconds(self) -> float | None:
        """Wall-clock time from the first device's start to the last one's end; None if not recorded for all."""
        starts = [timing.started for timing in self.device_timings if timing.started is not None]
        ends = [timing.ended for timing in self.device_timings if timing.ended is not None]
        return max(ends) - min(starts) if len(starts) == len(ends) == len(self.device_timings) else None

    @property
    def wall_images_per_second(self) -> float | None:
        """Wall-clock throughput of all devices, including reading, transfers and waiting for the slowest device.

        None if the images or the seconds are unknown.
        """
        return self.images / self.seconds if self.images and self.seconds else None

    @property
    def drift(self) -> float:
        """``latency.drift`` of the device that changed most; 0 without raw times."""
        return max((drift(timing.compute_ms) for timing in self.device_timings), key=abs)

    @property
    def percentile_99_ms(self) -> float | None:
        """99th percentile of all raw times in ms, linear between ranks; None without raw times."""
        times = [time for timing in self.device_timings for time in timing.compute_ms]
        return float(np.percentile(times, 99)) if times else None

    def summary(self) -> dict[str, Any]:
        names = ("images", "mean_ms", "percentile_99_ms", "images_per_second", "seconds", "wall_images_per_second")
        return {name: getattr(self, name) for name in names}
