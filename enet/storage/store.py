"""The artifact store: built files under a cache folder, named by what determines them.

An entry is a folder ``<kind>/<key's hash>/`` with the built files and ``manifest.json``: the key, and the SHA-256 of
every file. It is built aside under a lock and moved into place at the end, so many processes share one build, and a
killed build leaves nothing that looks finished. An entry whose files don't match its manifest is built anew.
"""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

import enet
from enet.errors import EnetError, InputError
from enet.storage.files import canonical_json, fsync_path, hash_file, hash_text, make_folder, write_text

MANIFEST = "manifest.json"

#: What writing fails with when there is no room: on the disk, for this user, or for a file of that size.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def default_root() -> Path:
    """``$ENET_CACHE``, or ``.enet/cache`` in the working folder."""
    return Path(os.environ.get("ENET_CACHE") or Path(".enet") / "cache")


class Store:
    """Built files, shared by all processes that use the same folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.verified: set[Path] = set()

    def entry(self, kind: str, key: Mapping[str, Any]) -> Path:
        """The folder that an entry has, or would have."""
        return self.root / kind / hash_text(canonical_json(key))[:20]

    def build(self, kind: str, key: Mapping[str, Any], make: Callable[[Path], None]) -> Path:
        """The entry's folder, made now if there is none.

        Args:
            kind: what it is, such as "onnx"; a folder name.
            key: everything that determines the content; JSON values.
            make: writes the files into the empty folder it is given. If it raises, nothing is kept.
        Raises:
            InputError: the cache folder can't be written.
            EnetError: a worker process came here by importing its parent's script.
        """
        entry = self.entry(kind, key)
        if self.is_valid(entry):
            return entry
        if imports_a_script():  # whose process may hold the lock, and waits for this one
            raise EnetError("a script that builds anything must do so behind: if __name__ == '__main__'")
        with self.locked(entry):
            if self.is_valid(entry):  # another process was quicker
                return entry
            for left in entry.parent.glob(f".{entry.name}.build*"):  # by a build that was killed
                shutil.rmtree(left, ignore_errors=True)
            aside = entry.with_name(f".{entry.name}.build{os.getpid()}")
            make_folder(aside)
            try:
                make(aside)
                manifest = {"kind": kind, "key": dict(key), "files": hashes(aside), "created": time.time()}
                write_text(aside / MANIFEST, json.dumps(manifest, indent=1))
                for path in (*aside.rglob("*"), aside):
                    fsync_path(path)
                shutil.rmtree(entry, ignore_errors=True)  # an unsound one
                aside.replace(entry)
                fsync_path(entry.parent)
            except OSError as error:
                if not (error.errno in NO_ROOM or str(error.filename or "").startswith(str(self.root))):
                    raise  # of what is built from
                raise InputError(
                    f"cache {self.root}: {entry.parent.name} can't be written ({error.strerror or error}). Make room, "
                    "or choose another with --artifact-cache"
                ) from error
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        self.verified.add(entry)
        return entry

    @contextlib.contextmanager
    def locked(self, entry: Path) -> Iterator[None]:
        """Hold the entry's lock. The operating system frees it when its holder dies."""
        lock = FileLock(entry.with_name(f".{entry.name}.lock"))
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise InputError(
                f"cache {self.root}: can't be written ({error.strerror}). Choose another with --artifact-cache"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def is_valid(self, entry: Path) -> bool:
        """Whether the entry is complete and its files are those it was built with; looked at once a process."""
        if entry in self.verified:
            return True
        try:
            manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
            sound = bool(manifest["files"] == hashes(entry))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False
        if sound:
            self.verified.add(entry)
        return sound


def imports_a_script() -> bool:
    """Whether this process was spawned as a worker and is still importing the script that it was spawned by."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def code_digest(*names: str) -> str:
    """SHA-256 of source files of this package, by name, without importing them: code that decides a file's content."""
    folder = Path(enet.__file__).parent
    return hash_text("".join((folder / name).read_text(encoding="utf-8") for name in names))


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder but its manifest, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): hash_file(path) for path in files}
