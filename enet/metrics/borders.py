"""Errors at the borders of labels and away from them: every real network is worse at borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enet.datasets.base import IGNORE


@dataclass(frozen=True, kw_only=True)
class BorderErrors:
    """Numbers of scored pixels and of wrong ones, at borders of the ground truth and elsewhere."""

    border: int = 0
    border_wrong: int = 0
    inside: int = 0
    inside_wrong: int = 0

    def __add__(self, other: BorderErrors) -> BorderErrors:
        return BorderErrors(
            border=self.border + other.border,
            border_wrong=self.border_wrong + other.border_wrong,
            inside=self.inside + other.inside,
            inside_wrong=self.inside_wrong + other.inside_wrong,
        )

    @property
    def border_rate(self) -> float:
        """Fraction of wrong pixels at borders, in 0..1; NaN without borders."""
        return self.border_wrong / self.border if self.border else float("nan")

    @property
    def inside_rate(self) -> float:
        """Fraction of wrong pixels elsewhere, in 0..1; NaN if there are none."""
        return self.inside_wrong / self.inside if self.inside else float("nan")


def border_errors(prediction: NDArray[np.uint8], target: NDArray[np.uint8]) -> BorderErrors:
    """Count errors at and off the borders of an image.

    A pixel is at a border if the pixel above, below, left or right of it has another scored label.

    Args:
        prediction, target: train ids, uint8, shape (H, W); pixels whose target is ``IGNORE`` are left out.
    """
    border = np.zeros(target.shape, bool)
    for first, second in (((slice(1, None),), (slice(None, -1),)), ((..., slice(1, None)), (..., slice(None, -1)))):
        differs = (target[first] != target[second]) & (target[first] != IGNORE) & (target[second] != IGNORE)
        border[first] |= differs
        border[second] |= differs
    scored, wrong = target != IGNORE, prediction != target
    inside = scored & ~border
    counts = [int(np.count_nonzero(mask)) for mask in (border, border & wrong, inside, inside & wrong)]
    return BorderErrors(border=counts[0], border_wrong=counts[1], inside=counts[2], inside_wrong=counts[3])
