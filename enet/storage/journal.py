"""What a run has scored so far, kept in a file: an interrupted run goes on from there, to the same result.

It is a convenience: where none can be written, a run does without.

A line that names the run, then one record a batch, appended as it is known: how many images, how many of them had a
logit that is no finite number, the seconds since the run began, the confusion matrices, and a checksum. A record that
was cut short, and what follows it, is forgotten.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

HEAD, CHECKSUM = struct.Struct("<IId"), struct.Struct("<I")


@dataclass(frozen=True)
class JournalRecord:
    """The matrices of consecutive images, int64, shape (n, classes, classes), in order of their names."""

    matrices: NDArray[np.int64]
    non_finite: int
    seconds: float


class Journal:
    """The batches of one run, read from the file and appended to it; ``classes`` are those of the matrices."""

    def __init__(self, file: io.FileIO, key: str, classes: int) -> None:
        self.file, self.classes, self.stopped, self.written = file, classes, False, 0
        first = f"{key}\n".encode()
        self.batches: list[JournalRecord] = []
        end = len(first)
        if file.read(end) == first:
            while batch := self.read():
                self.batches.append(batch)
                end = file.tell()
        else:
            file.seek(0)
            file.write(first)
        file.seek(end)
        file.truncate()

    def read(self) -> JournalRecord | None:
        """The next record; None at the end, or if it isn't whole."""
        head = self.file.read(HEAD.size)
        if len(head) < HEAD.size:
            return None
        count, non_finite, seconds = HEAD.unpack(head)
        size = 8 * self.classes**2
        content = self.file.read(count * size) if count < 1 << 16 else b""
        checksum = self.file.read(CHECKSUM.size)
        if len(content) < count * size or checksum != CHECKSUM.pack(zlib.crc32(head + content)):
            return None
        matrices = np.frombuffer(content, "<i8").reshape(count, self.classes, self.classes)
        return JournalRecord(matrices, non_finite, seconds)

    def append(self, batch: JournalRecord) -> None:
        """Write a record; after a failure, such as a full disk, none any more."""
        if self.stopped:
            return
        head = HEAD.pack(len(batch.matrices), batch.non_finite, batch.seconds)
        content = batch.matrices.astype("<i8").tobytes()
        record = head + content + CHECKSUM.pack(zlib.crc32(head + content))
        try:
            self.stopped = self.file.write(record) != len(record)
        except OSError:
            self.stopped = True
        self.written += not self.stopped

    @property
    def images(self) -> int:
        """How many images were scored before."""
        return sum(len(batch.matrices) for batch in self.batches)

    @property
    def holds_any(self) -> bool:
        """Whether the same run would find anything to go on from."""
        return bool(self.batches or self.written)


@contextlib.contextmanager
def open_journal(folder: Path, key: str, classes: int) -> Iterator[Journal | None]:
    """The journal of the run that ``key`` names, removed when the run has ended well.

    None while another process has it, so two equal runs at once both score everything; and None where the folder
    can't be written.
    """
    path = folder / f"{key[:20]}.journal"
    with contextlib.ExitStack() as stack:
        journal = None
        with contextlib.suppress(OSError):  # Timeout, of a lock that is held, is one
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_suffix(".lock"), timeout=0))
            path.touch()
            journal = Journal(stack.enter_context(path.open("r+b", buffering=0)), key, classes)
        yield journal
        if journal is not None:
            with contextlib.suppress(OSError):
                path.unlink()
