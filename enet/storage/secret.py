"""The user's secret that signs cache entries, so that an entry is not believed because of its own manifest alone.

It is a file outside every cache that only the user can read. Where none can be kept, a process makes its own, and no
entry of another process is believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

from enet.storage.files import hash_json

#: Least length of a secret in bytes.
LENGTH = 32

#: For a process that finds no place for a file.
OF_THIS_PROCESS = secrets.token_bytes(LENGTH)


def places() -> list[Path]:
    """Return where the secret may be, the first place that works being used.

    ``$XDG_STATE_HOME/enet/cache-key``, by default ``~/.local/state/enet/cache-key``; if the home folder cannot be
    written, a folder of the user's own among the temporary files.
    """
    state = os.environ.get("XDG_STATE_HOME")
    found = [Path(state)] if state else []
    if not found:
        with contextlib.suppress(RuntimeError):  # the user has no home folder
            found.append(Path.home() / ".local" / "state")
    folders = [*(path / "enet" for path in found), Path(tempfile.gettempdir()) / f"enet-{os.geteuid()}"]
    return [folder / "cache-key" for folder in folders]


def read_or_create() -> bytes:
    """Return the user's secret; the first call creates it."""
    for path in places():
        with contextlib.suppress(OSError):
            return read(path) or create(path)
    return OF_THIS_PROCESS


def read(path: Path) -> bytes | None:
    """Return the secret in a file; None if there is none, or one that others can read or have written.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        is_private = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        content = file.read(1 << 16).strip()
    return content if is_private and len(content) >= LENGTH else None


def create(path: Path) -> bytes:
    """Write a new secret, unless another process has just done so; return it.

    Raises:
        OSError: the folder or the file cannot be written, or the folder is another user's.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{path.parent}: owned by another user")
    with FileLock(path.with_suffix(".lock")):
        if content := read(path):
            return content
        handle, temporary = tempfile.mkstemp(prefix=".cache-key.", dir=path.parent)  # readable by the user alone
        content = secrets.token_hex(LENGTH).encode()
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        if read(path) != content:
            raise PermissionError(f"{path}: cannot be kept private")  # a disk without permissions
    return content


def sign(key: bytes, value: Any) -> str:
    """Return the HMAC-SHA256 of a JSON value, hexadecimal."""
    return hmac.new(key, hash_json(value).encode(), hashlib.sha256).hexdigest()
