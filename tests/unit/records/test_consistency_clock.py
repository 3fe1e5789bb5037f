"""Executions that no clock gave, took longer than the run, or contradict the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enet.evidence import DeviceTiming
from enet.records.consistency import clock_contradictions, options_contradictions, time_problems
from tests.unit.records.summaries import console, statistics, summary


def device(started: float | None = None, ended: float | None = None) -> DeviceTiming:
    """Five executions of 200 ms: one second."""
    return DeviceTiming(
        device="0", images=5, executions=5, compute_ms=(200.0,) * 5, mean_ms=200.0, claimed=5.0, started=started, ended=ended
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "seconds", "found"),
    [
        ((), [], []),
        ((), [None], []),
        ((), [1.0], []),
        ((), [0.9999995], []),  # rounded
        ((), [0.9], ["5 executions of 200 ms took 1 s, 0.9 s by the progress bar"]),
        ((), [0.9, None, 1.0, 0.5], []),  # one of the consoles is of this run
        ((10.0, 11.0), [0.5], []),  # the device's own clock
        ((10.0, 10.9), [9.0], ["5 executions of 200 ms took 1 s, 0.9 s by the start and end"]),
        ((10.0, None), [0.5], ["5 executions of 200 ms took 1 s, 0.5 s by the progress bar"]),
        ((None, 11.0), [0.5], ["5 executions of 200 ms took 1 s, 0.5 s by the progress bar"]),
    ],
)
def test_executions_take_no_longer_than_the_run(
    clock: tuple[float | None, ...], seconds: list[float | None], found: list[str]
) -> None:
    consoles = [console(longest_seconds=each) for each in seconds]
    assert list(clock_contradictions(device(*clock), consoles)) == found


@pytest.mark.parametrize(
    ("options", "size", "found"),
    [
        ({}, 4, []),
        ({"batchsize": "4", "loop": "2", "dymBatch": "4"}, 4, []),
        ({"batchsize": "0"}, 4, ["--batchsize '0', but ais_bench takes a number from 1 on"]),
        ({"loop": "x" * 50}, 4, [f"--loop '{'x' * 40}', but ais_bench takes a number from 1 on"]),
        ({"dymBatch": "8"}, 4, ["--dymBatch 8, but the model ran with batch 4"]),
        ({"dymBatch": "8"}, 0, []),  # unknown
        ({"dymBatch": "0"}, 4, []),  # not given
    ],
)
def test_options_agree_with_what_ran(options: dict[str, str], size: int, found: list[str]) -> None:
    assert list(options_contradictions(summary(4, options=options), size)) == found


#: Of a version that keeps no times.
SUMMARY = Path("results/run_summary.json")
OLD: dict[str, Any] = {"path": Path("results/run/sumary.json"), "count": None}
MISSING = "its list of times is missing, which this version of ais_bench writes: edited"
ROUNDED = "its statistics are rounded to 2 digits, but ais_bench writes all of them: edited"
EQUAL = "all 8 times are 2 ms, which no clock gives"


@pytest.mark.parametrize(
    ("changes", "executions", "found"),
    [
        ({"times": [2.0] * 8}, 8, ["all 8 times are 2 ms, which no clock gives"]),
        ({"times": [2.0] * 7}, 7, []),
        ({"compute_ms": (), **OLD}, 8, ["all 8 times are 2 ms, which no clock gives"]),
        ({"compute_ms": (), **OLD}, 7, []),
        ({"compute_ms": ()}, 8, [MISSING]),
        ({"compute_ms": (), **OLD, "path": SUMMARY}, 8, [MISSING]),
        ({"compute_ms": (), **OLD, "count": 8}, 8, [MISSING]),
        ({"compute_ms": (), **OLD, "statistics": statistics([2.1, 2.0, 2 + 1 / 3])}, 8, []),
        (
            {"compute_ms": (), **OLD, "statistics": statistics([0.27, 0.33]) | {"mean": 0.3, "median": 0.3}},
            8,
            [ROUNDED],
        ),
        ({"compute_ms": (), **OLD, "statistics": statistics([2.0, 2.0]) | {"max": 2.5}}, 8, [EQUAL]),
    ],
)
def test_times_that_are_all_equal_are_of_no_clock(changes: dict[str, Any], executions: int, found: list[str]) -> None:
    assert list(time_problems(summary(**changes), executions)) == found
