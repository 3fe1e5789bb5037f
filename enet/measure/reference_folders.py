"""The files and label values of ``layout = "folders"``, read a second time from the deliverable's file.

It shares no code with ``enet.datasets.folders``: a label map is found by filling in its pattern, not by matching it.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Any

from enet.deliverable import DatasetSpec
from enet.measure.reference_labels import rows
from enet.storage.text import read_text

#: Name of a sample, its image and its label map.
Named = tuple[str, Path, Path]
PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}


def list_files(root: Path, spec: DatasetSpec, split: str) -> list[Named]:
    """All samples of a split, sorted by name."""
    lines = None
    if spec.list:
        text = read_text(root / spec.list.format(split=split))
        lines = [line.strip() for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
    if not (spec.image_files and spec.label_files):
        return sorted(from_line(root, line) for line in lines or ())
    image_pattern = spec.image_files.replace("{split}", split)
    label_pattern = spec.label_files.replace("{split}", split)
    found: dict[Path, Named] = {}
    for image in files_below(root, image_pattern):
        if parts := fill_ins(image_pattern, image.relative_to(root).as_posix()):
            stem, stars = parts
            label = first_file(root, label_pattern, stem, stars)
            if label and label != image and (lines is None or stem in {without_suffix(line) for line in lines}):
                found.setdefault(image.resolve(), ("_".join((*stars, stem)).replace("/", "_"), image, label))
    return sorted(found.values())


def from_line(root: Path, line: str) -> Named:
    """An image and its label map by a line of a list, whatever folders stand before the data set's own."""
    paths = []
    for word in re.split(r"[\s,;]+", line):
        rest = word.lstrip("/")
        while not (root / rest).exists() and "/" in rest:
            rest = rest.split("/", 1)[1]
        paths.append(root / rest)
    return without_suffix(paths[0].relative_to(root).as_posix()).replace("/", "_"), paths[0], paths[1]


def without_suffix(text: str) -> str:
    """A path without the suffix of a picture."""
    head, dot, tail = text.rpartition(".")
    return head if dot and f".{tail.lower()}" in PICTURES else text


def files_below(root: Path, pattern: str) -> list[Path]:
    """All visible files below the folders that a pattern begins with, those in the fewest folders first."""
    fixed = [*pattern.split("/")[:-1]]
    while any(mark in "/".join(fixed) for mark in "{*"):
        fixed.pop()
    # Path.rglob does not go through links.
    paths = map(Path, glob.glob(f"{glob.escape(str(root.joinpath(*fixed)))}/**/*", recursive=True))  # noqa: PTH207
    return sorted((path for path in paths if path.is_file()), key=lambda path: (len(path.parts), path))


def fill_ins(pattern: str, place: str) -> tuple[str, list[str]] | None:
    """What stands for ``{stem}`` and for each star of a pattern in a path; None if it does not match."""
    if pattern.endswith(".*"):
        if Path(place).suffix.lower() not in PICTURES:
            return None
        pattern, place = pattern[:-2], place.rpartition(".")[0]
    elif "." in pattern.rpartition("/")[2].rpartition("}")[2]:
        if Path(place).suffix.lower() != Path(pattern).suffix.lower():
            return None
        pattern, place = pattern.rpartition(".")[0], place.rpartition(".")[0]
    expression = re.escape(pattern).replace(r"\*", "([^/]*)").replace(r"\{stem\}", "(?P<stem>.+)", 1)
    match = re.fullmatch(expression.replace(r"\{stem\}", "(?P=stem)"), place, re.DOTALL)
    if match is None:
        return None
    where = match.re.groupindex["stem"]
    return match["stem"], [text for number, text in enumerate(match.groups(), start=1) if number != where]


def first_file(root: Path, pattern: str, stem: str, stars: list[str]) -> Path | None:
    """The file that a pattern with its parts filled in leads to."""
    head, suffix = (pattern[:-2], ".*") if pattern.endswith(".*") else (pattern, "")
    texts = iter(stars) if head.count("*") == len(stars) else None
    parts = [
        glob.escape(stem) if part == "{stem}" else glob.escape(next(texts)) if part == "*" and texts else part
        for part in re.split(r"({stem}|\*)", head)
    ]
    place = "".join(parts)
    if not suffix:
        place, dot, end = place.rpartition(".")
        suffix = dot + "".join(f"[{letter.lower()}{letter.upper()}]" for letter in end)
    found = sorted(glob.glob(f"{glob.escape(str(root))}/{place}{suffix}"))  # noqa: PTH207
    return next((Path(path) for path in found if Path(path).suffix.lower() in PICTURES or suffix != ".*"), None)


def train_id_table(spec: DatasetSpec) -> dict[Any, int]:
    """Train id by label value, by (red, green, blue), or, for what is not listed, by "*"; 255 is not scored."""
    if not spec.classes:
        ids = {
            label_id: train_id
            for label_id, _, train_id in rows("cityscapes" if spec.layout == "folders" else spec.layout)
        }
        if spec.label_ids == "trainIds":
            ids = {train_id: train_id for train_id in ids.values()}
        return ids | {int(value): 255 for value in spec.labels}
    if not spec.labels:
        return {i: i for i in range(len(spec.classes))} | {255: 255}
    table: dict[Any, int] = {}
    for text, name in spec.labels.items():
        train_id = 255 if name == "ignore" else spec.classes.index(name)
        if text.startswith("#"):
            colour = int(text[1:], 16)
            table[colour // 65536, colour // 256 % 256, colour % 256] = train_id
        elif "," in text:
            table[tuple(map(int, text.split(",")))] = train_id
        else:
            table[text if text == "*" else int(text)] = train_id
    return table
