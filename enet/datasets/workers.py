"""Work on all images of a data set, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from enet.host import cores
from enet.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_all_cores(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, *, progress: bool
) -> list[Result]:
    """Return ``function`` of every item, in order; with a progress bar if ``progress`` and on a terminal."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(bar(pool.map(function, items), title=title, total=len(items), shown=progress))
