"""Hashes and atomic writes of files."""

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

#: Permissions of folders that ais_bench reads from and writes to: it refuses an input that a group or others may write,
#: and a folder for outputs that others may read, too.
INPUTS, OUTPUTS = 0o755, 0o750
#: Error numbers of ``fsync`` on a disk that does not support it.
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def hash_text(text: str) -> str:
    """Return the SHA-256 of UTF-8 text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_json(value: Any) -> str:
    """Return the SHA-256, hexadecimal, of a value as JSON with sorted keys and no spaces: the same for equal values."""
    return hash_text(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Raises:
        InputError: the file cannot be read.
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
    """Flush a file's or a folder's content to the disk, so that it survives a power failure.

    Some network disks cannot do that for folders, or for files that are open for reading; this is ignored.
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
    """Refuse pipes and devices, which may never end, and files of more than ``at_most`` bytes.

    Raises:
        InputError: not a plain file, or too large.
        OSError: there is no such file, or its state cannot be read.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: not a plain file (a pipe or a device). Give a file")
    if at_most is not None and status.st_size > at_most:
        raise InputError(f"{path}: {status.st_size} bytes, expected at most {at_most}. Give another file")


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Create a folder and its parents, unless they exist.

    Args:
        mode: permissions of the folder, of which the umask may take away some.
    Raises:
        InputError: it cannot be created, or a file has its name.
    """
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror}). Choose another folder") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a temporary file and rename it: ``path`` is the old file or the whole new one, never a part.

    Links, devices and pipes are written in place: a file must not take their name.

    Raises:
        InputError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(content)
            return
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror}). Check the folder") from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as ``write_bytes`` does."""
    write_bytes(path, text.encode(errors="backslashreplace"))
