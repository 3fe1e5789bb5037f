"""``--replay`` from outside: what is judged, what it ends with, and what a broken folder gets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import cli, deliverable
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.selftest import result_folders, tiny
from enet.storage.store import Store
from tests.suite.acceptance import ROOT, run_pytest, unfolded

RECORDS = ROOT.parent / "shared" / "ais_bench_records"
TRTEXEC = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8401] # trtexec --onnx=enet.onnx --shapes=image:4x3x480x480
[09/11/2022-22:54:32] [I] GPU Compute Time: min = 45.9 ms, max = 54.2 ms, mean = 50 ms, median = 52.9 ms, \
percentile(99%) = 54.0 ms
&&&& PASSED TensorRT.trtexec [TensorRT v8401] # trtexec --onnx=enet.onnx --shapes=image:4x3x480x480
"""


def replay(folder: Path, evidence: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run_pytest("-m", "accuracy or perf", "--replay", folder, "--evidence", evidence, *more)


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    table = json.loads((folder / "verdicts.json").read_text())
    return {verdict["test"]: verdict for verdict in table["verdicts"]}


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the real tool wrote on a device."""
    if not RECORDS.is_dir():
        pytest.skip(f"{RECORDS} is not here")
    folder = tmp_path_factory.mktemp("genuine")
    for path in filter(Path.is_file, RECORDS.iterdir()):  # those of 2023; later forms are in folders of their own
        shutil.copy(path, folder)
    return folder


def test_genuine_records(genuine: Path, tmp_path: Path) -> None:
    """The right throughput, which is far below the baseline; and no word on accuracy, as the outputs are absent."""
    (genuine / "t4.log").write_text(TRTEXEC + TRTEXEC.replace("image:4x", "image:8x"))
    done = replay(genuine, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    found = verdicts(tmp_path)
    for size, rate in ((1, 28.96723093874706), (16, 12.55537435547691)):
        speed = found[f"test_throughput[scenes-recorded-bs{size}]"]
        assert speed["outcome"] == "FAIL"
        assert speed["numbers"]["images_per_second"] == pytest.approx(rate, rel=1e-9)
        accuracy = found[f"test_miou[scenes-recorded-bs{size}]"]
        assert accuracy["outcome"] == "NO EVIDENCE"
        assert "none of the listed outputs is here" in accuracy["sentence"]
    log = found["test_trtexec_log[scenes-t4]"]
    assert (log["outcome"], log["measured"], log["unit"]) == ("INFO", 80, "images/s")
    assert found["test_trtexec_log[scenes-t4, run 2]"]["measured"] == 160
    assert found["test_model_directory[scenes-recorded]"]["outcome"] == "INFO"
    assert "scenes: NOT ACCEPTED" in done.stdout
    assert f"Next: enet report {tmp_path} --html report.html" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    words = ["report", str(tmp_path), "--html", str(tmp_path / "report.html"), "--json", str(tmp_path / "told.json")]
    assert cli.main(words) == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["deliverable"], told["html"]) == ("scenes", str(tmp_path / "report.html"))
    assert told["verdicts"] == json.loads((tmp_path / "verdicts.json").read_text())["verdicts"]
    page = (tmp_path / "report.html").read_text()
    assert "scenes may not ship: throughput failed." in page
    assert 'data-sort="28.96723093874706">28.97</td>' in page  # this run's column of the recorded table
    assert "<dt>recorded on</dt><dd>chip not recorded, device 0</dd>" in page
    assert 'id="chart-throughput"' in page
    assert 'class="matrix"' not in page  # nothing was scored


def test_records_are_compared_with_pytorch_if_the_weights_are_here(tmp_path: Path) -> None:
    """Half of a label map is mirrored at batch 2; at batch 1 they are PyTorch's. The deliverable has its weights."""
    toml = tiny.write(tmp_path) / "tiny.toml"
    subject = Subject(deliverable.load(str(toml)), Store(tmp_path / "cache"), data_root=tmp_path / "data")
    source, labels = subject.image_files(), tmp_path / "labels.npy"
    pipeline.measure_split(subject, subject.artifact("pytorch", 1), source, labels_to=labels)
    outputs = dict(zip(source.names, np.load(labels), strict=True))
    result_folders.write(tmp_path / "results", outputs, 1, 10)
    half = outputs[source.names[3]][:, : tiny.SIDE // 2]
    half[...] = half[:, ::-1].copy()
    result_folders.write(tmp_path / "results", outputs, 2, 10)
    inputs = ["--deliverable", toml, "--data-root", tmp_path / "data", "--artifact-cache", tmp_path / "cache"]
    done = replay(tmp_path / "results", tmp_path / "evidence", "-k", "agreement or class_iou", *map(str, inputs))
    found = verdicts(tmp_path / "evidence")
    assert set(found) == {f"test_{gate}[tiny-recorded-bs{n}]" for gate in ("agreement", "class_iou") for n in (1, 2)}
    outcomes = [found[f"test_agreement[tiny-recorded-bs{size}]"]["outcome"] for size in (1, 2)]
    assert outcomes == ["PASS", "FAIL"], done.stdout
    assert source.names[3] in found["test_agreement[tiny-recorded-bs2]"]["sentence"]
    assert found["test_class_iou[tiny-recorded-bs1]"]["outcome"] == "PASS"


def test_performance_of_a_named_device(genuine: Path, tmp_path: Path) -> None:
    """Another chip than the gate is for is no evidence, whatever it reached."""
    (genuine / "npu_smi.txt").write_text(result_folders.NPU_SMI.replace("310P3", "910B "))
    done = replay(genuine, tmp_path, "-k", "test_throughput")
    assert done.returncode == 1
    found = [verdict for test, verdict in verdicts(tmp_path).items() if test.startswith("test_throughput[")]
    assert len(found) == 2
    for verdict in found:
        assert verdict["outcome"] == "NO EVIDENCE"
        assert "measured on a 910B, expected a 310P3" in verdict["sentence"]


def test_headline_says_what_is_unproven(tmp_path: Path) -> None:
    """A record of the guide's 500 images without the data set: nothing says that they are those of Cityscapes."""
    results, outputs = tmp_path / "results", {f"img{number:05}": np.zeros(0, np.float32) for number in range(500)}
    for size in (1, 16):
        result_folders.write(results, outputs, size, 0.9)
    (results / "npu-smi.txt").write_text(result_folders.NPU_SMI)
    done = run_pytest("-m", "perf", "--replay", results, "--evidence", tmp_path, "--deliverable", "cityscapes")
    assert done.returncode == 0, done.stdout + done.stderr
    scope = "performance of recorded results; model not proven; inputs not proven"
    assert f"cityscapes: ACCEPTED ({scope}): all 3 gates passed." in unfolded(done.stdout)


BROKEN = {
    "absent": (None, "no such folder"),
    "empty": ({}, "no results"),
    "cut short": ({"bs1_summary.json": '{"filesinfo": {'}, "not valid JSON"),
    "a path up": (
        {"bs1_summary.json": '{"filesinfo": {"0": {"infiles": ["a.bin"], "outfiles": ["./bs1/../../etc/passwd"]}}}'},
        "bs1_summary.json",
    ),
    "failed trtexec": ({"t4.log": "&&&& FAILED TensorRT.trtexec # trtexec\n"}, "trtexec says FAILED"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_folder(what: str, tmp_path: Path) -> None:
    """One line and exit code 2, before anything runs."""
    files, words = BROKEN[what]
    folder = tmp_path / "results"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    done = replay(folder, tmp_path / "evidence")
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1
    assert words in lines[0]
    assert str(folder) in lines[0]
    assert not (tmp_path / "evidence").exists()


def test_nothing_judged_is_nothing_accepted(genuine: Path, tmp_path: Path) -> None:
    """Of a network that no baseline is of, figures are told; that is no acceptance."""
    done = replay(genuine, tmp_path, "--deliverable", "camvid", "tests/acceptance/test_throughput.py")
    assert "camvid: NOT ACCEPTED: nothing was checked" in done.stdout
    table = json.loads((tmp_path / "verdicts.json").read_text())
    assert not table["accepted"]
    assert {verdict["outcome"] for verdict in table["verdicts"]} == {"INFO"}


def test_an_earlier_conclusion_does_not_stay(tmp_path: Path) -> None:
    """Also where the run ends before any test; and an --evidence that is a file is refused in a line."""
    (tmp_path / "verdicts.json").write_text('{"conclusion": "ACCEPTED"}')
    assert replay(tmp_path / "absent", tmp_path).returncode == 2
    assert not (tmp_path / "verdicts.json").exists()
    taken = tmp_path / "file"
    taken.write_text("")
    done = replay(tmp_path, taken)
    assert done.returncode == 2
    assert done.stderr.strip() == f"Exit: {taken}: cannot be created (File exists). Choose another folder"
