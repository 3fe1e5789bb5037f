"""People and two-wheelers. A ``squeeze`` below 1 shortens a two-wheeler, as if it were turned away."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from enet.datasets.scenery.canvas import Canvas, Colour, Point, pick
from enet.datasets.scenery.labels import BICYCLE, MOTORCYCLE, PERSON, RIDER

CLOTHES = (
    (36, 42, 68), (150, 36, 40), (60, 62, 66), (214, 206, 196), (40, 84, 132),
    (92, 72, 52), (196, 150, 40), (60, 100, 66), (120, 60, 110), (24, 24, 28),
)  # fmt: skip
SKIN = ((236, 190, 160), (206, 150, 116), (150, 98, 70), (104, 66, 46))
HAIR = ((40, 28, 20), (120, 86, 40), (20, 20, 20), (180, 176, 170))
HELMETS = ((230, 230, 226), (220, 40, 36), (240, 200, 40), (40, 90, 190))
BICYCLES = ((180, 30, 30), (30, 30, 34), (40, 90, 160), (220, 220, 216), (50, 130, 80), (230, 160, 30))
MOTORCYCLES = ((190, 24, 30), (24, 60, 150), (30, 130, 60), (230, 110, 20), (230, 230, 226))


def person(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A pedestrian, walking or standing, some with a bag."""
    shirt, legs, skin = pick(rng, CLOTHES), pick(rng, CLOTHES) * 0.8, pick(rng, SKIN, 6)
    s, stride = 0.9 + 0.18 * rng.random(), 0.06 + 0.22 * rng.random()
    wide = 0.22 + 0.06 * rng.random()
    for d in (-1, 1):
        foot = x + d * stride * s
        canvas.bar((x + d * 0.08 * s, 0.85 * s, z), (foot, 0.06, z), 0.17, legs, PERSON)
        canvas.bar((foot, 0.05, z), (x + (d * stride + 0.06) * s, 0.05, z), 0.1, (24, 22, 22), PERSON)
        hand = (x + d * (wide + 0.08 + 0.3 * stride) * s, 0.8 * s, z)
        canvas.bar((x + d * wide * 0.9 * s, 1.36 * s, z), hand, 0.13, shirt * 0.85, PERSON)
        canvas.disc(hand, 0.07, skin, PERSON)
    torso = [(-wide, 1.42), (wide, 1.42), (wide * 0.85, 0.75), (-wide * 0.85, 0.75)]
    canvas.poly([(x + a * s, b * s, z) for a, b in torso], shirt, PERSON)
    canvas.disc((x, 1.6 * s, z), 0.15, skin, PERSON)
    canvas.disc((x, 1.68 * s, z), 0.13, pick(rng, HAIR), PERSON)
    if rng.random() < 0.35:
        canvas.front((x + 0.2, x + 0.46, 0.5, 0.85), z, pick(rng, CLOTHES), PERSON)


def bicycle(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float) -> None:
    """A bicycle seen from the side."""
    paint = pick(rng, BICYCLES)

    def at(a: float, b: float) -> Point:
        return (x + a * squeeze, b, z)

    rear, front = at(-0.54, 0.36), at(0.54, 0.36)
    crank, seat, head = at(-0.08, 0.34), at(-0.22, 0.86), at(0.4, 0.84)
    # The whole frame is labelled, gaps included, as annotators do it.
    cv2.fillPoly(canvas.labels, [canvas.project([rear, seat, head, front, crank])], BICYCLE)
    for hub in (rear, front):
        spoked_wheel(canvas, hub, squeeze)
    for p, q in ((rear, seat), (rear, crank), (crank, seat), (seat, head), (crank, head), (head, front)):
        canvas.bar(p, q, 0.07, paint, BICYCLE)
    canvas.bar(at(-0.36, 0.95), at(-0.1, 0.95), 0.09, (28, 26, 26), BICYCLE)
    canvas.bar(head, at(0.36, 1.08), 0.05, paint * 0.7, BICYCLE)
    stem = x + 0.36 * squeeze
    canvas.bar((stem - 0.14, 1.08, z), (stem + 0.2, 1.06, z), 0.06, (30, 30, 30), BICYCLE)


def spoked_wheel(canvas: Canvas, hub: Point, squeeze: float) -> None:
    """A bicycle's wheel around hub: a thin tyre and eight spokes."""
    canvas.ring(hub, 0.33, 0.06, (24, 24, 26), BICYCLE, squeeze)
    x, y, z = hub
    for a, b in ((0.22, 0.22), (0.3, 0.0), (0.22, -0.22), (0.0, 0.3)):
        canvas.bar((x + a * squeeze, y + b, z), (x - a * squeeze, y - b, z), 0.012, (170, 172, 176))


def motorcycle(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float) -> None:
    """A motorcycle: thick tyres, a solid dark engine, a coloured tank and fairing."""
    paint = pick(rng, MOTORCYCLES)

    def shape(points: Sequence[tuple[float, float]], colour: Colour) -> None:
        # The body keeps some width at any squeeze.
        corners = [(x + a * squeeze + (0.08 if a > 0 else -0.08), b, z) for a, b in points]
        canvas.poly(corners, colour, MOTORCYCLE)

    for a in (-0.68, 0.7):
        canvas.disc((x + a * squeeze, 0.34, z), 0.35, (20, 20, 22), MOTORCYCLE, max(squeeze, 0.4))
        canvas.disc((x + a * squeeze, 0.34, z), 0.16, (140, 142, 146), MOTORCYCLE, max(squeeze, 0.4))
    shape([(-0.5, 0.3), (0.4, 0.25), (0.5, 0.75), (-0.5, 0.8)], (52, 52, 56))
    shape([(-0.95, 0.95), (-0.4, 0.7), (0.1, 0.76), (0.05, 0.9), (-0.5, 0.92)], (26, 24, 26))
    shape([(-0.1, 0.7), (0.5, 0.6), (0.62, 1.0), (0.1, 1.06)], paint)
    shape([(0.45, 0.5), (0.9, 0.62), (0.72, 1.2), (0.5, 1.1)], paint * 0.9)
    canvas.bar((x - 0.7 * squeeze, 0.22, z), (x + 0.1 * squeeze, 0.28, z), 0.1, (176, 178, 182), MOTORCYCLE)
    stem = x + 0.5 * squeeze
    canvas.bar((stem - 0.2, 1.14, z), (stem + 0.2, 1.12, z), 0.07, (28, 28, 30), MOTORCYCLE)
    canvas.disc((x + 0.82 * squeeze, 0.9, z), 0.1, (250, 246, 210), MOTORCYCLE)


def rider(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float, motor: bool) -> None:
    """A two-wheeler, and a person on it who leans forward and wears a bright helmet."""
    (motorcycle if motor else bicycle)(canvas, rng, x, z, squeeze)
    shirt, legs, helmet = pick(rng, CLOTHES), pick(rng, CLOTHES) * 0.75, pick(rng, HELMETS)

    def at(a: float, b: float) -> Point:
        return (x + a * squeeze, b, z)

    for knee, foot in ((0.14, -0.02), (0.24, 0.08)):
        canvas.bar(at(-0.2, 0.95), at(knee, 0.72), 0.2, legs, RIDER)
        canvas.bar(at(knee, 0.72), at(foot, 0.3), 0.15, legs, RIDER)
    # The back keeps some width at any squeeze.
    back = [(-0.36, 0.88, -0.12), (-0.06, 0.88, 0.12), (0.24, 1.46, 0.12), (-0.06, 1.52, -0.12)]
    canvas.poly([(x + a * squeeze + wide, b, z) for a, b, wide in back], shirt, RIDER)
    canvas.bar(at(0.14, 1.38), at(0.4, 1.1), 0.14, shirt * 0.85, RIDER)
    canvas.disc(at(0.24, 1.62), 0.16, pick(rng, SKIN, 6), RIDER)
    canvas.disc(at(0.22, 1.7), 0.17, helmet, RIDER)
