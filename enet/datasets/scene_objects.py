"""What stands in a procedural street: a painter's canvas in perspective, and one function per kind of object.

World coordinates are metres: X to the right, Y up from the ground, Z away from the camera. Every function
paints the picture and its label map with the same integer polygon, so the labels are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

EGO_VEHICLE, OUT_OF_ROI, STATIC, DYNAMIC, GROUND, ROAD, SIDEWALK, PARKING, RAIL_TRACK = (
    1,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
)
BUILDING, WALL, FENCE, POLE, POLEGROUP, TRAFFIC_LIGHT, TRAFFIC_SIGN = 11, 12, 13, 17, 18, 19, 20
VEGETATION, TERRAIN, SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE = (
    21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
)  # fmt: skip

Colour: TypeAlias = "Sequence[float] | NDArray[np.float64]"  # red, green, blue in 0..255
Point = tuple[float, float, float]

NEAR = 2.6  # nothing is drawn closer to the camera than this, in metres
GLASS = ((38, 46, 56), (58, 72, 88), (28, 30, 34), (84, 104, 122))
CLOTHES = (
    (36, 42, 68),
    (150, 36, 40),
    (60, 62, 66),
    (214, 206, 196),
    (40, 84, 132),
    (92, 72, 52),
    (196, 150, 40),
    (60, 100, 66),
    (120, 60, 110),
    (24, 24, 28),
)
SKIN = ((236, 190, 160), (206, 150, 116), (150, 98, 70), (104, 66, 46))
CARS = (
    (228, 228, 230),
    (26, 26, 30),
    (130, 134, 138),
    (184, 188, 192),
    (160, 26, 30),
    (34, 62, 128),
    (70, 78, 84),
    (40, 88, 74),
    (196, 178, 140),
    (206, 92, 28),
)


def pick(rng: np.random.Generator, palette: Sequence[Colour], jitter: int = 14) -> NDArray[np.float64]:
    """One colour of palette, each channel moved by up to jitter, shape (3,), float64."""
    base = np.asarray(palette[int(rng.integers(len(palette)))], dtype=np.float64)
    return base + rng.integers(-jitter, jitter + 1, size=3)


@dataclass
class Canvas:
    """A picture and its labels, with the camera that projects onto both.

    image is (H, W, 3) uint8 RGB, labels (H, W) uint8 of raw Cityscapes ids. haze_depth is the distance in
    metres at which half of a colour has become haze.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    focal: float
    centre: tuple[float, float]
    eye: tuple[float, float]  # X and Y of the camera
    haze: NDArray[np.float64]
    haze_depth: float
    sun: float  # -1: the left of everything is lit, 1: the right

    def project(self, points: Sequence[Point]) -> NDArray[np.int32]:
        """Points to pixels, shape (N, 2), int32 (x, y)."""
        world = np.asarray(points, dtype=np.float64)
        scale = self.focal / np.maximum(world[:, 2], NEAR)
        x = self.centre[0] + (world[:, 0] - self.eye[0]) * scale
        y = self.centre[1] + (self.eye[1] - world[:, 1]) * scale
        return np.clip(np.floor(np.stack([x, y], axis=1) + 0.5), -16000, 16000).astype(np.int32)

    def pixels(self, metres: float, z: float) -> int:
        """A length at depth z in whole pixels, at least 1."""
        return max(1, int(metres * self.focal / max(z, NEAR) + 0.5))

    def seen(self, colour: Colour, z: float) -> tuple[int, ...]:
        """Colour as it looks from depth z, through the haze."""
        share = z / (z + self.haze_depth)
        mixed = np.asarray(colour, dtype=np.float64) * (1 - share) + self.haze * share
        return tuple(int(v) for v in np.clip(mixed, 0, 255))

    def poly(self, points: Sequence[Point], colour: Colour, label: int | None = None) -> None:
        """Fill a polygon; without a label only the picture changes (a detail of what is already there)."""
        corners = self.project(points)
        cv2.fillPoly(self.image, [corners], self.seen(colour, points[0][2]))
        if label is not None:
            cv2.fillPoly(self.labels, [corners], label)

    def front(self, box: tuple[float, float, float, float], z: float, colour: Colour, label: int | None = None) -> None:
        """A rectangle facing the camera; box is (x0, x1, y0, y1)."""
        x0, x1, y0, y1 = box
        self.poly([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], colour, label)

    def side(self, x: float, box: tuple[float, float, float, float], colour: Colour, label: int | None = None) -> None:
        """A rectangle along the street; box is (z0, z1, y0, y1)."""
        z0, z1, y0, y1 = box
        self.poly([(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)], colour, label)

    def flat(self, box: tuple[float, float, float, float], y: float, colour: Colour, label: int | None = None) -> None:
        """A level rectangle; box is (x0, x1, z0, z1)."""
        x0, x1, z0, z1 = box
        self.poly([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], colour, label)

    def bar(self, a: Point, b: Point, width: float, colour: Colour, label: int | None = None) -> None:
        """A straight line of that width in metres."""
        (p, q), thickness = self.project([a, b]).tolist(), self.pixels(width, a[2])
        cv2.line(self.image, p, q, self.seen(colour, a[2]), thickness)
        if label is not None:
            cv2.line(self.labels, p, q, label, thickness)

    def disc(self, at: Point, radius: float, colour: Colour, label: int | None = None, squeeze: float = 1.0) -> None:
        """A filled circle facing the camera, its width multiplied by squeeze."""
        middle = self.project([at])[0].tolist()
        axes = (self.pixels(radius * squeeze, at[2]), self.pixels(radius, at[2]))
        cv2.ellipse(self.image, middle, axes, 0, 0, 360, self.seen(colour, at[2]), -1)
        if label is not None:
            cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, -1)

    def ring(self, at: Point, radius: float, width: float, colour: Colour, label: int, squeeze: float) -> None:
        """A wheel: only the tyre is painted, the whole disc is labelled, as people label a wheel."""
        middle = self.project([at])[0].tolist()
        axes = (self.pixels(radius * squeeze, at[2]), self.pixels(radius, at[2]))
        thickness = self.pixels(width, at[2])
        cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, -1)
        cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, thickness)
        cv2.ellipse(self.image, middle, axes, 0, 0, 360, self.seen(colour, at[2]), thickness)

    def facing(self, x0: float, x1: float) -> float | None:
        """The side of x0..x1 that the camera sees, or None when it looks straight at the front."""
        return x0 if x0 > self.eye[0] else x1 if x1 < self.eye[0] else None

    def light(self, x: float) -> float:
        """How bright a side face at x is: faces on the sunny side of the street are lighter."""
        return 0.86 + 0.14 * self.sun * (1 if x < self.eye[0] else -1)


def box(
    canvas: Canvas, spot: tuple[float, float, float, float], y0: float, y1: float, colour: Colour, label: int
) -> None:
    """A block on the street; spot is (x0, x1, z0, z1). Paints the faces that can be seen."""
    x0, x1, z0, z1 = spot
    shade = np.asarray(colour)
    side = canvas.facing(x0, x1)
    if side is not None:
        canvas.side(side, (z0, z1, y0, y1), shade * canvas.light(side), label)
    if y1 < canvas.eye[1]:
        canvas.flat((x0, x1, z0, z1), y1, shade * 1.1 + 8, label)
    canvas.front((x0, x1, y0, y1), z0, shade, label)


def wheels(canvas: Canvas, spot: tuple[float, float, float, float], radius: float, label: int) -> None:
    """The tyres of a vehicle: two at its near end, and two along the side that is seen."""
    x0, x1, z0, z1 = spot
    for x in (x0 + 0.08, x1 - 0.36):
        canvas.front((x, x + 0.28, 0, radius * 1.4), z0, (22, 22, 24), label)
    side = canvas.facing(x0, x1)
    if side is None:
        return
    for z in (z0 + 0.18 * (z1 - z0), z0 + 0.8 * (z1 - z0)):
        turn = [
            (0.0, 1.0),
            (0.7, 0.7),
            (1.0, 0.0),
            (0.7, -0.7),
            (0.0, -1.0),
            (-0.7, -0.7),
            (-1.0, 0.0),
            (-0.7, 0.7),
        ]
        for grow, colour in ((1.0, (20, 20, 22)), (0.5, (120, 122, 126))):
            rim = [(side, radius + radius * grow * b, z + radius * grow * a) for a, b in turn]
            canvas.poly(rim, colour, label)


def lamps(canvas: Canvas, x: float, half: float, y: float, z: float, rear: bool) -> None:
    """The two lights of a vehicle, red behind and pale in front."""
    for s in (-1, 1):
        colour = (206, 24, 26) if rear else (250, 246, 214)
        canvas.front((x + s * half - 0.15, x + s * half + 0.15, y, y + 0.16), z, colour)


def car(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A passenger car, 4.2 m long, its near end at z."""
    paint, glass = pick(rng, CARS), pick(rng, GLASS)
    w, roof, rear = 0.9 + 0.1 * rng.random(), 1.42 + 0.3 * rng.random(), bool(rng.random() < 0.55)
    spot = (x - w, x + w, z, z + 4.2)
    canvas.flat((x - w, x + w, z, z + 4.0), 0.02, (24, 24, 26), CAR)
    box(canvas, spot, 0.28, 0.92, paint, CAR)
    a, b = (0.35, 3.2) if rear else (1.0, 3.8)
    base = [(x - w + 0.06, 0.92, z + a), (x + w - 0.06, 0.92, z + a), (x + w - 0.24, roof, z + a + 0.5),
            (x - w + 0.24, roof, z + a + 0.5)]  # fmt: skip
    side = canvas.facing(x - w, x + w)
    if side is not None:
        s = 1 if side > x else -1
        lo, hi = x + s * (w - 0.06), x + s * (w - 0.24)
        canvas.poly([(lo, 0.92, z + a), (lo, 0.92, z + b), (hi, roof, z + b - 0.6), (hi, roof, z + a + 0.5)],
                    paint * canvas.light(side), CAR)  # fmt: skip
        canvas.poly([(lo, 0.98, z + a + 0.3), (lo, 0.98, z + b - 0.2), (hi, roof - 0.1, z + b - 0.7),
                     (hi, roof - 0.1, z + a + 0.6)], glass, CAR)  # fmt: skip
    canvas.flat((x - w + 0.24, x + w - 0.24, z + a + 0.5, z + b - 0.6), roof, paint * 1.08 + 10, CAR)
    canvas.poly(base, paint, CAR)
    canvas.poly([(px + (0.1 if px < x else -0.1), py + (0.06 if py < 1 else -0.08), pz) for px, py, pz in base], glass)
    wheels(canvas, spot, 0.33, CAR)
    lamps(canvas, x, w - 0.22, 0.66, z, rear)
    canvas.front((x - 0.26, x + 0.26, 0.46, 0.6), z, (232, 232, 224))
    canvas.front((x - w, x + w, 0.26, 0.36), z, paint * 0.5, CAR)


def truck(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A lorry: a tall load box on a dark chassis, with its cab in front when it comes towards the camera."""
    load = pick(
        rng,
        ((234, 234, 232), (210, 212, 216), (40, 96, 160), (180, 186, 190), (40, 110, 90), (236, 236, 240)),
    )
    cab = pick(rng, ((190, 30, 30), (30, 80, 150), (230, 230, 228), (40, 110, 70), (220, 130, 30)))
    oncoming, top = bool(rng.random() < 0.5), 3.5 + 0.4 * rng.random()
    body = z + (1.9 if oncoming else 0.0)
    canvas.flat((x - 1.2, x + 1.2, z, body + 6), 0.02, (22, 22, 24), TRUCK)
    box(canvas, (x - 1.15, x + 1.15, body, body + 6.0), 0.35, 1.05, (44, 44, 48), TRUCK)
    box(canvas, (x - 1.28, x + 1.28, body, body + 6.0), 1.0, top, load, TRUCK)
    side = canvas.facing(x - 1.28, x + 1.28)
    if side is not None:
        for k in range(1, 8):  # ribs of the load box
            canvas.bar((side, 1.05, body + 0.75 * k), (side, top, body + 0.75 * k), 0.05, load * 0.72)
        canvas.side(side, (body + 1, body + 5, 1.9, 2.6), cab)
    wheels(canvas, (x - 1.2, x + 1.2, body, body + 6.0), 0.5, TRUCK)
    if not oncoming:
        canvas.bar((x, 1.05, z), (x, top - 0.08, z), 0.06, load * 0.45)
        for s in (-0.45, 0.45):
            canvas.bar((x + s, 1.2, z), (x + s, top - 0.2, z), 0.04, load * 0.6)
        for k in range(8):  # red and white warning stripe
            x0 = x - 1.28 + 0.32 * k
            canvas.front((x0, x0 + 0.32, 1.0, 1.22), z, (200, 30, 30) if k % 2 else (240, 240, 240))
        lamps(canvas, x, 1.0, 0.72, z, True)
        return
    box(canvas, (x - 1.2, x + 1.2, z, z + 1.8), 0.45, 2.75, cab, TRUCK)
    if side is not None:
        canvas.side(x + (1.2 if side > x else -1.2), (z + 0.3, z + 1.3, 1.7, 2.4), pick(rng, GLASS))
    canvas.front((x - 1.05, x + 1.05, 1.65, 2.5), z, pick(rng, GLASS))
    canvas.front((x - 0.75, x + 0.75, 0.85, 1.4), z, (30, 30, 32))
    wheels(canvas, (x - 1.2, x + 1.2, z, z + 1.8), 0.48, TRUCK)
    lamps(canvas, x, 0.98, 0.72, z, False)


def bus(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A city bus, 11 m long, in a warm colour, with a band of windows and a destination board."""
    paint = pick(rng, ((226, 176, 40), (214, 110, 36), (196, 44, 40), (236, 206, 130), (206, 60, 70)))
    glass, rear, top = pick(rng, GLASS), bool(rng.random() < 0.45), 3.0 + 0.3 * rng.random()
    spot = (x - 1.28, x + 1.28, z, z + 11.0)
    canvas.flat((x - 1.2, x + 1.2, z, z + 11), 0.02, (22, 22, 24), BUS)
    box(canvas, spot, 0.3, top, paint, BUS)
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
    paint = pick(rng, ((226, 228, 224), (200, 206, 206), (236, 232, 214), (170, 196, 200)))
    stripe = pick(rng, ((20, 120, 90), (30, 70, 160), (150, 30, 90), (20, 140, 150)))
    glass, top, w = pick(rng, GLASS), 3.5 + 0.3 * rng.random(), 1.3
    box(canvas, (x - w, x + w, z + 0.7, z + 24), 0.2, top, paint, TRAIN)
    side = canvas.facing(x - w, x + w)
    if side is not None:
        canvas.side(side, (z + 0.8, z + 24, 1.5, 2.6), glass)
        canvas.side(side, (z + 0.7, z + 24, 0.8, 1.35), stripe)
        canvas.side(side, (z + 0.7, z + 24, 0.2, 0.42), (40, 42, 44))
        for k in range(1, 12):
            colour, lo = (stripe * 0.8, 0.5) if k % 3 == 0 else (paint * 0.85, 1.5)
            canvas.bar((side, lo, z + 2.0 * k), (side, 2.6, z + 2.0 * k), 0.18, colour)
    nose = [
        (x - w, 0.2, z),
        (x + w, 0.2, z),
        (x + w, 1.5, z),
        (x + w - 0.3, top, z + 0.7),
        (x - w + 0.3, top, z + 0.7),
        (x - w, 1.5, z),
    ]
    canvas.poly(nose, paint, TRAIN)
    canvas.poly(
        [
            (x - w + 0.15, 1.5, z),
            (x + w - 0.15, 1.5, z),
            (x + w - 0.4, top - 0.5, z),
            (x - w + 0.4, top - 0.5, z),
        ],
        glass,
    )
    canvas.front((x - w, x + w, 0.8, 1.35), z, stripe)
    canvas.front((x - w, x + w, 0.2, 0.42), z, (40, 42, 44))
    canvas.front((x - 0.5, x + 0.5, top - 0.4, top - 0.2), z, (255, 190, 60))
    lamps(canvas, x, 0.9, 0.55, z, False)


def person(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A pedestrian, walking or standing."""
    shirt, legs, skin = pick(rng, CLOTHES), pick(rng, CLOTHES) * 0.8, pick(rng, SKIN, 6)
    s, stride = 0.9 + 0.18 * rng.random(), 0.06 + 0.22 * rng.random()
    wide = 0.22 + 0.06 * rng.random()
    for d in (-1, 1):
        canvas.bar((x + d * 0.08 * s, 0.85 * s, z), (x + d * stride * s, 0.06, z), 0.17, legs, PERSON)
        canvas.bar((x + d * stride * s, 0.05, z), (x + (d * stride + 0.06) * s, 0.05, z), 0.1, (24, 22, 22), PERSON)
        hand = (x + d * (wide + 0.08 + 0.3 * stride) * s, 0.8 * s, z)
        canvas.bar((x + d * wide * 0.9 * s, 1.36 * s, z), hand, 0.13, shirt * 0.85, PERSON)
        canvas.disc(hand, 0.07, skin, PERSON)
    torso = [(-wide, 1.42), (wide, 1.42), (wide * 0.85, 0.75), (-wide * 0.85, 0.75)]
    canvas.poly([(x + a * s, b * s, z) for a, b in torso], shirt, PERSON)
    canvas.disc((x, 1.6 * s, z), 0.15, skin, PERSON)
    canvas.disc(
        (x, 1.68 * s, z),
        0.13,
        pick(rng, ((40, 28, 20), (120, 86, 40), (20, 20, 20), (180, 176, 170))),
        PERSON,
    )
    if rng.random() < 0.35:
        canvas.front((x + 0.2, x + 0.46, 0.5, 0.85), z, pick(rng, CLOTHES), PERSON)


def bicycle(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float) -> None:
    """A bicycle seen from the side, or partly from its end when squeeze is below 1."""
    paint = pick(rng, ((180, 30, 30), (30, 30, 34), (40, 90, 160), (220, 220, 216), (50, 130, 80), (230, 160, 30)))

    def at(a: float, b: float) -> Point:
        return (x + a * squeeze, b, z)

    hubs = (at(-0.54, 0.36), at(0.54, 0.36))
    crank, seat, head = at(-0.08, 0.34), at(-0.22, 0.86), at(0.4, 0.84)
    frame = [hubs[0], seat, head, hubs[1], crank]
    corners = canvas.project(frame)
    cv2.fillPoly(canvas.labels, [corners], BICYCLE)
    for hub in hubs:
        canvas.ring(hub, 0.33, 0.06, (24, 24, 26), BICYCLE, squeeze)
        for a, b in ((0.22, 0.22), (0.3, 0.0), (0.22, -0.22), (0.0, 0.3)):
            p, q = (hub[0] + a * squeeze, hub[1] + b, z), (hub[0] - a * squeeze, hub[1] - b, z)
            canvas.bar(p, q, 0.012, (170, 172, 176))
    for p, q in (
        (hubs[0], seat),
        (hubs[0], crank),
        (crank, seat),
        (seat, head),
        (crank, head),
        (head, hubs[1]),
    ):
        canvas.bar(p, q, 0.07, paint, BICYCLE)
    canvas.bar(at(-0.36, 0.95), at(-0.1, 0.95), 0.09, (28, 26, 26), BICYCLE)
    canvas.bar(head, at(0.36, 1.08), 0.05, paint * 0.7, BICYCLE)
    canvas.bar((x + 0.36 * squeeze - 0.14, 1.08, z), (x + 0.36 * squeeze + 0.2, 1.06, z), 0.06, (30, 30, 30), BICYCLE)


def motorcycle(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float) -> None:
    """A motorcycle: thick tyres, a solid dark engine, a coloured tank and fairing."""
    paint = pick(rng, ((190, 24, 30), (24, 60, 150), (30, 130, 60), (230, 110, 20), (230, 230, 226)))

    def shape(points: Sequence[tuple[float, float]], colour: Colour) -> None:
        canvas.poly([(x + a * squeeze + (0.08 if a > 0 else -0.08), b, z) for a, b in points], colour, MOTORCYCLE)

    for a in (-0.68, 0.7):
        canvas.disc((x + a * squeeze, 0.34, z), 0.35, (20, 20, 22), MOTORCYCLE, max(squeeze, 0.4))
        canvas.disc((x + a * squeeze, 0.34, z), 0.16, (140, 142, 146), MOTORCYCLE, max(squeeze, 0.4))
    shape([(-0.5, 0.3), (0.4, 0.25), (0.5, 0.75), (-0.5, 0.8)], (52, 52, 56))
    shape([(-0.95, 0.95), (-0.4, 0.7), (0.1, 0.76), (0.05, 0.9), (-0.5, 0.92)], (26, 24, 26))
    shape([(-0.1, 0.7), (0.5, 0.6), (0.62, 1.0), (0.1, 1.06)], paint)
    shape([(0.45, 0.5), (0.9, 0.62), (0.72, 1.2), (0.5, 1.1)], paint * 0.9)
    canvas.bar((x - 0.7 * squeeze, 0.22, z), (x + 0.1 * squeeze, 0.28, z), 0.1, (176, 178, 182), MOTORCYCLE)
    canvas.bar((x + 0.5 * squeeze - 0.2, 1.14, z), (x + 0.5 * squeeze + 0.2, 1.12, z), 0.07, (28, 28, 30), MOTORCYCLE)
    canvas.disc((x + 0.82 * squeeze, 0.9, z), 0.1, (250, 246, 210), MOTORCYCLE)


def rider(canvas: Canvas, rng: np.random.Generator, x: float, z: float, squeeze: float, motor: bool) -> None:
    """Someone riding: the two-wheeler, then the person on it, leaning forward, with a bright helmet."""
    (motorcycle if motor else bicycle)(canvas, rng, x, z, squeeze)
    shirt, legs = pick(rng, CLOTHES), pick(rng, CLOTHES) * 0.75
    helmet = pick(rng, ((230, 230, 226), (220, 40, 36), (240, 200, 40), (40, 90, 190)))

    def at(a: float, b: float) -> Point:
        return (x + a * squeeze, b, z)

    for knee, foot in ((0.14, -0.02), (0.24, 0.08)):
        canvas.bar(at(-0.2, 0.95), at(knee, 0.72), 0.2, legs, RIDER)
        canvas.bar(at(knee, 0.72), at(foot, 0.3), 0.15, legs, RIDER)
    back = [(-0.36, 0.88, -0.12), (-0.06, 0.88, 0.12), (0.24, 1.46, 0.12), (-0.06, 1.52, -0.12)]
    canvas.poly([(x + a * squeeze + wide, b, z) for a, b, wide in back], shirt, RIDER)
    canvas.bar(at(0.14, 1.38), at(0.4, 1.1), 0.14, shirt * 0.85, RIDER)
    canvas.disc(at(0.24, 1.62), 0.16, pick(rng, SKIN, 6), RIDER)
    canvas.disc(at(0.22, 1.7), 0.17, helmet, RIDER)


def tree(canvas: Canvas, rng: np.random.Generator, x: float, z: float, size: float = 1.0) -> None:
    """A street tree: a brown trunk under a crown of leafy blobs, darker below."""
    green = pick(rng, ((58, 104, 40), (44, 88, 44), (82, 116, 46), (70, 96, 36), (52, 96, 58)), 10)
    high = (3.6 + 1.6 * rng.random()) * size
    canvas.bar((x, 0.0, z), (x, high, z), 0.26 * size, (82, 64, 46), VEGETATION)
    blobs = rng.random((26, 3))
    for k, (a, b, c) in enumerate(blobs[np.argsort(blobs[:, 1], kind="stable")]):
        at = (x + (a - 0.5) * 3.0 * size, high + (b - 0.4) * 2.8 * size, z)
        canvas.disc(at, (0.45 + 0.5 * c) * size, green * (0.6 + 0.55 * k / 26 + 0.2 * (c - 0.5)), VEGETATION)


def lamp_post(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A street lamp, its arm over the road."""
    colour, high = pick(rng, ((112, 114, 116), (78, 82, 84), (146, 148, 148)), 8), 6.0 + 2.0 * rng.random()
    arm = -1.4 if x > 0 else 1.4
    canvas.bar((x, 0.0, z), (x, high, z), 0.2, colour, POLE)
    canvas.bar((x, 0.0, z), (x, 0.9, z), 0.28, colour * 0.8, POLE)
    canvas.bar((x, high, z), (x + arm, high + 0.15, z), 0.13, colour, POLE)
    canvas.bar((x + arm * 0.7, high + 0.12, z), (x + arm * 1.2, high + 0.12, z), 0.22, (206, 206, 196), POLE)


def bollards(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """Three posts close together: a pole group, which no evaluated class holds."""
    colour = pick(rng, ((104, 106, 108), (150, 60, 50), (70, 72, 76)), 8)
    for k in (-0.3, 0.0, 0.3):
        canvas.bar((x + k, 0.0, z), (x + k, 1.0, z), 0.16, colour, POLEGROUP)


def traffic_light(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A signal head with three lenses, one of them lit, on its pole."""
    y, lit = 2.5 + 0.5 * rng.random(), int(rng.integers(3))
    canvas.bar((x, 0.0, z), (x, y + 0.1, z), 0.2, pick(rng, ((104, 106, 108), (132, 134, 134)), 8), POLE)
    canvas.front((x - 0.36, x + 0.36, y, y + 1.4), z, pick(rng, ((26, 28, 28), (38, 42, 40)), 6), TRAFFIC_LIGHT)
    for k, colour in enumerate(((60, 235, 130), (255, 190, 40), (255, 50, 40))):
        share = 1.0 if k == lit else 0.28
        canvas.disc((x, y + 0.26 + 0.44 * k, z), 0.19, np.asarray(colour) * share)


def traffic_sign(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A round, triangular, square, or eight-sided sign on its pole."""
    y, kind, r = 2.3 + 0.5 * rng.random(), int(rng.integers(5)), 0.52
    canvas.bar((x, 0.0, z), (x, y, z), 0.16, pick(rng, ((128, 130, 132), (104, 106, 108)), 8), POLE)
    red, white, blue = (204, 26, 34), (240, 240, 236), (26, 74, 170)
    if kind == 0:
        canvas.disc((x, y, z), r, red, TRAFFIC_SIGN)
        canvas.disc((x, y, z), r * 0.72, white)
        canvas.bar((x - 0.2, y, z), (x + 0.2, y, z), 0.2, (30, 30, 32))
    elif kind == 1:
        for share, colour, label in ((1.25, red, TRAFFIC_SIGN), (0.75, white, None)):
            s = r * share
            canvas.poly([(x - s, y - s * 0.6, z), (x + s, y - s * 0.6, z), (x, y + s, z)], colour, label)
    elif kind == 2:
        canvas.front((x - r, x + r, y - r, y + r), z, blue, TRAFFIC_SIGN)
        canvas.bar((x - 0.12, y - 0.3, z), (x - 0.12, y + 0.34, z), 0.12, white)
        canvas.disc((x + 0.06, y + 0.14, z), 0.2, white)
    elif kind == 3:
        canvas.poly(
            [(x, y - r * 1.2, z), (x + r * 1.2, y, z), (x, y + r * 1.2, z), (x - r * 1.2, y, z)],
            white,
            TRAFFIC_SIGN,
        )
        canvas.poly(
            [(x, y - r * 0.8, z), (x + r * 0.8, y, z), (x, y + r * 0.8, z), (x - r * 0.8, y, z)],
            (244, 196, 30),
        )
    else:
        canvas.disc((x, y, z), r, blue, TRAFFIC_SIGN)
        canvas.bar((x - 0.28, y, z), (x + 0.28, y, z), 0.18, white)


def clutter(canvas: Canvas, rng: np.random.Generator, x: float, z: float) -> None:
    """A bin (static) or a pushcart (dynamic): things that no evaluated class holds."""
    label = STATIC if rng.random() < 0.5 else DYNAMIC
    colour = pick(rng, ((70, 90, 60), (90, 92, 96), (170, 120, 40), (60, 70, 120)))
    box(canvas, (x - 0.3, x + 0.3, z, z + 0.5), 0.1, 0.7 + 0.4 * rng.random(), colour, label)
