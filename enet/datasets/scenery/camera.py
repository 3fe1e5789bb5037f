"""The car with the camera: the camera's position, and the parts of the car and frame in every picture."""

from __future__ import annotations

import cv2
import numpy as np

from enet.datasets.scenery.canvas import Canvas, pick
from enet.datasets.scenery.labels import EGO_VEHICLE, OUT_OF_ROI


def open_canvas(rng: np.random.Generator, size: tuple[int, int]) -> Canvas:
    """Make a black canvas of size (width, height), with a camera whose position varies a little."""
    width, height = size
    u = rng.random(8)  # the last one is unused; without it the random numbers of every scene would change
    return Canvas(
        image=np.zeros((height, width, 3), np.uint8),
        labels=np.zeros((height, width), np.uint8),
        focal=width * (0.42 + 0.05 * u[0]),
        centre=(width * (0.5 + 0.05 * (u[1] - 0.5)), height * (0.40 + 0.05 * u[2])),
        eye=(2.0 * (u[3] - 0.5), 2.3 + 0.5 * u[4]),
        haze=np.asarray((190.0, 198, 208)),
        haze_depth=150 + 300 * u[5],
        sun=1.0 if u[6] < 0.5 else -1.0,
    )


def hood(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw the hood of the car along the bottom, lighter in the middle."""
    height, width = canvas.labels.shape
    paint = pick(rng, ((52, 54, 60), (90, 92, 96), (36, 40, 52)), 8)
    middle = (width // 2, int(height * 1.005))
    for share, tone in ((1.0, 1.0), (0.8, 1.25)):
        axes = (int(width * 0.62 * share), int(height * 0.09 * share))
        cv2.ellipse(canvas.image, middle, axes, 0, 180, 360, tuple(float(v) * tone for v in paint), -1)
        if share == 1.0:
            cv2.ellipse(canvas.labels, middle, axes, 0, 180, 360, EGO_VEHICLE, -1)


def rim(canvas: Canvas) -> None:
    """Draw the black rim of every picture, which Cityscapes labels as out of its region of interest."""
    thick = max(1, canvas.labels.shape[1] // 400)
    for edge in (np.s_[:thick], np.s_[-thick:], np.s_[:, :thick], np.s_[:, -thick:]):
        canvas.image[edge], canvas.labels[edge] = 0, OUT_OF_ROI
