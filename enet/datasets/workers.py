"""Work on all images of a data set, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from enet.host import cores
from enet.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def keep_freed_memory() -> None:
    """Let the C library keep the memory of one photograph for the next.

    Glibc returns freed memory to the system above twice the largest block that was freed so far, at most 64 MB. Before
    a large one was freed, each photograph's 23 MB go back, and the system clears them again: 5,500 page faults, a third
    of the time that decoding takes.
    """
    np.empty(31 << 20, np.uint8)  # is freed at once; larger blocks do not count


def map_on_all_cores(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, *, progress: bool
) -> list[Result]:
    """Return ``function`` of every item, in order; with a progress bar if ``progress`` and on a terminal."""
    keep_freed_memory()
    with ThreadPoolExecutor(cores()) as pool:
        return list(bar(pool.map(function, items), title=title, total=len(items), shown=progress))
