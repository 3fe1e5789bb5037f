"""Reader of the guide's ``eval_log.txt``: the mIoU that somebody computed, by batch size."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from enet.errors import InputError
from enet.records.parsing import finite_number, read_text

#: Two lines of an entry; blank lines between them do not count.
BATCH_LINE = re.compile(r"BS\s*(\d{1,9})", re.IGNORECASE)
MIOU_LINE = re.compile(r"miou:\s*(?:(\S+?)\s*%)?", re.IGNORECASE)
#: Patterns see one line at a time, so that no text takes longer than its length.
ANY_MIOU_LINE = re.compile(r"^[^\S\n]*miou:", re.MULTILINE | re.IGNORECASE)


def is_log(text: str) -> bool:
    """Return True if a text claims an mIoU."""
    return bool(ANY_MIOU_LINE.search(text))


def read(path: Path) -> dict[int, float]:
    """Read the claimed mIoU in percent by batch size.

    Raises:
        InputError: the file cannot be read, an entry is incomplete, or two entries of one batch size differ.
    """
    claims: dict[int, float] = {}
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    for above, line in pairwise(["", *lines]):
        if not ANY_MIOU_LINE.match(line):
            continue
        batch, miou = BATCH_LINE.fullmatch(above), MIOU_LINE.fullmatch(line)
        if batch is None or miou is None or miou[1] is None:
            problem = "a miou without 'BS <batch size>' above it, or without %"
            raise InputError(f"{path}: {problem}. Write it as the guide does")
        batch_size, value = int(batch[1]), finite_number(miou[1], path)
        if not 0 <= value <= 100:
            raise InputError(f"{path}: miou={value:g} %, expected 0..100 %. Run enet postprocess again")
        if claims.setdefault(batch_size, value) != value:
            raise InputError(f"{path}: two different values of miou for batch {batch_size}. Keep the right one")
    return claims
