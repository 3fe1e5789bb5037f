"""``pytest -m perf`` from outside, by a clock of its own: verdicts, and the times that pytest-benchmark keeps."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from enet.storage.files import hash_json
from tests.suite.acceptance import run_pytest, unfolded


def perf(
    small: Path, scenes: Path, folder: Path, evidence: Path, *more: object, **setting: str
) -> subprocess.CompletedProcess[str]:
    clock = ["-p", "tests.suite.fake_clock", "--benchmark-timer", "tests.suite.fake_clock.perf_counter"]
    inputs = ["--deliverable", small, "--data-root", scenes, "--batch-size", 1]
    folders = ["--artifact-cache", folder / "cache", "--evidence", evidence]
    # Without workers, also if this test's own session has some.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    words = [*clock, "-m", "perf", "tests/acceptance/test_speed.py", *inputs, *folders, *more]
    return run_pytest(*words, env=variables | setting)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("performance")


@pytest.fixture(scope="module")
def measured(small: Path, scenes: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    files = ["--benchmark-json", folder / "perf.json", "--record-baseline", folder / "base.json"]
    return perf(small, scenes, folder, folder / "evidence", "--look", *files)


def verdicts(evidence: Path) -> dict[str, dict[str, Any]]:
    """The verdicts on batch 1, by gate."""
    table = json.loads((evidence / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    return {verdict["gate"]: verdict for verdict in table if verdict["case"] == "small-onnxruntime-bs1"}


def test_speedup_verdict_and_times_agree_with_pytest_benchmark(
    measured: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert measured.returncode == 0, measured.stdout + measured.stderr
    assert "small: NOT ACCEPTED: 1 gate passed, not run: speedup [small-onnxruntime-bs4]" in measured.stdout
    speedup = verdicts(folder / "evidence")["speedup"]
    assert (speedup["outcome"], speedup["unit"], speedup["low"], speedup["high"]) == ("PASS", "x", 1.2, None)
    assert (speedup["measured"], speedup["margin"]) == (pytest.approx(3), pytest.approx(1.8))
    (bench,) = json.loads((folder / "perf.json").read_text())["benchmarks"]
    assert bench["stats"]["rounds"] >= 3
    info = bench["extra_info"]
    assert (info["batch_size"], info["verdict"]) == (1, "PASS")
    evidence = json.loads((folder / "evidence" / "speed-small-onnxruntime-bs1.json").read_text())
    assert info["images_per_second"] == evidence["images_per_second"]
    assert info["artifact_sha256"] == evidence["provenance"]["artifact_sha256"]
    assert evidence["ratio"] == pytest.approx({"value": 3, "low": 3, "high": 3})
    ours = evidence["times"]["rounds"][: bench["stats"]["rounds"]]
    assert bench["stats"]["data"] == pytest.approx(ours)


def test_artifact_that_runs_twice_fails_regression_and_is_not_recorded(
    measured: subprocess.CompletedProcess[str], small: Path, scenes: Path, folder: Path, tmp_path: Path
) -> None:
    """1.5 times PyTorch is above the limit of 1.2, but it was 3 times. A record of another host is refused before
    anything runs."""
    assert measured.returncode == 0
    files = ["--baseline", folder / "base.json", "--record-baseline", tmp_path / "new.json"]
    done = perf(small, scenes, folder, tmp_path / "evidence", *files, "--benchmark-disable", TIMES="2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL        regression, onnxruntime, bs1 " in done.stdout
    assert "PASS        speedup, onnxruntime, bs1 " in done.stdout
    assert "the artifact (onnxruntime) at 0.5x" in done.stdout
    assert "new.json: this run failed, so nothing is recorded" in unfolded(done.stdout)
    assert not (tmp_path / "new.json").exists()
    found = verdicts(tmp_path / "evidence")
    assert {gate: verdict["outcome"] for gate, verdict in found.items()} == {"speedup": "PASS", "regression": "FAIL"}
    assert found["regression"]["measured"] == pytest.approx(0.5)
    assert found["regression"]["margin"] < 0
    table = json.loads((folder / "base.json").read_text())
    table["machine"]["cpu"] = "another"
    del table["sha256"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(table | {"sha256": hash_json(table)}))
    done = perf(small, scenes, folder, tmp_path / "evidence", "--baseline", other)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "recorded on another host (different cpu)" in done.stderr


def test_speedup_with_workers_keeps_the_verdict(
    measured: subprocess.CompletedProcess[str], small: Path, scenes: Path, folder: Path, tmp_path: Path
) -> None:
    """The verdict stays the same; pytest-benchmark, which keeps no times then, is refused."""
    assert measured.returncode == 0
    done = perf(small, scenes, folder, tmp_path / "evidence", "-n", 2, "--look", "--basetemp", tmp_path / "temp")
    assert "PASS        speedup, onnxruntime, bs1 " in done.stdout
    assert done.returncode == 0
    found, expected = (verdicts(path / "evidence")["speedup"] for path in (tmp_path, folder))
    assert found["outcome"] == expected["outcome"] == "PASS"
    assert found["measured"] == pytest.approx(expected["measured"])
    assert (tmp_path / "evidence" / "speed-small-onnxruntime-bs1.json").is_file()


def test_record_baseline_of_nothing_timed_fails(small: Path, scenes: Path, tmp_path: Path) -> None:
    words = ["-m", "perf", "tests/acceptance/test_recorded.py", "--deliverable", small, "--data-root", scenes]
    folders = ["--artifact-cache", tmp_path / "cache", "--evidence", tmp_path / "evidence"]
    done = run_pytest(*words, *folders, "--record-baseline", tmp_path / "base.json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "base.json: this run failed, so nothing is recorded" in unfolded(done.stdout)
    assert not (tmp_path / "base.json").exists()
