"""Predictions as label files, at the photographs' size and in the data set's own ids: what official evaluators read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet.datasets import IGNORE
from enet.datasets.preprocess import window
from enet.deliverable import Preprocessing
from enet.evidence import Accuracy
from enet.measure.subject import Subject
from enet.storage.files import make_folder, write_bytes

#: What Cityscapes' images end in, and what their predictions end in here.
IMAGE_ENDING, ENDING = "_leftImg8bit", "_pred_labelIds.png"


def save(evidence: Accuracy, labels: Path, subject: Subject, folder: Path) -> list[Path]:
    """Write a PNG for every image, 8-bit label ids, as large as the photograph.

    Where the network sees only the centre, the sides get an id that is no class: official evaluators count it as wrong.

    Args:
        labels: .npy, uint8 (N, H, W), predictions in the order of ``evidence.images``.
    Raises:
        InputError: a file can't be written.
    """
    make_folder(folder)
    maps = np.load(labels, mmap_mode="r")
    ids = label_ids(subject.dataset.classes.train_ids)
    sizes = {sample["name"]: tuple(sample["size"]) for sample in subject.manifest["samples"]}
    written = []
    for name, predicted in zip(evidence.images, maps, strict=True):
        full = at_full_size(predicted, sizes[name], subject.deliverable.preprocessing)
        path = folder / f"{name.removesuffix(IMAGE_ENDING)}{ENDING}"
        buffer = io.BytesIO()
        Image.fromarray(ids[full]).save(buffer, "PNG")
        write_bytes(path, buffer.getvalue())
        written.append(path)
    return written


def label_ids(train_ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Label id by train id, shape (256,), uint8; what is no class gets the first id that isn't scored."""
    table = np.full(256, next(label for label, train in train_ids.items() if train == IGNORE), np.uint8)
    for label, train in train_ids.items():
        if train != IGNORE:
            table[train] = label
    return table


def at_full_size(predicted: NDArray[np.uint8], size: tuple[int, int], spec: Preprocessing) -> NDArray[np.uint8]:
    """Train ids at a photograph's width and height, by the nearest pixel; ``IGNORE`` where the network saw nothing."""
    placed = window(size, spec)
    scaled = Image.new("L", placed.scaled, IGNORE)
    scaled.paste(Image.fromarray(predicted), placed.crop)
    return np.asarray(scaled.resize(size, Image.Resampling.NEAREST))
