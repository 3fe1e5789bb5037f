"""The folder of a run's evidence: one run at a time uses it, and what an earlier run concluded is gone before it."""

from __future__ import annotations

import glob
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from enet.errors import InputError
from enet.storage.files import descriptor, make_folder, write_text

#: The conclusion, in the folder of the evidence.
VERDICTS = "verdicts.json"
LOCK = ".lock"
#: What the evidence is of, a JSON object; the evidence itself ends in ``.json``.
OWNER = ".deliverable"
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


def take_over(folder: Path, owner: Mapping[str, str]) -> str:
    """Delete the evidence of another deliverable, so that the folder never holds that of two; keep what is not ours.

    Args:
        owner: what identifies the deliverable, by what it is called; ``deliverable`` is its name.
    Returns:
        What the deleted evidence was of; empty if there was none.
    Raises:
        InputError: a file cannot be deleted or written.
    """
    earlier = read_table(folder / OWNER)
    if earlier == owner:
        return ""
    write_text(folder / OWNER, json.dumps(dict(owner)))
    if not isinstance(earlier, dict) or "deliverable" not in earlier:
        return ""
    for path in [*evidence_files(folder)]:
        delete(path)
    changed = [key for key in owner if earlier.get(key) != owner[key]]
    name = str(earlier["deliverable"])
    return name if name != owner["deliverable"] else f"{name} with other {' and '.join(changed)}"


def evidence_files(folder: Path) -> Iterator[Path]:
    """The files of evidence and of pictures that the suite has written into a folder; not those of anybody else."""
    for path in folder.glob("*.json"):
        if isinstance(table := read_table(path), dict) and {"kind", "schema", "run"} <= table.keys():
            yield path
    for index in folder.glob("pictures/*/index.json"):
        if isinstance(table := read_table(index), dict) and {"time", "images", "legend"} <= table.keys():
            stems = [glob.escape(Path(str(image["stem"])).name) for image in table["images"]]
            yield from (path for stem in stems for path in index.parent.glob(f"{stem}-*"))
            yield index


def read_table(path: Path) -> object:
    """The content of a JSON file; None if it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def delete_conclusion(folder: Path, reports: Iterable[Path | None] = ()) -> None:
    """Delete what an earlier run concluded: its verdicts and its reports.

    Reports are emptied, so that links and mounted files stay what they are, and owner and permissions are kept. Devices
    and pipes hold nothing that could be read later.

    Raises:
        InputError: a file cannot be deleted, or another run uses the folder.
    """
    for path in filter(None, reports):
        if path.is_file() and descriptor(path) is None and not empty(path):
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
