"""What lies flat: grass, pavements, the road and its markings, tram rails, a parking place.

All of it is painted before anything that stands, each piece over the one that it lies on.
"""

from __future__ import annotations

import numpy as np

from enet.datasets.scenery.canvas import NEAR, Canvas, Colour, pick
from enet.datasets.scenery.labels import GROUND, PARKING, RAIL_TRACK, ROAD, SIDEWALK, TERRAIN
from enet.datasets.scenery.street import Street

END = 86  # where the ground ends, in metres: just behind the skyline


def ground(street: Street) -> None:
    """Everything that lies flat, from the grass up."""
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
    """A paved place beside the pavement: parking or plain ground, which no evaluated class holds."""
    z, label = street.between(10, 16), PARKING if street.rng.random() < 0.5 else GROUND
    x0, x1 = street.rails * (street.edge + 0.1), street.rails * (street.edge + 4)
    street.canvas.flat((x0, x1, z, z + 4), 0, (140, 132, 126), label)
