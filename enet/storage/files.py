"""Hashes, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

from enet.errors import InputError

#: What ``fsync`` fails with where a disk doesn't offer it.
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the same text for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def hash_text(text: str) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        InputError: the file can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Check the path") from error
    return digest.hexdigest()


def fsync_path(path: Path) -> None:
    """Have a file's or a folder's content on the disk before anything else happens: power may be cut.

    Some network disks can't do that for folders, or for files opened to be read; they are taken as they are.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(handle)


def require_plain_file(path: Path, *, at_most: int | None = None) -> None:
    """Refuse what would be read for ever, or is absurdly large: pipes, devices, files of more bytes than ``at_most``.

    Raises:
        InputError: it is no plain file, or too large.
        OSError: it isn't there, or can't be looked at.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: not a plain file (a pipe or a device). Give a file")
    if at_most is not None and status.st_size > at_most:
        raise InputError(f"{path}: {status.st_size} bytes, but should be at most {at_most}. Give another file")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        InputError: it can't be made, or there is a file of its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: can't be made ({error.strerror}). Choose another folder") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write aside and move into place: there is the old file or the whole new one, never a part."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise InputError(f"{path}: can't be written ({error.strerror}). Check the folder") from error


def write_text(path: Path, text: str) -> None:
    """``write_bytes`` of UTF-8 text."""
    write_bytes(path, text.encode())
