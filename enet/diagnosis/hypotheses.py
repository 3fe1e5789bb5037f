"""The table of hypotheses: what may be wrong, each a change of one stage on the way from a photograph to a score.

To add one, add a row. Names are those of the injected faults (``enet.selftest.planted``) where both have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from enet.datasets.preprocess import window
from enet.deliverable import Preprocessing
from enet.diagnosis import networks
from enet.diagnosis.recipe import DECLARED, Floats, Pixels, ToFloats, normalise, pixels
from enet.measure.reference_preprocessing import train_ids

#: "pixels": photograph to uint8; "values": uint8 to floats; "layout": order of the floats; "network"; "logits";
#: "labels"; "truth": file of a label map to train ids; "scoring".
Stage = Literal["pixels", "values", "layout", "network", "logits", "labels", "truth", "scoring"]


@dataclass(frozen=True)
class Hypothesis:
    """A change of one stage.

    Attributes:
        name: in words that fit behind "with".
        change: the changed step, by stage.

            * pixels: ``(photograph, Preprocessing) -> uint8 (H, W, 3)``
            * values: ``(uint8 (N, H, W, 3), Preprocessing) -> float32 (N, 3, H, W)``
            * layout: ``float32 (N, 3, H, W) -> float32`` of the same shape
            * network: see ``networks.Change``
            * logits: ``(float32, the artifact's) -> float32`` of the same shape
            * labels: ``uint8 (H, W) -> uint8 (H, W)``
            * truth: ``(path, Preprocessing, train ids by label value) -> uint8 (H, W)``
            * scoring: ``(labels, truth) -> (labels, truth)``
    """

    name: str
    stage: Stage
    change: Callable[..., Any]


def of(stage: Stage, table: Mapping[str, Callable[..., Any]]) -> list[Hypothesis]:
    return [Hypothesis(name, stage, change) for name, change in table.items()]


# Photograph to pixels.


def then(change: Callable[[Pixels], Pixels]) -> Callable[[Image.Image, Preprocessing], Pixels]:
    """Change the pixels after scaling and cropping."""
    return lambda image, spec: np.ascontiguousarray(change(pixels(image, spec)))


def resized_by(scale: Callable[[Image.Image, tuple[int, int]], Image.Image]) -> Callable[..., Pixels]:
    """Scale in another way, then crop."""

    def change(image: Image.Image, spec: Preprocessing) -> Pixels:
        place = window(image.size, spec)
        return np.array(place.cut(scale(image, place.scaled)))

    return change


def by_pillow(kernel: Image.Resampling) -> Callable[..., Pixels]:
    return resized_by(lambda image, size: image.resize(size, kernel))


def by_opencv(kernel: int) -> Callable[..., Pixels]:
    return resized_by(lambda image, size: Image.fromarray(cv2.resize(np.asarray(image), size, interpolation=kernel)))


def shifted(right: int, down: int) -> Callable[..., Pixels]:
    """Crop some pixels further to the right or down; outside the photograph is black."""

    def change(image: Image.Image, spec: Preprocessing) -> Pixels:
        place = window(image.size, spec)
        (left, top), (width, height) = place.crop, place.size
        box = (left + right, top + down, left + right + width, top + down + height)
        return np.array(image.resize(place.scaled, Image.Resampling.BILINEAR).crop(box))

    return change


def cropped(image: Image.Image, spec: Preprocessing, size: tuple[int, int]) -> Pixels:
    """Crop the centre of the photograph itself, and scale that."""
    left, top = ((whole - part) // 2 for whole, part in zip(image.size, size, strict=True))
    part = image.crop((left, top, left + size[0], top + size[1]))
    return np.array(part.resize(spec.size, Image.Resampling.BILINEAR))


def resized_after_crop(image: Image.Image, spec: Preprocessing) -> Pixels:
    """Crop half of the shorter side, in the shape of the input, at the photograph's size."""
    side = min(image.size) // 2
    longest = max(spec.size)
    return cropped(image, spec, (side * spec.size[0] // longest, side * spec.size[1] // longest))


def letterboxed(image: Image.Image, spec: Preprocessing) -> Pixels:
    """Fit the whole photograph in, and fill the rest with black."""
    scale = min(side / whole for side, whole in zip(spec.size, image.size, strict=True))
    small = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", spec.size)
    canvas.paste(small, ((spec.size[0] - small.width) // 2, (spec.size[1] - small.height) // 2))
    return np.array(canvas)


SHIFTS = {"to the right": (1, 0), "to the left": (-1, 0), "down": (0, 1), "up": (0, -1)}

PIXELS = of(
    "pixels",
    {
        "BGR input": then(lambda image: image[..., ::-1]),
        "mirrored input": then(lambda image: image[:, ::-1]),
        "upside-down input": then(lambda image: image[::-1]),
        "bicubic resizing": by_pillow(Image.Resampling.BICUBIC),
        "nearest-neighbour resizing": by_pillow(Image.Resampling.NEAREST),
        "resizing by area": by_opencv(cv2.INTER_AREA),
        "resizing without antialiasing (OpenCV)": by_opencv(cv2.INTER_LINEAR),
        "resizing after the crop": resized_after_crop,
        "a crop without resizing": lambda image, spec: cropped(image, spec, spec.size),
        "squashing instead of a crop": lambda image, spec: np.array(image.resize(spec.size, Image.Resampling.BILINEAR)),
        "letterboxing instead of a crop": letterboxed,
        **{
            f"the crop shifted by {by} {where}": shifted(by * right, by * down)
            for by in (1, 8)
            for where, (right, down) in SHIFTS.items()
        },
    },
)


# Pixels to floats.

DATA_SETS = {
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "Cityscapes": ((0.28689, 0.32513, 0.28389), (0.18696, 0.19017, 0.18720)),
    "CamVid": ((0.41189, 0.42513, 0.43267), (0.27414, 0.28506, 0.28285)),
}
ZERO, HALF, ONE = (0.0,) * 3, (0.5,) * 3, (1.0,) * 3


def table(mean: Any = None, std: Any = None, divisor: float = 255) -> ToFloats:
    """Normalise by other constants; None: the deliverable's."""
    return lambda images, spec: normalise(images, spec.mean if mean is None else mean, std or spec.std, divisor)


def twice(images: Pixels, spec: Preprocessing) -> Floats:
    once = normalise(images, spec.mean, spec.std)
    mean, std = (np.array(side, np.float32).reshape(3, 1, 1) for side in (spec.mean, spec.std))
    return (once - mean) / std


VALUES = of(
    "values",
    {
        "the mean left out": table(mean=ZERO),
        "the std left out": table(std=ONE),
        "the std left out of the scale alone": lambda images, spec: normalise(
            images, np.divide(spec.mean, spec.std), ONE
        ),
        "mean and std left out (0..1)": DECLARED["0..1"],
        "/255, mean and std left out (0..255)": DECLARED["0..255"],
        "/255 left out": table(divisor=1),
        "/255 twice": table(divisor=255 * 255),
        "/256 instead of /255": table(divisor=256),
        "normalisation twice": twice,
        "mean and std in the order BGR": lambda images, spec: normalise(images, spec.mean[::-1], spec.std[::-1]),
        "means of 0..255 and no std": lambda images, spec: normalise(images, np.multiply(spec.mean, 255), ONE, 1),
        "means of 0..255 and no std, in the order BGR (Caffe)": lambda images, spec: np.ascontiguousarray(
            normalise(images, np.multiply(spec.mean, 255), ONE, 1)[:, ::-1]
        ),
        "mean and std of 0.5 (-1..1)": table(HALF, HALF),
        "mean and std of 0.5 inside the model, in place of the deliverable's": lambda images, spec: (
            HALF[0] + HALF[0] * normalise(images, spec.mean, spec.std)
        ),
        **{f"mean and std of {name}": table(*constants) for name, constants in DATA_SETS.items()},
    },
)

LAYOUT = of(
    "layout",
    {
        "the normalised channels swapped (BGR)": lambda x: np.ascontiguousarray(x[:, ::-1]),
        "an NHWC buffer as input": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape),
        "an NCHW buffer read as NHWC": lambda x: np.ascontiguousarray(
            x.reshape(len(x), *x.shape[2:], 3).transpose(0, 3, 1, 2)
        ),
        "height and width of the input exchanged": lambda x: np.ascontiguousarray(x.swapaxes(2, 3).reshape(x.shape)),
    },
)


# The network, its logits and its labels.

NETWORK = of(
    "network",
    {
        **{f"epsilon {value:g} in batch normalisation": networks.set_epsilon(value) for value in (1e-3, 0.1, 1e-6)},
        "batch normalisation in training mode": networks.use_batch_statistics,
        "weights rounded to fp16": networks.round_weights(torch.float16),
        "weights rounded to bfloat16": networks.round_weights(torch.bfloat16),
        "half pixels rounded up in upsampling": networks.upsample_by(networks.rounded_up),
        "align corners in upsampling": networks.upsample_by(networks.aligned_corners),
        "bilinear upsampling": networks.upsample_bilinear,
        "padding on the other side": networks.pad_other_side,
        "dilation lost": networks.lose_dilation,
        "pooling by maximum (another variant)": networks.pool_by_maximum,
        "bilinear upsampling with aligned corners": networks.upsample_bilinear_aligned,
        "ReLU for PReLU": networks.ignore_slopes,
        "ReLU6 for ReLU": networks.clip_activations,
    },
)


def saturated(logits: Floats, seen: Floats) -> Floats:
    return np.clip(logits, seen.min(), seen.max())


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits, shape (C, H, W); at least float32's smallest."""
    powers = np.exp(logits - logits.max(axis=0))
    return np.maximum(powers / powers.sum(axis=0), np.finfo(np.float32).tiny)


LOGITS = of(
    "logits",
    {
        "logits saturated": saturated,
        "logits cut to whole numbers": lambda logits, _: np.trunc(logits),
        "softmax in the model": lambda logits, _: softmax(logits),
        "the logarithm of softmax in the model": lambda logits, _: np.log(softmax(logits)),
        "sigmoid in the model": lambda logits, _: 1 / (1 + np.exp(-logits)),
        "logits in half precision": lambda logits, _: logits.astype(np.float16).astype(np.float32),
    },
)


def moved(rows: int, columns: int) -> Callable[[Pixels], Pixels]:
    """Move labels down and to the right; what comes in has the labels of the border."""

    def change(labels: Pixels) -> Pixels:
        places = (np.arange(side) - by for side, by in zip(labels.shape, (rows, columns), strict=True))
        down, right = (np.clip(place, 0, side - 1) for place, side in zip(places, labels.shape, strict=True))
        return np.ascontiguousarray(labels[np.ix_(down, right)])

    return change


def place_in_words(right: int, down: int) -> str:
    """A displacement, as in "3 to the left and 4 down"."""
    sides = ((right, "to the right", "to the left"), (down, "down", "up"))
    return " and ".join(f"{abs(by)} {ahead if by > 0 else back}" for by, ahead, back in sides if by)


LABELS = of(
    "labels",
    {
        "labels off by one, counted from 1": lambda labels: labels + np.uint8(1),
        "labels off by one, first class left out": lambda labels: labels - np.uint8(1),
        "mirrored output": lambda labels: labels[:, ::-1],
        "upside-down output": lambda labels: labels[::-1],
        "height and width of the output exchanged": lambda labels: np.ascontiguousarray(labels.T).reshape(labels.shape),
        **{f"the output moved by 1 {where}": moved(down, right) for where, (right, down) in SHIFTS.items()},
    },
)


# Truth and scoring.


def smoothed(path: Path, spec: Preprocessing, ids: Mapping[Any, int]) -> NDArray[np.uint8]:
    """Resize label maps by bilinear interpolation, which makes classes of means of classes."""
    with Image.open(path) as file:
        place = window(file.size, spec)
        label = np.array(place.cut(file.resize(place.scaled, Image.Resampling.BILINEAR)))
    lookup = np.full(256, 255, np.uint8)
    for value, train_id in ids.items():
        lookup[value] = train_id
    return lookup[label]


def encoded(change: Callable[[Mapping[Any, int]], Mapping[Any, int]]) -> Callable[..., NDArray[np.uint8]]:
    """Give label values another meaning."""
    return lambda path, spec, ids: train_ids(path, spec, change(ids))


def classes_in(ids: Mapping[Any, int]) -> list[int]:
    return sorted({train_id for train_id in ids.values() if train_id != 255})


def moved_ids(by: int) -> Callable[[Mapping[Any, int]], Mapping[Any, int]]:
    return lambda ids: {key + by: train_id for key, train_id in ids.items() if 0 <= key + by < 255}


TRUTH = of(
    "truth",
    {
        "label maps smoothed": smoothed,
        "train ids as label ids": encoded(lambda ids: {train_id: train_id for train_id in classes_in(ids)}),
        "label values whose first is void": encoded(moved_ids(1)),
        "label values that begin one too low": encoded(moved_ids(-1)),
    },
)


def middle(side: int) -> slice:
    return slice(side // 4, -(side // 4))


SCORING = of(
    "scoring",
    {
        "ignored pixels counted as the first class": lambda labels, truth: (
            labels,
            np.where(truth == 255, 0, truth).astype(np.uint8),
        ),
        "the border not scored": lambda labels, truth: tuple(
            np.ascontiguousarray(side[middle(side.shape[0]), middle(side.shape[1])]) for side in (labels, truth)
        ),
    },
)

#: Changes of the input, by which an artifact or a checkpoint may have been built.
INPUT = [*PIXELS, *VALUES, *LAYOUT]
HYPOTHESES = [*INPUT, *NETWORK, *LOGITS, *LABELS, *TRUTH, *SCORING]
