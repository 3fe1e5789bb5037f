"""The artifact cache: built files in a folder, named by everything that determines their content.

An entry is a folder ``<kind>/<hash of the key>/`` with the built files and ``manifest.json``: the key, the SHA-256 of
every file, and a signature of both by the user's secret. It is built in a temporary folder under a lock, and renamed at
the end: many processes share one build, and a killed build leaves no entry. An entry whose files do not match its
manifest, or whose manifest this user did not sign for this place, is built again.
"""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from enet.errors import EnetError, InputError
from enet.storage import secret
from enet.storage.files import INPUTS, fsync_path, hash_file, hash_json, make_folder, write_text

#: Writes the files of an entry into the empty folder that it is given.
Make = Callable[[Path], None]

MANIFEST = "manifest.json"
#: Error numbers of writing without space: on the disk, for this user, or for a file of that size.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def default_root() -> Path:
    """Return ``$ENET_CACHE``, or ``.enet/cache`` in the working folder."""
    return Path(os.environ.get("ENET_CACHE") or Path(".enet") / "cache")


class Store:
    """Built files, shared by all processes of a user that use the same folder.

    Attributes:
        makers: what builds each entry that was asked for here, by its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.verified: set[Path] = set()
        self.makers: dict[Path, Make] = {}
        self.secret = secret.read_or_create()

    def __getstate__(self) -> dict[str, Any]:
        """For the process of another device: what builds an entry cannot be sent there."""
        return {**vars(self), "makers": {}}

    def entry(self, kind: str, key: Mapping[str, Any]) -> Path:
        """Return the folder of an entry, which need not exist yet."""
        return self.root / kind / hash_json(key)[:20]

    def get_or_build(self, kind: str, key: Mapping[str, Any], make: Make) -> Path:
        """Return the entry's folder; build the entry first if there is none.

        Args:
            kind: name of the kind, such as "onnx"; a folder name.
            key: everything that determines the content; JSON values. ``code_digest.made_by`` gives the part that
                follows from the code. What is in memory may differ from its file, so tables are part of it as values.
            make: writes the files into the empty folder that it is given. If it raises, nothing is kept.
        Raises:
            InputError: the cache folder cannot be written.
            EnetError: a worker process came here because it imported its parent's script.
        """
        entry = self.entry(kind, key)
        self.makers[entry] = make
        if self.is_valid(entry):
            return entry
        # A spawned worker that is still importing its parent's script: the parent may hold the lock and wait for it.
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            raise EnetError("a script that builds artifacts must do so behind: if __name__ == '__main__'")
        with self.locked(entry):
            if not self.is_valid(entry):  # else another process was faster
                self.build(entry, {"kind": kind, "key": dict(key)}, make)
        self.verified.add(entry)
        return entry

    def build(self, entry: Path, manifest: dict[str, Any], make: Make) -> None:
        """Build an entry in a temporary folder and rename it; the caller holds its lock."""
        for left in entry.parent.glob(f".{entry.name}.build*"):  # by a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        temporary = entry.with_name(f".{entry.name}.build{os.getpid()}")
        make_folder(temporary, INPUTS)
        try:
            make(temporary)
            manifest = json.loads(json.dumps({**manifest, "files": hashes(temporary), "created": time.time()}))
            write_text(temporary / MANIFEST, json.dumps(manifest | {"mac": self.sign(entry, manifest)}, indent=1))
            for path in (*temporary.rglob("*"), temporary):
                fsync_path(path)
            if entry.is_symlink() or entry.is_file():  # no folder
                entry.unlink()
            shutil.rmtree(entry, ignore_errors=True)  # an invalid one
            temporary.replace(entry)
            fsync_path(entry.parent)
        except OSError as error:
            if not (error.errno in NO_ROOM or str(error.filename or "").startswith(str(self.root))):
                raise  # it concerns an input of the build, not the cache
            problem = f"{entry.parent.name} cannot be written ({error.strerror or error})"
            advice = "Free some disk space or choose another folder with --artifact-cache"
            raise InputError(f"cache {self.root}: {problem}. {advice}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, entry: Path) -> Iterator[None]:
        """Hold the entry's lock, which the operating system releases if its holder dies."""
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(entry.with_name(f".{entry.name}.lock")).acquire()
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise InputError(f"cache {self.root}: {problem}. Choose another folder with --artifact-cache") from error
        with lock:
            yield

    def sign(self, entry: Path, manifest: Mapping[str, Any]) -> str:
        """Return the user's signature of a manifest in its place, so that no entry can stand for another."""
        return secret.sign(self.secret, [entry.parent.name, entry.name, manifest])

    def is_valid(self, entry: Path) -> bool:
        """Return True if the user signed the entry's manifest and its files match it; checked once a process."""
        if entry not in self.verified:
            try:
                manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
                is_signed = hmac.compare_digest(manifest.pop("mac"), self.sign(entry, manifest))
                if is_signed and manifest["files"] == hashes(entry):
                    self.verified.add(entry)
            except (InputError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
                return False
        return entry in self.verified


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder except its manifest, by relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): hash_file(path) for path in files}
