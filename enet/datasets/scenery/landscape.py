"""The landscape: sky and skyline, then the flat things: grass, pavements, the road and its markings, rails, parking.

All of it is painted before the things that stand, each over the one below it.
"""

from __future__ import annotations

import cv2
import numpy as np

from enet.datasets.scenery.canvas import NEAR, Canvas, Colour, pick
from enet.datasets.scenery.labels import BUILDING, GROUND, PARKING, RAIL_TRACK, ROAD, SIDEWALK, SKY, TERRAIN, VEGETATION
from enet.datasets.scenery.street import Street

DISTANCE = 85  # of the skyline, in metres
CLOUD, PALE = (240, 240, 242), (206, 222, 236)
END = 86  # where the ground ends, in metres: just behind the skyline


def sky(canvas: Canvas, rng: np.random.Generator) -> None:
    """A gradient from deep to pale blue, and clouds, down to the horizon."""
    width, horizon = canvas.labels.shape[1], int(canvas.centre[1]) + 2
    deep = pick(rng, ((70, 124, 200), (96, 148, 212), (120, 160, 206), (146, 172, 204)), 12)
    share = np.linspace(0, 1, 64)[:, None, None]
    # Drawn small and enlarged, because clouds have no edges and float arithmetic on fewer pixels is faster.
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


def ground(street: Street) -> None:
    """Paint all flat things, from the grass up."""
    canvas, rng, kerb = street.canvas, street.rng, street.kerb
    grass = pick(rng, ((138, 150, 70), (126, 142, 64), (152, 146, 80), (112, 138, 62)), 8)
    asphalt = pick(rng, ((92, 92, 96), (108, 106, 106), (78, 80, 86)), 8)
    slab = pick(rng, ((164, 156, 150), (150, 146, 146), (176, 162, 148)), 8)
    canvas.flat((-90, 90, NEAR, END), 0, grass, TERRAIN)
    pavements(canvas, kerb, street.edge, slab)
    canvas.flat((-kerb, kerb, NEAR, END), 0, asphalt, ROAD)
    markings(canvas, kerb)
    if rng.random() < 0.35:
        zebra_crossing(canvas, kerb, street.between(7, 12))
    rails(canvas, street.rails * kerb * 2 / 3)
    if rng.random() < 0.5:
        parking_place(street)


def pavements(canvas: Canvas, kerb: float, edge: float, slab: Colour) -> None:
    """Both pavements, with the joints between their slabs."""
    joint = np.asarray(slab) * 0.78
    for s in (-1, 1):
        canvas.flat((s * kerb, s * edge, NEAR, END), 0, slab, SIDEWALK)
        for k in range(40):
            z = 4 + 1.2 * k
            canvas.bar((s * kerb, 0, z), (s * edge, 0, z), 0.05, joint)
        middle = s * (kerb + edge) / 2
        canvas.flat((middle - 0.04, middle + 0.04, NEAR, 60), 0, joint)


def markings(canvas: Canvas, kerb: float) -> None:
    """Kerbstones, a line along each, and dashes between the three lanes."""
    for s in (-1, 1):
        canvas.flat((s * kerb, s * (kerb + 0.28), NEAR, END), 0, (190, 188, 184), SIDEWALK)
        canvas.flat((s * (kerb - 0.4), s * (kerb - 0.25), NEAR, 70), 0, (206, 206, 200))
    for lane in (-kerb / 3, kerb / 3):
        for k in range(12):
            canvas.flat((lane - 0.07, lane + 0.07, 3 + 5 * k, 5.4 + 5 * k), 0, (222, 222, 216))


def zebra_crossing(canvas: Canvas, kerb: float, z: float) -> None:
    """White stripes across the whole road."""
    for k in range(int(2 * kerb)):
        canvas.flat((-kerb + k, -kerb + k + 0.5, z, z + 2.4), 0, (226, 226, 220))


def rails(canvas: Canvas, x: float) -> None:
    """The track bed of the tram around x, and its two rails."""
    canvas.flat((x - 1.2, x + 1.2, NEAR, 80), 0, (118, 104, 92), RAIL_TRACK)
    for rail in (-0.72, 0.72):
        canvas.flat((x + rail - 0.08, x + rail + 0.08, NEAR, 80), 0, (66, 60, 58))


def parking_place(street: Street) -> None:
    """A paved place beside the pavement: parking or plain ground, both of no evaluated class."""
    z, label = street.between(10, 16), PARKING if street.rng.random() < 0.5 else GROUND
    x0, x1 = street.rails * (street.edge + 0.1), street.rails * (street.edge + 4)
    street.canvas.flat((x0, x1, z, z + 4), 0, (140, 132, 126), label)
