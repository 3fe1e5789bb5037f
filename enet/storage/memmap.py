"""Arrays kept in files and mapped into memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from enet.errors import InputError


def create_memmap(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """A new .npy file of uint8, all zero, mapped into memory.

    All its room on the disk is taken now: a process that writes into a mapped file when the disk is full is killed.

    Raises:
        InputError: it can't be made, or there is no room for it.
    """
    try:
        array: np.memmap[tuple[int, ...], np.dtype[np.uint8]] = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        size = int(np.prod(shape)) / 1e6
        raise InputError(f"{path}: no room for {size:.6g} MB ({error.strerror}). Make room on the disk") from error
    return array
