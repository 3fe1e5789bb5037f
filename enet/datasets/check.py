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

from enet.datasets.base import IGNORE, Classes, Dataset, Sample
from enet.datasets.encoding import encoding_note, encoding_problem
from enet.datasets.preprocess import DAMAGED, decode_mask, open_lossless, open_mask, open_rgb
from enet.datasets.workers import map_on_all_cores
from enet.errors import InputError, format_list
from enet.storage.files import hash_text, require_plain_file

Problem = tuple[str, str]  # its kind, and the file that has it

#: Kinds of problems of label maps that the deliverable's file can solve, and how.
MODE, UNKNOWN_ID = "labels not 8-bit single-channel", "labels with ids that do not exist"
UNKNOWN_COLOUR = "masks with colours that [dataset.labels] does not have"
ADVICE = {
    MODE: 'of RGB masks give the colours in [dataset.labels], such as "#804080" = "road"; convert others to 8 bits',
    UNKNOWN_ID: 'give each a line in [dataset.labels], such as 255 = "ignore", or all others one: "*" = "ignore"',
    UNKNOWN_COLOUR: 'give each a line, such as "#000000" = "ignore", or all others one: "*" = "ignore"; '
    "smooth edges have colours of their own",
}


def inspect(dataset: Dataset, *, progress: bool = False) -> dict[str, Any]:
    """Read every image and label map once, on all cores.

    Images are checked by the checksums of their chunks and decoded; label maps are decoded and their ids are checked.

    Returns:
        The data set's manifest: ``layout``, ``split``, ``train_ids`` and, per sample, name, size and the
        ``pixel_digest`` of image and label map; ``mask_colours`` of RGB masks; ``note`` of a split to wonder about.
    Raises:
        InputError: the data set has ``problems``, files cannot be read, sizes differ between an image and its label
            map, a label map has an id that does not exist, or all together have another encoding than is declared;
            all in one message, of each kind the first five files and a count.
    """
    classes = dataset.classes
    check = partial(check_sample, classes=classes)
    checked = map_on_all_cores(check, dataset.samples, "checking files", progress=progress)
    found = [result for result, _ in checked]
    counts = np.array([counted for _, counted in checked], np.int64).reshape(-1, 256).sum(axis=0)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, file in (each for each in found if isinstance(each, tuple)):
        by_kind[kind].append(file)
    problems = [f"{len(files)} {kind}: {format_list(files)}" for kind, files in by_kind.items()]
    if encoding := encoding_problem(dataset, counts):  # which explains the values that do not exist, too
        problems.append(encoding)
    elif dataset.layout == "folders":
        problems += [ADVICE[kind] for kind in by_kind if kind in ADVICE]
    replace(dataset, problems=(*dataset.problems, *problems)).require_sound()
    train_ids = sorted(classes.train_ids.items())
    more = {"mask_colours": classes.mask_colours, "note": encoding_note(dataset, counts)}
    manifest = {"layout": dataset.layout, "split": dataset.split, "train_ids": train_ids, "samples": found}
    return manifest | {key: value for key, value in more.items() if value}


def describe(dataset: Dataset) -> list[dict[str, Any] | Problem]:
    """The samples' entries in the manifest, or their problems: whether files elsewhere are those that were checked."""
    check = partial(check_sample, classes=dataset.classes)
    return [found for found, _ in map_on_all_cores(check, dataset.samples, "checking files", progress=False)]


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


def check_sample(sample: Sample, classes: Classes) -> tuple[dict[str, Any] | Problem, NDArray[np.int64]]:
    """Read one sample's files.

    Returns:
        Their entry in the manifest, or a problem; and the label map's pixels by id, shape (256,).
    """
    nothing = np.zeros(256, np.int64)
    try:
        size, image = verified_size(sample.image), open_rgb(sample.image)
        label = open_mask(sample.label) if classes.mask_colours else open_lossless(sample.label)
    except InputError as error:
        return (
            "unreadable",
            str(error).partition(". Replace")[0].removesuffix(". Convert the file").removesuffix(". Save it anew"),
        ), nothing
    if not classes.mask_colours and label.mode not in ("L", "P"):
        return (MODE, f"{sample.label} ({label.mode})"), nothing
    if label.size != size:
        sizes = "{}x{} for {}x{}".format(*label.size, *size)
        return ("labels of another size than their image", f"{sample.label} ({sizes})"), nothing
    pixels = np.asarray(label)
    ids = np.asarray(decode_mask(label, classes.mask_colours)) if classes.mask_colours else pixels
    counts = np.bincount(ids.ravel(), minlength=256)
    if unknown := sorted({*np.flatnonzero(counts).tolist()} - {*classes.train_ids}):
        return unknown_labels(sample.label, pixels, ids, unknown, classes), counts
    hashes = {"image_sha256": pixel_digest(np.asarray(image)), "label_sha256": pixel_digest(pixels)}
    return {"name": sample.name, "size": list(size), **hashes}, counts


def unknown_labels(
    path: Path, pixels: NDArray[np.uint8], ids: NDArray[np.uint8], unknown: list[int], classes: Classes
) -> Problem:
    """The problem of a label map with ids that do not exist, or of a mask with such colours."""
    if not classes.mask_colours:
        return UNKNOWN_ID, f"{path} (id {format_list(unknown, first=3)})"
    colours, counts = np.unique(pixels[ids == IGNORE], axis=0, return_counts=True)
    most = [f"#{bytes(colours[index]).hex()}" for index in np.argsort(-counts, kind="stable")]
    return UNKNOWN_COLOUR, f"{path} ({format_list(most, first=3)})"


def verified_size(path: Path) -> tuple[int, int]:
    """Verify an image file's checksums and return its width and height.

    Raises:
        InputError: the file cannot be read, is not an image, or is damaged.
    """
    try:
        with Image.open(path) as image:
            size = image.size
            image.verify()
    except (OSError, *DAMAGED) as error:
        raise InputError(f"{path} ({getattr(error, 'strerror', None) or 'not a complete image'})") from error
    return size
