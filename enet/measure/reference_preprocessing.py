"""The reference scripts' preprocessing, slow and step by step, to check what artifacts get.

It shares neither code nor tables with ``enet.datasets``: it pairs the files by the scripts' own rule and has label
tables of its own; Pillow decodes and scales the whole image, then crops; numpy normalises pixel by pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import Normalise
from enet.deliverable import DatasetSpec, Preprocessing
from enet.evidence import Digests
from enet.host import cores
from enet.measure.reference_folders import Named, list_files, train_id_table
from enet.measure.subject import Subject

#: Train id of a pixel that is not scored.
NOT_SCORED = 255


def compare(subject: Subject, source: ImageSource) -> Digests:
    """Preprocess every image in both ways, on all cores, and return the SHA-256 of their arrays.

    Args:
        source: the images that artifacts get.
    """
    spec, normalise = subject.deliverable, Normalise(subject.deliverable.preprocessing)
    named = list_named(subject.dataset.root, spec.dataset)[: subject.limit]
    ids = train_id_table(spec.dataset)

    def ours(index: int) -> str:
        image, label = source.load(index)
        return digest(normalise(image[None])[0], label)

    def theirs(sample: Named) -> str:
        _, image, label = sample
        return digest(network_input(image, spec.preprocessing), train_ids(label, spec.preprocessing, ids))

    with ThreadPoolExecutor(cores()) as pool:
        expected = dict(zip((name for name, _, _ in named), pool.map(theirs, named), strict=True))
        found = dict(zip(source.names, pool.map(ours, range(len(source.names))), strict=True))
    return Digests(
        comparison="preprocessing",
        dataset_sha256=subject.dataset_sha256,
        preprocessing_sha256=subject.preprocessing_sha256,
        limited=subject.limit is not None,
        images_expected=spec.dataset.images,
        ours=found,
        theirs=expected,
    )


def list_named(root: Path, spec: DatasetSpec) -> list[Named]:
    """Name, image and label map of every sample, sorted by name."""
    if spec.layout == "folders":
        return list_files(root, spec, spec.split)
    ending = "gtFine_labelTrainIds" if spec.label_ids == "trainIds" else "gtFine_labelIds"
    return [(image.stem, image, label) for image, label in list_pairs(root, spec.layout, spec.split, ending)]


def list_pairs(root: Path, layout: str, split: str, ending: str = "gtFine_labelIds") -> list[tuple[Path, Path]]:
    """Image and label map of every sample, sorted by the image's name, as the reference scripts find them."""
    if layout == "camvid":
        pairs = [(image, root / f"{split}annot" / image.name) for image in (root / split).glob("*.png")]
    else:
        pairs = [
            (image, root / "gtFine" / split / image.parent.name / image.name.replace("leftImg8bit", ending))
            for image in (root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")
        ]
    visible = [pair for pair in pairs if not pair[0].name.startswith(".")]  # macOS writes "._a.png" beside "a.png"
    return sorted(visible, key=lambda pair: pair[0].stem)


def digest(image: NDArray[np.float32], label: NDArray[np.uint8]) -> str:
    """SHA-256 of both arrays' types and shapes, then their bytes."""
    text = f"{image.dtype}{image.shape}{label.dtype}{label.shape}"
    sha = hashlib.sha256(text.encode())
    for array in (image, label):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def resize(image: Image.Image, spec: Preprocessing, resampling: Image.Resampling) -> Image.Image:
    """Scale the whole image, then crop its centre."""
    if spec.resize == "exact":
        return image.resize(spec.size, resampling)
    crop_w, crop_h = spec.size
    w, h = image.size
    if w * crop_h > h * crop_w:  # the image is the wider one; of a square crop: w > h, as in the scripts
        oh = crop_h
        ow = int(1.0 * w * oh / h)
    else:
        ow = crop_w
        oh = int(1.0 * h * ow / w)
    image = image.resize((ow, oh), resampling)
    x1 = round((ow - crop_w) / 2.0)
    y1 = round((oh - crop_h) / 2.0)
    return image.crop((x1, y1, x1 + crop_w, y1 + crop_h))


def network_input(path: Path, spec: Preprocessing) -> NDArray[np.float32]:
    """Normalised image, float32, shape (3, H, W)."""
    with Image.open(path) as file:
        image = resize(file.convert("RGB"), spec, Image.Resampling.BILINEAR)
    x = np.array(image).astype(np.float32) / np.float32(255)
    for channel in range(3):
        x[..., channel] -= np.float32(spec.mean[channel])
        x[..., channel] /= np.float32(spec.std[channel])
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def train_ids(path: Path, spec: Preprocessing, ids: Mapping[Any, int]) -> NDArray[np.uint8]:
    """Label map, uint8, shape (H, W).

    Args:
        ids: train id by label value, or by the colour of an RGB mask; "*": of all that are not listed.
    """
    with Image.open(path) as file:
        mask = file.convert("RGB") if any(isinstance(key, tuple) for key in ids) else file
        whole = spec.label_grid == "photograph"
        label = np.array(mask if whole else resize(mask, spec, Image.Resampling.NEAREST))
    out = np.full(label.shape[:2], ids.get("*", NOT_SCORED), np.uint8)
    for label_id, train_id in ids.items():
        if label_id != "*":
            out[(label == label_id).all(axis=2) if label.ndim == 3 else label == label_id] = train_id
    return out
