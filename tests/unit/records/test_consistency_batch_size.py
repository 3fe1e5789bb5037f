"""The model's batch size, as numbers of images and executions or a console show it; never as a flag claims it."""

from __future__ import annotations

from typing import Any

import pytest

from enet.records.consistency import (
    BatchSizeFinding,
    batch_size_fits,
    batch_size_from_counts,
    claimed_batch_size,
    find_batch_size,
)
from enet.records.console import Console
from tests.unit.records.summaries import IMAGES, NUMBERED, console, counted, statistics, summary


@pytest.mark.parametrize(
    ("images", "runs", "claimed", "drops_tail", "size", "problem", "ambiguity"),
    [
        (20, 20, 1, False, 1, "", ""),
        (20, 20, None, False, 1, "", ""),
        (20, 5, 4, False, 4, "", ""),
        (20, 5, 16, False, 4, "", ""),
        (18, 5, None, False, 4, "", ""),
        (20, 4, None, False, 5, "", ""),  # and 6: the smaller one, if no one claims anything
        (20, 4, 6, False, 6, "", "5 to 6"),
        (20, 4, 5, False, 5, "", "5 to 6"),
        (20, 4, 7, False, 6, "", ""),
        (20, 4, 4, False, 5, "", ""),
        (20, 2, 16, False, 16, "", "10 to 19"),
        (20, 2, 10, False, 10, "", "10 to 19"),
        (20, 2, 19, False, 19, "", "10 to 19"),
        (20, 2, 20, False, 19, "", ""),
        (20, 2, 9, False, 10, "", ""),
        (20, 6, 4, False, 0, "20 images in 6 executions, which no batch size gives", ""),
        (20, 1, None, False, 20, "", ""),
        (20, 1, 16, False, 20, "", ""),
        (20, 1, 32, False, 32, "", ""),
        (20, 1, 32, True, 20, "", ""),
        (20, 5, 4, True, 4, "", ""),
        (20, 4, 6, True, 5, "", ""),
        (18, 5, 4, True, 0, "18 images in 5 executions, which no batch size gives", ""),
        (20, 21, 1, True, 0, "20 images in 21 executions, which no batch size gives", ""),
    ],
)
def test_batch_size_from_counts(
    images: int, runs: int, claimed: int | None, drops_tail: bool, size: int, problem: str, ambiguity: str
) -> None:
    words = (
        ambiguity
        and f"batch sizes {ambiguity} all give {images} images in {runs} executions: add the ais_bench console output"
    )
    assert batch_size_from_counts(images, runs, claimed, drops_tail) == (size, problem, words)


@pytest.mark.parametrize(
    ("size", "runs", "images", "drops_tail", "fits"),
    [
        (4, 5, 20, False, True), (4, 5, 17, False, True), (4, 5, 16, False, False), (4, 5, 21, False, False),
        (4, 5, 20, True, True), (4, 5, 17, True, False), (4, 5, 21, True, False),
    ],
)  # fmt: skip
def test_batch_size_fits_if_only_the_last_batch_is_not_full(
    size: int, runs: int, images: int, drops_tail: bool, fits: bool
) -> None:
    assert batch_size_fits(size, runs, images, drops_tail) == fits


@pytest.mark.parametrize(
    ("throughput", "mean", "flag", "claimed"),
    [
        (2000.0, 2.0, "16", 4),
        (500.0, 2.0, "16", 1),
        (2000.0 * (1 + 0.9e-6), 2.0, "16", 4),
        (2000.0 * (1 + 1.1e-6), 2.0, "16", 16),
        (2000.0 * (1 - 1.1e-6), 2.0, "16", 16),
        (2250.0, 2.0, "16", 16),
        (2250.0, 2.0, "0", None),
        (0.0, 2.0, "16", 16),
        (0.0, 2.0, "", None),
        (2000.0, 0.0, "16", 16),
        (2000.0, -2.0, "16", 16),
        (-2000.0, 2.0, "16", 16),
        (1e6, 1.0, "3", 1000),
    ],
)
def test_claimed_batch_size_is_what_the_throughput_was_scaled_by(
    throughput: float, mean: float, flag: str, claimed: int | None
) -> None:
    found = summary(flag=flag, throughput=throughput, statistics={**statistics([1.0]), "mean": mean})
    assert claimed_batch_size(found) == claimed


#: Changes to a run of 20 images at batch 4; consoles (files in a batch, batches); what follows.
FINDINGS: dict[str, tuple[dict[str, Any], list[Console], BatchSizeFinding]] = {
    "by its counts": ({}, [], BatchSizeFinding(4, "20 images in 5 executions", 5)),
    "by a count alone": (counted(5), [], BatchSizeFinding(4, "20 images in 5 executions", 5)),
    "by its console": ({}, [console((4, 5))], BatchSizeFinding(4, "filesperbatch:4 in console.txt", 5)),
    "by the console that says so": (
        {},
        [console(name="other.txt"), console((4, 5))],
        BatchSizeFinding(4, "filesperbatch:4 in console.txt", 5),
    ),
    "by a console of two runs": (
        {},
        [console((1, 20), (4, 5))],
        BatchSizeFinding(4, "filesperbatch:4 in console.txt", 5),
    ),
    "by two consoles": (
        {"times": [2.0] * 20},
        [console((1, 20), name="one.txt"), console((4, 5))],
        BatchSizeFinding(1, "filesperbatch:1 in one.txt", 20),
    ),
    "console and no count": (
        counted(None, loop="3"),
        [console((4, 5))],
        BatchSizeFinding(4, "filesperbatch:4 in console.txt", 15),
    ),
    "console of two runs and no count": (
        counted(None),
        [console((1, 20), (4, 5))],
        BatchSizeFinding(4, "filesperbatch:4 in console.txt", 5),
    ),
    "console that does not fit": (
        {"times": [2.0] * 6},
        [console((1, 20), (4, 5))],
        BatchSizeFinding(
            4,
            "filesperbatch:4 in console.txt",
            6,
            "6 executions do not fit 20 images in batches of 4, each run 1 times",
        ),
    ),
    "console of another batch size": (
        {},
        [console((8, 5))],
        BatchSizeFinding(
            8,
            "filesperbatch:8 in console.txt",
            5,
            "5 executions do not fit 20 images in batches of 8, each run 1 times",
        ),
    ),
    "loops": (counted(10, loop="2"), [console((4, 5))], BatchSizeFinding(4, "filesperbatch:4 in console.txt", 10)),
    "loops that the executions are no multiple of": (
        counted(11, loop="2"),
        [console((4, 5))],
        BatchSizeFinding(
            4,
            "filesperbatch:4 in console.txt",
            11,
            "11 executions do not fit 20 images in batches of 4, each run 2 times",
        ),
    ),
    "loops without a console": (counted(10, loop="2"), [], BatchSizeFinding(4, "20 images in 5 executions", 10)),
    "loops without a console, no multiple": (
        counted(11, loop="2"),
        [],
        BatchSizeFinding(0, "nothing", 11, "11 executions, expected a multiple of --loop 2"),
    ),
    "no count at all": (
        counted(None),
        [],
        BatchSizeFinding(0, "nothing: this version of ais_bench keeps no count of executions", 0),
    ),
    "no size": (
        counted(6),
        [],
        BatchSizeFinding(0, "nothing", 6, "20 images in 6 executions, which no batch size gives"),
    ),
    "several sizes": (
        counted(2, batchsize="16"),
        [],
        BatchSizeFinding(
            16,
            "20 images in 2 executions",
            2,
            ambiguity="batch sizes 10 to 19 all give 20 images in 2 executions: add the ais_bench console output",
        ),
    ),
    "a version that drops the tail": (
        {**counted(2, batchsize="16"), "pairs": NUMBERED},
        [],
        BatchSizeFinding(10, "20 images in 2 executions", 2),
    ),
    "a console of that version": (
        {**counted(2), "pairs": NUMBERED},
        [console((16, 2))],
        BatchSizeFinding(
            16,
            "filesperbatch:16 in console.txt",
            2,
            "2 executions do not fit 20 images in batches of 16, each run 1 times",
        ),
    ),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_batch_size_is_found_without_the_flag(case: str) -> None:
    changes, consoles, expected = FINDINGS[case]
    plain = {"throughput": 0.0} if "options" in changes else {}  # so that nothing but the flag claims a size
    assert find_batch_size(summary(4, **{**plain, **changes}), consoles, IMAGES) == expected


@pytest.mark.parametrize(
    ("changes", "size", "executions"), [({}, 4, 5), (counted(7, batchsize="3"), 4, 7), (counted(None), 4, 0)]
)
def test_batch_size_of_no_images_is_the_claimed_one(changes: dict[str, Any], size: int, executions: int) -> None:
    found = find_batch_size(summary(4, **changes), [console((8, 5))], 0)
    assert found == BatchSizeFinding(size, "--batchsize alone", executions)
    nothing = find_batch_size(summary(4, throughput=0.0, **counted(None)), [], 0)
    assert nothing == BatchSizeFinding(0, "--batchsize alone", 0)
