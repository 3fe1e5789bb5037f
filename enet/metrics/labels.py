"""Labels from logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_classes(outputs: NDArray[Any], order: Sequence[int] | None) -> NDArray[Any]:
    """Class numbers for numbers of outputs; those that are no class follow after all classes.

    Args:
        outputs: whole numbers, any shape.
        order: of the outputs, those of the classes first; None: as they are.
    """
    return outputs if order is None else np.argsort(order)[outputs]


def pad_batch(rows: NDArray[Any], batch_size: int) -> NDArray[Any]:
    """Pad a batch to ``batch_size`` rows by repeating its first row, as ais_bench does."""
    if len(rows) == batch_size:
        return rows
    return np.concatenate([rows, np.repeat(rows[:1], batch_size - len(rows), axis=0)])


def is_finite(logits: NDArray[np.float32]) -> bool:
    """Return True if every value is finite. A finite sum has finite terms, and is faster to compute."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(logits.sum())) or bool(np.isfinite(logits).all())


def argmax(logits: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """Return the class of the largest of the first ``classes`` logits; of equal ones the first.

    numpy's argmax over the first axis reads memory in strides and is ten times slower. Here a larger logit replaces
    the class so far by a maximum, since class numbers ascend; CPUs have an instruction for that.

    Args:
        logits: float32, shape (C, H, W).
    Returns:
        uint8, shape (H, W).
    """
    best = logits[0].copy()
    label = np.zeros(best.shape, np.uint8)
    above = np.empty(best.shape, bool)
    number_above = above.view(np.uint8)
    for number in range(1, classes):
        np.greater(logits[number], best, out=above)
        np.maximum(logits[number], best, out=best)
        np.multiply(number_above, np.uint8(number), out=number_above)
        np.maximum(label, number_above, out=label)
    return label


def labels_from_phases(phases: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """Return ``argmax`` of logits in phases, as float32 of shape (4 * C, H/2, W/2): labels, uint8, shape (H, W).

    Phase k holds the pixels of every second row from k // 2 and every second column from k % 2.
    """
    rows, height, width = phases.shape
    label = np.empty((2 * height, 2 * width), np.uint8)
    for phase, logits in enumerate(phases.reshape(4, rows // 4, height, width)):
        label[phase // 2 :: 2, phase % 2 :: 2] = argmax(logits, classes)
    return label


def logits_from_phases(phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rearrange phases, shape (N, 4 * C, H/2, W/2), into logits, shape (N, C, H, W)."""
    count, rows, height, width = phases.shape
    blocks = phases.reshape(count, 2, 2, rows // 4, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(count, rows // 4, 2 * height, 2 * width)
