"""Honest timing: warm-up, enough rounds, every time kept, two things timed in turn and compared with an interval.

Rules, and where they come from: warm-up and measuring are bounded by time *and* count, as trtexec does; percentiles are
``sorted[int(n * p)]`` without interpolation, as MLPerf's LoadGen takes them; two programs are compared by rounds that
take turns, since a machine's speed drifts by more than what is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

#: A coefficient of variation above this is called unstable, as trtexec does.
UNSTABLE = 0.025

#: Share of the processor that others may use before it is told.
BUSY = 0.1


#: Confidence of every interval.
CONFIDENCE = 0.95

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Times:
    """What was timed: seconds of each round by the clock on the wall, and of each execution within them.

    ``images`` are those of one round. Latency is an execution's, throughput a round's.
    """

    images: int
    rounds: tuple[float, ...]
    executions: tuple[float, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.rounds or min(*self.rounds, *self.executions, 1.0) <= 0:
            raise ValueError(f"{len(self.rounds)} rounds, but should be at least one, each longer than 0 s")

    @property
    def images_per_second(self) -> float:
        """All images over the time of all rounds."""
        return self.images * len(self.rounds) / sum(self.rounds)

    def latency(self, percent: float) -> float:
        """Seconds within which so many percent of the executions were done: ``sorted[int(n * p)]``."""
        times = sorted(self.executions)
        return times[min(len(times) - 1, int(len(times) * percent / 100))]

    @property
    def variation(self) -> float:
        """Coefficient of variation of the rounds: standard deviation over mean."""
        return float(np.std(self.rounds) / np.mean(self.rounds))

    @property
    def drift(self) -> float:
        """How much slower the second half of the rounds was than the first, by median; 0.1 is 10 %."""
        half = len(self.rounds) // 2
        if not half:
            return 0.0
        return float(np.median(self.rounds[-half:]) / np.median(self.rounds[:half])) - 1


@dataclass(frozen=True)
class Ratio:
    """How many times faster, and the interval in which it lies with ``CONFIDENCE``."""

    value: float
    low: float
    high: float


def speedup(baseline: Times, candidate: Times, seed: int = 0) -> Ratio:
    """How many times the images/s of the baseline the candidate has, with a bootstrap interval.

    Rounds that were timed one after the other are resampled together: what slowed both cancels out. The value is of
    the medians, which one interrupted round doesn't move.
    """
    a, b = np.array(baseline.rounds) / baseline.images, np.array(candidate.rounds) / candidate.images
    paired = len(a) == len(b)
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(a), (RESAMPLES, len(a)))
    second = first if paired else rng.integers(0, len(b), (RESAMPLES, len(b)))
    ratios = np.median(a[first], axis=1) / np.median(b[second], axis=1)
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Ratio(float(np.median(a) / np.median(b)), float(low), float(high))


def early_stopping(count: int, percent: float = 90.0, confidence: float = 0.99) -> int | None:
    """How many of ``count`` sorted latencies MLPerf discards at the top before it reports the next: ``t - 1``.

    The largest t for which ``count`` executions are enough to say with ``confidence`` that at most ``1 - percent`` of
    all lie above (``binomial_cdf(t; h + t, 1 - p) <= 1 - confidence``, at the smallest such h); None if there are too
    few for t = 1: fewer than 64 for the 90th percentile, 662 for the 99th.

    >>> early_stopping(63), early_stopping(64), early_stopping(500), early_stopping(1024)
    (None, 0, 33, 79)
    """
    above = 1 - percent / 100

    def enough(t: int) -> bool:
        """Whether P(X <= t) <= 1 - confidence for X of ``count`` trials."""
        logs = [log_binomial(count, k, above) for k in range(t + 1)]
        top = max(logs)
        return top + math.log(sum(math.exp(each - top) for each in logs)) <= math.log(1 - confidence)

    if not enough(1):
        return None
    t = 1
    while t < count and enough(t + 1):
        t += 1
    return t - 1


def log_binomial(n: int, k: int, p: float) -> float:
    """Logarithm of the chance of exactly k of n."""
    combinations = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return combinations + k * math.log(p) + (n - k) * math.log1p(-p)


def early_stopped(times: Times, percent: float = 90.0) -> float | None:
    """MLPerf's estimate of a percentile of latency, in seconds; None with too few executions."""
    discarded = early_stopping(len(times.executions), percent)
    return None if discarded is None else sorted(times.executions)[len(times.executions) - 1 - discarded]
