"""The clock: workloads timed in alternating rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from enet.metrics.latency import Times

#: Seconds of rest before each round: threads of the program before it may still spin, OpenBLAS's for 27 ms.
REST = 0.05


@dataclass(frozen=True, kw_only=True)
class TimingSettings:
    """How long to measure each thing: both bounds are reached.

    Args:
        warm_up: seconds before times are kept, and at least one round.
        seconds: least time, the sum of a thing's rounds.
        rounds: least count.
    """

    warmup_seconds: float = 0.5
    seconds: float = 2.0
    rounds: int = 3


#: For a gate in CI: a batch of 32 takes PyTorch seconds, and three pairs tell a factor of six from one of 1.2.
CI_SETTINGS = TimingSettings()


#: For a table that people compare.
THOROUGH = TimingSettings(warmup_seconds=1.0, seconds=10.0, rounds=20)


#: As long as MLPerf's rules ask for.
MLPERF = TimingSettings(warmup_seconds=5.0, seconds=600.0, rounds=64)


Execution = Callable[[], object]


@dataclass(frozen=True)
class Workload:
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

    def __init__(self, works: Sequence[Workload]) -> None:
        self.works = works
        self.pools = [ThreadPoolExecutor(work.threads) for work in works]
        self.rounds: list[list[float]] = [[] for _ in works]
        self.executions: list[list[float]] = [[] for _ in works]

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown()

    def warmup_seconds(self, seconds: float) -> None:
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

    def run(self, rule: TimingSettings, *, paired: bool = True) -> None:
        """Rounds of all, every second time in reverse order, until each has what the rule asks for.

        Args:
            paired: give all as many rounds, so that any two can be compared; else leave out those that have enough.
        """

        def wanting() -> list[int]:
            return [
                index
                for index, times in enumerate(self.rounds)
                if sum(times) < rule.seconds or len(times) < rule.rounds
            ]

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


def measure(works: Sequence[Workload], rule: TimingSettings) -> list[Times]:
    """Warm up, and time several things in turn; all have as many rounds."""
    with Contest(works) as contest:
        contest.warmup_seconds(rule.warmup_seconds)
        contest.run(rule)
        return contest.times()
