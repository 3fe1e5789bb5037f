"""Faults in preprocessing, data and scoring."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from enet import gates
from enet.datasets import image_source
from enet.datasets.preprocess import Normalise, Window, load_image
from enet.deliverable import Preprocessing
from enet.gates import Verdict
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.selftest.acceptance import BACKEND
from enet.selftest.planted.base import planted, recorded

Pixels = NDArray[np.uint8]
Colour = tuple[float, float, float]


def loading(change: Callable[[Pixels], Pixels]) -> Any:
    """While this lasts, images are changed after they were preprocessed."""
    return mock.patch.object(
        image_source, "load_image", lambda *given: np.ascontiguousarray(change(load_image(*given)))
    )


def normalising(mean: Colour, std: Colour) -> Any:
    """While this lasts, images are normalised by other constants."""
    original = Normalise.__init__

    def faulty(self: Normalise, spec: Preprocessing) -> None:
        original(self, replace(spec, mean=mean, std=std))

    return mock.patch.object(Normalise, "__init__", faulty)


def scaling(change: Callable[[Window, Image.Image], Image.Image]) -> Any:
    """While this lasts, images (not label maps) are scaled and cropped in another way."""
    return mock.patch.object(Window, "of_image", change)


@planted("preprocessing", "preprocessing", "reference")
def bgr(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are read as OpenCV reads them."""
    with loading(lambda image: image[..., ::-1]):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def no_mean(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The mean is not taken off."""
    with normalising((0, 0, 0), subject.deliverable.preprocessing.std):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def no_std(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Values are not divided by the standard deviation."""
    with normalising(subject.deliverable.preprocessing.mean, (1, 1, 1)):
        yield subject


@planted("preprocessing", "preprocessing")
def std_of_another_data_set(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Mean and standard deviation are those that are given for Cityscapes."""
    with normalising((0.28689, 0.32513, 0.28389), (0.18696, 0.19017, 0.18720)):
        yield subject


@planted("preprocessing", "preprocessing")
def divided_by_256(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Pixels are divided by 256."""
    spec = subject.deliverable.preprocessing
    ratio = 256 / 255
    (r, g, b), (sr, sg, sb) = spec.mean, spec.std
    with normalising((r * ratio, g * ratio, b * ratio), (sr * ratio, sg * ratio, sb * ratio)):
        yield subject


def shifted(pixels: int) -> Callable[[Window, Image.Image], Image.Image]:
    def change(self: Window, image: Image.Image) -> Image.Image:
        left, top = self.crop
        whole = image.resize(self.scaled, Image.Resampling.BILINEAR)
        return whole.crop((left + pixels, top, left + pixels + self.size[0], top + self.size[1]))

    return change


@planted("preprocessing", "preprocessing")
def crop_shifted_by_1(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are cropped one pixel to the right of their label maps."""
    with scaling(shifted(1)):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def crop_shifted_by_8(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are cropped eight pixels to the right of their label maps."""
    with scaling(shifted(8)):
        yield subject


def resampled(filter_: Image.Resampling) -> Callable[[Window, Image.Image], Image.Image]:
    return lambda self, image: self.cut(image.resize(self.scaled, filter_))


@planted("preprocessing", "preprocessing")
def bicubic(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are resized by another filter."""
    with scaling(resampled(Image.Resampling.BICUBIC)):
        yield subject


@planted("preprocessing", "preprocessing")
def not_antialiased(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are resized as OpenCV does it, by the four nearest pixels alone."""
    import cv2

    def change(self: Window, image: Image.Image) -> Image.Image:
        return self.cut(Image.fromarray(cv2.resize(np.asarray(image), self.scaled, interpolation=cv2.INTER_LINEAR)))

    with scaling(change):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def resized_after_the_crop(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The centre is cropped at full size and then resized; label maps are not."""

    def change(self: Window, image: Image.Image) -> Image.Image:
        side = min(image.size) // 2
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return image.crop((left, top, left + side, top + side)).resize(self.size, Image.Resampling.BILINEAR)

    with scaling(change):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def uint8_overflow(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are brightened by 40 in 8 bits, so that bright pixels turn dark."""
    with loading(lambda image: image + np.uint8(40)):
        yield subject


@planted("preprocessing", "preprocessing", "reference")
def mirrored(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Images are mirrored, as in training; label maps are not."""
    with loading(lambda image: image[:, ::-1]):
        yield subject


@planted("preprocessing", "preprocessing", "reference", "refused")
def label_maps_smoothed(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Label maps are resized by BILINEAR, which makes classes of means of classes."""
    with mock.patch.object(
        Window, "of_label", lambda self, label: self.cut(label.resize(self.scaled, Image.Resampling.BILINEAR))
    ):
        yield subject


def copied(subject: Subject, folder: Path) -> Subject:
    """The subject with a data set of its own."""
    shutil.copytree(subject.dataset.root, folder / "data")
    return replace(subject, data_root=folder / "data")


def files(subject: Subject) -> tuple[list[Path], list[Path]]:
    """Image and label files, in order of name."""
    samples = subject.dataset.samples
    return [sample.image for sample in samples], [sample.label for sample in samples]


@planted("data", "reference")
def label_of_another_image(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Two label maps have each other's name."""
    faulty = copied(subject, folder)
    _, (first, *_, last) = files(faulty)
    kept = first.read_bytes()
    first.write_bytes(last.read_bytes())
    last.write_bytes(kept)
    yield replace(faulty)


@planted("data", "reference", "miou")
def images_missing(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Five images and their label maps are not there."""
    faulty = copied(subject, folder)
    for kind in files(faulty):
        for path in kind[-5:]:
            path.unlink()
    yield replace(faulty)


@planted("data", "refused")
def label_missing(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One label map is not there."""
    faulty = copied(subject, folder)
    files(faulty)[1][0].unlink()
    yield replace(faulty)


@planted("data", "reference", "miou")
def images_duplicated(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Three images, with their label maps, are copies of others under other names."""
    faulty = copied(subject, folder)
    for kind in files(faulty):
        for path, other in zip(kind[:3], kind[3:6], strict=True):
            path.write_bytes(other.read_bytes())
    yield replace(faulty)


@planted("data", "refused")
def train_ids_for_label_ids(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Label maps hold train ids (0..18 and 255)."""
    faulty = copied(subject, folder)
    lookup = faulty.dataset.classes.lookup()
    for path in files(faulty)[1]:
        Image.fromarray(lookup[np.asarray(Image.open(path))]).save(path)
    yield replace(faulty)


@planted("data", "refused")
def image_cut_short(subject: Subject, folder: Path) -> Iterator[Subject]:
    """A copy of one image stopped halfway."""
    faulty = copied(subject, folder)
    path = files(faulty)[0][0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    yield replace(faulty)


def scoring_by(change: Callable[[Pixels, Pixels], tuple[Pixels, Pixels]]) -> Any:
    """While this lasts, prediction and truth are changed before they are counted."""
    original = segmentation.confusion_matrix

    def faulty(prediction: Pixels, target: Pixels, classes: int) -> segmentation.Matrix:
        return original(*change(prediction, target), classes)

    return mock.patch.object(pipeline, "confusion_matrix", faulty)


@planted("scoring", "reference", "miou")
def ignored_pixels_counted(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Pixels that should be left out count as class 0."""
    with scoring_by(lambda prediction, target: (prediction, np.where(target == 255, 0, target).astype(np.uint8))):
        yield subject


@planted("scoring", "reference", "miou")
def border_left_out(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Only the middle half of every image is scored."""

    def middle(labels: Pixels) -> Pixels:
        rows, columns = (side // 4 for side in labels.shape)
        return np.ascontiguousarray(labels[rows:-rows, columns:-columns])

    with scoring_by(lambda prediction, target: (middle(prediction), middle(target))):
        yield subject


@recorded("scoring", "miou")
def absent_class_left_out(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The reference counts a class that is nowhere as 0, the artifact's score leaves it out."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), subject.prepared())
    without = measured.matrices.copy()
    without[:, -1], without[:, :, -1] = 0, 0
    counted = replace(measured, matrices=without, absent_classes="zero")
    stated = replace(subject.deliverable.reference, miou_percent=100 * counted.miou)
    yield gates.artifact_miou(replace(counted, absent_classes="skip"), replace(subject.deliverable, reference=stated))


@recorded("scoring", "miou")
def mean_of_images(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The log that comes with the results took every image's mIoU and their mean."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), subject.prepared())
    claimed = np.mean([100 * segmentation.miou(matrix, "skip") for matrix in measured.matrices])
    yield gates.artifact_miou(replace(measured, claimed_miou_percent=float(claimed)), subject.deliverable)


@recorded("scoring", "miou")
def float32_counts(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The log that comes with 500 images was counted pixel by pixel in float32, which stops at 2^24."""
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
    yield gates.artifact_miou(at_scale, replace(spec, reference=stated, dataset=replace(spec.dataset, images=500)))
