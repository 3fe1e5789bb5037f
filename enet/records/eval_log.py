"""Reader of logs of postprocessing: the mIoU that somebody computed, by batch size.

The guide's ``eval_log.txt`` has "BS 1" above "miou: 54.115%". Its ``ENet_postprocess.py`` prints a line an image,
"Sample: 40, validation pixAcc: 90.146, mIoU: 68.897", of all images so far: the last one counts.
"""

from __future__ import annotations

import re
from pathlib import Path

from enet.errors import InputError
from enet.records.parsing import finite_number, read_text

#: Patterns see one line at a time, so that no text takes longer than its length.
BATCH_LINE = re.compile(r"BS\s*(\d{1,9})", re.IGNORECASE)
MIOU_LINE = re.compile(r"miou:\s*(?:(\S+?)\s*%)?", re.IGNORECASE)
ANY_MIOU_LINE = re.compile(r"^[^\S\n]*miou:", re.MULTILINE | re.IGNORECASE)
SAMPLE_LINE = re.compile(
    r"\bvalidation pixacc:\s{0,8}[^\s,]{1,40}\s{0,8},\s{0,8}miou:\s{0,8}([^\s%,;'\"]{1,40})", re.IGNORECASE
)
#: Batch size in the name of a log that has none in its text.
BATCH_IN_NAME = re.compile(r"(?<![a-z])(?:bs|batch)_?(\d{1,9})(?!\d)", re.IGNORECASE)
#: Names of files that are meant as such logs, and a figure in any other form.
LOG_NAME = re.compile(r"eval|miou", re.IGNORECASE)
FIGURE = re.compile(r"\b(?:miou|mean[ _]iou)\b[^\d\n]{0,40}\d", re.IGNORECASE)


def is_log(text: str, name: str = "") -> bool:
    """Return True if a text claims an mIoU in a known form, or its file is named as if it did."""
    is_known = ANY_MIOU_LINE.search(text) or any(SAMPLE_LINE.search(line.strip()) for line in text.splitlines())
    return bool(is_known or (LOG_NAME.search(name) and FIGURE.search(text)))


def read(path: Path) -> dict[int, float]:
    """Read the claimed mIoU in percent by batch size; 0 stands for a log that names none.

    Raises:
        InputError: the file cannot be read, an entry is incomplete, or two entries of one batch size differ.
    """
    named = BATCH_IN_NAME.search(path.name)
    batch_size, above = int(named[1]) if named else 0, ""
    claims: dict[int, float] = {}
    running: dict[int, float] = {}
    for line in filter(None, map(str.strip, read_text(path).splitlines())):
        if batch := BATCH_LINE.fullmatch(line):
            batch_size = int(batch[1])
        elif ANY_MIOU_LINE.match(line):
            miou = MIOU_LINE.fullmatch(line)
            if not BATCH_LINE.fullmatch(above) or miou is None or miou[1] is None:
                problem = "a miou without 'BS <batch size>' above it, or without %"
                raise InputError(f"{path}: {problem}. Write it as the guide does")
            value = checked_percent(miou[1], path)
            if claims.setdefault(batch_size, value) != value:
                raise InputError(f"{path}: two different values of miou for batch {batch_size}. Keep the right one")
        elif sample := SAMPLE_LINE.search(line):
            running[batch_size] = checked_percent(sample[1], path)
        above = line
    for batch_size, value in running.items():
        if claims.setdefault(batch_size, value) != value:
            raise InputError(f"{path}: two different values of miou for batch {batch_size}. Keep the right one")
    if not claims:
        forms = "'BS 1' and 'miou: 54.115%' below it, or the lines 'Sample: …' of ENet_postprocess.py"
        raise InputError(f"{path}: claims an mIoU in an unknown form, expected {forms}. Correct or remove it")
    return claims


def checked_percent(text: str, path: Path) -> float:
    """A figure in percent; an ``InputError`` if it is not in 0..100."""
    value = finite_number(text, path)
    if not 0 <= value <= 100:
        raise InputError(f"{path}: miou={value:g} %, expected 0..100 %. Run enet postprocess again")
    return value
