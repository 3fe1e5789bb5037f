"""Mistakes and malice, over every command: each gets its exit code and one clear line, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from enet import cli
from enet.selftest import tiny as tiny_deliverable
from tests.bad_input import datasets, delivered, environment, fleets, hostile, mistakes, models, results
from tests.bad_input.case import BadInputCase, Folders

CASES = [
    *mistakes.CASES,
    *datasets.CASES,
    *environment.CASES,
    *models.CASES,
    *results.CASES,
    *hostile.CASES,
    *delivered.CASES,
    *fleets.CASES,
]

#: Seconds after which a command counts as hanging, for example on a file that never ends. All need less than one.
HANG_TIMEOUT = 60

#: Folders of this name are for what is built.
CACHE = "cache"


@pytest.fixture(scope="module")
def tiny() -> Iterator[Path]:
    """The tiny deliverable, shared by all cases, in a folder that a user without rights can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield tiny_deliverable.write(Path(folder))


@pytest.fixture
def place() -> Iterator[Path]:
    """Folders of one case: ``bad`` for its files, and ``work``, where the command runs."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (Path(folder), Path(folder) / "bad", Path(folder) / "work"):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_one_line_error(
    case: BadInputCase, tiny: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = Folders(tiny, place / "bad")
    case.given(folders)
    words = [word.format(tiny=tiny, bad=place / "bad") for word in shlex.split(case.command)]
    before = files_outside_caches(tiny, place)
    monkeypatch.chdir(place / "work")
    monkeypatch.setenv("ENET_CACHE", str(tiny / CACHE))
    with hang_is_error(), case.around():
        try:
            code: object = cli.main(words)
        except SystemExit as stopped:
            code = stopped.code
    output, errors = capsys.readouterr()
    after = files_outside_caches(tiny, place) - {case.leaves}
    assert code == case.code, errors
    assert case.error.replace("{bad}", str(folders.bad)) in (errors if case.code else output)
    assert "Traceback" not in errors
    assert before - after == set(), "it took files away"
    assert half_made(tiny / CACHE) == half_made(folders.bad / CACHE) == []
    if case.code:
        assert is_one_line(errors), errors
        assert case.prints or not output
        assert after - before == set(), "it left files"


def test_every_case_has_a_name_of_its_own() -> None:
    assert len(CASES) == len({case.id for case in CASES}) == 264


@contextlib.contextmanager
def hang_is_error() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no answer in {HANG_TIMEOUT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG_TIMEOUT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_one_line(errors: str) -> bool:
    """One line of enet's, or argparse's after the usage; a checkpoint that does not fit may list up to five more."""
    lines = errors.splitlines()
    if lines and lines[0].startswith("usage: enet"):
        return ": error: " in lines[-1] and sum(": error: " in line for line in lines) == 1
    return bool(lines) and lines[0].startswith("enet: ") and len(lines) <= (6 if "do not fit" in errors else 1)


def files(folder: Path) -> list[str]:
    """All files below a folder, by relative name; links are not followed."""
    return sorted(str((Path(top) / name).relative_to(folder)) for top, _, names in os.walk(folder) for name in names)


def files_outside_caches(*folders: Path) -> set[str]:
    return {name for folder in folders for name in files(folder) if CACHE not in Path(name).parts[:2]}


def half_made(cache: Path) -> list[str]:
    """What a build left in a cache besides finished entries and locks."""
    return [name for name in files(cache) if "/." in name and not name.endswith(".lock")]
