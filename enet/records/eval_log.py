"""The guide's ``eval_log.txt``: mIoU that somebody computed, by batch size."""

from __future__ import annotations

import re
from pathlib import Path

from enet.errors import InputError
from enet.records.parsing import number, read_text

ENTRY = re.compile(r"^BS\s*(\d+)\s*\n\s*miou:\s*(\S+?)\s*%\s*$", re.MULTILINE | re.IGNORECASE)
SIGN = re.compile(r"^\s*miou:", re.MULTILINE | re.IGNORECASE)


def is_log(text: str) -> bool:
    """Whether a text claims an mIoU."""
    return bool(SIGN.search(text))


def read(path: Path) -> dict[int, float]:
    """mIoU in percent by batch size.

    Raises:
        InputError: it can't be read, has no such entry, or two for one batch size that differ.
    """
    found: dict[int, float] = {}
    text = read_text(path)
    for batch, percent in ENTRY.findall(text):
        value = number(percent, path)
        if not 0 <= value <= 100:
            raise InputError(f"{path}: miou {value:g} %, but should be in 0..100. Run enet postprocess again")
        if found.setdefault(int(batch), value) != value:
            raise InputError(f"{path}: two different figures for batch {batch}. Keep the right one")
    if len(SIGN.findall(text)) != len(ENTRY.findall(text)):
        raise InputError(f"{path}: a miou without 'BS <batch size>' above it, or without %. Write it as the guide does")
    return found
