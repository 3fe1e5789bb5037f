"""The secret that signs cache entries: private, created once, replaced if others could have seen or written it."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enet.storage import secret


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the secret is kept; nothing is there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "state" / "enet" / "cache-key"


def test_secret_is_created_once_for_its_user_alone(file: Path) -> None:
    first = secret.read_or_create()
    assert secret.read_or_create() == first == file.read_bytes()
    assert len(first) >= secret.LENGTH
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {path.name for path in file.parent.iterdir()} <= {"cache-key", "cache-key.lock"}


def test_secret_is_the_same_for_all_that_create_it_at_once(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(lambda _: secret.read_or_create(), range(32))}) == 1


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "readable by others": lambda path: path.chmod(0o644),
    "writable by a group": lambda path: path.chmod(0o620),
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: path.write_bytes(b"x" * (secret.LENGTH - 1)),
}


@pytest.mark.parametrize("damage", UNUSABLE)
def test_secret_that_cannot_be_one_is_replaced(damage: str, file: Path) -> None:
    first = secret.read_or_create()
    UNUSABLE[damage](file)
    second = secret.read_or_create()
    assert second != first
    assert file.read_bytes() == second
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_secret_is_not_read_through_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "chosen").write_bytes(b"x" * secret.LENGTH)
    (tmp_path / "chosen").chmod(0o600)
    file.parent.mkdir(parents=True)
    file.symlink_to(tmp_path / "chosen")
    assert secret.read_or_create() != b"x" * secret.LENGTH


def test_secret_without_a_home_is_in_the_temporary_folder(file: Path, tmp_path: Path) -> None:
    file.parents[1].write_text("a file, where a folder should be")
    found = secret.read_or_create()
    assert (tmp_path / f"enet-{os.geteuid()}" / "cache-key").read_bytes() == found


def test_secret_without_any_place_is_of_this_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert secret.read_or_create() == secret.OF_THIS_PROCESS
    assert not file.exists()


def test_secret_is_not_put_into_another_users_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir(parents=True)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert secret.read_or_create() == secret.OF_THIS_PROCESS
    assert not file.exists()
