"""When the suite's options are loaded: only where its tests are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet.pytest_entry import is_meant

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A project without any relation to this one."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -ra\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-m accuracy",
        "tests/acceptance",
        "tests/acceptance/test_accuracy.py::test_miou",
        "-m accuracy --data-root {other}",
        "--evidence {other} tests/unit",
        "-k miou -x",
    ],
)
def test_in_the_clone_the_suite_is_meant(words: str, other: Path) -> None:
    assert is_meant(words.format(other=other).split(), ROOT)


@pytest.mark.parametrize("words", ["{other}", "-q {other}/tests", "-x {other}/tests::test_a", "tests/none {other}"])
def test_in_the_clone_another_project_may_be_meant(words: str, other: Path) -> None:
    assert not is_meant(words.format(other=other).split(), ROOT)


@pytest.mark.parametrize("words", ["", "tests", "-m accuracy", "--pyargs enet", "-p enetx", "-p no:enet"])
def test_elsewhere_it_is_not_meant(words: str, other: Path) -> None:
    assert not is_meant(words.split(), other)


@pytest.mark.parametrize(
    "words", ["--pyargs enet.acceptance", "-p enet", "-penet tests", f"{ROOT}/tests/acceptance", f"-v {ROOT}/tests"]
)
def test_elsewhere_it_is_meant_by_name(words: str, other: Path) -> None:
    assert is_meant(words.split(), other)
