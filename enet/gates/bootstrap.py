"""Interval of an mIoU difference, by a paired bootstrap over images."""

from __future__ import annotations

import numpy as np

from enet.evidence import Accuracy
from enet.metrics import segmentation


def paired_interval(evidence: Accuracy, reference: Accuracy, samples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mIoU difference, by a paired bootstrap over images (percentile method).

    Images are drawn with replacement; both mIoUs are computed from the same draw, so what is common to both (hard
    and easy images) cancels. It would not if each mIoU had an interval of its own.

    Returns:
        Lower and upper end, mIoU in 0..1.
    """
    count = len(evidence.images)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    rule = evidence.absent_classes
    differences = resampled_miou(draws, evidence, rule) - resampled_miou(draws, reference, rule)
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


def resampled_miou(draws: np.ndarray, evidence: Accuracy, absent_classes: segmentation.AbsentClasses) -> np.ndarray:
    """mIoU of every draw (a row of counts per image), shape (draws,)."""
    diagonals = np.diagonal(evidence.matrices, axis1=1, axis2=2)
    unions = evidence.matrices.sum(axis=1) + evidence.matrices.sum(axis=2) - diagonals
    # Sums of pixel counts stay far below 2^53, so float64 holds them exactly and a product of float64 is much quicker.
    intersection, union = (draws.astype(np.float64) @ side.astype(np.float64) for side in (diagonals, unions))
    with np.errstate(invalid="ignore"):
        iou = np.where(union > 0, intersection / union, np.nan)
    mean: np.ndarray = np.nan_to_num(iou).mean(axis=1) if absent_classes == "zero" else np.nanmean(iou, axis=1)
    return mean
