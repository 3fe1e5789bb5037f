"""Vehicles. Each stands on the ground, the middle of its near end at (x, z)."""

from __future__ import annotations

import numpy as np

from enet.datasets.scenery.canvas import GLASS, Box, Canvas, Paint, Point, pick
from enet.datasets.scenery.labels import BUS, CAR, TRAIN, TRUCK

CARS = (
    (228, 228, 230), (26, 26, 30), (130, 134, 138), (184, 188, 192), (160, 26, 30),
    (34, 62, 128), (70, 78, 84), (40, 88, 74), (196, 178, 140), (206, 92, 28),
)  # fmt: skip
LOADS = ((234, 234, 232), (210, 212, 216), (40, 96, 160), (180, 186, 190), (40, 110, 90), (236, 236, 240))
CABS = ((190, 30, 30), (30, 80, 150), (230, 230, 228), (40, 110, 70), (220, 130, 30))
BUSES = ((226, 176, 40), (214, 110, 36), (196, 44, 40), (236, 206, 130), (206, 60, 70))
TRAMS = ((226, 228, 224), (200, 206, 206), (236, 232, 214), (170, 196, 200))
UNDERSIDE = (22, 22, 24)

# The outline of a tyre as constants, because the last bit of a sine differs between machines.
OCTAGON = ((0.0, 1.0), (0.7, 0.7), (1.0, 0.0), (0.7, -0.7), (0.0, -1.0), (-0.7, -0.7), (-1.0, 0.0), (-0.7, 0.7))


def wheels(canvas: Canvas, spot: Box, radius: float, label: int) -> None:
    """The tyres of a vehicle on spot (x0, x1, z0, z1): two at its near end, two along its visible side."""
    x0, x1, z0, z1 = spot
    for x in (x0 + 0.08, x1 - 0.36):
        canvas.front((x, x + 0.28, 0, radius * 1.4), z0, (22, 22, 24), label)
    side = canvas.facing(x0, x1)
    if side is None:
        return
    for z in (z0 + 0.18 * (z1 - z0), z0 + 0.8 * (z1 - z0)):
        for grow, colour in ((1.0, (20, 20, 22)), (0.5, (120, 122, 126))):
            canvas.poly([(side, radius + radius * grow * b, z + radius * grow * a) for a, b in OCTAGON], colour, label)


def lamps(canvas: Canvas, x: float, half: float, y: float, z: float, rear: bool) -> None:
    """The two lights of a vehicle, half metres to each side of x: red behind, pale in front."""
    colour = (206, 24, 26) if rear else (250, 246, 214)
    for s in (-1, 1):
        canvas.front((x + s * half - 0.15, x + s * half + 0.15, y, y + 0.16), z, colour)


def car(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A passenger car, 4.2 m long, seen from behind or from the front."""
    paint, glass = pick(rng, CARS), pick(rng, GLASS)
    w, roof, rear = 0.9 + 0.1 * rng.random(), 1.42 + 0.3 * rng.random(), bool(rng.random() < 0.55)
    spot = (x - w, x + w, z, z + 4.2)
    canvas.flat((x - w, x + w, z, z + 4.0), 0.02, (24, 24, 26), CAR)
    canvas.block(spot, 0.28, 0.92, paint, CAR)
    cabin(canvas, (x, w, roof), (z + 0.35, z + 3.2) if rear else (z + 1.0, z + 3.8), paint, glass)
    wheels(canvas, spot, 0.33, CAR)
    lamps(canvas, x, w - 0.22, 0.66, z, rear)
    canvas.front((x - 0.26, x + 0.26, 0.46, 0.6), z, (232, 232, 224))
    canvas.front((x - w, x + w, 0.26, 0.36), z, paint * 0.5, CAR)


def cabin(canvas: Canvas, shape: Point, depth: tuple[float, float], paint: Paint, glass: Paint) -> None:
    """The upper half of a car, narrower at the top; shape is (x of its middle, half its width, its height)."""
    (x, w, roof), (near, far) = shape, depth
    side = canvas.facing(x - w, x + w)
    if side is not None:
        s = 1 if side > x else -1
        low, top = x + s * (w - 0.06), x + s * (w - 0.24)
        door = [(low, 0.92, near), (low, 0.92, far), (top, roof, far - 0.6), (top, roof, near + 0.5)]
        canvas.poly(door, paint * canvas.light(side), CAR)
        top_y = roof - 0.1
        pane = [(low, 0.98, near + 0.3), (low, 0.98, far - 0.2), (top, top_y, far - 0.7), (top, top_y, near + 0.6)]
        canvas.poly(pane, glass, CAR)
    canvas.flat((x - w + 0.24, x + w - 0.24, near + 0.5, far - 0.6), roof, paint * 1.08 + 10, CAR)
    back = [(x - w + 0.06, 0.92, near), (x + w - 0.06, 0.92, near)]
    back += [(x + w - 0.24, roof, near + 0.5), (x - w + 0.24, roof, near + 0.5)]
    canvas.poly(back, paint, CAR)
    canvas.poly([(a + (0.1 if a < x else -0.1), b + (0.06 if b < 1 else -0.08), c) for a, b, c in back], glass)


def truck(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A lorry: a tall load box on a dark chassis, with its cab in front when it comes towards the camera."""
    load, cab = pick(rng, LOADS), pick(rng, CABS)
    oncoming, top = bool(rng.random() < 0.5), 3.5 + 0.4 * rng.random()
    body = z + (1.9 if oncoming else 0.0)
    canvas.flat((x - 1.2, x + 1.2, z, body + 6), 0.02, UNDERSIDE, TRUCK)
    canvas.block((x - 1.15, x + 1.15, body, body + 6.0), 0.35, 1.05, (44, 44, 48), TRUCK)
    canvas.block((x - 1.28, x + 1.28, body, body + 6.0), 1.0, top, load, TRUCK)
    side = canvas.facing(x - 1.28, x + 1.28)
    if side is not None:
        for k in range(1, 8):  # ribs of the load box
            canvas.bar((side, 1.05, body + 0.75 * k), (side, top, body + 0.75 * k), 0.05, load * 0.72)
        canvas.side(side, (body + 1, body + 5, 1.9, 2.6), cab)
    wheels(canvas, (x - 1.2, x + 1.2, body, body + 6.0), 0.5, TRUCK)
    if oncoming:
        truck_cab(canvas, rng, x, z, cab)
    else:
        truck_doors(canvas, x, z, top, load)


def truck_doors(canvas: Canvas, x: float, z: float, top: float, load: Paint) -> None:
    """The near end of a lorry that drives away: doors with rods, and a stripe in red and white."""
    canvas.bar((x, 1.05, z), (x, top - 0.08, z), 0.06, load * 0.45)
    for s in (-0.45, 0.45):
        canvas.bar((x + s, 1.2, z), (x + s, top - 0.2, z), 0.04, load * 0.6)
    for k in range(8):
        x0 = x - 1.28 + 0.32 * k
        canvas.front((x0, x0 + 0.32, 1.0, 1.22), z, (200, 30, 30) if k % 2 else (240, 240, 240))
    lamps(canvas, x, 1.0, 0.72, z, True)


def truck_cab(canvas: Canvas, rng: np.random.Generator, x: float, z: float, paint: Paint) -> None:
    """The near end of an oncoming lorry: its cab, with windscreen and grille."""
    canvas.block((x - 1.2, x + 1.2, z, z + 1.8), 0.45, 2.75, paint, TRUCK)
    side = canvas.facing(x - 1.28, x + 1.28)
    if side is not None:
        canvas.side(x + (1.2 if side > x else -1.2), (z + 0.3, z + 1.3, 1.7, 2.4), pick(rng, GLASS))
    canvas.front((x - 1.05, x + 1.05, 1.65, 2.5), z, pick(rng, GLASS))
    canvas.front((x - 0.75, x + 0.75, 0.85, 1.4), z, (30, 30, 32))
    wheels(canvas, (x - 1.2, x + 1.2, z, z + 1.8), 0.48, TRUCK)
    lamps(canvas, x, 0.98, 0.72, z, False)


def bus(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A city bus, 11 m long, in a warm colour, with a band of windows and a destination board."""
    paint = pick(rng, BUSES)
    glass, rear, top = pick(rng, GLASS), bool(rng.random() < 0.45), 3.0 + 0.3 * rng.random()
    spot = (x - 1.28, x + 1.28, z, z + 11.0)
    canvas.flat((x - 1.2, x + 1.2, z, z + 11), 0.02, UNDERSIDE, BUS)
    canvas.block(spot, 0.3, top, paint, BUS)
    side = canvas.facing(x - 1.28, x + 1.28)
    if side is not None:
        canvas.side(side, (z + 0.4, z + 10.6, 1.3, 2.45), glass)
        for k in range(1, 7):
            canvas.bar((side, 1.3, z + 1.5 * k), (side, 2.45, z + 1.5 * k), 0.1, paint * 0.8)
    wheels(canvas, spot, 0.48, BUS)
    canvas.front((x - 1.1, x + 1.1, 1.55 if rear else 1.15, 2.4), z, glass)
    canvas.front((x - 0.8, x + 0.8, top - 0.5, top - 0.16), z, (24, 22, 20))
    canvas.front((x - 0.6, x + 0.5, top - 0.42, top - 0.25), z, (255, 168, 30))
    canvas.front((x - 1.28, x + 1.28, 0.3, 0.48), z, (40, 38, 38))
    lamps(canvas, x, 1.02, 0.68, z, rear)


def train(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A tram, 24 m long, pale with a coloured stripe, its nose narrower at the top."""
    paint = pick(rng, TRAMS)
    stripe = pick(rng, ((20, 120, 90), (30, 70, 160), (150, 30, 90), (20, 140, 150)))
    glass, top, w = pick(rng, GLASS), 3.5 + 0.3 * rng.random(), 1.3
    skirt = (40, 42, 44)
    canvas.block((x - w, x + w, z + 0.7, z + 24), 0.2, top, paint, TRAIN)
    side = canvas.facing(x - w, x + w)
    if side is not None:
        canvas.side(side, (z + 0.8, z + 24, 1.5, 2.6), glass)
        canvas.side(side, (z + 0.7, z + 24, 0.8, 1.35), stripe)
        canvas.side(side, (z + 0.7, z + 24, 0.2, 0.42), skirt)
        for k in range(1, 12):  # every third one is a door
            colour, low = (stripe * 0.8, 0.5) if k % 3 == 0 else (paint * 0.85, 1.5)
            canvas.bar((side, low, z + 2.0 * k), (side, 2.6, z + 2.0 * k), 0.18, colour)
    nose = [(x - w, 0.2, z), (x + w, 0.2, z), (x + w, 1.5, z)]
    nose += [(x + w - 0.3, top, z + 0.7), (x - w + 0.3, top, z + 0.7), (x - w, 1.5, z)]
    canvas.poly(nose, paint, TRAIN)
    screen = [(x - w + 0.15, 1.5, z), (x + w - 0.15, 1.5, z), (x + w - 0.4, top - 0.5, z), (x - w + 0.4, top - 0.5, z)]
    canvas.poly(screen, glass)
    canvas.front((x - w, x + w, 0.8, 1.35), z, stripe)
    canvas.front((x - w, x + w, 0.2, 0.42), z, skirt)
    canvas.front((x - 0.5, x + 0.5, top - 0.4, top - 0.2), z, (255, 190, 60))
    lamps(canvas, x, 0.9, 0.55, z, False)
