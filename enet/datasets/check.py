"""Look at every file of a data set before any work starts, and tell all that is wrong at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from enet.datasets.base import Dataset, Sample
from enet.datasets.preprocess import open_image
from enet.errors import InputError, format_list
from enet.host import cores
from enet.storage.files import canonical_json, hash_file, hash_text, require_plain_file


@dataclass(frozen=True)
class Files:
    """What one sample's files hold, or what is wrong with them (kind of problem, and which file)."""

    name: str
    image_sha256: str = ""
    label_sha256: str = ""
    size: tuple[int, int] = (0, 0)
    problem: tuple[str, str] | None = None


def inspect(dataset: Dataset, problems: Sequence[str] = (), *, progress: bool = False) -> dict[str, Any]:
    """Read every image and label map once, on all cores.

    Images are checked by the checksums of their chunks, label maps are decoded and their ids looked at.

    Args:
        problems: what was wrong when the files were listed.
    Returns:
        The data set's manifest: ``layout``, ``split``, ``train_ids`` and, per sample, name, size and SHA-256 of both
        files.
    Raises:
        InputError: files can't be read, sizes differ between an image and its label map, or a label map holds an id
            that doesn't exist; all problems in one message, of each kind the first five files and a count.
    """
    ids = np.zeros(256, bool)
    ids[list(dataset.classes.train_ids)] = True
    with ThreadPoolExecutor(cores()) as pool:
        found = list(
            tqdm(
                pool.map(lambda sample: look(sample, ids), dataset.samples),
                "checking files",
                len(dataset.samples),
                disable=None if progress else True,
                leave=False,
            )
        )
    by_kind: dict[str, list[str]] = defaultdict(list)
    for files in found:
        if files.problem:
            by_kind[files.problem[0]].append(files.problem[1])
    told = [*problems, *(f"{len(names)} {kind}: {format_list(names)}" for kind, names in by_kind.items())]
    if told:
        raise InputError(f"data set {dataset.root}: {'; '.join(told)}. Repair or replace these files")
    samples = [
        {"name": f.name, "size": list(f.size), "image_sha256": f.image_sha256, "label_sha256": f.label_sha256}
        for f in found
    ]
    train_ids = sorted(dataset.classes.train_ids.items())
    return {"layout": dataset.layout, "split": dataset.split, "train_ids": train_ids, "samples": samples}


def digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a data set's manifest: the same for the same files, wherever they lie."""
    return hash_text(canonical_json(manifest))


def dataset_fingerprint(dataset: Dataset) -> list[tuple[str, int, int, int]]:
    """Path, size and times of change of every file: quick to get, and changes when a file is written or replaced.

    Raises:
        InputError: a file has gone, or isn't a plain one.
    """
    paths = [path for sample in dataset.samples for path in (sample.image, sample.label)]
    try:
        for path in paths:
            require_plain_file(path)
        stats = [(path, path.stat()) for path in paths]
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}. Check the data set") from error
    return [(str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats]


def look(sample: Sample, ids: np.ndarray[Any, np.dtype[np.bool_]]) -> Files:
    """Read one sample's files."""
    try:
        image_size = verified_size(sample.image)
        label = open_image(sample.label)
    except InputError as error:
        return Files(sample.name, problem=("unreadable", str(error).partition(". Replace")[0]))
    if label.mode not in ("L", "P"):
        return Files(sample.name, problem=("labels not 8-bit single-channel", f"{sample.label} ({label.mode})"))
    if label.size != image_size:
        sizes = "{}x{} for {}x{}".format(*label.size, *image_size)
        return Files(sample.name, problem=("labels of another size than their image", f"{sample.label} ({sizes})"))
    present = np.bincount(np.asarray(label).ravel(), minlength=256) > 0
    if (present & ~ids).any():
        wrong = format_list([int(i) for i in np.flatnonzero(present & ~ids)], first=3)
        return Files(sample.name, problem=("labels with ids that don't exist", f"{sample.label} (id {wrong})"))
    return Files(sample.name, hash_file(sample.image), hash_file(sample.label), image_size)


def verified_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file whose checksums hold.

    Raises:
        InputError: it can't be read, is no image, or is damaged.
    """
    try:
        with Image.open(path) as image:
            size = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} ({getattr(error, 'strerror', None) or 'not a whole image'})") from error
    return size
