"""Evidence from recorded runs: none for another chip, a sick or busy device, missing images or zero input."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import gates
from enet.deliverable.target import Target
from enet.gates import Outcome
from enet.measure import recorded_accuracy
from enet.measure.subject import Subject
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders
from tests.unit.records.results import (
    FAILS,
    WITHOUT,
    BrokenCase,
    check_broken,
    edit,
    outputs,
    summary_of,
    verdicts,
    write,
    write_inputs,
)

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "ais_bench_records"


def test_chip_unknown_is_no_evidence(good: Path, subject: Subject) -> None:
    (good / "npu_smi.txt").unlink()
    assert verdicts(good, subject)[0].outcome is Outcome.NO_EVIDENCE
    assert verdicts(good, subject, "Ascend310P3")[0].outcome is Outcome.PASS
    assert verdicts(good, subject, "Ascend310")[0].outcome is Outcome.NO_EVIDENCE


def test_device_without_state_has_no_chip(good: Path, subject: Subject) -> None:
    """npu-smi's table has another device, whose health and chip say nothing about this one."""
    edit(summary_of(good, 1), lambda table: table["args"].extend(["--device", "3"]))
    timed = throughput_from_folder(results_folder.scan(good), 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert (timed.provenance.chip, timed.provenance.devices_before) == ("", ())


def test_device_sick_is_no_evidence_of_accuracy(good: Path, subject: Subject, tmp_path: Path) -> None:
    table = (good / "npu_smi.txt").read_text()
    (good / "npu_smi.txt").write_text(table.replace("| OK    ", "| Alarm ", 1))
    measured = recorded_accuracy.accuracy(results_folder.scan(good), 1, subject, labels_to=tmp_path / "labels.npy")
    verdict = gates.accuracy.miou(measured, subject.deliverable)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "health is Alarm" in verdict.sentence


def test_records_of_a_real_device(subject: Subject, tmp_path: Path) -> None:
    if not RECORDS.is_dir():
        pytest.skip(f"{RECORDS} is not here")
    for path in filter(Path.is_file, RECORDS.iterdir()):  # those of 2023; later forms are in folders of their own
        shutil.copy(path, tmp_path)
    found = results_folder.scan(tmp_path)
    assert found.batch_sizes == (1, 16)
    for size, rate in ((1, 28.96723093874706), (16, 12.55537435547691)):
        timed = throughput_from_folder(found, size, subject.deliverable, Target())
        assert timed.images_per_second == pytest.approx(rate, rel=1e-9)
        assert (timed.images, timed.contradictions, timed.claimed_batch_size) == (20, (), size)
        assert timed.batch_size_source == f"filesperbatch:{size} in console_bs{size}.txt"


def zero_inputs(root: Path) -> None:
    write_inputs(root, b"\0" * 64)
    for path in (root / "prep").iterdir():
        os.utime(path, (10**9, 10**9))


def feed_zeros(root: Path) -> None:
    shutil.rmtree(root / "bs1")
    (root / "bs1").mkdir()
    (root / "bs1" / "pure_infer_data_0.bin").write_bytes(b"\0" * 77824)
    listing = {"0": {"infiles": ["pure_infer_data"], "outfiles": ["./results/bs1/pure_infer_data_0.bin"]}}
    edit(summary_of(root, 1), lambda table: table.update(filesinfo=listing))
    (root / "console_bs1.txt").unlink()


def drop_images(root: Path) -> None:
    """Keep three of five images, as if the others had never been run."""

    def change(table: dict[str, Any]) -> None:
        kept = dict(list(table["filesinfo"].items())[:3])
        raw = np.array(table["npu_compute_time_list"][:3])
        times = result_folders.statistics(raw) | {"count": 3}
        table.update(filesinfo=kept, npu_compute_time_list=raw.tolist(), NPU_compute_time=times)
        table["throughput"] = 1000 / times["mean"]

    for path in outputs(root)[3:]:
        path.unlink()
    (root / "console_bs1.txt").unlink()
    edit(summary_of(root, 1), change)


#: A table of processes, by npu-smi of 2026.
PROCESSES = """\
| NPU     Chip              | Process id    | Process name       | Process memory(MB)    | Process id in container |
| 0       0                 | 485946        | pytest             | 5175                  | NA                      |
"""
BROKEN: dict[str, BrokenCase] = {
    "eval_log that flatters": (
        write("eval_log.txt", "BS 1\nmiou: 54.115%\n"),
        FAILS,
        "the log beside the results claims 54.115 %",
    ),
    "fewer images": (drop_images, WITHOUT, "2 of 5 images missing"),
    "zeros for a data set": (zero_inputs, WITHOUT, "run over zeros"),
    "pure inference": (feed_zeros, WITHOUT, "run over zeros"),
    "a sick device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("OK     ", "Warning")),
        WITHOUT,
        "health is Warning",
    ),
    "a busy device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("| 0            934", "| 87           934")),
        WITHOUT,
        "87 % of its cores are in use",
    ),
    "a process on the device": (
        write("npu_smi.txt", result_folders.NPU_SMI + PROCESSES),
        WITHOUT,
        "other processes run on it: pytest (485946)",
    ),
    "processes that cannot be read": (
        write("npu_smi.txt", result_folders.NPU_SMI + PROCESSES.replace("| NA  ", "| root | NA  ")),
        WITHOUT,
        "the processes on it are not known",
    ),
    "another device": (
        write("npu_smi.txt", result_folders.NPU_SMI.replace("310P3", "310  ")),
        WITHOUT,
        "measured on a 310, expected a 310P3",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_throughput_broken_is_reported(name: str, good: Path, subject: Subject) -> None:
    check_broken(BROKEN[name], good, subject)
