"""A tiny deliverable for all tests of commands, and an empty working folder for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet.deliverable import load
from enet.measure.subject import Subject
from enet.storage.store import Store
from tests.unit import tiny


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.toml``, ``tiny.pth``, ``data/`` and ``cache/``; only the cache is written to."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.tiny(folder)
    return folder


@pytest.fixture(scope="session")
def subject(folder: Path) -> Subject:
    return Subject(load(str(folder / "tiny.toml")), Store(folder / "cache"), data_root=folder / "data")


@pytest.fixture(autouse=True)
def work(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder in which a test's commands run; they share the cache."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("ENET_CACHE", str(folder / "cache"))
    return work
