"""Faults in preprocessing, data and scoring."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet import gates
from enet.datasets import cityscapes, image_source
from enet.datasets.preprocess import Normalise, Window, load_image
from enet.deliverable import Preprocessing
from enet.gates import Verdict
from enet.measure import one_device, pipeline
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.selftest.acceptance import BACKEND
from enet.selftest.planted.base import add_change, add_patch, record

Pixels = NDArray[np.uint8]
Colour = tuple[float, float, float]
Resize = Callable[[Window, Image.Image], Image.Image]


def change_images(change: Callable[[Pixels], Pixels]) -> Any:
    """Change images after their preprocessing."""
    return mock.patch.object(
        image_source, "load_image", lambda *given: np.ascontiguousarray(change(load_image(*given)))
    )


def normalise_by(mean: Colour, std: Colour) -> Any:
    """Normalise images by other constants."""
    original = Normalise.__init__

    def faulty(self: Normalise, spec: Preprocessing) -> None:
        original(self, replace(spec, mean=mean, std=std))

    return mock.patch.object(Normalise, "__init__", faulty)


def divide_by_256(spec: Preprocessing) -> Any:
    """Divide pixels by 256, not 255."""
    (r, g, b), (sr, sg, sb), ratio = spec.mean, spec.std, 256 / 255
    return normalise_by((r * ratio, g * ratio, b * ratio), (sr * ratio, sg * ratio, sb * ratio))


def resize_by(change: Resize) -> Any:
    """Scale and crop images, but not label maps, in another way."""
    return mock.patch.object(Window, "of_image", change)


def shift_crop(pixels: int) -> Any:
    """Crop images some pixels to the right of their label maps."""

    def change(self: Window, image: Image.Image) -> Image.Image:
        left, top = self.crop
        whole = image.resize(self.scaled, Image.Resampling.BILINEAR)
        return whole.crop((left + pixels, top, left + pixels + self.size[0], top + self.size[1]))

    return resize_by(change)


def resize_without_antialiasing(self: Window, image: Image.Image) -> Image.Image:
    """Resize as OpenCV does, from the four nearest pixels alone."""
    return self.cut(Image.fromarray(cv2.resize(np.asarray(image), self.scaled, interpolation=cv2.INTER_LINEAR)))


def crop_before_resize(self: Window, image: Image.Image) -> Image.Image:
    """Crop the centre at full size, then resize it."""
    side = min(image.size) // 2
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize(self.size, Image.Resampling.BILINEAR)


def smooth_label(self: Window, label: Image.Image) -> Image.Image:
    """Resize by bilinear interpolation, which makes classes of means of classes."""
    return self.cut(label.resize(self.scaled, Image.Resampling.BILINEAR))


CITYSCAPES_MEAN, CITYSCAPES_STD = (0.28689, 0.32513, 0.28389), (0.18696, 0.19017, 0.18720)
BICUBIC: Resize = lambda self, image: self.cut(image.resize(self.scaled, Image.Resampling.BICUBIC))  # noqa: E731

#: Name, gates that must notice, patch for the deliverable's preprocessing.
PREPROCESSING: list[tuple[str, str, Callable[[Preprocessing], Any]]] = [
    ("bgr", "preprocessing reference_miou", lambda _: change_images(lambda image: image[..., ::-1])),
    ("no mean", "preprocessing reference_miou", lambda spec: normalise_by((0, 0, 0), spec.std)),
    ("no std", "preprocessing reference_miou", lambda spec: normalise_by(spec.mean, (1, 1, 1))),
    ("std of another data set", "preprocessing", lambda _: normalise_by(CITYSCAPES_MEAN, CITYSCAPES_STD)),
    ("divided by 256", "preprocessing", divide_by_256),
    ("crop shifted by 1", "preprocessing", lambda _: shift_crop(1)),
    ("crop shifted by 8", "preprocessing reference_miou", lambda _: shift_crop(8)),
    ("bicubic", "preprocessing", lambda _: resize_by(BICUBIC)),
    ("not antialiased", "preprocessing", lambda _: resize_by(resize_without_antialiasing)),
    ("resized after the crop", "preprocessing reference_miou", lambda _: resize_by(crop_before_resize)),
    # Images are brightened by 40 in 8 bits, so that bright pixels turn dark.
    ("uint8 overflow", "preprocessing reference_miou", lambda _: change_images(lambda image: image + np.uint8(40))),
    ("mirrored", "preprocessing reference_miou", lambda _: change_images(lambda image: image[:, ::-1])),
    (
        "label maps smoothed",
        "preprocessing reference_miou refused",
        lambda _: mock.patch.object(Window, "of_label", smooth_label),
    ),
]


def patch_preprocessing(patch: Callable[[Preprocessing], Any]) -> Callable[[Subject], Any]:
    return lambda subject: patch(subject.deliverable.preprocessing)


for name, noticed_by, patch in PREPROCESSING:
    add_patch("preprocessing", name, noticed_by, patch_preprocessing(patch))


Files = list[Path]


def swap_labels(images: Files, labels: Files) -> None:
    """Two label maps have each other's name."""
    first, last = labels[0].read_bytes(), labels[-1].read_bytes()
    labels[0].write_bytes(last)
    labels[-1].write_bytes(first)


def remove_five(images: Files, labels: Files) -> None:
    for path in (*images[-5:], *labels[-5:]):
        path.unlink()


def duplicate_three(images: Files, labels: Files) -> None:
    """Three images, with their label maps, are copies of others under other names."""
    for paths in (images, labels):
        for path, other in zip(paths[:3], paths[3:6], strict=True):
            path.write_bytes(other.read_bytes())


def write_train_ids(images: Files, labels: Files) -> None:
    """Label maps hold train ids (0..18 and 255)."""
    lookup = cityscapes.CLASSES.lookup()
    for path in labels:
        Image.fromarray(lookup[np.asarray(Image.open(path))]).save(path)


def cut_image(images: Files, labels: Files) -> None:
    images[0].write_bytes(images[0].read_bytes()[: images[0].stat().st_size // 2])


#: Name, gates that must notice, change of the data set's files.
DATA: list[tuple[str, str, Callable[[Files, Files], None]]] = [
    ("label of another image", "reference_miou", swap_labels),
    ("images missing", "reference_miou miou", remove_five),
    ("label missing", "refused", lambda images, labels: labels[0].unlink()),
    ("images duplicated", "reference_miou miou", duplicate_three),
    ("train ids as label ids", "refused", write_train_ids),
    ("image cut short", "refused", cut_image),
]


def change_data(change: Callable[[Files, Files], None]) -> Callable[[Subject, Path], Subject]:
    """The subject with a changed copy of its data set."""

    def changed(subject: Subject, folder: Path) -> Subject:
        shutil.copytree(subject.dataset.root, folder / "data")
        samples = replace(subject, data_root=folder / "data").dataset.samples
        change([sample.image for sample in samples], [sample.label for sample in samples])
        return replace(subject, data_root=folder / "data")  # another one, which has not listed the files yet

    return changed


for name, noticed_by, damage in DATA:
    add_change("data", name, noticed_by, change_data(damage))


def score_by(change: Callable[[Pixels, Pixels], tuple[Pixels, Pixels]]) -> Any:
    """Change prediction and ground truth before they are counted."""
    original = segmentation.confusion_matrix

    def faulty(prediction: Pixels, target: Pixels, classes: int) -> segmentation.Matrix:
        return original(*change(prediction, target), classes)

    return mock.patch.object(one_device, "confusion_matrix", faulty)


def count_ignored(prediction: Pixels, target: Pixels) -> tuple[Pixels, Pixels]:
    """Count ignored pixels as class 0."""
    return prediction, np.where(target == 255, 0, target).astype(np.uint8)


def crop_border(prediction: Pixels, target: Pixels) -> tuple[Pixels, Pixels]:
    """Score only the middle half of every image."""
    rows, columns = (side // 4 for side in target.shape)
    middle = slice(rows, -rows), slice(columns, -columns)
    return np.ascontiguousarray(prediction[middle]), np.ascontiguousarray(target[middle])


add_patch("scoring", "ignored pixels counted", "reference_miou miou", lambda _: score_by(count_ignored))
add_patch("scoring", "border not scored", "reference_miou miou", lambda _: score_by(crop_border))


@record("scoring", "miou")
def absent_class_skipped(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The reference counts an absent class as 0; the artifact's score skips it."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), subject.prepared())
    without = measured.matrices.copy()
    without[:, -1], without[:, :, -1] = 0, 0
    counted = replace(measured, matrices=without, absent_classes="zero")
    stated = replace(subject.deliverable.reference, miou_percent=100 * counted.miou)
    yield gates.accuracy.miou(replace(counted, absent_classes="skip"), replace(subject.deliverable, reference=stated))


@record("scoring", "miou")
def mean_over_images(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The log that comes with the results states the mean of the images' mIoU."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), subject.prepared())
    claimed = np.mean([100 * segmentation.miou(matrix, "skip") for matrix in measured.matrices])
    yield gates.accuracy.miou(replace(measured, claimed_miou_percent=float(claimed)), subject.deliverable)


@record("scoring", "miou")
def float32_counts(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The log that comes with 500 images was counted in float32, which stops at 2^24."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), subject.prepared())
    many = np.resize(measured.matrices, (500, *measured.matrices.shape[1:]))
    many *= (480 * 480) // max(1, int(many[0].sum()))  # as many pixels as the real grid has
    spec = subject.deliverable
    at_scale = replace(
        measured,
        matrices=many,
        images=tuple(f"image{i:03}" for i in range(500)),
        images_expected=500,
        claimed_miou_percent=100 * segmentation.miou(np.minimum(many.sum(axis=0), 1 << 24), "zero"),
    )
    stated = replace(spec.reference, miou_percent=100 * at_scale.miou)
    yield gates.accuracy.miou(at_scale, replace(spec, reference=stated, dataset=replace(spec.dataset, images=500)))
