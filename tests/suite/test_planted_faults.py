"""The suite from outside: a sound deliverable is accepted, and each injected fault fails the run."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.suite.acceptance import run_pytest


def accept(small: Path, scenes: Path, folder: Path, fault: str, *more: str) -> subprocess.CompletedProcess[str]:
    """An acceptance run in a process of its own, on a cold cache, with a fault."""
    inputs = ["--deliverable", small, "--data-root", scenes]
    folders = ["--artifact-cache", folder / "cache", "--evidence", folder / "evidence"]
    planted = ["-p", "tests.suite.planted", "--fault", fault]
    words = *planted, "-m", "accuracy", "tests/acceptance", *inputs, *folders, *more
    return run_pytest(*words, diagnoses=fault == "bgr")


#: Fault, and the gates that must notice it, in the terminal's words. The self-test injects all others, in one process.
NOTICED = {
    "classes swapped in the export": ("mIoU, onnxruntime", "class IoU, onnxruntime", "ONNX logits"),
    "bgr": ("reference mIoU", "preprocessing"),
}


@pytest.mark.parametrize("fault", NOTICED)
def test_acceptance_of_a_fault_fails(fault: str, small: Path, scenes: Path, tmp_path: Path) -> None:
    run = accept(small, scenes, tmp_path, fault, "--html-report", str(tmp_path / "report.html"))
    assert run.returncode == 1, run.stdout + run.stderr
    assert "NOT ACCEPTED" in run.stdout
    failed = [line[12:] for line in run.stdout.splitlines() if line.startswith(("FAIL ", "NO EVIDENCE "))]
    for gate in NOTICED[fault]:
        assert any(line.startswith(gate) for line in failed), f"{fault} not noticed by {gate}:\n{run.stdout}"
    diagnosis = json.loads((tmp_path / "evidence" / "verdicts.json").read_text()).get("diagnosis")
    assert (diagnosis is not None) == (fault == "bgr")  # which is asked for it
    if diagnosis is not None:
        assert diagnosis["cause"] == "BGR input"
        assert diagnosis["sentence"] in " ".join(run.stdout.split())
        assert "Likely cause: <b>BGR input</b>" in (tmp_path / "report.html").read_text()


def test_acceptance_of_a_sound_deliverable_passes(small: Path, scenes: Path, tmp_path: Path) -> None:
    """Two runs at once, of two workers each, on one cold cache: all share one build of everything, the workers of one
    run share one measurement."""

    def one(name: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / name
        folders = ("--artifact-cache", str(tmp_path / "cache"), "--basetemp", str(folder / "temp"))
        folder.mkdir()
        return accept(small, scenes, folder, "none", "-n", "2", *folders)

    with ThreadPoolExecutor(2) as pool:
        runs = dict(zip(("first", "second"), pool.map(one, ("first", "second")), strict=True))
    for name, run in runs.items():
        assert run.returncode == 0, run.stdout + run.stderr
        assert "small: ACCEPTED (accuracy): all" in run.stdout
        made = manifests(tmp_path / name / "temp", "run")
        measured = sorted(json.loads(path.read_text())["key"]["batch_size"] for path in made)
        assert measured == [1, 1, 4]  # PyTorch, and ONNX Runtime at both batch sizes
        verdicts = json.loads((tmp_path / name / "evidence" / "verdicts.json").read_text())
        assert verdicts["accepted"]
        assert verdicts["conclusion"].startswith("ACCEPTED")
        assert {verdict["outcome"] for verdict in verdicts["verdicts"]} == {"PASS"}
    assert len(manifests(tmp_path / "cache", "prepared")) == 1
    assert len(manifests(tmp_path / "cache", "onnx")) == 4  # one of each input and output format
    assert not list((tmp_path / "cache").rglob("*.build*"))


def manifests(folder: Path, kind: str) -> list[Path]:
    """Manifests of all cache entries of a kind, below a folder."""
    return [path for path in folder.rglob("manifest.json") if path.parents[1].name == kind]


@pytest.mark.parametrize(
    ("more", "conclusion"),
    [
        (("-k", "test_io_formats"), "small: NOT ACCEPTED: 3 gates passed, not run: reference_miou [small], "),
        (("--batch-size", "1", "-k", "test_miou"), "small: NOT ACCEPTED: 1 gate passed, not run: "),
        (("--limit", "3", "-k", "test_miou or test_equal_rows"), "small: NOT ACCEPTED: 4 gates without evidence"),
    ],
)
def test_acceptance_of_a_part_is_not_accepted(
    more: tuple[str, ...], conclusion: str, small: Path, scenes: Path, cache: Path, tmp_path: Path
) -> None:
    run = accept(small, scenes, tmp_path, "none", "--artifact-cache", str(cache), *more)
    assert run.returncode == 1, run.stdout + run.stderr
    assert conclusion in run.stdout


def test_acceptance_missing_weights_gives_one_line_error(scenes: Path, small: Path, tmp_path: Path) -> None:
    run = accept(small, scenes, tmp_path, "none", "--weights", "absent.pth")
    assert run.returncode == 2
    assert run.stderr.strip() == "Exit: weights absent.pth: no such file. Give a checkpoint with --weights FILE"
    assert "ACCEPTED" not in run.stdout
