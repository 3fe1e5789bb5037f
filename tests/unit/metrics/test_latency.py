"""Timing: all times are kept, rounds alternate, intervals contain the true ratio, equal workloads stay equal."""

from __future__ import annotations

import numpy as np
import pytest

from enet.metrics import latency
from enet.metrics.latency import Ratio, Times


def times(rounds: list[float], images: int = 1) -> Times:
    return Times(images=images, rounds=tuple(rounds), executions=tuple(rounds))


def test_percentiles_are_those_of_loadgen() -> None:
    found = times([float(n) for n in range(1, 101)])
    assert (found.latency(50), found.latency(90), found.latency(99), found.latency(100)) == (51, 91, 100, 100)


def test_times_rate_variation_and_drift() -> None:
    found = times([1.0, 1.0, 2.0, 2.0], images=3)
    assert found.images_per_second == pytest.approx(2.0)
    assert found.drift == pytest.approx(1.0)
    assert found.variation == pytest.approx(1 / 3)
    assert times([1.0]).drift == 0


@pytest.mark.parametrize("rounds", [[], [1.0, 0.0], [-1.0]])
def test_times_without_positive_rounds_are_an_error(rounds: list[float]) -> None:
    with pytest.raises(ValueError, match="all times above 0 s"):
        times(rounds)


def test_speedup_on_a_drifting_host_is_unchanged() -> None:
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


def test_speedup_is_of_images_per_second() -> None:
    assert latency.speedup(times([2.0] * 4, images=2), times([1.0] * 4, images=4)) == Ratio(4.0, 4.0, 4.0)


def test_speedup_of_equal_workloads_rarely_excludes_1() -> None:
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
def test_early_stopping_smallest_counts_are_those_of_mlperf(percent: float, least: int) -> None:
    assert latency.early_stopping(least - 1, percent) is None
    assert latency.early_stopping(least, percent) == 0


@pytest.mark.parametrize(("count", "t"), [(500, 34), (1024, 80)])
def test_early_stopping_discards_as_mlperf_does(count: int, t: int) -> None:
    assert latency.early_stopping(count) == t - 1
    latencies = times([float(n) for n in range(1, count + 1)])
    assert latency.early_stopped(latencies) == count - t + 1  # sorted, at index n - t
    assert latency.early_stopped(times([1.0] * 63)) is None
