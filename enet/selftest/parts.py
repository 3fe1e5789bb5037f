"""The tables by the names that ``enet selftest --only`` takes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from enet.selftest.table import Row

#: Parts that draw by a seed, so many times.
DRAWN = ("families", "fuzz")

#: Each is a module of this package with a function ``run``.
PARTS = ("faults", "sensitivity", "diagnosis", *DRAWN)


def run(part: str, folder: Path, *, quick: bool = False, **draws: int | None) -> Iterator[Row]:
    """The rows of a part's table, each as soon as it is known.

    Args:
        folder: an empty folder for files that the part writes.
        quick: run only a representative subset, for CI.
        draws: ``seed`` and ``count``, for the parts in ``DRAWN``.
    """
    yield from import_module(f"enet.selftest.{part}").run(folder, quick=quick, **(draws if part in DRAWN else {}))
