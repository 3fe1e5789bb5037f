"""The artifact cache: one build for all processes, no partial entries, damaged entries are built again."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from enet.errors import InputError
from enet.storage import store
from enet.storage.files import hash_file, hash_text, write_bytes, write_text
from enet.storage.store import MANIFEST, Store
from tests.unit import recipes

KEY = {"weights": "abc", "batch": 1}

#: Seconds after which a process counts as hanging.
HANG_TIMEOUT = 300


class Builder:
    """Writes a small artifact and counts how often."""

    def __init__(self, content: str = "built") -> None:
        self.content, self.times = content, 0

    def __call__(self, folder: Path) -> None:
        assert list(folder.iterdir()) == []
        self.times += 1
        (folder / "sub").mkdir()
        (folder / "model.onnx").write_text(self.content)
        (folder / "sub" / "notes.txt").write_text("notes")


def left_over(root: Path) -> list[str]:
    """Everything in a store except its complete entries and its locks."""
    folders = [path for path in root.glob("*/*") if not path.name.endswith(".lock")]
    return sorted(path.name for path in folders if path.name.startswith("."))


def test_get_or_build_builds_once(tmp_path: Path) -> None:
    make, cache = Builder(), Store(tmp_path)
    first = cache.get_or_build("onnx", KEY, make)
    assert cache.get_or_build("onnx", KEY, make) == first == cache.entry("onnx", KEY)
    assert Store(tmp_path).get_or_build("onnx", dict(reversed(KEY.items())), make) == first
    assert make.times == 1
    assert recipes.files(first) == [MANIFEST, "model.onnx", "sub", "sub/notes.txt"]
    assert left_over(tmp_path) == []


def test_get_or_build_entry_is_not_writable_by_others(tmp_path: Path) -> None:
    """As ais_bench demands of its inputs."""
    before = os.umask(0)
    try:
        entry = Store(tmp_path).get_or_build("bins", KEY, Builder())
    finally:
        os.umask(before)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o755


def test_get_or_build_writes_the_manifest(tmp_path: Path) -> None:
    entry = Store(tmp_path).get_or_build("onnx", KEY, Builder())
    manifest = json.loads((entry / MANIFEST).read_text())
    assert (manifest["kind"], manifest["key"]) == ("onnx", KEY)
    assert manifest["files"] == {"model.onnx": hash_text("built"), "sub/notes.txt": hash_text("notes")}
    assert abs(manifest["created"] - time.time()) < 600


def test_get_or_build_separates_keys_and_kinds(tmp_path: Path) -> None:
    make, cache = Builder(), Store(tmp_path)
    keys: list[dict[str, object]] = [{**KEY}, {**KEY, "batch": 16}, {**KEY, "batch": "1"}, {"weights": "abc"}]
    entries = {cache.get_or_build(kind, key, make) for kind in ("onnx", "om") for key in keys}
    assert len(entries) == make.times == 8


def test_get_or_build_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        Builder()(folder)
        raise RuntimeError("no compiler")

    cache = Store(tmp_path)
    with pytest.raises(RuntimeError, match="no compiler"):
        cache.get_or_build("onnx", KEY, fail)
    assert not cache.entry("onnx", KEY).exists()
    assert left_over(tmp_path) == []
    make = Builder()
    cache.get_or_build("onnx", KEY, make)
    assert make.times == 1


def test_get_or_build_error_of_an_input_is_raised_unchanged(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "weights.pth")

    with pytest.raises(PermissionError, match=r"weights\.pth"):
        Store(tmp_path).get_or_build("onnx", KEY, fail)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_store_full_disk_gives_one_line_error(number: int, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(InputError, match=r"cache .*: onnx cannot be written \(.*\)\. Free some disk space"):
        Store(tmp_path).get_or_build("onnx", KEY, fail)
    assert left_over(tmp_path) == []


DAMAGES: dict[str, Callable[[Path], object]] = {
    "changed file": lambda entry: (entry / "model.onnx").write_text("bUilt"),
    "cut file": lambda entry: (entry / "model.onnx").write_text("bui"),
    "missing file": lambda entry: (entry / "sub" / "notes.txt").unlink(),
    "extra file": lambda entry: (entry / "more.txt").write_text("x"),
    "missing manifest": lambda entry: (entry / MANIFEST).unlink(),
    "empty manifest": lambda entry: (entry / MANIFEST).write_text(""),
    "cut manifest": lambda entry: (entry / MANIFEST).write_text('{"kind": "onnx", "files"'),
    "binary manifest": lambda entry: (entry / MANIFEST).write_bytes(b"\xff\xfe\x00"),
    "manifest of something else": lambda entry: (entry / MANIFEST).write_text("[1]"),
    "manifest without files": lambda entry: (entry / MANIFEST).write_text("{}"),
    "file and manifest changed together": lambda entry: change_both(entry),
    "manifest without signature": lambda entry: edit(entry, lambda manifest: manifest.pop("mac")),
    "signature that is no text": lambda entry: edit(entry, lambda manifest: manifest.update(mac=[1])),
    "other key": lambda entry: edit(entry, lambda manifest: manifest.update(key={"weights": "other"})),
    "entry of another key": lambda entry: replace_by(entry, "onnx", {**KEY, "batch": 16}),
    "entry of another kind": lambda entry: replace_by(entry, "om", KEY),
}


def edit(entry: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((entry / MANIFEST).read_text())
    change(manifest)
    (entry / MANIFEST).write_text(json.dumps(manifest))


def change_both(entry: Path) -> None:
    (entry / "model.onnx").write_text("forged")
    edit(entry, lambda manifest: manifest["files"].update({"model.onnx": hash_text("forged")}))


def replace_by(entry: Path, kind: str, key: dict[str, object]) -> None:
    """Put another sound entry of the same user in the entry's place."""
    other = Store(entry.parents[1]).get_or_build(kind, key, Builder("other"))
    shutil.rmtree(entry)
    other.rename(entry)


@pytest.mark.parametrize("damage", DAMAGES)
def test_get_or_build_damaged_entry_is_built_again(tmp_path: Path, damage: str) -> None:
    entry = Store(tmp_path).get_or_build("onnx", KEY, Builder())
    DAMAGES[damage](entry)
    make = Builder()
    assert Store(tmp_path).get_or_build("onnx", KEY, make) == entry
    assert make.times == 1
    assert recipes.files(entry) == [MANIFEST, "model.onnx", "sub", "sub/notes.txt"]
    assert (entry / "model.onnx").read_text() == "built"
    assert left_over(tmp_path) == []


def test_get_or_build_does_not_believe_another_users_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "first"))
    Store(tmp_path / "cache").get_or_build("onnx", KEY, Builder("theirs"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "second"))
    entry = Store(tmp_path / "cache").get_or_build("onnx", KEY, Builder("ours"))
    assert (entry / "model.onnx").read_text() == "ours"


def test_get_or_build_believes_machines_that_share_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        path = tmp_path / name / "enet" / "cache-key"
        path.parent.mkdir(parents=True)
        path.touch(mode=0o600)
        path.write_text("of both machines, from the CI's secrets\n")
    make = Builder()
    for name in ("first", "second"):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / name))
        Store(tmp_path / "cache").get_or_build("onnx", KEY, make)
    assert make.times == 1


def build_while_another_waits(root: Path, log: Path, waits: Event) -> None:
    """Runs in a process of its own; the build ends after the other process has tried in vain to lock the entry."""
    attempts = 0

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal attempts
        if event == "open" and str(arguments[0]).endswith(".lock"):
            attempts += 1
            if attempts == 2:
                waits.set()

    def make(folder: Path) -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        (folder / "half").write_text("half")
        assert waits.wait(HANG_TIMEOUT)
        (folder / "whole").write_text("whole")

    sys.addaudithook(audit)
    entry = Store(root).get_or_build("onnx", KEY, make)
    assert sorted(path.name for path in entry.iterdir()) == ["half", MANIFEST, "whole"]


def test_store_two_processes_share_one_build(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    log, arguments = tmp_path / "log", (tmp_path / "cache", tmp_path / "log", context.Event())
    workers = [context.Process(target=build_while_another_waits, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(HANG_TIMEOUT)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(log.read_text().splitlines()) == 1
    assert left_over(tmp_path / "cache") == []


def killed_build(root: Path) -> None:
    """Runs in a process of its own, and does not survive."""

    def make(folder: Path) -> None:
        (folder / "model.onnx").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    Store(root).get_or_build("onnx", KEY, make)


@pytest.fixture
def after_a_kill(tmp_path: Path) -> Path:
    worker = multiprocessing.get_context("spawn").Process(target=killed_build, args=(tmp_path,))
    worker.start()
    worker.join(HANG_TIMEOUT)
    assert worker.exitcode == -signal.SIGKILL
    return tmp_path


def test_get_or_build_after_a_kill_finds_no_entry_and_no_lock(after_a_kill: Path) -> None:
    cache, make = Store(after_a_kill), Builder()
    assert not cache.entry("onnx", KEY).exists()
    assert (cache.get_or_build("onnx", KEY, make) / "model.onnx").read_text() == "built"
    assert make.times == 1


def test_get_or_build_removes_files_of_a_killed_build(after_a_kill: Path) -> None:
    Store(after_a_kill).get_or_build("onnx", KEY, Builder())
    assert left_over(after_a_kill) == []


@pytest.mark.parametrize("root", ["file", "file/below", "dangling"])
def test_store_root_not_a_folder_gives_one_line_error(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").write_text("here first")
    (tmp_path / "dangling").symlink_to("/proc/none")
    with pytest.raises(InputError, match=r"cannot be written.*--artifact-cache") as caught:
        Store(tmp_path / root).get_or_build("onnx", KEY, Builder())
    assert recipes.is_plain(str(caught.value))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC], ids=errno.errorcode.get)
def test_store_root_not_writable_gives_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=f"cache {tmp_path}: cannot be written .{os.strerror(code)}"):
        Store(tmp_path).get_or_build("onnx", KEY, Builder())


def test_default_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENET_CACHE", "/somewhere")
    assert store.default_root() == Path("/somewhere")
    monkeypatch.setenv("ENET_CACHE", "")
    assert store.default_root() == Path(".enet/cache")
    monkeypatch.delenv("ENET_CACHE")
    assert store.default_root() == Path(".enet/cache")


def test_write_bytes_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old, and longer than the new one")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert recipes.files(tmp_path) == ["a.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_bytes_failed_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.json"
    write_bytes(path, b"old")
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)") as caught:
        write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert recipes.files(tmp_path) == ["a.json"]


def test_write_bytes_missing_folder_gives_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written \(No such file or directory\)"):
        write_bytes(tmp_path / "none" / "a.json", b"x")


def test_write_bytes_over_a_folder_gives_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(tmp_path / "a", b"x")
    assert recipes.files(tmp_path) == ["a"]


def test_write_bytes_from_many_threads_is_atomic(tmp_path: Path) -> None:
    contents = [bytes([number]) * 200_000 for number in range(4)]
    errors: list[str] = []

    def write(content: bytes) -> None:
        for _ in range(5):
            try:
                write_bytes(tmp_path / "a", content)
                seen = (tmp_path / "a").read_bytes()
                assert seen in contents, "a part of a file"
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_hash_file_is_the_sha256_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 1_000_000)
    assert hash_file(tmp_path / "a") == hash_text("abc" * 1_000_000)
    with pytest.raises(InputError, match="No such file or directory"):
        hash_file(tmp_path / "none")


SCRIPT = """
import sys
from pathlib import Path
from enet.datasets import scenes
from enet.storage.store import Store
Store(Path(sys.argv[1])).get_or_build("scenes", {}, lambda folder: scenes.write(folder, images=2, workers=2))
"""


def test_get_or_build_in_an_imported_script_gives_one_line_error(tmp_path: Path) -> None:
    """Spawned workers import the script again; without a guard they come to the same build."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_TIMEOUT, check=False)
    assert done.returncode == 1
    assert "must do so behind: if __name__ == '__main__'" in done.stderr
    assert "a worker process died. Read its message above" in done.stderr
    guarded = SCRIPT.replace("\nStore", "\nif __name__ == '__main__': Store")
    script.write_text(guarded)
    assert subprocess.run(command, capture_output=True, timeout=HANG_TIMEOUT, check=False).returncode == 0


def test_store_can_be_sent_to_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    entry = store.get_or_build("kind", {"a": 1}, lambda folder: write_text(folder / "file", "x"))
    sent = pickle.loads(pickle.dumps(store))
    assert sent.get_or_build("kind", {"a": 1}, lambda _: pytest.fail("built again")) == entry
