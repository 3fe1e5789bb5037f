"""Scores of a run so far, one row per batch in an sqlite3 file, so that an interrupted run resumes to the same result.

The file is a convenience: if it cannot be written, the run continues without one.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from enet.storage import secret

#: ``mac`` is the user's signature of the row in its place, as of a cache entry.
TABLE = (
    "batches (key TEXT, matrices BLOB NOT NULL, non_finite INTEGER NOT NULL, seconds REAL NOT NULL, mac TEXT NOT NULL)"
)


@dataclass(frozen=True)
class JournalRecord:
    """Scores of one batch.

    Attributes:
        matrices: confusion matrices of consecutive images in sorted order, int64, shape (n, classes, classes).
        non_finite: number of these images with a NaN or infinite logit.
        seconds: since the run began.
    """

    matrices: NDArray[np.int64]
    non_finite: int
    seconds: float


class Journal:
    """Batches of one run: those of the interrupted run in ``batches``, new ones by ``append``.

    Raises:
        sqlite3.Error: the file cannot be written, or it is damaged or not a journal.
        ValueError: a row is not one of a journal, or this user did not sign it; so TypeError.
    """

    def __init__(self, path: Path, key: str, classes: int) -> None:
        self.key, self.stopped, self.written, self.secret = key, False, 0, secret.read_or_create()
        self.database = sqlite3.connect(path, isolation_level=None)  # every statement is a transaction of its own
        try:
            self.database.execute(f"CREATE TABLE IF NOT EXISTS {TABLE}")
            self.database.execute("DELETE FROM batches WHERE key != ?", [key])
            select = "SELECT matrices, non_finite, seconds, mac FROM batches ORDER BY rowid"
            rows = self.database.execute(select).fetchall()
            if any(mac != self.sign(place, row) for place, (*row, mac) in enumerate(rows)):
                raise ValueError(f"{path}: not signed by this user")
            shape = (-1, classes, classes)
            self.batches = [
                JournalRecord(np.frombuffer(m, "<i8").reshape(shape), int(n), float(s)) for m, n, s, _ in rows
            ]
        except BaseException:
            self.database.close()
            raise

    def append(self, batch: JournalRecord) -> None:
        """Store a batch; after a failure, such as a full disk, store no more, so that no batch is left out between."""
        if self.stopped:
            return
        row = [batch.matrices.astype("<i8").tobytes(), int(batch.non_finite), float(batch.seconds)]
        mac = self.sign(len(self.batches) + self.written, row)
        try:
            self.database.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", (self.key, *row, mac))
            self.written += 1
        except sqlite3.Error:
            self.stopped = True

    def sign(self, place: int, row: Sequence[Any]) -> str:
        """Return the user's signature of a row's matrices, count and seconds."""
        matrices, *rest = row
        return secret.sign(self.secret, [self.key, place, hashlib.sha256(matrices).hexdigest(), *rest])

    @property
    def holds_any(self) -> bool:
        """Whether the same run would resume from a stored batch."""
        return bool(self.batches or self.written)


@contextlib.contextmanager
def open_journal(folder: Path, key: str, classes: int) -> Iterator[Journal | None]:
    """Open the journal of the run that ``key`` names, and delete it after the run has completed.

    Yields:
        None if the folder cannot be written, or while another process has this journal open: two equal runs at the
        same time both score everything.
    """
    path = folder / f"{key[:20]}.journal"
    with contextlib.ExitStack() as stack:
        journal = None
        with contextlib.suppress(OSError, sqlite3.Error):  # Timeout, of a lock that is held, is an OSError
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_suffix(".lock"), timeout=0))
            try:
                journal = Journal(path, key, classes)
            except (sqlite3.Error, ValueError, TypeError):  # damaged, or not a journal
                delete(path)
                journal = Journal(path, key, classes)
            stack.callback(journal.database.close)
        yield journal
        if journal is not None:
            with contextlib.suppress(OSError):
                delete(path)


def delete(path: Path) -> None:
    """Delete a journal and what sqlite3 would roll back in it after a crash."""
    for file in (path, path.with_name(f"{path.name}-journal")):
        file.unlink(missing_ok=True)
