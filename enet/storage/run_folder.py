"""The folder of a run's evidence: one run at a time uses it, and what an earlier run concluded is gone before it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from enet.errors import InputError
from enet.storage.files import is_standard_output, make_folder

#: The conclusion, in the folder of the evidence.
VERDICTS = "verdicts.json"
LOCK = ".lock"
#: Environment variable that hands the run's id to the processes that work for it.
RUN = "ENET_RUN_ID"


def start_run() -> str:
    """Begin a run in this process and those that it starts; return its id."""
    os.environ[RUN] = uuid.uuid4().hex[:12]
    return os.environ[RUN]


def run_id() -> str:
    """Id of the run that this process belongs to; a run of its own begins if there is none."""
    return os.environ.get(RUN) or start_run()


def claim(folder: Path) -> FileLock:
    """Create the folder and lock it until the lock is released, or this process ends.

    Raises:
        InputError: the folder cannot be written, or another run uses it.
    """
    make_folder(folder)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another run uses it. Wait for its end, or give another folder") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}). Give a folder of your own") from error
    return lock


def delete_conclusion(folder: Path, reports: Iterable[Path | None] = ()) -> None:
    """Delete what an earlier run concluded: its verdicts and its reports.

    Reports are emptied, so that links and mounted files stay what they are, and owner and permissions are kept. Devices
    and pipes hold nothing that could be read later.

    Raises:
        InputError: a file cannot be deleted, or another run uses the folder.
    """
    for path in filter(None, reports):
        if path.is_file() and not is_standard_output(path) and not empty(path):
            delete(path)
    if folder.exists():
        claim(folder).release()
        delete(folder / VERDICTS)


def empty(path: Path) -> bool:
    """Empty a file; return False if it cannot be written."""
    try:
        path.write_bytes(b"")
    except OSError:
        return False
    return True


def delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, and it is of an earlier run. Give another path") from error
