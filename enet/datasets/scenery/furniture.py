"""Street furniture: lamp posts, bollards, traffic lights, traffic signs, bins. Each stands on the ground at (x, z)."""

from __future__ import annotations

import numpy as np

from enet.datasets.scenery.canvas import Canvas, pick
from enet.datasets.scenery.labels import DYNAMIC, POLE, POLEGROUP, STATIC, TRAFFIC_LIGHT, TRAFFIC_SIGN

RED, WHITE, BLUE, BLACK, YELLOW = (204, 26, 34), (240, 240, 236), (26, 74, 170), (30, 30, 32), (244, 196, 30)
LENSES = ((60, 235, 130), (255, 190, 40), (255, 50, 40))  # of a traffic light, from below
RADIUS = 0.52  # of a traffic sign, in metres


def lamp_post(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A street lamp, its arm over the road."""
    colour, high = pick(rng, ((112, 114, 116), (78, 82, 84), (146, 148, 148)), 8), 6.0 + 2.0 * rng.random()
    arm = -1.4 if x > 0 else 1.4
    canvas.bar((x, 0.0, z), (x, high, z), 0.2, colour, POLE)
    canvas.bar((x, 0.0, z), (x, 0.9, z), 0.28, colour * 0.8, POLE)
    canvas.bar((x, high, z), (x + arm, high + 0.15, z), 0.13, colour, POLE)
    canvas.bar((x + arm * 0.7, high + 0.12, z), (x + arm * 1.2, high + 0.12, z), 0.22, (206, 206, 196), POLE)


def bollards(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Three posts close together: a pole group, which is of no evaluated class."""
    colour = pick(rng, ((104, 106, 108), (150, 60, 50), (70, 72, 76)), 8)
    for k in (-0.3, 0.0, 0.3):
        canvas.bar((x + k, 0.0, z), (x + k, 1.0, z), 0.16, colour, POLEGROUP)


def traffic_light(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A signal head with three lenses, one of them lit, on its pole."""
    y, lit = 2.5 + 0.5 * rng.random(), int(rng.integers(3))
    canvas.bar((x, 0.0, z), (x, y + 0.1, z), 0.2, pick(rng, ((104, 106, 108), (132, 134, 134)), 8), POLE)
    head = pick(rng, ((26, 28, 28), (38, 42, 40)), 6)
    canvas.front((x - 0.36, x + 0.36, y, y + 1.4), z, head, TRAFFIC_LIGHT)
    for k, colour in enumerate(LENSES):
        canvas.disc((x, y + 0.26 + 0.44 * k, z), 0.19, np.asarray(colour) * (1.0 if k == lit else 0.28))


def traffic_sign(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """One of five signs, on its pole."""
    y, kind = 2.3 + 0.5 * rng.random(), int(rng.integers(5))
    canvas.bar((x, 0.0, z), (x, y, z), 0.16, pick(rng, ((128, 130, 132), (104, 106, 108)), 8), POLE)
    (ban, warning, parking, priority, order)[kind](canvas, x, y, z)


def ban(canvas: Canvas, x: float, y: float, z: float) -> None:
    """A white disc with a red rim and a black bar."""
    canvas.disc((x, y, z), RADIUS, RED, TRAFFIC_SIGN)
    canvas.disc((x, y, z), RADIUS * 0.72, WHITE)
    canvas.bar((x - 0.2, y, z), (x + 0.2, y, z), 0.2, BLACK)


def warning(canvas: Canvas, x: float, y: float, z: float) -> None:
    """A white triangle with a red rim."""
    for share, colour, label in ((1.25, RED, TRAFFIC_SIGN), (0.75, WHITE, None)):
        s = RADIUS * share
        canvas.poly([(x - s, y - s * 0.6, z), (x + s, y - s * 0.6, z), (x, y + s, z)], colour, label)


def parking(canvas: Canvas, x: float, y: float, z: float) -> None:
    """A blue square with a white P."""
    canvas.front((x - RADIUS, x + RADIUS, y - RADIUS, y + RADIUS), z, BLUE, TRAFFIC_SIGN)
    canvas.bar((x - 0.12, y - 0.3, z), (x - 0.12, y + 0.34, z), 0.12, WHITE)
    canvas.disc((x + 0.06, y + 0.14, z), 0.2, WHITE)


def priority(canvas: Canvas, x: float, y: float, z: float) -> None:
    """A yellow diamond with a white rim."""
    for share, colour, label in ((1.2, WHITE, TRAFFIC_SIGN), (0.8, YELLOW, None)):
        s = RADIUS * share
        canvas.poly([(x, y - s, z), (x + s, y, z), (x, y + s, z), (x - s, y, z)], colour, label)


def order(canvas: Canvas, x: float, y: float, z: float) -> None:
    """A blue disc with a white bar."""
    canvas.disc((x, y, z), RADIUS, BLUE, TRAFFIC_SIGN)
    canvas.bar((x - 0.28, y, z), (x + 0.28, y, z), 0.18, WHITE)


def clutter(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A bin (static) or a pushcart (dynamic), both of no evaluated class."""
    label = STATIC if rng.random() < 0.5 else DYNAMIC
    colour = pick(rng, ((70, 90, 60), (90, 92, 96), (170, 120, 40), (60, 70, 120)))
    canvas.block((x - 0.3, x + 0.3, z, z + 0.5), 0.1, 0.7 + 0.4 * rng.random(), colour, label)
