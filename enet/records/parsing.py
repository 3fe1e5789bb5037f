"""Bounded and strict reading of text, JSON and numbers, for all readers of records."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from enet.errors import InputError
from enet.storage.files import require_plain_file
from enet.storage.text import decode

#: Size limit of a console, log or summary in bytes; a summary of 500 images has 0.2 MB.
MAX_BYTES = 50_000_000


def read_text(path: Path) -> str:
    """Read a text file of at most ``MAX_BYTES``, or raise an ``InputError``.

    Bytes that are no text are replaced, because other tools write into the same logs.
    """
    try:
        require_plain_file(path, at_most=MAX_BYTES)
        return decode(path.read_bytes(), errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Copy it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object without NaN and infinity, or raise an ``InputError``."""
    text = read_text(path)

    def reject(constant: str) -> float:
        raise ValueError(f"holds {constant}")

    try:
        table = json.loads(text, parse_constant=reject)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] or "nested too deeply"
        raise InputError(f"{path}: not valid JSON ({reason}). Copy it again, or run ais_bench again") from error
    if not isinstance(table, dict):
        raise InputError(f"{path}: JSON of {type(table).__name__}, expected an ais_bench summary. Copy it again")
    return table


def finite_number(value: object, path: Path) -> float:
    """Convert a JSON number or text into a finite float, or raise an ``InputError``."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{path}: value={str(value)[:40]!r}, expected a finite number. Run ais_bench again")
    return number
