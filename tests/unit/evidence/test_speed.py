"""Figures of a race: relative to the reference, and without the time that threads waited."""

from __future__ import annotations

from typing import Any

import pytest

from enet.evidence import Speed
from enet.metrics.latency import Rate, Times, rate, speedup
from tests.unit import recipes

#: Rounds of 4 images whose intervals have a width; executions of 1 to 200 ms.
QUICK = Times(images=4, rounds=(0.4, 0.5, 0.5, 0.6, 0.9), executions=tuple(n / 1000 for n in range(1, 201)))
SLOW = Times(images=4, rounds=(2.0, 1.0, 3.0, 2.0, 2.0), executions=(2.0,))


def raced(**conditions: Any) -> Speed:
    return Speed(
        provenance=recipes.provenance(), reference=recipes.provenance(backend="pytorch"), batch_size=4, times=QUICK,
        reference_times=SLOW, conditions=conditions,
    )  # fmt: skip


def test_speed_is_relative_to_the_reference() -> None:
    found = raced()
    ratio = speedup(SLOW, QUICK)
    assert (found.kind, found.images_per_second, found.ratio) == ("speed", 20 / 2.9, ratio)
    assert (ratio.value, ratio.low < 4 < ratio.high) == (4, True)
    assert found.summary() == {
        "images_per_second": 20 / 2.9,
        "reference_images_per_second": 2,
        "ratio": {"value": 4, "low": ratio.low, "high": ratio.high},
        "latency_ms": {"p50": 101, "p90": 181, "p99": 199},
    }


def scaled(times: Times, left: float) -> Rate:
    found = rate(times)
    assert found.low < found.value < found.high
    return Rate(found.value / left, found.low / left, found.high / left)


@pytest.mark.parametrize(
    ("ours", "theirs", "left_to_us", "left_to_them", "waited"),
    [
        (None, None, 1, 1, 0),
        (0.25, None, 0.75, 1, 0.25),
        (None, 0.5, 1, 0.5, 0.5),
        (0.25, 0.5, 0.75, 0.5, 0.5),
        (0.98, 0.0, 0.02, 1, 0.98),
        (1.0, 0.0, 0.01, 1, 1.0),  # or there would be nothing to divide by
    ],
)
def test_record_states_images_per_second_without_other_processes(
    ours: float | None, theirs: float | None, left_to_us: float, left_to_them: float, waited: float
) -> None:
    """Of the median round, so that an interrupted one changes nothing; divided by what the others left."""
    found = raced(waited_artifact=ours, waited_reference=theirs)
    assert found.waited == waited
    assert found.record.ratio == found.ratio
    for side, expected in (("artifact", scaled(QUICK, left_to_us)), ("reference", scaled(SLOW, left_to_them))):
        figure = getattr(found.record, side)
        for name in ("value", "low", "high"):
            assert getattr(figure, name) == pytest.approx(getattr(expected, name))
    assert raced().waited == 0
