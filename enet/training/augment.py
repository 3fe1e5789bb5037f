"""Random views of a labelled photograph: scale, place, flip, colour, blur; one generator decides all of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from enet.datasets.base import IGNORE


def random_view(
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    scales: tuple[float, float],
    flip: bool = True,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a randomly scaled, rotated, placed and flipped window out of an image.

    Args:
        image: RGB, shape (H, W, 3).
        label: train ids, shape (H, W).
        size: width and height of the window.
        scales: smallest and largest zoom.
    Returns:
        Image (h, w, 3) and label (h, w) of ``size``; what lies outside the photograph is ``IGNORE``.
    """
    height, width = label.shape
    scale = np.exp(rng.uniform(*np.log(scales)))
    stretch = np.exp(rng.uniform(-0.08, 0.08))
    angle = np.deg2rad(rng.normal(0, 2.0))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos * stretch, -sin], [sin * stretch, cos]])
    if flip and rng.random() < 0.5:
        turn[:, 0] *= -1
    # The window's centre in the photograph: anywhere that keeps the window inside, as far as that is possible.
    reach = [max(0.0, (side - want / scale) / 2) for side, want in zip((width, height), size, strict=True)]
    centre = np.array([width / 2, height / 2]) + rng.uniform(-1, 1, 2) * (np.array(reach) + 8)
    matrix = np.column_stack([turn, np.array(size) / 2 - turn @ centre])
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    view = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=colour)
    target = cv2.warpAffine(label, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    return recolour(view.astype(np.uint8, copy=False), rng), target.astype(np.uint8, copy=False)


def recolour(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation, white balance and gamma, as other cameras and hours would; now and
    then blur."""
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.2))).astype(np.uint8, copy=False)
    saturation, contrast = rng.uniform(0.5, 1.5), rng.uniform(0.6, 1.4)
    gain = np.exp(rng.uniform(-0.5, 0.4) + rng.normal(0, 0.08, 3))
    # All of it but gamma is linear in a pixel's three values, so one 3x4 matrix does it.
    mixed = gain[:, None] * contrast * (saturation * np.eye(3) + (1 - saturation) / 3)
    shift = gain * (1 - contrast) * image.mean()
    image = cv2.transform(image, np.column_stack([mixed, shift])).astype(np.uint8, copy=False)
    curve = 255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-0.4, 0.4))
    return cv2.LUT(image, curve.astype(np.uint8)).astype(np.uint8, copy=False)
