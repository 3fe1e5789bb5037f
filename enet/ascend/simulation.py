"""How what was made without a device is known for it, wherever it turns up: simulated artifacts and times are marked.

The simulator in ``fixtures/ascend_simulator`` puts the marks on; the drivers and readers of this package look for them.
A simulated artifact begins with ``OM_MAGIC``. A simulated time, in milliseconds, carries ``WATERMARK`` in the last bits
of its float64, below anything a clock can tell, so it outlives a summary written by another front end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

#: First bytes of a simulated ``.om``; a real one begins with ``IMOD``.
OM_MAGIC = b"SIMULATED OM\n"

#: Key of a simulated summary or manifest whose value is true.
KEY = "simulated"

#: Lowest bits of a simulated time. A real one is a C ``float``, whose last 29 bits as a float64 are zero.
WATERMARK, BITS = 0x51AB1, 20


def is_simulated_om(path: Path) -> bool:
    """Whether a file is a simulated artifact; False if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(OM_MAGIC)) == OM_MAGIC
    except OSError:
        return False


def marked(milliseconds: float) -> float:
    """The same time, marked.

    >>> abs(marked(3.25) - 3.25) < 1e-9, is_marked([marked(3.25), marked(1.5)]), is_marked([3.25])
    (True, True, False)
    """
    (bits,) = struct.unpack("<Q", struct.pack("<d", milliseconds))
    value: float
    (value,) = struct.unpack("<d", struct.pack("<Q", bits >> BITS << BITS | WATERMARK))
    return value


def is_marked(times: Sequence[float]) -> bool:
    """Whether two of the times are marked, or the only one: of full float64 times one in a million is so by chance."""
    patterns = [struct.unpack("<Q", struct.pack("<d", time))[0] & ((1 << BITS) - 1) for time in times]
    return patterns.count(WATERMARK) >= min(2, max(1, len(patterns)))
