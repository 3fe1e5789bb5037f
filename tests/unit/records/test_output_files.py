"""Output files of a recorded run: labels are read in all formats; wrong, missing and extra files are reported."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.gates import Outcome
from enet.measure.subject import Subject
from enet.selftest import result_folders
from tests.unit.records.results import (
    FAILS,
    MS,
    REFUSED,
    WITHOUT,
    BrokenCase,
    check_broken,
    edit,
    outputs,
    set_entry,
    summary_of,
    verdicts,
    write_inputs,
)


@pytest.mark.parametrize("suffix", ["bin", "npy", "txt"])
def test_labels_in_every_format_pass(
    suffix: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    root = tmp_path / "results"
    labels = {name: each.argmax(axis=0).astype(np.uint8) for name, each in logits.items()}
    result_folders.write(root, labels, 1, MS, suffix=suffix)
    assert verdicts(root, subject, "Ascend310P3")[3].outcome is Outcome.PASS


def list_twice(table: dict[str, Any]) -> None:
    table["filesinfo"]["9"] = table["filesinfo"]["0"]


def share_output(table: dict[str, Any]) -> None:
    table["filesinfo"]["1"]["outfiles"] = table["filesinfo"]["0"]["outfiles"]


def age_outputs(root: Path) -> None:
    write_inputs(root, b"\1" * 64)
    for path in outputs(root):
        os.utime(path, (10**9, 10**9))


def make_equal(root: Path) -> None:
    for path in outputs(root)[1:]:
        path.write_bytes(outputs(root)[0].read_bytes())


def write_nan(root: Path) -> None:
    logits = np.fromfile(outputs(root)[0], np.float32)
    logits[5] = np.nan
    logits.tofile(outputs(root)[0])


def link_outside(root: Path) -> None:
    path = outputs(root)[0]
    path.rename(root.parent / "secret.bin")
    path.symlink_to(root.parent / "secret.bin")


def swap_outputs(root: Path) -> None:
    """Exchange the outputs of two images: the mIoU changes."""
    first, *_, last = outputs(root)
    data_first = first.read_bytes()
    first.write_bytes(last.read_bytes())
    last.write_bytes(data_first)


BROKEN: dict[str, BrokenCase] = {
    "output cut short": (
        lambda root: outputs(root)[0].write_bytes(outputs(root)[0].read_bytes()[:-4]),
        REFUSED,
        "77820 bytes, expected",
    ),
    "output empty": (lambda root: outputs(root)[0].write_bytes(b""), REFUSED, "0 bytes, expected"),
    "output too long": (
        lambda root: outputs(root)[0].write_bytes(outputs(root)[0].read_bytes() + b"\0"),
        REFUSED,
        "77825 bytes",
    ),
    "output missing": (lambda root: outputs(root)[0].unlink(), REFUSED, "1 listed outputs are absent"),
    "outputs of another run": (
        lambda root: shutil.copy(outputs(root)[0], root / "bs1" / "other_0.bin"),
        REFUSED,
        "1 outputs that bs1_summary.json does not list",
    ),
    "outputs that are all the same": (make_equal, REFUSED, "all 5 outputs are the same"),
    "outputs older than inputs": (age_outputs, REFUSED, "older than its input"),
    "an image twice": (lambda root: edit(summary_of(root, 1), list_twice), REFUSED, "twice"),
    "two images, one output": (lambda root: edit(summary_of(root, 1), share_output), REFUSED, "share one output file"),
    "a link to elsewhere": (link_outside, REFUSED, "a symbolic link"),
    "images of another data set": (
        set_entry("infiles", ["./prep/other.bin"]),
        REFUSED,
        "images that are not in the data set",
    ),
    "two images exchanged": (swap_outputs, FAILS, "the log beside the results claims"),
    "NaN logits": (write_nan, WITHOUT, "1 of 5 images gave logits that are not finite numbers"),
    "no outputs": (lambda root: shutil.rmtree(root / "bs1"), WITHOUT, "none of the listed outputs is here"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_output_broken_is_reported(name: str, good: Path, subject: Subject) -> None:
    check_broken(BROKEN[name], good, subject)
