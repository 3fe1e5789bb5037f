"""The suite from outside: a sound deliverable is accepted, and each planted fault turns the run red."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def accept(small: Path, scenes: Path, folder: Path, fault: str, *more: str) -> subprocess.CompletedProcess[str]:
    """An acceptance run in a process of its own, on a cold cache, with a fault planted."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.suite.planted",
        "--fault",
        fault,
        "-p",
        "no:cacheprovider",
        "-m",
        "accuracy",
        "tests/acceptance",
        "--deliverable",
        str(small),
        "--data-root",
        str(scenes),
        "--artifact-cache",
        str(folder / "cache"),
        "--evidence",
        str(folder / "evidence"),
        "-q",
        *more,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


#: Fault and the tests that must notice it. All others are planted in one process, by the self-test.
NOTICED = {
    "classes_swapped_in_the_export": ("test_miou[small", "test_every_class[small", "test_onnx_logits[small"),
    "bgr": ("test_reference[small", "test_preprocessing[small"),
}


@pytest.mark.parametrize("fault", NOTICED)
def test_fault_turns_the_run_red(fault: str, small: Path, scenes: Path, tmp_path: Path) -> None:
    run = accept(small, scenes, tmp_path, fault)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "NOT ACCEPTED" in run.stdout
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAIL ", "NO EVIDENCE "))]
    for test in NOTICED[fault]:
        assert any(test in line for line in failed), f"{fault} was not noticed by {test}:\n{run.stdout}"


def test_sound_deliverable_is_accepted(small: Path, scenes: Path, tmp_path: Path) -> None:
    """By two runs at once, of two workers each, on one cold cache: all share one build of everything, workers of one
    run one measurement."""

    def one(name: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / name
        apart = ("--artifact-cache", str(tmp_path / "cache"), "--basetemp", str(folder / "temp"))
        folder.mkdir()
        return accept(small, scenes, folder, "none", "-n", "2", *apart)

    with ThreadPoolExecutor(2) as pool:
        runs = dict(zip(("first", "second"), pool.map(one, ("first", "second")), strict=True))
    for name, run in runs.items():
        assert run.returncode == 0, run.stdout + run.stderr
        assert "small: ACCEPTED (accuracy): all" in run.stdout
        made = manifests(tmp_path / name / "temp", "run")
        measured = sorted(json.loads(path.read_text())["key"]["batch_size"] for path in made)
        assert measured == [1, 1, 4]  # PyTorch, and ONNX Runtime at both batch sizes
        verdicts = json.loads((tmp_path / name / "evidence" / "verdicts.json").read_text())
        assert verdicts["conclusion"].startswith("ACCEPTED")
        assert {verdict["outcome"] for verdict in verdicts["verdicts"]} == {"PASS"}
    assert len(manifests(tmp_path / "cache", "prepared")) == 1
    assert len(manifests(tmp_path / "cache", "onnx")) == 4  # the forms
    assert not list((tmp_path / "cache").rglob("*.build*"))


def manifests(folder: Path, kind: str) -> list[Path]:
    """Manifests of all store entries of a kind, below a folder."""
    return [path for path in folder.rglob("manifest.json") if path.parents[1].name == kind]


@pytest.mark.parametrize(
    ("more", "conclusion"),
    [
        (("-k", "test_forms"), "small: NOT ACCEPTED YET: 3 gates passed, but not asked were"),
        (("--batch-size", "1", "-k", "test_miou"), "small: NOT ACCEPTED YET: 1 gates passed"),
        (("--limit", "3", "-k", "test_miou or test_equal_rows"), "small: NOT ACCEPTED: no evidence for"),
    ],
)
def test_less_than_everything_is_not_accepted(
    more: tuple[str, ...], conclusion: str, small: Path, scenes: Path, tmp_path: Path
) -> None:
    run = accept(small, scenes, tmp_path, "none", *more)
    assert run.returncode == 0, run.stdout + run.stderr
    assert conclusion in run.stdout


def test_missing_weights_are_one_clear_message(scenes: Path, small: Path, tmp_path: Path) -> None:
    run = accept(small, scenes, tmp_path, "none", "--weights", "absent.pth")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert run.stderr.strip() == "ERROR: weights absent.pth: no such file. Give a checkpoint with --weights FILE"
    assert "ACCEPTED" not in run.stdout
