"""The reference scripts' preprocessing, slow and step by step, to check ``datasets.preprocess``.

It shares only the table of label ids with the code that it checks: Pillow scales the whole image, then crops; numpy
normalises pixel by pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet.datasets import IGNORE
from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import Normalise
from enet.deliverable import Preprocessing
from enet.evidence import Digests
from enet.measure.subject import Subject

#: Number of images that are compared, spread over the split: a fault of the steps shows in every image.
IMAGES = 8


def compare(subject: Subject, source: ImageSource) -> Digests:
    """Preprocess some images in both ways and return the SHA-256 of their arrays.

    Args:
        source: the images that artifacts get.
    """
    spec, count = subject.deliverable.preprocessing, len(source.names)
    normalise = Normalise(spec)
    chosen = sorted({round(i) for i in np.linspace(0, count - 1, min(IMAGES, count))})
    ours, theirs = {}, {}
    for index in chosen:
        sample = subject.dataset.samples[index]
        image, label = source.load(index)
        ours[sample.name] = digest(normalise(image[None])[0], label)
        target = train_ids(sample.label, spec, subject.dataset.classes.train_ids)
        theirs[sample.name] = digest(network_input(sample.image, spec), target)
    return Digests(
        comparison="preprocessing",
        dataset_sha256=subject.dataset_sha256,
        preprocessing_sha256=subject.preprocessing_sha256,
        limited=subject.limit is not None,
        images_expected=min(IMAGES, subject.deliverable.dataset.images),
        ours=ours,
        theirs=theirs,
    )


def digest(image: NDArray[np.float32], label: NDArray[np.uint8]) -> str:
    """SHA-256 of both arrays' bytes and shapes."""
    text = f"{image.dtype}{image.shape}{label.dtype}{label.shape}"
    return hashlib.sha256(text.encode() + image.tobytes() + label.tobytes()).hexdigest()


def resize(image: Image.Image, spec: Preprocessing, resampling: Image.Resampling) -> Image.Image:
    """Scale the whole image, then crop its centre."""
    if spec.resize == "exact":
        return image.resize(spec.size, resampling)
    short_size = spec.size[0]
    w, h = image.size
    if w > h:
        oh = short_size
        ow = int(1.0 * w * oh / h)
    else:
        ow = short_size
        oh = int(1.0 * h * ow / w)
    image = image.resize((ow, oh), resampling)
    x1 = round((ow - short_size) / 2.0)
    y1 = round((oh - short_size) / 2.0)
    return image.crop((x1, y1, x1 + short_size, y1 + short_size))


def network_input(path: Path, spec: Preprocessing) -> NDArray[np.float32]:
    """Normalised image, float32, shape (3, H, W)."""
    with Image.open(path) as file:
        image = resize(file.convert("RGB"), spec, Image.Resampling.BILINEAR)
    x = np.array(image).astype(np.float32) / np.float32(255)
    for channel in range(3):
        x[..., channel] -= np.float32(spec.mean[channel])
        x[..., channel] /= np.float32(spec.std[channel])
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def train_ids(path: Path, spec: Preprocessing, ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """Label map, uint8, shape (H, W)."""
    with Image.open(path) as file:
        whole = spec.label_grid == "photograph"
        label = np.array(file if whole else resize(file, spec, Image.Resampling.NEAREST))
    out = np.full(label.shape, IGNORE, np.uint8)
    for label_id, train_id in ids.items():
        out[label == label_id] = train_id
    return out
