"""What is farther away than the street: the sky, and the skyline at the street's end."""

from __future__ import annotations

import cv2
import numpy as np

from enet.datasets.scenery.canvas import Canvas, pick
from enet.datasets.scenery.labels import BUILDING, SKY, VEGETATION

DISTANCE = 85  # of the skyline, in metres
CLOUD, PALE = (240, 240, 242), (206, 222, 236)


def sky(canvas: Canvas, rng: np.random.Generator) -> None:
    """A gradient from deep to pale blue, and clouds, down to the horizon."""
    width, horizon = canvas.labels.shape[1], int(canvas.centre[1]) + 2
    deep = pick(rng, ((70, 124, 200), (96, 148, 212), (120, 160, 206), (146, 172, 204)), 12)
    share = np.linspace(0, 1, 64)[:, None, None]
    # Drawn small and enlarged: clouds have no edges, and the arithmetic in float is over fewer pixels.
    small = deep * (1 - share) + np.asarray(PALE) * share + np.zeros((64, 128, 3))
    noise = rng.integers(0, 256, (8, 12), dtype=np.uint8)
    cloud = cv2.resize(noise, (128, 64), interpolation=cv2.INTER_LINEAR_EXACT)
    cover = np.clip((cloud.astype(np.float64) - 110 - 50 * rng.random()) / 90, 0, 0.85)[..., None]
    small = small * (1 - cover) + np.asarray(CLOUD) * cover
    picture = np.clip(small, 0, 255).astype(np.uint8)
    canvas.image[:horizon] = cv2.resize(picture, (width, horizon), interpolation=cv2.INTER_LINEAR_EXACT)
    canvas.labels[:horizon] = SKY


def skyline(canvas: Canvas, rng: np.random.Generator) -> None:
    """Small buildings and woods side by side all along the horizon."""
    x = -70.0
    while x < 70:
        wide, high = 6 + 8 * rng.random(), 4 + 7 * rng.random()
        if rng.random() < 0.5:
            colour = pick(rng, ((150, 130, 120), (170, 164, 156), (140, 110, 96)))
            canvas.front((x, x + wide, 0, high), DISTANCE, colour, BUILDING)
            for k in range(int(wide / 2)):
                canvas.front((x + 2 * k + 0.5, x + 2 * k + 1.5, 2, high - 1.5), DISTANCE, colour * 0.7)
        else:
            for a, b in rng.random((10, 2)):
                at = (x + a * wide, 0.6 * high * b, DISTANCE)
                canvas.disc(at, 2.2, (56 + 20 * a, 92 + 20 * b, 44), VEGETATION)
        x += wide * 0.9
