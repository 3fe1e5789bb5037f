"""Mistakes and malice, over every command: each gets exit code 2, one clear line, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from enet.selftest.table import Row
from enet.selftest.tiny import write
from tests.bad_input import datasets, environment, hostile, mistakes, models, results  # they add their cases
from tests.bad_input.base import CASES, tried

__all__ = ["CASES", "datasets", "environment", "hostile", "mistakes", "models", "results", "run"]


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """Every case; they are quick enough that there is no shorter way."""
    del quick
    folder.chmod(0o755)  # some cases run as somebody without rights
    here = write(folder)
    for case in CASES.values():
        with tempfile.TemporaryDirectory() as aside:
            yield tried(case, here, Path(aside))
