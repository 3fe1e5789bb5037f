"""Marks of simulated artifacts and times, by which every reader recognises them.

The simulator in ``fixtures/ascend_simulator`` sets the marks; the drivers and readers of this package look for them.
A simulated artifact begins with ``OM_MAGIC``. A simulated time, in milliseconds, has ``WATERMARK`` in the last bits of
its float64, below the resolution of any clock, so the mark survives a summary written by another front end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

#: First bytes of a simulated ``.om``; a real one begins with ``IMOD``.
OM_MAGIC = b"SIMULATED OM\n"

#: Key in a simulated summary or manifest; its value is true.
KEY = "simulated"

#: Lowest bits of a simulated time. A real one is a C ``float``, whose last 29 bits as a float64 are zero.
WATERMARK, BITS = 0x51AB1, 20


def is_simulated_om(path: Path) -> bool:
    """Return True if a file is a simulated artifact; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(OM_MAGIC)) == OM_MAGIC
    except OSError:
        return False


def marked(milliseconds: float) -> float:
    """Return the same time with the mark.

    >>> abs(marked(3.25) - 3.25) < 1e-9, is_marked([marked(3.25), marked(1.5)]), is_marked([3.25])
    (True, True, False)
    """
    (bits,) = struct.unpack("<Q", struct.pack("<d", milliseconds))
    value: float
    (value,) = struct.unpack("<d", struct.pack("<Q", bits >> BITS << BITS | WATERMARK))
    return value


def is_marked(times: Sequence[float]) -> bool:
    """Return True if two of the times are marked, or the only one: by chance, one float64 in a million has the mark."""
    patterns = [struct.unpack("<Q", struct.pack("<d", time))[0] & ((1 << BITS) - 1) for time in times]
    return patterns.count(WATERMARK) >= min(2, max(1, len(patterns)))
