"""Scan of a folder of results: every version of ais_bench, one or several devices, and broken or missing files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from enet import gates
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.gates import Outcome
from enet.measure import recorded_accuracy
from enet.measure.subject import Subject
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders
from tests.unit.records import test_contradictory_records, test_output_files, test_summary, test_throughput
from tests.unit.records.results import (
    FAILS,
    MS,
    REFUSED,
    WITHOUT,
    BrokenCase,
    check_broken,
    summary_of,
    verdicts,
    write,
)


def test_good_folder_passes(good: Path, subject: Subject) -> None:
    found = verdicts(good, subject)
    assert [verdict.outcome for verdict in found] == [Outcome.PASS] * 5, found


@pytest.mark.parametrize("version", result_folders.VERSIONS)
@pytest.mark.parametrize("suffix", ["bin", "npy", "txt"])
def test_folder_of_every_version_is_read(
    version: str, suffix: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    how = result_folders.VERSIONS[version]
    root = tmp_path / "results"
    for batch in (1, 4):
        result_folders.write(root, logits, batch, MS, version, suffix)
    (root / "npu_smi.txt").write_text(result_folders.NPU_SMI)
    first, fourth, _, miou, miou_of_4 = verdicts(root, subject)
    assert (first.outcome, miou.outcome) == (Outcome.PASS, Outcome.PASS), (first, miou)
    assert fourth.outcome is Outcome.PASS, fourth
    assert ("keeps no raw times" in str(first)) is not how.keeps_times
    if how.drops_tail:  # 5 images in batches of 4: one is lost
        assert miou_of_4.outcome is Outcome.NO_EVIDENCE
        assert "1 images of the last batch are missing: this version of ais_bench drops a batch" in miou_of_4.sentence
    else:
        assert miou_of_4.outcome is Outcome.PASS


def test_note_about_npu_smi_is_ignored(good: Path) -> None:
    (good / "notes.txt").write_text("npu-smi info was fine\n")
    assert len(results_folder.scan(good).devices) == 1


def test_devices_of_one_run_are_merged(subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    root = tmp_path / "results"
    names = list(logits)
    console = ["[INFO] multidevice:[0, 1] run begin"]
    for device, part in enumerate((names[:3], names[3:])):
        summary = result_folders.write(root / "made", {name: logits[name] for name in part}, 1, MS)
        (root / "run").mkdir(exist_ok=True)
        (root / "made" / "bs1").rename(root / "run" / f"device{device}")
        text = summary.read_text().replace("results/bs1", f"results/run/device{device}")
        (root / "run" / f"device{device}_summary.json").write_text(text)
        rate = json.loads(text)["throughput"]
        console.append(
            f"i:{device} device_{device} throughput:{rate} start_time:{100 + device} end_time:{104 + device}"
        )
        shutil.rmtree(root / "made")
    console.append("[INFO] summary throughput:4000.0")
    (root / "console.txt").write_text(
        "\n".join(["[INFO] get filesperbatch files0 size:1 tensor0size:1 filesperbatch:1 runcount:3", *console])
    )
    found = results_folder.scan(root)
    timed = throughput_from_folder(found, 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert [share.images for share in timed.device_timings] == [3, 2]
    assert timed.images_per_second == pytest.approx(2000, rel=0.01)
    assert timed.seconds == 5
    assert timed.wall_images_per_second == 1  # 5 images in 5 s, not 4000
    scored = recorded_accuracy.accuracy(found, 1, subject, labels_to=tmp_path / "labels.npy")
    assert gates.accuracy.miou(scored, subject.deliverable).outcome is Outcome.PASS


def copy_run(root: Path) -> None:
    shutil.copytree(root / "bs1", root / "again" / "bs1")
    shutil.copy(summary_of(root, 1), root / "again" / "bs1_summary.json")


BROKEN: dict[str, BrokenCase] = {
    "the same batch size twice": (copy_run, REFUSED, "two runs of batch size 1"),
    "npu-smi cut short": (
        write("npu_smi.txt", "\n".join(result_folders.NPU_SMI.splitlines()[:7])),
        REFUSED,
        "cut short",
    ),
    "a failed run's console": (
        write("c.txt", "[INFO] get filesperbatch x\n[ERROR] ndata size:1 not match 2\n"),
        REFUSED,
        "the run failed: ndata size:1 not match 2",
    ),
    "a failed trtexec": (
        write("t4.log", "&&&& RUNNING TensorRT.trtexec # trtexec\n&&&& FAILED TensorRT.trtexec # trtexec\n"),
        REFUSED,
        "trtexec says FAILED",
    ),
    "trtexec without times": (
        write("t4.log", "&&&& PASSED TensorRT.trtexec # trtexec --batch=1\n"),
        REFUSED,
        "no GPU compute time",
    ),
    "eval_log without batch size": (
        write("eval_log.txt", "miou: 54.1%\n"),
        REFUSED,
        "a miou without 'BS <batch size>'",
    ),
    "eval_log of 101 %": (write("eval_log.txt", "BS 1\nmiou: 101%\n"), REFUSED, "miou=101 %, expected 0..100 %"),
    "two eval logs": (write("eval_log2.txt", "BS 1\nmiou: 1%\n"), REFUSED, "miou for batch 1 differs from another log"),
    "a false figure of the genuine script": (
        write("eval_log.txt", "BS 1\nSample: 5, validation pixAcc: 90.146, mIoU: 68.897\n"),
        FAILS,
        "the log beside the results claims 68.897 %",
    ),
    "a figure of no batch size": (
        write("out.txt", "Sample: 5, validation pixAcc: 90.146, mIoU: 68.897\n"),
        REFUSED,
        "claims an mIoU without its batch size, and there are runs of 1, 4",
    ),
    "a batch of no files": (
        write("console_bs1.txt", "[INFO] get filesperbatch files0 size:1 tensor0size:0 filesperbatch:0 runcount:0\n"),
        REFUSED,
        "filesperbatch=0 runcount=0, expected at least 1",
    ),
    "a simulated model": (write("enet_bs1.om", b"SIMULATED OM\n{}"), WITHOUT, "simulated device"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_folder_broken_is_reported(name: str, good: Path, subject: Subject) -> None:
    check_broken(BROKEN[name], good, subject)


def test_broken_cases_are_at_least_sixty() -> None:
    tables = [each.BROKEN for each in (test_contradictory_records, test_output_files, test_summary, test_throughput)]
    assert len(BROKEN) + sum(map(len, tables)) >= 60


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: root.mkdir(), "no results"),
        (lambda root: root.write_text("x"), "no such folder"),
        (lambda root: (root.mkdir(), (root / "notes.txt").write_text("hello")), "no results"),
        (lambda root: (root.mkdir(), (root / "npu.txt").write_text(result_folders.NPU_SMI)), "no results"),
    ],
)
def test_folder_without_results_is_refused(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    make(tmp_path / "results")
    with pytest.raises(InputError, match=words):
        results_folder.scan(tmp_path / "results")
