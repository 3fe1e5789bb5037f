"""Timing of workloads in alternating rounds, so that clock drift does not change their ratios."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from enet.host import CpuTime
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
        execute: one execution on an input; what it returns must be complete.
        images: number of images of one execution.
        executions: executions in a round, at least one for each thread.
        threads: number of threads that execute at once.
        inputs: prepares the inputs of a round's executions, by the round's number, before its clock starts. Rounds of
            the warm-up have numbers below 0. None: each execution gets None.
        accept: gets the number and the results of each timed round, after its clock has stopped.
    """

    execute: Callable[[Any], Any]
    images: int
    executions: int = 1
    threads: int = 1
    inputs: Callable[[int], Sequence[Any]] | None = None
    accept: Callable[[int, list[Any]], None] | None = None


@dataclass(frozen=True)
class Round:
    """Seconds of a round and of each execution in it, and the executions' results."""

    seconds: float
    executions: list[float]
    results: list[Any]


class Contest:
    """Workloads, timed in alternating rounds; an outside loop may call ``time_round`` for one of them.

    Attributes:
        cpu_time: of each workload's timed rounds.
    """

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self.workloads = workloads
        self.pools = [ThreadPoolExecutor(workload.threads) for workload in workloads]
        self.rounds: list[list[float]] = [[] for _ in workloads]
        self.executions: list[list[float]] = [[] for _ in workloads]
        self.cpu_time = [CpuTime() for _ in workloads]

    def __enter__(self) -> Contest:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown()

    def warm_up(self, seconds: float) -> None:
        """Run each workload for this time, at least one round; nothing is kept."""
        for index in range(len(self.workloads)):
            begin = time.perf_counter()
            self.run_round(index, number := -1)
            while time.perf_counter() - begin < seconds:
                self.run_round(index, number := number - 1)

    def rest(self) -> None:
        """Wait until the threads of the workload before are idle."""
        time.sleep(REST)

    def time_round(self, index: int) -> None:
        """Run one round of one workload and keep its times; call ``rest`` before it."""
        number, accept = len(self.rounds[index]), self.workloads[index].accept
        done = self.run_round(index, number, self.cpu_time[index])
        self.rounds[index].append(done.seconds)
        self.executions[index] += done.executions
        if accept:
            accept(number, done.results)

    def run_round(self, index: int, number: int, cpu_time: CpuTime | None = None) -> Round:
        """Run one round of one workload; the CPU time is that of what is timed."""
        workload, pool = self.workloads[index], self.pools[index]
        inputs = workload.inputs(number) if workload.inputs else [None] * workload.executions

        def execution(given: Any) -> tuple[float, Any]:
            begin = time.perf_counter()
            result = workload.execute(given)
            return time.perf_counter() - begin, result

        is_single = workload.executions == workload.threads == 1
        with cpu_time or contextlib.nullcontext():
            begin = time.perf_counter()
            done = [execution(inputs[0])] if is_single else list(pool.map(execution, inputs))
            seconds = time.perf_counter() - begin
        return Round(seconds, [each for each, _ in done], [result for _, result in done])

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
