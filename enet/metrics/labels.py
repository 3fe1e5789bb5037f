"""Labels from logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pad_batch(rows: NDArray[Any], batch_size: int) -> NDArray[Any]:
    """A batch of this size: what there is, then its first row again and again, as ais_bench fills up."""
    if len(rows) == batch_size:
        return rows
    return np.concatenate([rows, np.repeat(rows[:1], batch_size - len(rows), axis=0)])


def is_finite(logits: NDArray[np.float32]) -> bool:
    """Whether every value is finite. A sum is looked at first: it is quicker, and finite sums have finite terms."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(logits.sum())) or bool(np.isfinite(logits).all())


def argmax(logits: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """Class of the largest of the first ``classes`` logits, the first of equals: (C, H, W) float32 to (H, W) uint8.

    numpy's own argmax over the first axis walks memory in strides and is ten times slower. Numbers of classes ascend,
    so a later one that is above replaces an earlier by a maximum, for which processors have an instruction.
    """
    best = logits[0].copy()
    label = np.zeros(best.shape, np.uint8)
    above = np.empty(best.shape, bool)
    number_there = above.view(np.uint8)
    for number in range(1, classes):
        np.greater(logits[number], best, out=above)
        np.maximum(logits[number], best, out=best)
        np.multiply(number_there, np.uint8(number), out=number_there)
        np.maximum(label, number_there, out=label)
    return label


def labels_from_phases(phases: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """``argmax`` of logits in the form (4 * C, H/2, W/2): phase k holds the pixels of rows k // 2 and columns k % 2."""
    rows, height, width = phases.shape
    label = np.empty((2 * height, 2 * width), np.uint8)
    for phase, logits in enumerate(phases.reshape(4, rows // 4, height, width)):
        label[phase // 2 :: 2, phase % 2 :: 2] = argmax(logits, classes)
    return label


def logits_from_phases(phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """Phases (N, 4 * C, H/2, W/2), as in ``labels_of_phases``, as logits (N, C, H, W)."""
    count, rows, height, width = phases.shape
    blocks = phases.reshape(count, 2, 2, rows // 4, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(count, rows // 4, 2 * height, 2 * width)
