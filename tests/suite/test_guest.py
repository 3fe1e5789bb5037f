"""The suite in other people's places: another project's pytest, and other folders than the clone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.suite.acceptance import ROOT

#: Names of options that the suite has, too.
CLASHING = ["--backend", "--device", "--limit", "--weights", "--baseline"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A strict project with options of the suite's names, which gives one of them to every run."""
    folder = tmp_path_factory.mktemp("project")
    files = {
        "pytest.ini": "[pytest]\naddopts = --strict-config --device theirs\nfilterwarnings = error\n",
        "conftest.py": f"def pytest_addoption(parser):\n    for name in {CLASHING}:\n        parser.addoption(name)\n",
        "test_theirs.py": "def test_theirs(request):\n    assert request.config.getoption('--device') == 'theirs'\n",
        # As an installed plugin: its options are there before the suite's.
        "like_playwright.py": "def pytest_addoption(parser):\n    parser.getgroup('theirs').addoption('--device')\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("words", [[], ["-n", "1"], ["--ignore", str(ROOT / "tests"), "."]], ids=["", "-n", "--ignore"])
def test_another_project_has_its_own_options(words: list[str], project: Path) -> None:
    done = run(project, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    helped = run(project, "--help").stdout
    assert "--maxfail" in helped
    assert "deliverable" not in helped


def test_whoever_asks_elsewhere_is_told_how_to_ask(project: Path) -> None:
    assert "enet accept" in run(project, "-m", "accuracy").stdout
    assert "enet accept" not in run(project, "-m", "theirs").stdout


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "pytest", "--pyargs", "enet.acceptance", "-m", "accuracy", "-q"],
        ["-m", "pytest", "--pyargs", "enet.acceptance", "-m", "accuracy", "-q", "-p", "like_playwright"],
        ["-m", "enet.cli", "accept", "-q", "--", "-p", "like_playwright"],
        ["-m", "enet.cli", "accept", "-q", "-W", "error"],
    ],
    ids=["pyargs", "beside a plugin", "enet accept", "strict"],
)
def test_the_suite_runs_from_the_folder_of_another_project(command: list[str], project: Path) -> None:
    words = ["--collect-only", "--data-root", "..", "--device", "3", "--backend", "ascend"]
    done = subprocess.run([sys.executable, *command, *words], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/acceptance/test_accuracy.py::test_miou[scenes-ascend-bs1]" in done.stdout.splitlines()
    assert "test_theirs" not in done.stdout


def test_without_a_terminal_the_files_tell(records: Path, tmp_path: Path) -> None:
    done = run(ROOT, "-p", "no:terminal", "--replay", str(records), "--evidence", str(tmp_path), "-m", "perf")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))["accepted"]


def test_a_variable_may_name_the_suite(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--pyargs enet.acceptance")
    done = run(project, "-m", "accuracy", "-q", "--collect-only", "--backend", "openvino")
    assert "tests/acceptance/test_accuracy.py::test_miou[scenes-openvino-bs1]" in done.stdout, done.stdout + done.stderr


def test_what_cannot_begin_leaves_no_conclusion_beside_the_evidence_of_another(project: Path, tmp_path: Path) -> None:
    words = ["--pyargs", "enet.acceptance", "-m", "accuracy", "--evidence", str(tmp_path)]
    done = run(project, *words, "--deliverable", "camvid-paper")
    assert "give the data set's folder with --data-root" in done.stdout + done.stderr
    assert done.returncode == 2
    assert not (tmp_path / "verdicts.json").exists()
