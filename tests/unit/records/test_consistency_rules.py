"""Which of several figures of one record counts, and what contradicts it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from enet.records.consistency import (
    BatchSizeFinding,
    claimed_batch_size,
    find_batch_size,
    find_contradictions,
    present_inputs,
    recorded_timing,
)
from enet.records.console import Claim, Console
from tests.unit.records.summaries import IMAGES, console, counted, statistics, summary

TEN = {"times": [2.0] * 10, "options": {"batchsize": "4", "loop": "2"}}


@pytest.mark.parametrize(
    ("changes", "batches"),
    [
        ({}, [(4, 5), (9, 5)]),  # 9 would need three executions
        (counted(None), [(4, 5), (9, 2)]),  # no count of its own
        (TEN, [(4, 5), (5, 20)]),  # each batch twice
    ],
)
def test_of_several_consoles_the_one_that_fits_counts(changes: dict[str, Any], batches: list[tuple[int, int]]) -> None:
    assert find_batch_size(summary(4, **changes), [console(*batches)], IMAGES).size == 4


def test_times_count_before_the_stated_number_of_executions() -> None:
    assert find_batch_size(summary(4, count=50), [], IMAGES).executions == 5


def test_negative_figures_claim_no_batch_size() -> None:
    mean = {**statistics([2.0]), "mean": -0.5}
    assert claimed_batch_size(summary(4, flag="3", throughput=-8000.0, statistics=mean)) == 3


NOTHING = dict.fromkeys(statistics([1.0]), 0.0)
SIZE_4, UNKNOWN = BatchSizeFinding(4, "its counts", 5), BatchSizeFinding(0, "nothing", 5)
OVERSTATED = "throughput is claimed for batch 8, the model has 4 (its counts): overstated 2 times"
#: Changes to a sound record of batch 4 and 2 ms, consoles, what is known of its batch size, contradictions.
RULES: dict[str, tuple[dict[str, Any], list[Console], BatchSizeFinding, list[str]]] = {
    "the flag scales": ({"flag": "8"}, [], SIZE_4, ["throughput is claimed as 2000 images/s, but 1000 * 8 / 2 ms is 4000"]),
    "without a flag, the claim": ({"flag": "", "throughput": 4000.0}, [], SIZE_4, [OVERSTATED]),
    "an unknown scale": ({"flag": "", "throughput": 1250.0}, [], UNKNOWN, []),
    "fast": (
        {"times": [0.5] * 5, "throughput": 8800.0}, [], SIZE_4,
        ["throughput is claimed as 8800 images/s, but 1000 * 4 / 0.5 ms is 8000"],
    ),
    "no time": ({"statistics": NOTHING, "compute_ms": (), "count": 0}, [], SIZE_4, []),
    "the command line": ({"options": {"dymBatch": "8"}}, [], SIZE_4, ["--dymBatch 8, but the model ran with batch 4"]),
    "each batch twice": (TEN, [console((4, 5))], BatchSizeFinding(4, "", 10), []),
    "another count": ({}, [console((4, 6), (4, 7))], SIZE_4, ["console.txt says 6 executions, run_summary.json 5"]),
    "another rate": (
        {}, [console(claims=(Claim(1.0, None), Claim(3.0, None)))], SIZE_4,
        ["console.txt says 1 images/s, run_summary.json 2000"],
    ),
    "another mean": (
        {}, [console(claims=(Claim(2000.0, 7.0), Claim(1.0, 9.0)))], SIZE_4,
        ["console.txt says a mean of 7 ms, run_summary.json 2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_contradictions_by_rule(rule: str) -> None:
    changes, consoles, finding, expected = RULES[rule]
    assert list(find_contradictions(summary(4, **changes), consoles, finding)) == expected


def test_input_that_lies_in_two_places_is_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "run"):
        (folder / "prep").mkdir(parents=True)
        (folder / "prep" / "00.bin").write_bytes(b"\1")
    found = dataclasses.replace(summary(root=tmp_path / "run"), pairs=(("./prep/00.bin", "./results/run/00_0.bin"),))
    assert [path for _, path in present_inputs(found)] == [tmp_path / "run" / "prep" / "00.bin"]


def test_recorded_timing_has_what_speaks_against_its_clock() -> None:
    timing = recorded_timing(summary(1), [console((1, IMAGES), longest_seconds=0.03)])
    assert timing.problems == ("all 20 times are 2 ms, which no clock gives",)
    assert timing.contradictions == ("20 executions of 2 ms took 0.04 s, 0.03 s by the progress bar",)
