"""By how many pixels label maps are displaced, measured instead of guessed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enet.diagnosis.hypotheses import Hypothesis, moved, place_in_words, shifted

#: Largest displacement that is looked for, in pixels of the network's grid, and the stride of the pixels that are
#: compared at first; the places around the best one are compared at all pixels.
FARTHEST, STRIDE = 16, 3
#: The best place must leave at most this share of the differing pixels: label maps that are merely wrong fit nowhere.
LARGEST_LEFT = 0.6


def displacement(seen: Sequence[NDArray[np.uint8]], expected: Sequence[NDArray[np.uint8]]) -> tuple[int, int]:
    """By how many rows and columns ``seen`` lies further down and to the right than ``expected``.

    Args:
        seen: label maps, uint8, shape (H, W).
        expected: those that they should be; 255 is not compared.
    Returns:
        (0, 0) if no displacement explains much of the difference, or if label maps are too small.
    """
    far = FARTHEST
    pairs = [(one, other) for one, other in zip(seen, expected, strict=True) if min(one.shape) > 4 * far]
    pairs = [(one, other) for one, other in pairs if one.shape == other.shape]
    if not pairs:
        return 0, 0

    def apart(down: int, right: int, step: int = 1) -> float:
        differing = counted = 0
        for one, other in pairs:
            height, width = other.shape
            there = other[far - down : height - far - down : step, far - right : width - far - right : step]
            is_known = there != 255
            differing += int(np.count_nonzero((one[far:-far:step, far:-far:step] != there) & is_known))
            counted += int(np.count_nonzero(is_known))
        return differing / max(counted, 1)

    places = [(down, right) for down in range(-far, far + 1) for right in range(-far, far + 1)]
    down, right = min(places, key=lambda place: apart(place[0], place[1], STRIDE))
    near = [place for place in places if max(abs(place[0] - down), abs(place[1] - right)) < STRIDE]
    best = min(near, key=lambda place: apart(*place))
    return best if apart(*best) <= LARGEST_LEFT * apart(0, 0) else (0, 0)


def displaced(seen: Sequence[NDArray[np.uint8]], expected: Sequence[NDArray[np.uint8]]) -> list[Hypothesis]:
    """The measured displacement as two hypotheses, of the input and of the output; none if there is none, or if it is
    by one pixel along one axis, which the table has."""
    down, right = displacement(seen, expected)
    if abs(down) + abs(right) <= 1:
        return []
    output = Hypothesis(f"the output moved by {place_in_words(right, down)}", "labels", moved(down, right))
    if {(abs(right), abs(down))} <= {(0, 8), (8, 0)}:  # whose crop the table has
        return [output]
    return [output, Hypothesis(f"the crop shifted by {place_in_words(right, down)}", "pixels", shifted(right, down))]
