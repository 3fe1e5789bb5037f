"""Latency, throughput and speedup, with intervals, of workloads that were timed in rounds.

Percentiles are ``sorted[int(n * p)]`` without interpolation, as in MLPerf's LoadGen. Two programs are compared by
alternating rounds, since the speed of a host drifts by more than the limits of the gates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: Coefficient of variation above which times are unstable; trtexec warns at the same value.
UNSTABLE = 0.025
#: CPU load by other processes, in 0..1, above which a note is given.
BUSY = 0.1
#: Confidence of every interval.
CONFIDENCE = 0.95
#: Bootstrap resamples of an interval.
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Times:
    """Wall-clock times of a workload. Latency is that of an execution, throughput that of a round.

    Attributes:
        images: number of images of one round.
        rounds: seconds of each round.
        executions: seconds of each execution in all rounds.
    """

    images: int
    rounds: tuple[float, ...]
    executions: tuple[float, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.rounds or min(*self.rounds, *self.executions, 1.0) <= 0:
            raise ValueError(f"{len(self.rounds)} rounds, expected at least one, and all times above 0 s")

    @property
    def images_per_second(self) -> float:
        """All images divided by the time of all rounds."""
        return self.images * len(self.rounds) / sum(self.rounds)

    def latency(self, percent: float) -> float:
        """Return a percentile of the execution times in seconds: ``sorted[int(n * percent / 100)]``."""
        times = sorted(self.executions)
        return times[min(len(times) - 1, int(len(times) * percent / 100))]

    @property
    def variation(self) -> float:
        """Coefficient of variation of the rounds: standard deviation divided by mean."""
        return float(np.std(self.rounds) / np.mean(self.rounds))

    @property
    def drift(self) -> float:
        """``drift`` of the rounds."""
        return drift(self.rounds)


def drift(times: Sequence[float]) -> float:
    """Slowdown of the second half of times over the first, by median: 0.1 is 10 % slower. 0 for fewer than 2 times."""
    half = len(times) // 2
    return float(np.median(times[-half:]) / np.median(times[:half])) - 1 if half else 0.0


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: estimate.
        low: lower end of the interval that holds it with ``CONFIDENCE``.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def over(self, earlier: Estimate) -> Ratio:
        """This figure divided by another; the intervals are combined."""
        return Ratio(self.value / earlier.value, self.low / earlier.high, self.high / earlier.low)


class Ratio(Estimate):
    """A speedup factor."""


class Rate(Estimate):
    """Images/s."""


def rate(times: Times, seed: int = 0) -> Rate:
    """Return images/s by the median round, with a bootstrap interval."""
    rounds = np.array(times.rounds)
    picks = np.random.default_rng(seed).integers(0, len(rounds), (RESAMPLES, len(rounds)))
    low, high = interval(times.images / np.median(rounds[picks], axis=1))
    return Rate(times.images / float(np.median(rounds)), low, high)


def speedup(baseline: Times, candidate: Times, seed: int = 0) -> Ratio:
    """Return the candidate's images/s divided by the baseline's, with a bootstrap interval.

    Rounds that were timed one after the other are resampled together, so that a slowdown of both cancels out. The
    value is that of the medians, which a single interrupted round does not change.
    """
    a, b = np.array(baseline.rounds) / baseline.images, np.array(candidate.rounds) / candidate.images
    paired = len(a) == len(b)
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(a), (RESAMPLES, len(a)))
    second = first if paired else rng.integers(0, len(b), (RESAMPLES, len(b)))
    low, high = interval(np.median(a[first], axis=1) / np.median(b[second], axis=1))
    return Ratio(float(np.median(a) / np.median(b)), low, high)


def interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Lower and upper end of the interval that holds ``CONFIDENCE`` of bootstrap resamples."""
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def early_stopping(count: int, percent: float = 90.0, confidence: float = 0.99) -> int | None:
    """Return the number of largest latencies, of ``count``, that MLPerf discards before it reports the next: ``t - 1``.

    t is the largest for which ``count`` executions show with ``confidence`` that at most ``1 - percent`` of all are
    above: ``binomial_cdf(t; h + t, 1 - p) <= 1 - confidence``, at the smallest such h. None if there are too few for
    t = 1: fewer than 64 for the 90th percentile, 662 for the 99th.

    >>> early_stopping(63), early_stopping(64), early_stopping(500), early_stopping(1024)
    (None, 0, 33, 79)
    """
    above, k = 1 - percent / 100, np.arange(count + 1)
    log_factorial = np.cumsum(np.log(np.maximum(k, 1)))
    log_combinations = log_factorial[-1] - log_factorial - log_factorial[::-1]
    probabilities = np.exp(log_combinations + k * math.log(above) + (count - k) * math.log1p(-above))
    t = int(np.count_nonzero(np.cumsum(probabilities) <= 1 - confidence)) - 1
    return t - 1 if t >= 1 else None


def early_stopped(times: Times, percent: float = 90.0) -> float | None:
    """Return MLPerf's estimate of a latency percentile in seconds; None if there are too few executions."""
    discarded = early_stopping(len(times.executions), percent)
    return None if discarded is None else sorted(times.executions)[len(times.executions) - 1 - discarded]
