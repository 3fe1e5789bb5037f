"""Files that are written: whole or not at all where they can be replaced, in place where they must not be."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from enet.errors import InputError
from enet.storage.files import STANDARD_OUTPUT, require_writable, write_bytes
from tests.bad_input.environment import unprivileged

ROOT = Path(__file__).resolve().parents[3]


def identity(path: Path) -> tuple[int, int, int]:
    """Owner, group and permissions."""
    status = path.stat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o444])
def test_a_file_keeps_owner_and_permissions(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "score.json"
    file.write_bytes(b"old")
    if os.geteuid() == 0:
        os.chown(file, 1234, 5678)
    file.chmod(mode)
    before, inode = identity(file), file.stat().st_ino
    write_bytes(file, b"new")
    assert (file.read_bytes(), identity(file), file.stat().st_ino == inode) == (b"new", before, False)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_gets_what_the_umask_leaves(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert identity(tmp_path / "new")[2] == 0o666 & ~umask


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file on which another is mounted, as ``docker run -v summary.md:/out/summary.md`` does."""
    real, file = tmp_path / "real", tmp_path / "summary.md"
    for path in (real, file):
        path.write_bytes(b"a longer text of before")
    done = subprocess.run(["mount", "--bind", real, file], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount --bind: {done.stderr.strip()}")
    yield file
    subprocess.run(["umount", file], check=True)


def test_a_mounted_file_is_written_in_place(mounted: Path) -> None:
    write_bytes(mounted, b"new")
    assert [path.read_bytes() for path in (mounted, mounted.with_name("real"))] == [b"new", b"new"]
    assert sorted(path.name for path in mounted.parent.iterdir()) == ["real", "summary.md"]


def test_a_file_in_a_folder_that_takes_no_other_is_written_in_place(tmp_path: Path) -> None:
    file = tmp_path / "score.json"
    file.write_bytes(b"old")
    file.chmod(0o666)
    for folder in (folder for folder in tmp_path.parents if "pytest-of-" in str(folder)):
        folder.chmod(0o755)
    tmp_path.chmod(0o555)
    with unprivileged():
        require_writable(file)
        write_bytes(file, b"new")
    assert file.read_bytes() == b"new"


def test_links_devices_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    link, pipe, device = tmp_path / "link", tmp_path / "pipe", tmp_path / "null"
    (tmp_path / "target").write_bytes(b"old")
    link.symlink_to("target")
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    for path in (link, pipe, device):
        write_bytes(path, b"new")
    reader.join()
    assert ((tmp_path / "target").read_bytes(), heard) == (b"new", [b"new"])
    assert link.is_symlink()
    assert pipe.is_fifo()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/2"])
def test_what_is_open_already_keeps_what_was_printed(name: str, tmp_path: Path) -> None:
    """Opened anew, it would begin at the start of the file into which it is directed."""
    put = f"print('table', file=sys.std{'out' if name[-1] in '1t' else 'err'})"
    script = f"import sys; from enet.storage.files import *; {put}; write_text(Path({name!r}), 'json'); {put}"
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=log, stderr=log, check=True)
    assert (tmp_path / "log").read_text() == "table\njsontable\n"


def test_standard_output_that_takes_only_text_or_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as notebook:
        write_bytes(STANDARD_OUTPUT, "é".encode())
    assert notebook.getvalue() == "é"
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(InputError, match=r"cannot be written \(Bad file descriptor\)"):
        write_bytes(STANDARD_OUTPUT, b"")


#: Paths that clearly cannot be written, and part of the message.
UNWRITABLE = {"none/e.json": "none: no such folder", ".": "Is a directory", "file/e.json": "file: no such folder"}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_clearly_cannot_be_written_is_told_before(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=UNWRITABLE[name]):
        require_writable(tmp_path / name)


def test_folders_that_the_writer_makes_may_be_missing(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b" / "page.html", make_parents=True)
    with pytest.raises(InputError, match="name too long"):
        require_writable(tmp_path / ("x" * 300), make_parents=True)
