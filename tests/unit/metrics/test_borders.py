"""Errors at borders: counted by hand on small maps."""

from __future__ import annotations

import numpy as np

from enet.datasets.base import IGNORE
from enet.metrics.borders import BorderErrors, border_errors


def test_border_errors_of_a_small_map() -> None:
    target = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, IGNORE, 1]], np.uint8)
    prediction = np.array([[0, 0, 1, 1, 1], [2, 0, 0, 0, 1], [0, 0, 0, 0, 1]], np.uint8)
    found = border_errors(prediction, target)
    # At the border: two pixels on either side in the upper rows. The one beside IGNORE is not.
    assert found == BorderErrors(border=4, border_wrong=2, inside=10, inside_wrong=1)
    assert (found.border_rate, found.inside_rate) == (0.5, 0.1)


def test_borders_lie_above_below_left_and_right() -> None:
    for turns in range(2):
        target = np.rot90(np.array([[0, 0, 0], [1, 1, 1]], np.uint8), turns)
        found = border_errors(1 - target, target)
        assert found == BorderErrors(border=6, border_wrong=6)


def test_border_errors_add_up() -> None:
    one = BorderErrors(border=3, border_wrong=1, inside=4, inside_wrong=2)
    other = BorderErrors(border=10, border_wrong=20, inside=30, inside_wrong=40)
    assert one + other == BorderErrors(border=13, border_wrong=21, inside=34, inside_wrong=42)
    assert one + BorderErrors() == one
    assert np.isnan(BorderErrors().border_rate)
    assert np.isnan(BorderErrors().inside_rate)
