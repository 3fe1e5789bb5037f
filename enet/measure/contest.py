"""Timing of workloads in alternating rounds, so that clock drift does not change their ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from enet.metrics.latency import Times

#: Seconds of rest before each round: threads of the workload before may still spin, those of OpenBLAS for 27 ms.
REST = 0.05


@dataclass(frozen=True, kw_only=True)
class TimingSettings:
    """How long each workload is timed, with the names of MLPerf's LoadGen; both minimums must be reached.

    Attributes:
        warmup_seconds: time before results are kept; at least one round.
        min_seconds: sum of a workload's rounds, in seconds.
        min_rounds: number of a workload's rounds.
    """

    warmup_seconds: float = 0.5
    min_seconds: float = 2.0
    min_rounds: int = 3


#: For a gate in CI: PyTorch needs seconds for a batch of 32, and three pairs tell a factor of 6 from one of 1.2.
CI_SETTINGS = TimingSettings()
#: The minimums of MLPerf's rules.
MLPERF = TimingSettings(warmup_seconds=5.0, min_seconds=600.0, min_rounds=64)


@dataclass(frozen=True)
class Workload:
    """What one round does.

    Attributes:
        execute: one execution.
        images: number of images of one execution.
        executions: executions in a round, at least one for each thread.
        threads: number of threads that execute at once.
    """

    execute: Callable[[], object]
    images: int
    executions: int = 1
    threads: int = 1


class Contest:
    """Workloads, timed in alternating rounds; an outside loop may call ``time_round`` for one of them."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self.workloads = workloads
        self.pools = [ThreadPoolExecutor(workload.threads) for workload in workloads]
        self.rounds: list[list[float]] = [[] for _ in workloads]
        self.executions: list[list[float]] = [[] for _ in workloads]

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown()

    def warm_up(self, seconds: float) -> None:
        """Run each workload for this time, at least one round; nothing is kept."""
        for index in range(len(self.workloads)):
            begin = time.perf_counter()
            self.run_round(index)
            while time.perf_counter() - begin < seconds:
                self.run_round(index)

    def rest(self) -> None:
        """Wait until the threads of the workload before are idle."""
        time.sleep(REST)

    def time_round(self, index: int) -> None:
        """Run one round of one workload and keep its times; call ``rest`` before it."""
        seconds, executions = self.run_round(index)
        self.rounds[index].append(seconds)
        self.executions[index] += executions

    def run_round(self, index: int) -> tuple[float, list[float]]:
        """Run one round; return its seconds, and those of each execution in it."""
        workload, pool = self.workloads[index], self.pools[index]

        def execution(_: int) -> float:
            begin = time.perf_counter()
            workload.execute()
            return time.perf_counter() - begin

        begin = time.perf_counter()
        is_single = workload.executions == workload.threads == 1
        executions = [execution(0)] if is_single else list(pool.map(execution, range(workload.executions)))
        return time.perf_counter() - begin, executions

    def run(self, settings: TimingSettings, *, paired: bool = True) -> None:
        """Time rounds of all workloads, every second time in reverse order, until both minimums are reached.

        Args:
            paired: give all workloads equally many rounds, so that any two can be compared; otherwise leave out those
                that have reached the minimums.
        """
        everything, turn = list(range(len(self.workloads))), 0
        seconds, count = settings.min_seconds, settings.min_rounds
        while unfinished := [i for i, each in enumerate(self.rounds) if sum(each) < seconds or len(each) < count]:
            order = everything if paired else unfinished
            for index in order if turn % 2 == 0 else reversed(order):
                self.rest()
                self.time_round(index)
            turn += 1

    def times(self) -> list[Times]:
        """Times of each workload."""
        images = [workload.images * workload.executions for workload in self.workloads]
        rows = zip(images, self.rounds, self.executions, strict=True)
        return [Times(images=n, rounds=tuple(rounds), executions=tuple(each)) for n, rounds, each in rows]
