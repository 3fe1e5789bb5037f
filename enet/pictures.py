"""Pictures of the images that an artifact gets wrong most: photograph, truth, prediction, error map."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet import scoring
from enet.datasets import IGNORE, Classes
from enet.evidence import Accuracy
from enet.source import Source
from enet.store import make_folder, write_text

INDEX = "index.json"

#: Right, wrong, not scored: told apart by lightness alone, too.
RIGHT, WRONG, UNSCORED = (0, 63, 92), (255, 166, 0), (200, 200, 200)


def keep_worst(
    evidence: Accuracy, labels: Path, source: Source, classes: Classes, folder: Path, count: int = 10
) -> None:
    """Write the images with the lowest pixel accuracy into a folder, four files each, and an index.

    Args:
        labels: .npy, uint8 (N, H, W), predictions in the order of ``evidence.images``.
        source: the images and label maps, by name.
    """
    maps = np.load(labels, mmap_mode="r")
    accuracy = [scoring.pixel_accuracy(matrix) for matrix in evidence.matrices]
    order = np.argsort(np.nan_to_num(accuracy, nan=2.0), kind="stable")[:count]
    numbers = {name: number for number, name in enumerate(source.names)}
    make_folder(folder)
    index = []
    for place, row in enumerate(order):
        name = evidence.images[row]
        image, truth = source.load(numbers[name])
        stem = f"{place:02d}-{re.sub('[^A-Za-z0-9._-]', '_', name)[-60:]}"
        Image.fromarray(image).save(folder / f"{stem}-photo.jpg", quality=85)
        coloured(truth, classes).save(folder / f"{stem}-truth.png")
        coloured(maps[row], classes).save(folder / f"{stem}-prediction.png")
        errors(maps[row], truth).save(folder / f"{stem}-error.png")
        index.append({"name": name, "stem": stem, "pixel_accuracy": float(accuracy[row])})
    legend = [{"name": name, "colour": colour} for name, colour in zip(classes.names, classes.colours, strict=True)]
    table = {"time": evidence.provenance.time, "images": index, "legend": legend}
    write_text(folder / INDEX, json.dumps(table, indent=1))


def coloured(labels: NDArray[np.uint8], classes: Classes) -> Image.Image:
    """A label map (H, W) in the data set's colours; what isn't scored is black."""
    picture = Image.fromarray(np.where(labels == IGNORE, len(classes.names), labels).astype(np.uint8), "P")
    picture.putpalette([value for colour in (*classes.colours, (0, 0, 0)) for value in colour])
    return picture


def errors(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Image.Image:
    """Where a prediction (H, W) is right, wrong, or not scored."""
    picture = Image.fromarray(np.where(truth == IGNORE, 2, labels != truth).astype(np.uint8), "P")
    picture.putpalette([*RIGHT, *WRONG, *UNSCORED])
    return picture
