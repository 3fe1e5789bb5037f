"""When the suite's options are loaded: only where its tests are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet import pytest_entry

ROOT = Path(__file__).resolve().parents[2]


def is_meant(words: list[str], place: Path) -> bool:
    return pytest_entry.is_meant(words, place, [word for word in words if not word.startswith("-")])


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


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-ra'\n", False),
        ("tox.ini", "[pytest]\n", False),
        ("setup.cfg", "[tool:pytest]\n", False),
        ("pytest.toml", "", False),
        ("pyproject.toml", "[tool.ruff]\n", True),
        ("tox.ini", "[tox]\n", True),
    ],
)
def test_a_project_below_the_clone_is_another(name: str, text: str, meant: bool, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p enet -ra\n", encoding="utf-8")
    below = tmp_path / "below"
    below.mkdir()
    (below / name).write_text(text, encoding="utf-8")
    assert is_meant([], below) is meant


def test_the_value_of_an_option_that_pytest_knows_is_no_test_path(other: Path) -> None:
    assert not pytest_entry.is_meant(["--ignore", f"{ROOT}/tests", "tests"], other, ["tests"])
