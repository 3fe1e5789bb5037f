"""Random views of a labelled image: scale, position, flip, colour, blur, all from one random generator."""

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
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a randomly scaled, rotated, placed and flipped window out of an image, and change its colours.

    Args:
        image: RGB, shape (H, W, 3).
        label: train ids, shape (H, W).
        size: width and height of the window.
        scales: smallest and largest zoom.
    Returns:
        Image (h, w, 3) and label map (h, w) of ``size``; pixels outside the source image are ``IGNORE``.
    """
    height, width = label.shape
    scale = np.exp(rng.uniform(*np.log(scales)))
    stretch = np.exp(rng.uniform(-0.08, 0.08))
    angle = np.deg2rad(rng.normal(0, 2.0))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    rotation = np.array([[cos * stretch, -sin], [sin * stretch, cos]])
    if rng.random() < 0.5:
        rotation[:, 0] *= -1
    # Centre of the window in the source image: anywhere that keeps the window inside, as far as possible.
    reach = [max(0.0, (side - wanted / scale) / 2) for side, wanted in zip((width, height), size, strict=True)]
    centre = np.array([width / 2, height / 2]) + rng.uniform(-1, 1, 2) * (np.array(reach) + 8)
    matrix = np.column_stack([rotation, np.array(size) / 2 - rotation @ centre])
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    view = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=colour)
    target = cv2.warpAffine(label, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    return change_colours(view.astype(np.uint8, copy=False), rng), target.astype(np.uint8, copy=False)


def change_colours(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation, white balance and gamma as other cameras would; sometimes blur."""
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.2))).astype(np.uint8, copy=False)
    saturation, contrast = rng.uniform(0.5, 1.5), rng.uniform(0.6, 1.4)
    gain = np.exp(rng.uniform(-0.5, 0.4) + rng.normal(0, 0.08, 3))
    # All changes but gamma are linear in a pixel's three values, so one 3x4 matrix does them.
    mixed = gain[:, None] * contrast * (saturation * np.eye(3) + (1 - saturation) / 3)
    shift = gain * (1 - contrast) * image.mean()
    image = cv2.transform(image, np.column_stack([mixed, shift])).astype(np.uint8, copy=False)
    curve = 255 * (np.arange(256) / 255) ** np.exp(rng.uniform(-0.4, 0.4))
    return cv2.LUT(image, curve.astype(np.uint8)).astype(np.uint8, copy=False)
