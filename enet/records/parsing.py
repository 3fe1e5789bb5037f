"""Small readers that every record needs: bounded text, strict numbers, strict JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from enet.errors import InputError
from enet.storage.files import require_plain_file

#: No console, log or summary is larger: 500 images listed take 0.2 MB.
MAX_BYTES = 50_000_000


def read_text(path: Path) -> str:
    """A text file; bytes that are no UTF-8 are replaced, as logs of other tools get mixed in.

    Raises:
        InputError: it can't be read, or is absurdly large.
    """
    try:
        require_plain_file(path, at_most=MAX_BYTES)
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Copy it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object without NaN or infinity, which no version of the tools writes but by mistake.

    Raises:
        InputError: it can't be read, or is none.
    """
    text = read_text(path)

    def refuse(constant: str) -> float:
        raise ValueError(f"holds {constant}")

    try:
        table = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] or "nested too deeply"
        raise InputError(f"{path}: not valid JSON ({reason}). Copy it again, or run ais_bench again") from error
    if not isinstance(table, dict):
        raise InputError(f"{path}: JSON of {type(table).__name__}, but should be an ais_bench summary")
    return table


def number(text: object, path: Path) -> float:
    """A finite number.

    Raises:
        InputError: it is none.
    """
    try:
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise TypeError
        value = float(text)
    except (ValueError, TypeError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {str(text)[:40]!r} stands where a finite number should. Run ais_bench again")
    return value
