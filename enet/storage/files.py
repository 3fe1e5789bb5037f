"""Hashes and atomic writes of files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

from enet.errors import InputError
from enet.storage import streams

#: Permissions of folders that ais_bench reads from and writes to: it refuses an input that a group or others may write,
#: and a folder for outputs that others may read, too.
INPUTS, OUTPUTS = 0o755, 0o750
#: Error numbers of a folder that takes no new file, of a mounted file, and of an owner that cannot be kept: perhaps the
#: file can be written in place.
NO_REPLACING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG)
#: What ``-`` means where a file is written.
STANDARD_OUTPUT = Path("/dev/stdout")
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

    A file keeps its owner and permissions. What must not be replaced is written in place: links, devices, pipes and
    mounted files, and files in a folder that cannot be written. What this process has open, such as
    ``STANDARD_OUTPUT``, is not opened anew, which would overwrite what was printed into a file.

    Raises:
        InputError: the file cannot be written.
        BrokenPipeError: nobody reads the standard output any more.
    """
    try:
        handle = descriptor(path)
        if is_standard_output(path):
            streams.write(content)
        elif handle is not None:
            with os.fdopen(os.dup(handle), "wb") as file:
                file.write(content)
        elif path.is_symlink() or is_stream(path) or not replace(path, content):
            path.write_bytes(content)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and is_standard_output(path):
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror}). Check the folder") from error


def replace(path: Path, content: bytes) -> bool:
    """Put a new file in the place of a plain file, or of none; return False if that is not possible here.

    Raises:
        OSError: there is no room, or no such folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with temporary.open("wb") as file:
            if path.exists():
                keep_owner(file.fileno(), path)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if error.errno not in NO_REPLACING:
            raise
        return False
    return True


def keep_owner(handle: int, path: Path) -> None:
    """Give an open file the owner and the permissions of the file that it will replace.

    Raises:
        PermissionError: only root may give the file away, but this process may write the old one.
    """
    status, before = os.fstat(handle), path.stat()
    if (status.st_uid, status.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(handle, before.st_uid, before.st_gid)
        except PermissionError:
            if may_write(path):
                raise
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as ``write_bytes`` does."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def descriptor(path: Path) -> int | None:
    """Number of the descriptor of this process that a path names; None if it names none."""
    number = re.fullmatch(r"(?:/dev|/proc/self)/fd/([0-9]+)", str(path))
    return int(number[1]) if number else {"/dev/stdout": 1, "/dev/stderr": 2}.get(str(path))


def is_standard_output(path: Path) -> bool:
    return descriptor(path) == 1


def is_stream(path: Path) -> bool:
    """Whether what is written there cannot be written again: a descriptor, a pipe or a device."""
    return descriptor(path) is not None or (path.exists() and not (path.is_file() or path.is_dir()))


def require_writable(path: Path, *, make_parents: bool = False) -> None:
    """Refuse what clearly cannot be written, before a long run; whether the disk has room shows later.

    Args:
        make_parents: the writer creates folders that are missing.
    Raises:
        InputError: a folder has this name, or neither the file nor its folder can be written or created.
    """
    if is_standard_output(path):
        return
    try:
        existing = next(each for each in path.absolute().parents if each.exists())
        problem = ""
        if path.is_dir():
            problem = os.strerror(errno.EISDIR)
        elif not existing.is_dir() or not (make_parents or path.parent.is_dir()):
            problem = f"{path.parent}: {'cannot be created' if make_parents else 'no such folder'}"
        elif not (may_write(existing) or (path.exists() and may_write(path))):
            read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
            problem = os.strerror(errno.EROFS if read_only else errno.EACCES)
    except OSError as error:  # a name that is too long, or a folder that must not be looked into
        problem = str(error.strerror)
    if problem:
        raise InputError(f"{path}: cannot be written ({problem}). Check the folder")


def may_write(path: Path) -> bool:
    """Whether this process may change a file, or the files of a folder."""
    mode = os.W_OK | os.X_OK if path.is_dir() else os.W_OK
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
