"""Values of one record that contradict each other, input of zeros, and the timing that is built from a record."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from enet.records.consistency import (
    CHECKED_INPUTS,
    BatchSizeFinding,
    find_contradictions,
    is_close,
    present_inputs,
    recorded_timing,
    statistics_contradictions,
)
from enet.records.console import Claim, DeviceLine
from enet.records.summary import Summary
from tests.unit.records.summaries import IMAGES, NUMBERED, console, counted, statistics, summary


@pytest.mark.parametrize(
    ("first", "second", "close"),
    [
        (1.0, 1.0, True), (0.0, 0.0, True), (1e6, 1e6 + 1, True), (1e6, 1e6 + 1.0000005, True), (1e6 + 1.0000005, 1e6, True), (1e6, 1e6 + 1.1, False), (1e6 + 1.1, 1e6, False),
        (-1e6, -1e6 - 1, True), (-1e6, -1e6 - 1.1, False), (1.0, -1.0, False), (0.0, 1e-9, False),
        (float("nan"), 1.0, False),
    ],
)  # fmt: skip
def test_two_values_are_equal_to_a_millionth_of_the_larger(first: float, second: float, close: bool) -> None:
    assert is_close(first, second) == close


TIMES = [1.0, 3.0, 2.0, 2.5, 9.0]
#: Changes to a sound record of ``TIMES``, and what they contradict.
STATISTICS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "sound": ({}, []),
    "rounded": ({"mean": 3.5 * (1 + 0.9e-6)}, []),
    "min": ({"min": 0.5}, ["min is claimed as 0.5 ms, but its raw times give 1"]),
    "max": ({"max": 9.5}, ["max is claimed as 9.5 ms, but its raw times give 9"]),
    "mean": ({"mean": 3.50001}, ["mean is claimed as 3.50001 ms, but its raw times give 3.5"]),
    "median": ({"median": 2.0}, ["median is claimed as 2 ms, but its raw times give 2.5"]),
    "p99": ({"p99": 8.0}, ["p99 is claimed as 8 ms, but its raw times give 8.76"]),
    "order": (
        {"median": 8.9},
        [
            "median is claimed as 8.9 ms, but its raw times give 2.5",
            "min, median, 99th percentile and max are not in order",
        ],
    ),
    "mean below min": (
        {"mean": 0.9},
        ["mean is claimed as 0.9 ms, but its raw times give 3.5", "the mean is not between min and max"],
    ),
    "mean above max": (
        {"mean": 9.1},
        ["mean is claimed as 9.1 ms, but its raw times give 3.5", "the mean is not between min and max"],
    ),
}


@pytest.mark.parametrize("case", STATISTICS)
def test_statistics_follow_from_the_raw_times(case: str) -> None:
    changes, expected = STATISTICS[case]
    times = [1.0, 3.0, 2.0, 2.5, 9.0]
    known = statistics(times)
    assert known["mean"] == 3.5
    assert list(statistics_contradictions(summary(4, times, statistics={**known, **changes}))) == expected


#: Statistics of a version that keeps no raw times, and its count.
ALONE: dict[str, tuple[dict[str, float], int | None, list[str]]] = {
    "sound": ({}, 5, []),
    "all equal": (dict.fromkeys(("min", "median", "p99", "max", "mean"), 2.0), 5, []),
    "rounded": ({"min": 2.000001, "median": 2.0, "mean": 2.0, "max": 2.000001, "p99": 2.0000019}, 5, []),
    "min above median": ({"min": 3.6}, 5, ["min, median, 99th percentile and max are not in order"]),
    "median above p99": ({"median": 8.9}, 5, ["min, median, 99th percentile and max are not in order"]),
    "p99 above max": ({"p99": 9.1}, 5, ["min, median, 99th percentile and max are not in order"]),
    "mean below min": ({"mean": 0.9}, 5, ["the mean is not between min and max"]),
    "mean at min": ({"mean": 1.0}, 5, []),
    "mean at max": ({"mean": 9.0}, 5, []),
    "mean above max": ({"mean": 9.1}, 5, ["the mean is not between min and max"]),
    "mean just above max": ({"mean": 9.0 * (1 + 1.1e-6)}, 5, ["the mean is not between min and max"]),
    "mean just below min": ({"mean": 1.0 * (1 - 1.1e-6)}, 5, ["the mean is not between min and max"]),
    "nothing": (dict.fromkeys(("min", "median", "p99", "max", "mean"), 0.0), 0, []),
    "unknown count": (dict.fromkeys(("min", "median", "p99", "max", "mean"), 0.0), None, []),
    "one of 0 ms": (dict.fromkeys(("min", "median", "p99", "max", "mean"), 0.0), 1, ["a mean of 0 ms"]),
    "negative": (dict.fromkeys(("min", "median", "p99", "max"), 1.0) | {"mean": -1.0}, 5, ["a mean of -1 ms", "the mean is not between min and max"]),
}  # fmt: skip


@pytest.mark.parametrize("case", ALONE)
def test_statistics_alone_are_in_order(case: str) -> None:
    changes, count, expected = ALONE[case]
    found = summary(4, compute_ms=(), count=count, statistics={**statistics(TIMES), **changes})
    assert list(statistics_contradictions(found)) == expected


def test_every_execution_takes_time_and_is_counted() -> None:
    for first in (0.0, -1.0):
        assert list(statistics_contradictions(summary(4, [first, 2.0]))) == [f"an execution of {first:g} ms"]
    assert list(statistics_contradictions(summary(4, [1e-9, 2.0]))) == []
    for count, raw in ((6, 5), (4, 5)):
        found = list(statistics_contradictions(summary(4, count=count)))
        assert found == [f"{count} executions are claimed, but there are {raw} raw times"]
    assert list(statistics_contradictions(summary(4, count=None))) == []


CLAIM = Claim(2000.0, 2.0)
#: Changes to a record of 2000 images/s at batch 4; console's claims; what contradicts what.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], list[Claim], list[str]]] = {
    "sound": ({}, [CLAIM], []),
    "no console": ({}, [], []),
    "uneven times": ({"times": TIMES}, [], []),
    "another maximum": (
        {"statistics": {**statistics([2.0]), "max": 3.0}},
        [],
        ["max is claimed as 3 ms, but its raw times give 2"],
    ),
    "scaled by neither": (
        {"flag": "16", "throughput": 2250.0},
        [],
        [
            "throughput is claimed for batch 16, the model has 4 (its counts): overstated 4 times",
            "throughput is claimed as 2250 images/s, but 1000 * 16 / 2 ms is 8000",
        ],
    ),
    "one of several": ({}, [Claim(9.0, 9.0), CLAIM], []),
    "a console without means": ({}, [Claim(2000.0, None)], []),
    "no flag": ({"flag": ""}, [CLAIM], []),
    "overstated": (
        {"flag": "16", "throughput": 8000.0},
        [],
        ["throughput is claimed for batch 16, the model has 4 (its counts): overstated 4 times"],
    ),
    "understated": (
        {"flag": "1", "throughput": 500.0},
        [],
        ["throughput is claimed for batch 1, the model has 4 (its counts): understated 0.25 times"],
    ),
    "scaled by no whole number": (
        {"throughput": 2250.0},
        [],
        ["throughput is claimed as 2250 images/s, but 1000 * 4 / 2 ms is 2000"],
    ),
    "scaled without a flag": (
        {"flag": "", "throughput": 2250.0},
        [],
        ["throughput is claimed as 2250 images/s, but 1000 * 4 / 2 ms is 2000"],
    ),
    "another rate": ({}, [Claim(2001.0, 2.0)], ["console.txt says 2001 images/s, run_summary.json 2000"]),
    "another mean": (
        {},
        [Claim(2000.0, None), Claim(7.0, 2.1)],
        ["console.txt says a mean of 2.1 ms, run_summary.json 2"],
    ),
    "mean alone": ({**counted(5, batchsize="4"), "throughput": 1999.0}, [], ["throughput is claimed as 1999 images/s, but 1000 * 4 / 2 ms is 2000"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_of_rate_mean_and_batch_size(case: str) -> None:
    changes, claims, expected = CONTRADICTIONS[case]
    finding = BatchSizeFinding(4, "its counts", 5)
    consoles = [console(claims=tuple(claims))]
    assert list(find_contradictions(summary(4, **changes), consoles, finding)) == expected


def test_contradictions_hold_of_the_raw_mean_and_name_the_finding() -> None:
    """Both the raw times and the claimed mean are looked at; an unknown batch size contradicts nothing."""
    doubled = summary(4, statistics={**statistics([2.0]), "mean": 1.0}, throughput=4000.0)
    found = list(find_contradictions(doubled, [], BatchSizeFinding(0, "nothing", 5, problem="a problem")))
    assert found[0] == "a problem"
    assert found[-1] == "throughput is claimed as 4000 images/s, but 1000 * 4 / 2 ms is 2000"
    nothing = summary(
        4, flag="", throughput=0.0, statistics=dict.fromkeys(statistics([1.0]), 0.0), compute_ms=(), count=0
    )
    assert list(find_contradictions(nothing, [], BatchSizeFinding(0, "nothing", 0))) == []


def with_inputs(root: Path, found: Summary, content: bytes, numbers: range = range(IMAGES)) -> Summary:
    (root / "prep").mkdir(exist_ok=True)
    for number in numbers:
        (root / "prep" / f"{number:02}.bin").write_bytes(content)
    return found


def test_present_inputs_are_spread_evenly(tmp_path: Path) -> None:
    found = with_inputs(tmp_path, summary(root=tmp_path), b"\0")
    paths = [f"prep/{number:02}.bin" for number in (0, 5, 10, 15)]
    assert len(paths) == CHECKED_INPUTS
    assert list(present_inputs(found)) == [(f"./{path}", tmp_path / path) for path in paths]
    beside = dataclasses.replace(found, path=tmp_path / "run" / "sumary.json")  # as versions of 2022 put it
    assert list(present_inputs(beside)) == list(present_inputs(found))
    few = dataclasses.replace(found, pairs=found.pairs[:3])
    assert [path.name for _, path in present_inputs(few)] == ["00.bin", "01.bin", "02.bin"]
    (tmp_path / "prep" / "00.bin").unlink()
    (tmp_path / "prep" / "00.bin").symlink_to(tmp_path / "prep" / "01.bin")
    (tmp_path / "prep" / "05.bin").unlink()
    assert [path.name for _, path in present_inputs(found)] == ["10.bin", "15.bin"]


@pytest.mark.parametrize(
    ("content", "suffix", "zero"),
    [(b"\0\0", ".bin", True), (b"\0\0", ".BIN", True), (b"\0\1", ".bin", False), (b"", ".bin", True), (b"\0\0", ".npy", False)],
)  # fmt: skip
def test_input_of_zeros_is_noticed(content: bytes, suffix: str, zero: bool, tmp_path: Path) -> None:
    found = with_inputs(tmp_path, summary(root=tmp_path), content)
    for path in (tmp_path / "prep").iterdir():
        path.rename(path.with_suffix(suffix))
    found = dataclasses.replace(found, pairs=tuple((a.replace(".bin", suffix), b) for a, b in found.pairs))
    assert recorded_timing(found, []).zero_input == zero
    (tmp_path / "prep" / f"05{suffix}").write_bytes(b"\1")
    assert not recorded_timing(found, []).zero_input


def test_recorded_timing_has_the_figures_of_its_device() -> None:
    lines = {"0": DeviceLine(2000.0, 10.0, 12.0), "1": DeviceLine(1.0, 20.0, 22.0)}
    other = console(claims=(Claim(9.0, 9.0),), outputs=("./results/other",), devices=lines)
    own = console((4, 5), claims=(CLAIM,))
    found = recorded_timing(summary(4, options={"batchsize": "4", "device": "0"}), [other, own])
    assert (found.tool, found.path, found.batch_size, found.claimed_batch_size) == (
        "ais_bench", Path("results/run_summary.json"), 4, 4
    )  # fmt: skip
    assert found.batch_size_source == "filesperbatch:4 in console.txt"
    share = found.share
    assert (share.device, share.images, share.executions, share.mean_ms, share.claimed) == ("0", IMAGES, 5, 2.0, 2000.0)
    assert (share.compute_ms, share.started, share.ended) == ((2.0,) * 5, 10.0, 12.0)
    assert (found.zero_input, found.simulated, found.drops_tail, found.contradictions) == (False, False, False, ())
    # The line of another run of the same device, or of another device, says nothing of this one.
    for device in ("1", "2"):
        share = recorded_timing(summary(4, options={"batchsize": "4", "device": device}), [other, own]).share
        assert (share.device, share.started, share.ended) == (device, None, None)


def test_recorded_timing_has_every_contradiction() -> None:
    found = summary(4, simulated=True, pairs=(*NUMBERED[:18], *NUMBERED[:2]), throughput=4000.0, flag="8")
    timing = recorded_timing(found, [])
    assert timing.contradictions == (
        "throughput is claimed for batch 8, the model has 4 (20 images in 5 executions): overstated 2 times",
        "lists 00 more than once",
    )
    assert (timing.simulated, timing.drops_tail, timing.claimed_batch_size) == (True, True, 8)
    assert recorded_timing(summary(times=[2.0] * 2, flag="16", throughput=8000.0), []).batch_ambiguity.startswith(
        "batch sizes 10 to 19"
    )


def test_pure_inference_counts_no_images() -> None:
    pure = summary(4, pairs=(("pure_infer_data", "./results/run/pure_infer_data_0.bin"),) * 2)
    timing = recorded_timing(pure, [])
    assert (timing.zero_input, timing.share.images, timing.batch_size, timing.contradictions) == (True, 0, 4, ())
    assert timing.batch_size_source == "--batchsize alone"
