"""Arrays in memory-mapped files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from enet.errors import InputError


def create_memmap(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """Create a .npy file of uint8 zeros and map it into memory.

    Its space on the disk is allocated at once: a process that writes to a mapped file on a full disk is killed.

    Raises:
        InputError: the file cannot be created, or the disk has no space for it.
    """
    try:
        array: np.memmap[tuple[int, ...], np.dtype[np.uint8]] = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        size = int(np.prod(shape)) / 1e6
        raise InputError(f"{path}: no space for {size:.6g} MB ({error.strerror}). Free some disk space") from error
    return array
