"""Recorded times: those of real clocks are believed, whatever their resolution; constant, edited, scaled ones not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.ascend.simulation import marked
from enet.records import raw_times

Times = NDArray[np.float64]


def drawn(count: int, spread: float = 0.01, seed: int = 0) -> Times:
    """About a millisecond, by a fraction of up to ``spread`` more."""
    return 0.909 * (1 + spread * np.random.default_rng(seed).random(count))


def by_perf_counter(times: Times) -> Times:
    """Differences of a clock in seconds that counts nanoseconds."""
    begin = np.random.default_rng(1).uniform(0, 1e6, len(times)).round(9)
    return ((begin + times / 1e3).round(9) - begin) * 1e3


def by_milliseconds(times: Times) -> Times:
    """Differences of a clock in milliseconds that counts microseconds."""
    begin = np.random.default_rng(2).uniform(0, 1e9, len(times)).round(3)
    return (begin + times).round(3) - begin


def by_counter(times: Times, period: int) -> Times:
    """Differences in seconds of a counter whose period is whole nanoseconds."""
    begin = np.random.default_rng(3).integers(1, 10**12, len(times))
    end = begin + np.round(times * 1e6 / period).astype(np.int64)
    return (end * period * 1e-9 - begin * period * 1e-9) * 1e3


#: What real front ends write.
CLOCKS: dict[str, Callable[[Times], Sequence[float]]] = {
    "full precision": list,
    "C float": lambda times: [float(np.float32(each)) for each in times],
    "C float of microseconds": lambda times: [float(np.float32(round(each, 3))) for each in times],
    "C float of 10 microseconds": lambda times: [float(np.float32(round(each, 2))) for each in times],
    "perf_counter": lambda times: list(by_perf_counter(times)),
    "perf_counter, 17 ms": lambda times: list(by_perf_counter(18 * times)),
    "perf_counter, 8 s": lambda times: list(by_perf_counter(9000 * times)),
    "counter of 125 MHz": lambda times: list(by_counter(times, 8)),
    "counter of 62.5 MHz": lambda times: list(by_counter(times, 16)),
    "counter of 31.25 MHz": lambda times: list(by_counter(times, 32)),
    "milliseconds": lambda times: list(by_milliseconds(times)),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("count", "spread"), [(2, 0.01), (20, 0.01), (101, 0.3), (500, 0.01), (500, 3)])
def test_times_of_a_clock_are_believed(clock: str, count: int, spread: float) -> None:
    for seed in range(3):
        times = CLOCKS[clock](drawn(count, spread, seed))
        assert list(raw_times.problems(times)) == []
        assert not raw_times.is_scaled_simulation(times)


#: Times that no clock gives, and words of the reason.
MADE: dict[str, tuple[Sequence[float], str]] = {
    "constant": ([float(np.float32(0.909))] * 500, "all 500 times are 0.909 ms"),
    "a constant beyond double precision": ([1e-300] * 32, "all 32 times are 1e-300 ms"),
    "two values in turn": ([0.5, 0.75] * 16, "repeat after 2 of 32"),
    "a block again and again": ([*CLOCKS["C float"](drawn(50))] * 10, "repeat after 50 of 500"),
    **{
        f"rounded to {digits} decimals": ([round(each, digits) for each in drawn(500)], "times are rounded")
        for digits in (3, 5, 6, 9)
    },
    **{
        f"C floats times {factor:.3g}": ([factor * float(np.float32(each)) for each in drawn(32)], "multiplied")
        for factor in (0.9, 0.99281, 1 / 3, 1.7)
    },
    "C floats of microseconds, scaled": (
        [0.93 * each for each in CLOCKS["C float of microseconds"](drawn(500))],
        "multi",
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_times_of_no_clock_are_a_problem(what: str) -> None:
    times, words = MADE[what]
    assert any(words in problem for problem in raw_times.problems(times))


@pytest.mark.parametrize("factor", [0.9, 0.99281, 1 / 3, 1.7])
@pytest.mark.parametrize(("count", "spread"), [(32, 0.01), (500, 0.1)])
def test_simulated_times_are_recognised_after_scaling(factor: float, count: int, spread: float) -> None:
    simulated = [marked(each) for each in drawn(count, spread)]
    assert raw_times.is_scaled_simulation([factor * each for each in simulated])
    assert not raw_times.is_scaled_simulation(list(drawn(count, spread)))


def test_order_is_that_of_a_scaled_copy_and_of_no_other_run() -> None:
    times = list(drawn(32))
    assert raw_times.order(times) == raw_times.order([16.3 * each for each in times])
    assert raw_times.order(times) != raw_times.order(list(drawn(32, seed=1)))
    assert raw_times.order(times[:5]) == raw_times.order([1.0] * 500) == b""


#: Times of a run of 32 executions beside one of 500, and whether they are a copy of a part of those.
PARTS: dict[str, tuple[Times, bool]] = {
    "the beginning times a factor": (15.3 * drawn(500)[:32], True),
    "the middle": (16 * drawn(500)[100:132], True),
    "with small noise": (16 * drawn(500)[100:132] + 1e-4 * 0.15 * drawn(32, 1, seed=3), True),
    "another run": (drawn(32, seed=1), False),
}


@pytest.mark.parametrize("what", PARTS)
def test_passages_are_those_of_a_scaled_part_and_of_no_other_run(what: str) -> None:
    times, is_copy = PARTS[what]
    assert bool(raw_times.passages([*drawn(500)]) & raw_times.passages([*times])) == is_copy


def test_passages_of_steady_or_coarse_times_are_left_out() -> None:
    slowing = drawn(500, 0) * np.linspace(1, 1.1, 500)
    assert raw_times.passages([*slowing]) == raw_times.passages([1.0, 2.0] * 250) == raw_times.passages([1.0]) == set()


@pytest.mark.parametrize("times", [[0.0] * 9 + [1.0], [1e-300, 1.0] * 8, [-1.0, 2.0, 3.0] * 4, [1e300, 1e-300] * 8])
def test_times_of_any_size_are_read(times: list[float]) -> None:
    assert not raw_times.is_scaled_simulation(times)
    assert all(isinstance(problem, str) for problem in raw_times.problems(times))


def test_many_times_are_looked_at_in_seconds() -> None:
    begin = time.process_time()
    for times in (list(drawn(30_000, 0.5)), [0.7 * marked(each) for each in drawn(30_000)]):
        raw_times.is_scaled_simulation(times)
        list(raw_times.problems(times))
    assert time.process_time() - begin < 30  # 1 s, alone
