"""Pictures of the images that an artifact gets wrong most: photograph, truth, prediction, error map."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from enet.datasets import IGNORE, Classes
from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import resize_labels
from enet.evidence import Accuracy
from enet.metrics import segmentation
from enet.storage.files import make_folder, write_bytes, write_text

INDEX = "index.json"

#: Right, wrong, not scored: they differ in lightness too.
RIGHT, WRONG, UNSCORED = (0, 63, 92), (255, 166, 0), (200, 200, 200)


def keep_worst(
    evidence: Accuracy, labels: Path, source: ImageSource, classes: Classes, folder: Path, count: int = 10
) -> None:
    """Write the images with the lowest pixel accuracy into a folder, four files each, and an index.

    Args:
        labels: .npy, uint8 (N, H, W), predictions in the order of ``evidence.images``.
        source: the images and label maps, by name.
    """
    make_folder(folder)
    index = []
    for one in worst(evidence, labels, source, count):
        Image.fromarray(one.image).save(folder / f"{one.stem}-photo.jpg", quality=85)
        coloured(one.truth, classes).save(folder / f"{one.stem}-truth.png")
        coloured(one.labels, classes).save(folder / f"{one.stem}-prediction.png")
        errors(one.labels, one.truth).save(folder / f"{one.stem}-error.png")
        index.append({"name": one.name, "stem": one.stem, "pixel_accuracy": one.pixel_accuracy})
    legend = [{"name": name, "colour": colour} for name, colour in zip(classes.names, classes.colours, strict=True)]
    table = {"time": evidence.provenance.time, "images": index, "legend": legend}
    write_text(folder / INDEX, json.dumps(table, indent=1))


def save_overlays(
    evidence: Accuracy, labels: Path, source: ImageSource, classes: Classes, folder: Path, count: int
) -> list[Path]:
    """Write photograph, truth, prediction and error map side by side, above a legend, for the worst images: a PNG each.

    Those of an earlier run are removed, so that the folder never shows two runs at once.

    Args:
        labels: as in ``keep_worst``.
    """
    make_folder(folder)
    for earlier in folder.glob("[0-9][0-9]-*.png"):
        earlier.unlink()
    written = []
    for one in worst(evidence, labels, source, count):
        maps = [coloured(one.truth, classes), coloured(one.labels, classes), errors(one.labels, one.truth)]
        title = f"{one.name}: {100 * one.pixel_accuracy:.2f} % of the scored pixels are right"
        written.append(folder / f"{one.stem}.png")
        buffer = io.BytesIO()
        side_by_side([Image.fromarray(one.image), *maps], title, classes).save(buffer, "PNG")
        write_bytes(written[-1], buffer.getvalue())
    return written


#: Pixels between panels, of a line of text, and of a legend's entry from one to the next.
GAP, LINE, ENTRY = 8, 22, 150


def side_by_side(panels: Sequence[Image.Image], title: str, classes: Classes) -> Image.Image:
    """Panels of one size in a row, with a title above and the colours' meaning below."""
    width, height = panels[0].size
    total = len(panels) * (width + GAP) - GAP
    entries = [
        *zip(classes.names, classes.colours, strict=True),
        ("not scored", (0, 0, 0)),
        ("error map: right", RIGHT),
        ("error map: wrong", WRONG),
        ("error map: not scored", UNSCORED),
    ]
    columns = max(1, total // ENTRY)
    rows = -(-len(entries) // columns)
    sheet = Image.new("RGB", (total, 2 * LINE + height + rows * LINE + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((2, 2), title, "black", font=ImageFont.load_default(14))
    for number, (panel, name) in enumerate(
        zip(panels, ("photograph", "truth", "prediction", "error map"), strict=True)
    ):
        left = number * (width + GAP)
        draw.text((left + 2, LINE), name, "black", font=ImageFont.load_default(13))
        sheet.paste(panel.convert("RGB"), (left, 2 * LINE))
    for number, (name, colour) in enumerate(entries):
        left, top = number % columns * ENTRY, 2 * LINE + height + GAP + number // columns * LINE
        draw.rectangle((left + 2, top + 2, left + 16, top + 16), colour, "black")
        draw.text((left + 22, top + 1), name, "black", font=ImageFont.load_default(12))
    return sheet


@dataclass(frozen=True)
class Shown:
    """One of the worst images: uint8, (H, W, 3) and twice (H, W); ``stem`` is fit for a file's name."""

    name: str
    stem: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    pixel_accuracy: float


def worst(evidence: Accuracy, labels: Path, source: ImageSource, count: int) -> Iterator[Shown]:
    """The images with the lowest share of right pixels, lowest first; those with nothing to score come last."""
    label_maps = np.load(labels, mmap_mode="r")
    accuracy = [segmentation.pixel_accuracy(matrix) for matrix in evidence.matrices]
    numbers = {name: number for number, name in enumerate(source.names)}
    for place, row in enumerate(np.argsort(np.nan_to_num(accuracy, nan=2.0), kind="stable")[:count]):
        name = evidence.images[row]
        image, truth = source.load(numbers[name])
        stem = f"{place:02d}-{re.sub('[^A-Za-z0-9._-]', '_', name)[-60:]}"
        labels_there = np.asarray(label_maps[row])
        yield Shown(name, stem, image, resize_labels(truth, labels_there.shape), labels_there, float(accuracy[row]))


def coloured(labels: NDArray[np.uint8], classes: Classes) -> Image.Image:
    """A label map (H, W) in the data set's colours; pixels that are not scored are black."""
    picture = Image.fromarray(np.where(labels == IGNORE, len(classes.names), labels).astype(np.uint8), "P")
    picture.putpalette([value for colour in (*classes.colours, (0, 0, 0)) for value in colour])
    return picture


def errors(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Image.Image:
    """Where a prediction (H, W) is right, wrong, or not scored."""
    picture = Image.fromarray(np.where(truth == IGNORE, 2, labels != truth).astype(np.uint8), "P")
    picture.putpalette([*RIGHT, *WRONG, *UNSCORED])
    return picture
