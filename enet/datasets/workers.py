"""Work on all images of a data set, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from enet.host import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_all_cores(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, *, progress: bool
) -> list[Result]:
    """Return ``function`` of every item, in order; with a progress bar if ``progress`` and on a terminal."""
    with ThreadPoolExecutor(cores()) as pool:
        results = pool.map(function, items)
        return list(tqdm(results, title, len(items), unit="image", leave=False, disable=None if progress else True))
