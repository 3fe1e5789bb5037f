"""Timing: all times are kept, rounds alternate, intervals contain the true ratio, equal workloads stay equal."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from enet.metrics import latency
from enet.metrics.latency import Ratio, Times
from tests.unit import recipes


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


def test_limits_of_a_noisy_host_are_the_documented_ones() -> None:
    """trtexec warns of variation above 2.5 %; intervals are of 95 %."""
    assert (latency.UNSTABLE, latency.BUSY, latency.CONFIDENCE) == (0.025, 0.1, 0.95)


@pytest.mark.parametrize(
    ("rounds", "executions"), [((), (1.0,)), ((1.0, 0.0), (1.0,)), ((1.0,), (1.0, 0.0)), ((1.0,), (-1.0,)), ((), ())]
)
def test_times_of_rounds_and_of_executions_are_above_0(
    rounds: tuple[float, ...], executions: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match=f"^{len(rounds)} rounds, expected at least one, and all times above 0 s"):
        Times(images=1, rounds=rounds, executions=executions)
    assert Times(images=1, rounds=(1e-9,), executions=()).rounds == (1e-9,)


def test_rate_is_of_rounds_and_latency_of_executions() -> None:
    found = Times(images=6, rounds=(1.0, 3.0), executions=(0.4, 0.1, 0.3, 0.2))
    assert found.images_per_second == 3
    assert [found.latency(percent) for percent in (0, 24, 25, 74, 75, 99, 100)] == [0.1, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4]
    assert found.variation == pytest.approx(0.5)
    assert found.drift == pytest.approx(2)
    assert times([1.0, 1.0, 4.0]).variation == pytest.approx(2**0.5 / 2)
    assert times([float(n) for n in range(1000)][1:]).latency(50) == 500
    assert "executions" not in repr(found)  # thousands of figures


@pytest.mark.parametrize(
    ("rounds", "drift"),
    [
        ((1.0,), 0), ((), 0), ((1.0, 1.5), 0.5), ((2.0, 1.0), -0.5), ((1.0, 9.0, 2.0), 1.0),
        ((1.0, 1.0, 5.0, 3.0, 3.0, 9.0), 2.0),
    ],
)  # fmt: skip
def test_drift_compares_the_medians_of_both_halves_without_the_middle(rounds: tuple[float, ...], drift: float) -> None:
    assert latency.drift(rounds) == pytest.approx(drift)


#: Seconds of ten rounds; the second program is about three times as fast.
SLOW = [2.804, 2.948, 3.499, 3.198, 2.508, 2.998, 2.813, 3.045, 2.518, 3.073]
FAST = [1.024, 1.158, 1.032, 1.051, 0.851, 1.225, 0.808, 1.11, 0.967, 0.912]
PAIRED = Ratio(2.892023346303502, 2.643738977072311, 3.241085683874401)


@pytest.mark.parametrize(
    ("slow", "fast", "seed", "expected"),
    [
        (SLOW, FAST, None, PAIRED),
        (SLOW, FAST, 0, PAIRED),
        (SLOW, FAST, 1, Ratio(2.892023346303502, 2.6558558558558554, 3.267725467952354)),
        (SLOW, FAST[:7], None, Ratio(2.880813953488372, 2.466341956313776, 3.5376028202115157)),
    ],
)
def test_speedup_interval_is_reproducible(
    slow: list[float], fast: list[float], seed: int | None, expected: Ratio
) -> None:
    """Frozen results of 2000 draws: the same times give the same verdict tomorrow."""
    found = latency.speedup(times(slow), times(fast), *([] if seed is None else [seed]))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(expected), rel=1e-12)


def test_speedup_interval_is_the_middle_95_percent() -> None:
    """Of two rounds each: a quarter of all draws takes the first twice, a quarter the second twice."""
    even = latency.speedup(times([1.0, 1.0]), times([1.0, 2.0]))
    assert even == Ratio(recipes.about(1 / 1.5), 0.5, 1.0)
    rng = np.random.default_rng(3)
    a, b = rng.normal(3, 0.1, 40), rng.normal(1, 0.1, 40)
    draws = rng.integers(0, 40, (20_000, 40))
    ratios = np.median(a[draws], axis=1) / np.median(b[draws], axis=1)
    found = latency.speedup(times(list(a)), times(list(b)))
    inside = np.mean((found.low <= ratios) & (ratios <= found.high))
    assert inside == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(("count", "discarded"), [(37, None), (38, 0)])
def test_early_stopping_by_another_confidence(count: int, discarded: int | None) -> None:
    """38 is the smallest n with 0.9 ** n + 0.1 * n * 0.9 ** (n - 1) below 0.1."""
    assert latency.early_stopping(count, 90, 0.9) == discarded


def test_early_stopped_takes_the_executions_of_its_percentile() -> None:
    many = Times(images=1, rounds=(1.0,), executions=tuple(float(n) for n in range(662, 0, -1)))
    assert latency.early_stopped(many, 99) == 662
    assert latency.early_stopped(dataclasses.replace(many, executions=many.executions[1:]), 99) is None
