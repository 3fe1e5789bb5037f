"""Check every file of a data set before any work starts, and report all problems at once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet.datasets.base import Dataset, Sample
from enet.datasets.preprocess import open_image, open_rgb
from enet.datasets.workers import map_on_all_cores
from enet.errors import InputError, format_list
from enet.storage.files import hash_text, require_plain_file

Problem = tuple[str, str]  # its kind, and the file that has it


def inspect(dataset: Dataset, *, progress: bool = False) -> dict[str, Any]:
    """Read every image and label map once, on all cores.

    Images are checked by the checksums of their chunks and decoded; label maps are decoded and their ids are checked.

    Returns:
        The data set's manifest: ``layout``, ``split``, ``train_ids`` and, per sample, name, size and the
        ``pixel_digest`` of image and label map.
    Raises:
        InputError: the data set has ``problems``, files cannot be read, sizes differ between an image and its label
            map, or a label map has an id that does not exist; all in one message, of each kind the first five files
            and a count.
    """
    ids = np.zeros(256, bool)
    ids[list(dataset.classes.train_ids)] = True
    found = map_on_all_cores(partial(check_sample, ids=ids), dataset.samples, "checking files", progress=progress)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, file in (each for each in found if isinstance(each, tuple)):
        by_kind[kind].append(file)
    problems = [f"{len(files)} {kind}: {format_list(files)}" for kind, files in by_kind.items()]
    replace(dataset, problems=(*dataset.problems, *problems)).require_sound()
    train_ids = sorted(dataset.classes.train_ids.items())
    return {"layout": dataset.layout, "split": dataset.split, "train_ids": train_ids, "samples": found}


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a data set's pixels and labels: of the sorted lines ``<image> <label>`` with both ``pixel_digest``.

    Folder, file names, order and encoding of the files make no difference; which label map belongs to which image, and
    how often an image occurs, do.
    """
    pairs = sorted(f"{sample['image_sha256']} {sample['label_sha256']}\n" for sample in manifest["samples"])
    return hash_text("".join(pairs))


def pixel_digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of a decoded picture, uint8: its shape, such as "(1024, 2048, 3)", then its bytes, row by row."""
    sha = hashlib.sha256(str(pixels.shape).encode())
    sha.update(np.ascontiguousarray(pixels).data)
    return sha.hexdigest()


def dataset_fingerprint(dataset: Dataset) -> list[tuple[str, int, int, int]]:
    """Path, size and times of change of every file: quick to read, and different after a file is written or replaced.

    Raises:
        InputError: a file is missing, or is not a plain one.
    """
    paths = [path for sample in dataset.samples for path in (sample.image, sample.label)]
    try:
        for path in paths:
            require_plain_file(path)
        stats = [(path, path.stat()) for path in paths]
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}. Check the data set") from error
    return [(str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]


def check_sample(sample: Sample, ids: NDArray[np.bool_]) -> dict[str, Any] | Problem:
    """Read one sample's files and return their entry in the manifest.

    Args:
        ids: which label ids exist, shape (256,).
    """
    try:
        size, image, label = verified_size(sample.image), open_rgb(sample.image), open_image(sample.label)
    except InputError as error:
        return "unreadable", str(error).partition(". Replace")[0].removesuffix(". Convert the file")
    if label.mode not in ("L", "P"):
        return "labels not 8-bit single-channel", f"{sample.label} ({label.mode})"
    if label.size != size:
        sizes = "{}x{} for {}x{}".format(*label.size, *size)
        return "labels of another size than their image", f"{sample.label} ({sizes})"
    ids_of_pixels = np.asarray(label)
    present = np.bincount(ids_of_pixels.ravel(), minlength=256) > 0
    if (present & ~ids).any():
        wrong = format_list([int(i) for i in np.flatnonzero(present & ~ids)], first=3)
        return "labels with ids that do not exist", f"{sample.label} (id {wrong})"
    hashes = {"image_sha256": pixel_digest(np.asarray(image)), "label_sha256": pixel_digest(ids_of_pixels)}
    return {"name": sample.name, "size": list(size), **hashes}


def verified_size(path: Path) -> tuple[int, int]:
    """Verify an image file's checksums and return its width and height.

    Raises:
        InputError: the file cannot be read, is not an image, or is damaged.
    """
    try:
        with Image.open(path) as image:
            size = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} ({getattr(error, 'strerror', None) or 'not a complete image'})") from error
    return size
