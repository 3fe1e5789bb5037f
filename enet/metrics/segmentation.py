"""Exact segmentation scores: int64 confusion matrices per image, summed, divided once at the end."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from enet.datasets.base import IGNORE

AbsentClasses = Literal["zero", "skip"]
Matrix = NDArray[np.int64]


def confusion_matrix(prediction: NDArray[np.uint8], target: NDArray[np.uint8], classes: int) -> Matrix:
    """Count (target, prediction) pairs of pixels whose target is not ``IGNORE``.

    Args:
        prediction: predicted train ids, any shape, values in [0, classes).
        target: true train ids, the same shape, values in [0, classes) or ``IGNORE``.
        classes: number of scored classes.
    Returns:
        Counts, shape (classes, classes), int64; row = target, column = prediction.
    Raises:
        ValueError: the shapes differ, or a value is out of range.

    >>> import numpy as np
    >>> confusion_matrix(np.uint8([0, 1, 1]), np.uint8([0, 0, 255]), classes=2)
    array([[1, 1],
           [0, 0]])
    """
    if prediction.shape != target.shape:
        raise ValueError(f"prediction.shape={prediction.shape}, expected the target's {target.shape}")
    if prediction.size and prediction.max() >= classes:
        raise ValueError(f"prediction holds {prediction.max()}, expected 0..{classes - 1}")
    # One bin for every (target byte, prediction) pair: IGNORE is then a row that is dropped below.
    pairs = target.ravel().astype(np.uint16) * np.uint16(classes) + prediction.ravel()
    counts = np.bincount(pairs, minlength=(IGNORE + 1) * classes).reshape(IGNORE + 1, classes)
    if counts[classes:IGNORE].any():
        wrong = classes + int(np.flatnonzero(counts[classes:IGNORE].any(axis=1))[0])
        raise ValueError(f"target holds {wrong}, expected 0..{classes - 1} or {IGNORE}")
    return counts[:classes].astype(np.int64)


def iou_per_class(matrix: Matrix) -> NDArray[np.float64]:
    """Intersection over union per class, shape (classes,); NaN for a class in neither target nor prediction."""
    intersection = np.diagonal(matrix)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - intersection
    with np.errstate(invalid="ignore"):
        return np.where(union > 0, intersection / union, np.nan)


def miou(matrix: Matrix, absent_classes: AbsentClasses) -> float:
    """Mean IoU in 0..1; NaN if nothing was counted.

    Args:
        matrix: confusion matrix of the whole split.
        absent_classes: a class in neither target nor prediction counts as 0 ("zero", as in the guide's scripts), or
            is not part of the mean ("skip", as in the official Cityscapes evaluator).
    """
    iou = iou_per_class(matrix)
    if np.isnan(iou).all():
        return float("nan")
    return float(np.nan_to_num(iou).mean() if absent_classes == "zero" else np.nanmean(iou))


def pixel_accuracy(matrix: Matrix) -> float:
    """Fraction of the scored pixels with the correct class, in 0..1; NaN if nothing was counted."""
    total = matrix.sum()
    return float(np.trace(matrix) / total) if total else float("nan")
