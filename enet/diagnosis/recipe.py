"""The right way from a photograph to the network's input, in steps of which a hypothesis changes one.

It is the reference recipe's (``measure.reference_preprocessing``), not that of ``enet.datasets``, which may itself be
what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet.datasets.preprocess import Normalise
from enet.deliverable import Preprocessing
from enet.measure.reference_folders import train_id_table
from enet.measure.reference_preprocessing import list_named, resize, train_ids
from enet.measure.subject import Subject

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
#: From images, uint8 RGB (N, H, W, 3), to the network's input, float32 (N, 3, H, W).
ToFloats = Callable[[Pixels, Preprocessing], Floats]


@dataclass(frozen=True)
class Photo:
    """An image of the split, decoded: its name, its place in the split, 8-bit RGB, and its label map's file."""

    name: str
    index: int
    image: Image.Image
    label: Path


def open_photos(subject: Subject, names: tuple[str, ...], chosen: list[int]) -> list[Photo]:
    """Decode some images of the split, which the recipe finds by its own rules; what it does not find is left out.

    Args:
        names: of all images of the split.
        chosen: places of those to open.
    """
    files = {name: paths for name, *paths in list_named(subject.dataset.root, subject.deliverable.dataset)}
    photos = []
    for index in chosen:
        if names[index] in files:
            image, label = files[names[index]]
            with Image.open(image) as file:
                photos.append(Photo(names[index], index, file.convert("RGB"), label))
    return photos


def pixels(image: Image.Image, spec: Preprocessing) -> Pixels:
    """Scale and crop: uint8 RGB, shape (H, W, 3)."""
    return np.array(resize(image, spec, Image.Resampling.BILINEAR))


def truth(photo: Photo, subject: Subject) -> NDArray[np.uint8]:
    """Train ids, uint8, at the resolution of the comparison."""
    spec = subject.deliverable
    return train_ids(photo.label, spec.preprocessing, train_id_table(spec.dataset))


def normalise(images: Pixels, mean: Any, std: Any, divisor: float = 255) -> Floats:
    """``(x / divisor - mean) / std`` in float32, channels first."""
    x = images.astype(np.float32) / np.float32(divisor)
    for channel in range(3):
        x[..., channel] -= np.float32(mean[channel])
        x[..., channel] /= np.float32(std[channel])
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


#: How the values of a floating-point input follow from the pixels, by what the deliverable declares.
DECLARED: dict[str, ToFloats] = {
    "normalised": lambda images, spec: normalise(images, spec.mean, spec.std),
    "0..1": lambda images, _: normalise(images, (0, 0, 0), (1, 1, 1)),
    "0..255": lambda images, _: normalise(images, (0, 0, 0), (1, 1, 1), 1),
}


class By(Normalise):
    """A step from pixels to floats, in the form that predictors take."""

    def __init__(self, to_floats: ToFloats, spec: Preprocessing) -> None:
        self.to_floats, self.spec = to_floats, spec

    def __call__(self, images: Pixels) -> Floats:
        return self.to_floats(images, self.spec)
