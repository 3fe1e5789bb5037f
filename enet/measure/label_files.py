"""Predictions saved as label files for official evaluators: full size, in the data set's own ids."""

from __future__ import annotations

import io
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

#: Ending of Cityscapes' images, and those that their predictions get.
IMAGE_ENDING, ENDINGS = "_leftImg8bit", {"labelIds": "_pred_labelIds.png", "trainIds": "_pred_labelTrainIds.png"}


def save(evidence: Accuracy, labels: Path, subject: Subject, folder: Path) -> list[Path]:
    """Write a PNG of 8-bit label ids (or an RGB mask, if the data set has them) for every image, in the size of the
    image file.

    If the network sees only the centre, the sides get an id that is not a class: official evaluators count it as wrong.

    Args:
        labels: .npy, uint8, shape (N, H, W), predictions in the order of ``evidence.images``.
    Raises:
        InputError: a file cannot be written.
    """
    make_folder(folder)
    classes, spec = subject.dataset.classes, subject.deliverable.dataset
    ending = ".png" if spec.layout == "folders" else ENDINGS[spec.label_ids or "labelIds"]
    first = {train: label for label, train in reversed([*classes.train_ids.items()])}
    ids = np.array([first.get(train, first.get(IGNORE, 255)) for train in range(256)], np.uint8)
    palette = np.array([*classes.mask_colours, *[(0, 0, 0)] * 256][:256], np.uint8)
    sizes = {sample["name"]: tuple(sample["size"]) for sample in subject.manifest["samples"]}
    paths = []
    for name, prediction in zip(evidence.images, np.load(labels, mmap_mode="r"), strict=True):
        labelled = ids[full_size_labels(prediction, sizes[name], subject.deliverable.preprocessing)]
        buffer = io.BytesIO()
        Image.fromarray(palette[labelled] if classes.mask_colours else labelled).save(buffer, "PNG")
        paths.append(folder / f"{name.removesuffix(IMAGE_ENDING)}{ending}")
        write_bytes(paths[-1], buffer.getvalue())
    return paths


def full_size_labels(prediction: NDArray[np.uint8], size: tuple[int, int], spec: Preprocessing) -> NDArray[np.uint8]:
    """Train ids at (width, height), by nearest neighbour; ``IGNORE`` outside the network's window."""
    placed = window(size, spec)
    scaled = Image.new("L", placed.scaled, IGNORE)
    scaled.paste(Image.fromarray(prediction), placed.crop)
    return np.asarray(scaled.resize(size, Image.Resampling.NEAREST))
