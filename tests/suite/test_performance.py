"""``pytest -m perf`` from outside: a verdict on this machine's speed, times that pytest-benchmark carries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def perf(small: Path, scenes: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "perf",
        "tests/acceptance/test_speed.py",
        "--deliverable",
        small,
        "--data-root",
        scenes,
        "--artifact-cache",
        folder / "cache",
        "--batch-size",
        1,
        "--evidence",
        folder / "evidence",
        *more,
    ]
    # By itself, also where this test's own session has workers.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("performance")


@pytest.fixture(scope="module")
def measured(small: Path, scenes: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return perf(
        small, scenes, folder, "--benchmark-json", folder / "perf.json", "--record-baseline", folder / "base.json"
    )


def test_verdict_and_times(measured: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert measured.returncode == 0, measured.stdout + measured.stderr
    assert "small: NOT ACCEPTED YET: 1 gates passed, but not asked were batch 4" in measured.stdout
    (bench,) = json.loads((folder / "perf.json").read_text())["benchmarks"]
    assert bench["stats"]["rounds"] >= 3
    info = bench["extra_info"]
    assert (info["batch_size"], info["verdict"]) == (1, "PASS")
    evidence = json.loads((folder / "evidence" / "speed-small-onnxruntime-bs1.json").read_text())
    assert info["images_per_second"] == evidence["images_per_second"]
    assert info["artifact_sha256"] == evidence["provenance"]["artifact_sha256"]
    assert evidence["ratio"]["low"] >= 1.2
    # pytest-benchmark's clock and ours saw the same rounds.
    ours = evidence["times"]["rounds"][: bench["stats"]["rounds"]]
    assert bench["stats"]["data"] == pytest.approx(ours, rel=0.05, abs=0.005)


def test_against_an_earlier_run(
    measured: subprocess.CompletedProcess[str], small: Path, scenes: Path, folder: Path, tmp_path: Path
) -> None:
    """Four times as fast earlier is a regression; another machine's record is refused before anything runs."""
    assert measured.returncode == 0
    table = json.loads((folder / "base.json").read_text())
    for ratio in table["over_pytorch"].values():
        ratio.update({key: 4 * value for key, value in ratio.items()})
    faster = tmp_path / "faster.json"
    faster.write_text(json.dumps(table))
    done = perf(small, scenes, folder, "--baseline", faster, "--benchmark-disable")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL        test_regression[small-onnxruntime-bs1]" in done.stdout
    assert "PASS        test_speedup[small-onnxruntime-bs1]" in done.stdout
    table["machine"]["cpu"] = "another"
    faster.write_text(json.dumps(table))
    done = perf(small, scenes, folder, "--baseline", faster)
    assert (done.returncode, done.stderr.count("\n")) == (4, 2)
    assert "of another machine (cpu)" in done.stderr


def test_with_workers(
    measured: subprocess.CompletedProcess[str], small: Path, scenes: Path, folder: Path, tmp_path: Path
) -> None:
    """The verdict stands; that pytest-benchmark's file doesn't is said."""
    assert measured.returncode == 0
    done = perf(
        small, scenes, folder, "-n", 2, "--basetemp", tmp_path / "temp", "--benchmark-json", tmp_path / "p.json"
    )
    assert "pytest-benchmark keeps no times with -n" in done.stdout
    assert "test_speedup[small-onnxruntime-bs1]: " in done.stdout
    assert done.returncode in (0, 1)  # by the verdict: two workers are a noisy place
    assert (folder / "evidence" / "speed-small-onnxruntime-bs1.json").is_file()
