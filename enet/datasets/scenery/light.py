"""Light and texture: shadows on the ground, the grain of surfaces, and the exposure of the picture.

Noise comes from integers and is enlarged with OpenCV's bit-exact resizing, so that every machine gets the same bytes;
another version of OpenCV may still round a blur or a product differently.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from enet.datasets.scenery import labels as ids
from enet.datasets.scenery.canvas import NEAR
from enet.datasets.scenery.street import Street

#: Sides, in pixels, of the cells of noise: fine, middle, coarse.
CELLS = (3, 10, 60)
#: Strength of the noise at each of ``CELLS``, of 127, by label; and for all other labels.
GRAIN = {
    ids.ROAD: (14, 6, 12),
    ids.SIDEWALK: (20, 8, 10),
    ids.BUILDING: (8, 4, 10),
    ids.WALL: (20, 16, 14),
    ids.FENCE: (8, 4, 8),
    ids.POLE: (6, 2, 4),
    ids.VEGETATION: (46, 60, 24),
    ids.TERRAIN: (44, 26, 26),
    ids.SKY: (0, 0, 3),
    ids.PERSON: (10, 10, 4),
    ids.RIDER: (10, 10, 4),
    ids.RAIL_TRACK: (30, 10, 10),
    ids.PARKING: (20, 8, 10),
    ids.GROUND: (26, 12, 12),
}
OTHER_GRAIN = (4, 2, 4)


def shadows(street: Street) -> None:
    """Darken the ground under and beside all items, before these are painted."""
    canvas, rng = street.canvas, street.rng
    mask = np.zeros(canvas.labels.shape, dtype=np.uint8)
    throw = 1.2 * canvas.sun
    for item in street.items:
        x0, x1, z0, z1 = item.spot
        if abs(x0) > street.plot or x1 - x0 > 4:
            continue  # a building: its shadow is drawn below
        near, far = z0 - 0.3, z1
        spot = [(x0 - 0.1, 0.0, near), (x1 + 0.1, 0.0, near), (x1 + throw, 0.0, far), (x0 + throw, 0.0, far)]
        cv2.fillPoly(mask, [canvas.project(spot)], 255)
    if rng.random() < 0.5:  # the row of buildings on the sunny side shades its pavement
        s = -1 if canvas.sun > 0 else 1
        reach = street.between(0, street.edge)
        spot = [(s * 20, 0, NEAR), (s * reach, 0, NEAR), (s * reach, 0, 80), (s * 20, 0, 80)]
        cv2.fillPoly(mask, [canvas.project(spot)], 255)
    mask[canvas.labels == ids.SKY] = 0
    depth = 40 + int(60 * rng.random())
    darkness = np.asarray(cv2.blur(mask, (9, 9))).astype(np.uint16) * depth >> 8
    gain = (255 - darkness).astype(np.uint8)
    canvas.image[:] = cv2.multiply(canvas.image, cv2.merge([gain] * 3), scale=1 / 255)


def add_grain(image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add noise to uint8 RGB, shape (H, W, 3), that depends on the raw Cityscapes id of each pixel in ``labels``."""
    height, width = labels.shape
    gain = np.full((height, width), 128, dtype=np.int16)
    for grain, cell in enumerate(CELLS):
        table = np.full(256, OTHER_GRAIN[grain], dtype=np.uint8)
        for label, amounts in GRAIN.items():
            table[label] = amounts[grain]
        noise = rng.integers(0, 256, (height // cell + 2, width // cell + 2), dtype=np.uint8)
        spread = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR_EXACT))
        amount = np.asarray(cv2.LUT(labels, table)).astype(np.int16)
        gain += ((spread.astype(np.int16) - 128) * amount) >> 7
    grain_gain = np.clip(gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.multiply(image, cv2.merge([grain_gain] * 3), scale=1 / 128), dtype=np.uint8)


def expose(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add a camera's exposure, contrast, white balance, blur and sensor noise to uint8 RGB, shape (H, W, 3)."""
    exposure, warmth = 0.86 + 0.28 * rng.random(), 0.12 * (rng.random() - 0.5)
    contrast = 0.9 + 0.2 * rng.random()
    ramp = np.clip((np.arange(256) - 110) * contrast * exposure + 110 * exposure + 0.5, 0, 255)
    lut = np.stack([ramp * (1 + warmth), ramp, ramp * (1 - warmth)], axis=1)
    table = np.clip(lut, 0, 255).astype(np.uint8)
    taken = cv2.GaussianBlur(cv2.LUT(image, table[None]), (3, 3), 0)
    height, width = image.shape[:2]
    noise = rng.integers(0, 7, (height // 2, width // 2, 3), dtype=np.uint8)
    full = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.subtract(cv2.add(taken, full), np.full_like(full, 3)), dtype=np.uint8)
