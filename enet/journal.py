"""What a run has scored so far, kept in a file: an interrupted run goes on from there, to the same result.

A line that names the run, then one record a batch, appended as it is known: how many images, how many of them had a
logit that is no finite number, the seconds since the run began, the confusion matrices, and a checksum. A record that
was cut short, and what follows it, is forgotten.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from enet.errors import InputError
from enet.store import make_folder

HEAD, CHECKSUM = struct.Struct("<IId"), struct.Struct("<I")


@dataclass(frozen=True)
class Batch:
    """The matrices of consecutive images, int64, shape (n, classes, classes), in order of their names."""

    matrices: NDArray[np.int64]
    non_finite: int
    seconds: float


class Journal:
    """The batches of one run, read from the file and appended to it; ``classes`` are those of the matrices."""

    def __init__(self, file: BinaryIO, key: str, classes: int) -> None:
        self.file, self.classes = file, classes
        first = f"{key}\n".encode()
        self.batches: list[Batch] = []
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

    def read(self) -> Batch | None:
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
        return Batch(matrices, non_finite, seconds)

    def append(self, batch: Batch) -> None:
        head = HEAD.pack(len(batch.matrices), batch.non_finite, batch.seconds)
        content = batch.matrices.astype("<i8").tobytes()
        self.file.write(head + content + CHECKSUM.pack(zlib.crc32(head + content)))
        self.file.flush()

    @property
    def images(self) -> int:
        return sum(len(batch.matrices) for batch in self.batches)


@contextlib.contextmanager
def opened(folder: Path, key: str, classes: int) -> Iterator[Journal | None]:
    """The journal of the run that ``key`` names, removed when the run has ended well.

    None while another process has it: two equal runs at once both score everything.

    Raises:
        InputError: the folder can't be written.
    """
    make_folder(folder)
    path = folder / f"{key[:20]}.journal"
    try:
        lock = FileLock(path.with_suffix(".lock"), timeout=0).acquire()
    except Timeout:
        yield None
        return
    except OSError as error:
        raise InputError(f"{folder}: can't be written ({error.strerror}). Choose another --artifact-cache") from error
    with lock:
        path.touch()
        with path.open("r+b") as file:
            yield Journal(file, key, classes)
        path.unlink(missing_ok=True)
