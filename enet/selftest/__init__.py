"""A gate is worth what it catches: tables of what was broken on purpose, and what noticed.

Each part is a module of this package with one function ``run``; ``PARTS`` names them as ``enet selftest --only`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enet.selftest.table import Row

#: Module by the name of its table.
PARTS = {
    "faults": "enet.selftest.faults",
    "sensitivity": "enet.selftest.sensitivity",
    "bad-input": "tests.bad_input",
    "crashes": "tests.suite.crashes",
}


def run(part: str, folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """The rows of a part's table, each as soon as it is known.

    Args:
        folder: empty, for whatever the part writes.
        quick: only a representative part, for CI.
    """
    yield from import_module(PARTS[part]).run(folder, quick=quick)
