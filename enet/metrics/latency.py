"""Honest timing: warm-up, enough rounds, every time kept, two things timed in turn and compared with an interval.

Rules, and where they come from: warm-up and measuring are bounded by time *and* count, as trtexec does; percentiles are
``sorted[int(n * p)]`` without interpolation, as MLPerf's LoadGen takes them; two programs are compared by rounds that
take turns, since a machine's speed drifts by more than what is asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

#: A coefficient of variation above this is called unstable, as trtexec does.
UNSTABLE = 0.025

#: Share of the processor that others may use before it is told.
BUSY = 0.1

#: Seconds of rest before each round: threads of the program before it may still spin, OpenBLAS's for 27 ms.
REST = 0.05

#: Confidence of every interval.
CONFIDENCE = 0.95

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How long to measure each thing: both bounds are reached.

    Args:
        warm_up: seconds before times are kept, and at least one round.
        seconds: least time, the sum of a thing's rounds.
        rounds: least count.
    """

    warm_up: float = 0.5
    seconds: float = 2.0
    rounds: int = 3


#: For a gate in CI: a batch of 32 takes PyTorch seconds, and three pairs tell a factor of six from one of 1.2.
QUICK = Rule()

#: For a table that people compare.
THOROUGH = Rule(warm_up=1.0, seconds=10.0, rounds=20)

#: As long as MLPerf's rules ask for.
MLPERF = Rule(warm_up=5.0, seconds=600.0, rounds=64)


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


Execution = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """What one round does: an execution again and again, by some threads at once.

    Args:
        images: of one execution.
        executions: in a round; at least one a thread.
        threads: how many run at once.
    """

    execute: Execution
    images: int
    executions: int = 1
    threads: int = 1


class Contest:
    """Several works, timed in turn. ``round`` may also be called by somebody else's loop, for one work at a time."""

    def __init__(self, works: Sequence[Work]) -> None:
        self.works = works
        self.pools = [ThreadPoolExecutor(work.threads) for work in works]
        self.rounds: list[list[float]] = [[] for _ in works]
        self.executions: list[list[float]] = [[] for _ in works]

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown()

    def warm_up(self, seconds: float) -> None:
        """At least one round of each."""
        for index in range(len(self.works)):
            begin = time.perf_counter()
            self.timed(index)
            while time.perf_counter() - begin < seconds:
                self.timed(index)

    def rest(self) -> None:
        """Until threads of what was timed before sleep."""
        time.sleep(REST)

    def round(self, index: int) -> None:
        """One round of one work, kept; ``rest`` comes before it."""
        took, each = self.timed(index)
        self.rounds[index].append(took)
        self.executions[index] += each

    def timed(self, index: int) -> tuple[float, list[float]]:
        """Seconds of a round, and of every execution in it."""
        work, pool = self.works[index], self.pools[index]

        def execution(_: int) -> float:
            begin = time.perf_counter()
            work.execute()
            return time.perf_counter() - begin

        begin = time.perf_counter()
        alone = work.executions == work.threads == 1
        each = [execution(0)] if alone else list(pool.map(execution, range(work.executions)))
        return time.perf_counter() - begin, each

    def run(self, rule: Rule, *, paired: bool = True) -> None:
        """Rounds of all, every second time in reverse order, until each has what the rule asks for.

        Args:
            paired: give all as many rounds, so that any two can be compared; else leave out those that have enough.
        """

        def wanting() -> list[int]:
            return [
                index for index, times in enumerate(self.rounds)
                if sum(times) < rule.seconds or len(times) < rule.rounds
            ]  # fmt: skip

        turn = 0
        while order := wanting():
            order = list(range(len(self.works))) if paired else order
            for index in order if turn % 2 == 0 else reversed(order):
                self.rest()
                self.round(index)
            turn += 1

    def times(self) -> list[Times]:
        """Of each work."""
        return [
            Times(images=work.images * work.executions, rounds=tuple(rounds), executions=tuple(executions))
            for work, rounds, executions in zip(self.works, self.rounds, self.executions, strict=True)
        ]


def measure(works: Sequence[Work], rule: Rule) -> list[Times]:
    """Warm up, and time several things in turn; all have as many rounds."""
    with Contest(works) as contest:
        contest.warm_up(rule.warm_up)
        contest.run(rule)
        return contest.times()


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
