"""What a model gives for one image, and how far two results are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.datasets.preprocess import resize_labels
from enet.metrics import segmentation
from enet.metrics.labels import argmax
from enet.metrics.segmentation import Matrix, confusion_matrix

#: Logits are compared at every third pixel in both directions: a ninth of the memory, and every phase of 2x2 and 8x8.
STEP = 3


@dataclass(frozen=True, eq=False)
class Output:
    """A model's result for one image.

    Attributes:
        labels: uint8, shape (H, W).
        logits: float32, shape (C, H / STEP, W / STEP); None if the model gives labels.
        non_finite: number of its logits that are NaN or infinite.
    """

    labels: NDArray[np.uint8]
    logits: NDArray[np.float32] | None = None
    non_finite: int = 0

    @classmethod
    def of(cls, result: NDArray[Any], classes: int) -> Output:
        """The result of one image: logits, float32 (C, H, W), or labels, uint8 (H, W)."""
        if result.ndim == 2:
            return cls(result.astype(np.uint8))
        return cls(
            argmax(result, classes),
            np.ascontiguousarray(result[:, ::STEP, ::STEP]),
            result.size - int(np.count_nonzero(np.isfinite(result))),
        )


Outputs = Sequence[Output]


def label_distance(one: Output, other: Output) -> float:
    """Share of the pixels with different labels, in 0..1."""
    return float((one.labels != other.labels).mean())


def distance(one: Output, other: Output) -> float:
    """Mean difference of the logits as a share of the spread of ``other``'s; without logits, ``label_distance``."""
    if one.logits is None or other.logits is None:
        return label_distance(one, other)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(one.logits - other.logits)
        spread = np.abs(other.logits - other.logits.mean())
    finite = np.isfinite(difference) & np.isfinite(spread)
    return float(difference[finite].mean() / max(spread[finite].mean(), 1e-12)) if finite.any() else 1.0


def score(output: Output, truth: NDArray[np.uint8], classes: int) -> Matrix:
    """Confusion matrix of one image, shape (classes + 1, classes + 1): labels that are no class are in the last one."""
    labels = np.minimum(resize_labels(output.labels, truth.shape), np.uint8(classes))
    target = np.where((truth >= classes) & (truth != 255), np.uint8(classes), truth)
    return confusion_matrix(labels, target, classes + 1)


def miou(matrices: Sequence[Matrix]) -> float:
    """Mean IoU in 0..1 over the classes that occur in these matrices of ``score``; NaN if there are none."""
    total = np.sum(matrices, axis=0)
    iou = segmentation.iou_per_class(total)[:-1]
    return float("nan") if np.isnan(iou).all() else float(np.nanmean(iou))
