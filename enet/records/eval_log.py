"""Reader of the guide's ``eval_log.txt``: the mIoU that somebody computed, by batch size."""

from __future__ import annotations

import re
from pathlib import Path

from enet.errors import InputError
from enet.records.parsing import finite_number, read_text

ENTRY = re.compile(r"^BS\s*(\d+)\s*\n\s*miou:\s*(\S+?)\s*%\s*$", re.MULTILINE | re.IGNORECASE)
MIOU_LINE = re.compile(r"^\s*miou:", re.MULTILINE | re.IGNORECASE)


def is_log(text: str) -> bool:
    """Return True if a text claims an mIoU."""
    return bool(MIOU_LINE.search(text))


def read(path: Path) -> dict[int, float]:
    """Read the claimed mIoU in percent by batch size.

    Raises:
        InputError: the file cannot be read, an entry is incomplete, or two entries of one batch size differ.
    """
    claims: dict[int, float] = {}
    text = read_text(path)
    for batch_size, percent in ENTRY.findall(text):
        value = finite_number(percent, path)
        if not 0 <= value <= 100:
            raise InputError(f"{path}: miou={value:g} %, expected 0..100 %. Run enet postprocess again")
        if claims.setdefault(int(batch_size), value) != value:
            raise InputError(f"{path}: two different values of miou for batch {batch_size}. Keep the right one")
    if len(MIOU_LINE.findall(text)) != len(ENTRY.findall(text)):
        raise InputError(f"{path}: a miou without 'BS <batch size>' above it, or without %. Write it as the guide does")
    return claims
