"""Families of faults in preprocessing, data and scoring."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.random import Generator
from PIL import Image

from enet.datasets import image_source
from enet.datasets.preprocess import load_image, load_label
from enet.measure import one_device
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.selftest.drawn.base import Array, Drawn, changing, patching, pick, small_miou_change
from enet.selftest.planted.images import change_data, normalise_by


def some_images(rng: Generator, subject: Subject) -> tuple[set[str], str]:
    """One image, several, or all; in words."""
    names = [sample.name for sample in subject.dataset.samples]
    count = int(pick(rng, (1, 1, len(names) // 2, len(names))))
    chosen = set(rng.permutation(names)[:count].tolist())
    return chosen, f"{count} of {len(names)} images"


def one_pixel(rng: Generator) -> Callable[[Array], Array]:
    y, x, c = rng.random(3)

    def change(image: Array) -> Array:
        image[int(y * len(image)), int(x * image.shape[1]), int(c * 3)] ^= 1
        return image

    return change


def changed_image(rng: Generator) -> tuple[str, Callable[[Array], Array]]:
    """A change of an image, uint8, shape (H, W, 3), that no image of a street survives unchanged."""
    size, axis = int(rng.integers(1, 9)), int(rng.integers(2))
    order = pick(rng, [each for each in itertools.permutations(range(3)) if each != (0, 1, 2)])
    changes: dict[str, Callable[[Array], Array]] = {
        f"shifted by {size} along axis {axis}": lambda image: np.roll(image, size, axis),
        f"brighter by {size}": lambda image: np.clip(image.astype(int) + size, 0, 255).astype(np.uint8),
        f"channels in order {order}": lambda image: image[..., order],
        f"flipped along axis {axis}": lambda image: np.flip(image, axis),
        f"multiplied by {1 - size / 100:g}": lambda image: (image * (1 - size / 100)).astype(np.uint8),
        "one value off by one": one_pixel(rng),
    }
    return pick(rng, changes.items())


def change_images(rng: Generator, subject: Subject) -> Drawn:
    """Images after their preprocessing."""
    (chosen, where), (what, change) = some_images(rng, subject), changed_image(rng)

    def faulty(path: Path, *more: Any) -> Array:
        image = load_image(path, *more)
        return np.ascontiguousarray(change(image.copy())) if path.stem in chosen else image

    patch = lambda _: mock.patch.object(image_source, "load_image", faulty)  # noqa: E731
    return Drawn(words=f"{where} {what}", inject=patching(patch))


def change_labels(rng: Generator, subject: Subject) -> Drawn:
    """Label maps after their preprocessing."""
    chosen, where = some_images(rng, subject)
    labels = {sample.label: sample.name for sample in subject.dataset.samples}
    size, axis = int(rng.integers(1, 9)), int(rng.integers(2))
    first, second = rng.choice(8, 2, replace=False).tolist()

    def swap(label: Array) -> Array:
        swapped = np.where(label == first, second, np.where(label == second, first, label))
        return swapped.astype(np.uint8)

    changes: dict[str, Callable[[Array], Array]] = {
        f"shifted by {size} along axis {axis}": lambda label: np.roll(label, size, axis),
        f"flipped along axis {axis}": lambda label: np.flip(label, axis),
        f"with classes {first} and {second} swapped": swap,
    }
    what, change = pick(rng, changes.items())

    def faulty(path: Path, *more: Any) -> Array:
        label = load_label(path, *more)
        return np.ascontiguousarray(change(label)) if labels[path] in chosen else label

    patch = lambda _: mock.patch.object(image_source, "load_label", faulty)  # noqa: E731
    return Drawn(words=f"label maps of {where} {what}", inject=patching(patch))


def change_constants(rng: Generator, subject: Subject) -> Drawn:
    """The means and standard deviations that images are normalised by."""
    spec, channel = subject.deliverable.preprocessing, int(rng.integers(3))
    size = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-4, -1))
    mean, std = list(spec.mean), list(spec.std)
    side = pick(rng, ("mean", "std"))
    values = mean if side == "mean" else std
    values[channel] += size
    words = f"{side} of channel {channel} off by {size:.1g}"
    return Drawn(words=words, inject=patching(lambda _: normalise_by(tuple(mean), tuple(std))))  # type: ignore[arg-type]


def change_files(rng: Generator, subject: Subject) -> Drawn:
    """Files of the data set, before anything is built from them."""
    what, change = changed_files(rng, subject)
    return Drawn(words=what, inject=changing(change_data(change)), too_small=small_miou_change)


def change_named_files(rng: Generator, subject: Subject) -> Drawn:
    """The same, of a data set that the deliverable names by its hash."""
    spec, (what, change) = subject.deliverable, changed_files(rng, subject)
    named = replace(spec, dataset=replace(spec.dataset, sha256=subject.dataset_sha256))

    def changed(given: Subject, folder: Path) -> Subject:
        return replace(change_data(change)(given, folder), deliverable=named)

    return Drawn(words=what, inject=changing(changed))


def changed_files(rng: Generator, subject: Subject) -> tuple[str, Callable[[list[Path], list[Path]], None]]:
    """A change of the files of images and label maps, in words and as a function."""
    count = len(subject.dataset.samples)
    first, second = rng.choice(count, 2, replace=False).tolist()
    place, y, x, old = float(rng.uniform(0.1, 0.9)), *rng.uniform(0, 0.5, 2), int(pick(rng, (7, 8, 11, 21, 23, 26)))

    def remove(*paths: Path) -> None:
        for path in paths:
            path.unlink()

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(place * path.stat().st_size)])

    def rot(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= 16
        path.write_bytes(data)

    def relabel(path: Path) -> None:
        label = np.asarray(Image.open(path)).copy()
        part = label[int(y * len(label)) :, int(x * label.shape[1]) :]
        part[...] = old
        Image.fromarray(label).save(path)

    def swap(paths: list[Path]) -> None:
        contents = [paths[index].read_bytes() for index in (second, first)]
        for index, content in zip((first, second), contents, strict=True):
            paths[index].write_bytes(content)

    def copy(paths: list[Path]) -> None:
        paths[first].write_bytes(paths[second].read_bytes())

    corner = f"{100 * y:.0f} %, {100 * x:.0f} %"
    changes: dict[str, Callable[[list[Path], list[Path]], None]] = {
        f"label maps {first} and {second} swapped": lambda _, labels: swap(labels),
        f"images {first} and {second} swapped": lambda images, _: swap(images),
        f"label map {first} of one class from {corner} on": lambda _, labels: relabel(labels[first]),
        f"image {first} is a copy of {second}": lambda images, _: copy(images),
        f"image {first} cut at {100 * place:.0f} %": lambda images, _: cut(images[first]),
        f"a bit of image {first} changed": lambda images, _: rot(images[first]),
        f"a bit of label map {first} changed": lambda _, labels: rot(labels[first]),
        f"sample {first} missing": lambda images, labels: remove(images[first], labels[first]),
    }
    return pick(rng, changes.items())


def miscount(rng: Generator, _: Subject) -> Drawn:
    """Pixels are counted wrongly, for PyTorch and the artifact alike."""
    first, second = rng.choice(8, 2, replace=False).tolist()
    share = float(rng.uniform(0.2, 0.8))

    def move(matrix: Array) -> Array:
        matrix[:, second] += matrix[:, first]
        matrix[:, first] = 0
        return matrix

    def drop(matrix: Array) -> Array:
        matrix[first] = 0
        return matrix

    def flatter(matrix: Array) -> Array:
        wrong = matrix - np.diag(np.diag(matrix))
        return matrix - (share * wrong).astype(matrix.dtype)

    what, change = pick(
        rng,
        {
            f"class {first} counted as {second}": move,
            f"pixels of class {first} not counted": drop,
            f"{100 * share:.0f} % of the wrong pixels not counted": flatter,
        }.items(),
    )

    def faulty(*given: Any) -> segmentation.Matrix:
        return change(segmentation.confusion_matrix(*given))

    patch = lambda _: mock.patch.object(one_device, "confusion_matrix", faulty)  # noqa: E731
    return Drawn(words=what, inject=patching(patch), too_small=small_miou_change)
