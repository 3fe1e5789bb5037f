"""Timing: every time is kept, turns are taken, intervals hold what they should, two equal things are never unequal."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest

from enet.measure.contest import Contest, TimingSettings, Workload, measure
from enet.metrics import latency
from enet.metrics.latency import Ratio, Times


def times(rounds: list[float], images: int = 1) -> Times:
    return Times(images=images, rounds=tuple(rounds), executions=tuple(rounds))


def test_rounds_take_turns() -> None:
    """Both get what the rule asks for, alternately first; warm-up isn't kept."""
    log: list[str] = []
    works = [Workload(lambda name=name: log.append(name), images=2) for name in "ab"]  # type: ignore[misc]
    with Contest(works) as contest:
        contest.warmup_seconds(0)
        assert log == ["a", "b"]
        contest.run(TimingSettings(warmup_seconds=0, seconds=0, rounds=4))
    assert "".join(log[2:]) == "abbaabba"
    first, second = contest.times()
    assert len(first.rounds) == len(second.rounds) == len(first.executions) == 4
    assert first.images == 2


def test_both_bounds_are_reached() -> None:
    by_count, by_time = measure(
        [Workload(lambda: time.sleep(0.02), 1), Workload(lambda: time.sleep(0.001), 1)],
        TimingSettings(warmup_seconds=0, seconds=0.05, rounds=5),
    )
    assert len(by_count.rounds) == len(by_time.rounds)
    assert sum(by_time.rounds) >= 0.05
    with Contest([Workload(lambda: time.sleep(0.02), 1), Workload(lambda: time.sleep(0.001), 1)]) as contest:
        contest.run(TimingSettings(warmup_seconds=0, seconds=0.05, rounds=1), paired=False)
    assert len(contest.rounds[0]) < len(contest.rounds[1])


def test_executions_of_a_round_run_at_once() -> None:
    together = threading.Barrier(3, timeout=5)
    (found,) = measure(
        [Workload(together.wait, images=4, executions=3, threads=3)],
        TimingSettings(warmup_seconds=0, seconds=0, rounds=2),
    )
    assert (found.images, len(found.rounds), len(found.executions)) == (12, 2, 6)


def test_percentiles_are_those_of_loadgen() -> None:
    found = times([float(n) for n in range(1, 101)])
    assert (found.latency(50), found.latency(90), found.latency(99), found.latency(100)) == (51, 91, 100, 100)


def test_rate_variation_and_drift() -> None:
    found = times([1.0, 1.0, 2.0, 2.0], images=3)
    assert found.images_per_second == pytest.approx(2.0)
    assert found.drift == pytest.approx(1.0)
    assert found.variation == pytest.approx(1 / 3)
    assert times([1.0]).drift == 0


@pytest.mark.parametrize("rounds", [[], [1.0, 0.0], [-1.0]])
def test_times_that_cannot_be(rounds: list[float]) -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        times(rounds)


def test_a_drifting_machine_leaves_the_ratio() -> None:
    """A machine that halves its speed midway: the same factor, a narrow interval, thanks to turns taken."""
    rng = np.random.default_rng(0)
    speed = np.repeat([1.0, 2.0], 10)
    slow, fast = (speed * factor * rng.normal(1, 0.01, 20) for factor in (3.0, 1.0))
    ratio = latency.speedup(times(list(slow)), times(list(fast)))
    assert ratio.value == pytest.approx(3, rel=0.6)
    even = latency.speedup(times(list(slow / speed)), times(list(fast / speed)))
    assert even.value == pytest.approx(3, rel=0.02)
    assert even.low < 3 < even.high
    assert even.high - even.low < 0.1


def test_ratio_is_of_images_per_second() -> None:
    assert latency.speedup(times([2.0] * 4, images=2), times([1.0] * 4, images=4)) == Ratio(4.0, 4.0, 4.0)


def test_equal_things_are_hardly_ever_told_apart() -> None:
    """200 comparisons of noise with itself: at 95 %, about ten intervals may miss 1; none may miss it by far."""
    rng = np.random.default_rng(1)
    found = [
        latency.speedup(times(list(rng.lognormal(0, 0.05, 20))), times(list(rng.lognormal(0, 0.05, 20))), seed)
        for seed in range(200)
    ]
    missed = [ratio for ratio in found if not ratio.low <= 1 <= ratio.high]
    assert len(missed) <= 24
    assert not [ratio for ratio in found if ratio.high < 0.9 or ratio.low > 1.1]


@pytest.mark.parametrize(("percent", "least"), [(90, 64), (97, 219), (99, 662), (99.9, 6636)])
def test_mlperfs_least_counts(percent: float, least: int) -> None:
    assert latency.early_stopping(least - 1, percent) is None
    assert latency.early_stopping(least, percent) == 0


@pytest.mark.parametrize(("count", "t"), [(500, 34), (1024, 80)])
def test_mlperfs_discarded(count: int, t: int) -> None:
    assert latency.early_stopping(count) == t - 1
    latencies = times([float(n) for n in range(1, count + 1)])
    assert latency.early_stopped(latencies) == count - t + 1  # sorted, at index n - t
    assert latency.early_stopped(times([1.0] * 63)) is None


def test_log_binomial() -> None:
    assert latency.log_binomial(5, 2, 0.3) == pytest.approx(math.log(10 * 0.3**2 * 0.7**3))
