"""Procedural street scenes in the Cityscapes layout: a data set with no download and no licence.

A scene is a function of (seed, split, index) alone. Only integer and plain float arithmetic, uniform random
numbers and bit-exact OpenCV calls are used, so that the same three numbers give the same pixels on every
machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.datasets import scene_objects as things
from enet.datasets.scene_objects import Canvas, Colour, Point, pick

CITIES = {
    "train": ("lindenau", "marksee", "torhaven"),
    "val": ("ostermoor", "velbruck"),
    "test": ("grauhafen", "silbertal"),
}
SPLIT_CODE = {"train": 0, "val": 1, "test": 2}

# How strongly each label's surface is mottled, at a fine, a middle and a coarse grain (of 127).
GRAIN = {
    things.ROAD: (14, 6, 12),
    things.SIDEWALK: (20, 8, 10),
    things.BUILDING: (8, 4, 10),
    things.WALL: (20, 16, 14),
    things.FENCE: (8, 4, 8),
    things.POLE: (6, 2, 4),
    things.VEGETATION: (46, 60, 24),
    things.TERRAIN: (44, 26, 26),
    things.SKY: (0, 0, 3),
    things.PERSON: (10, 10, 4),
    things.RIDER: (10, 10, 4),
    things.RAIL_TRACK: (30, 10, 10),
    things.PARKING: (20, 8, 10),
    things.GROUND: (26, 12, 12),
}


@dataclass
class Item:
    """Something that stands in the street: where it is, as (x0, x1, z0, z1), and what paints it."""

    spot: tuple[float, float, float, float]
    paint: Callable[[], None]

    def reach(self, eye: float) -> tuple[float, float, float]:
        """Its left and right bound on screen, as slopes with room for leaves, and its distance sideways."""
        x0, x1, z0, z1 = self.spot
        a, b, near = x0 - eye, x1 - eye, max(z0, things.NEAR)
        out = 0.0 if a < 0 < b else min(abs(a), abs(b))
        return min(a / near, a / z1) - 0.5 / near, max(b / near, b / z1) + 0.5 / near, out


def behind(a: Item, b: Item, eye: float) -> bool:
    """Whether a must be painted before b: they meet on screen, and a is farther along or farther out."""
    left_a, right_a, out_a = a.reach(eye)
    left_b, right_b, out_b = b.reach(eye)
    if right_a <= left_b or right_b <= left_a or b.spot[2] >= a.spot[3]:
        return False
    if a.spot[2] >= b.spot[3]:
        return True
    return out_a > out_b if out_a != out_b else a.spot[2] > b.spot[2]


def painted(items: list[Item], eye: float) -> list[Item]:
    """The items in the order a painter takes them: none before one that is behind it."""
    left, order = sorted(items, key=lambda item: -item.spot[3]), list[Item]()
    before = {id(b): {id(a) for a in left if a is not b and behind(a, b, eye)} for b in left}
    while left:
        waiting = {id(item) for item in left}
        free = (item for item in left if not before[id(item)] & waiting)
        chosen = next(free, None) or max(left, key=lambda item: item.spot[2])  # a ring: the farthest goes first
        left.remove(chosen)
        order.append(chosen)
    return order


def facade(canvas: Canvas, rng: np.random.Generator, x: float, z0: float, z1: float) -> None:
    """A building along the street at x, with rows of windows, shops below, and a roof."""
    paint = pick(
        rng,
        (
            (160, 92, 74),
            (204, 186, 158),
            (150, 148, 144),
            (214, 200, 172),
            (190, 150, 100),
            (176, 184, 188),
            (128, 104, 92),
            (196, 170, 150),
        ),
        12,
    )
    glass, trim = pick(rng, things.GLASS), pick(rng, ((230, 228, 220), (90, 74, 62), (150, 150, 150)), 8)
    high, out = 7.0 + 9.0 * rng.random(), 9.0 if x > 0 else -9.0
    lit = paint * canvas.light(x)
    canvas.side(x, (z0, z1, 0, high), lit, things.BUILDING)
    canvas.front((x, x + out, 0, high), z0, paint * 0.82, things.BUILDING)
    if rng.random() < 0.7:
        roof = pick(rng, ((134, 66, 50), (84, 80, 82), (110, 84, 70)), 8)
        canvas.poly(
            [(x, high, z0), (x, high, z1), (x + out / 4, high + 2, z1), (x + out / 4, high + 2, z0)],
            roof,
            things.BUILDING,
        )
        canvas.poly(
            [(x, high, z0), (x + out, high, z0), (x + out * 0.75, high + 2, z0), (x + out / 4, high + 2, z0)],
            roof * 0.85,
            things.BUILDING,
        )
    bay = 2.4 + 0.8 * rng.random()
    for floor in range(int((high - 0.6) / 3.0)):
        y = 3.0 * floor
        lo, hi = (y + 0.4, y + 2.6) if floor == 0 else (y + 1.0, y + 2.5)
        for k in range(int((z1 - z0) / bay)):
            z = z0 + bay * (k + 0.22)
            canvas.side(x, (z - 0.1, z + bay * 0.56 + 0.1, lo - 0.12, hi + 0.12), trim)
            canvas.side(x, (z, z + bay * 0.56, lo, hi), glass * (1.35 if rng.random() < 0.2 else 1.0))
        for k in range(3):
            a = x + out * (0.12 + 0.3 * k)
            canvas.front((a, a + out * 0.14, lo, hi), z0, glass)
    canvas.side(x, (z0, z1, 2.75, 2.95), lit * 0.75)


def wall(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, high: float) -> None:
    """A wall from a to b, of brick with its courses or of concrete with its seams, and a coping on top."""
    brick = rng.random() < 0.6
    paint = pick(
        rng,
        ((158, 74, 54), (142, 82, 62), (172, 96, 66)) if brick else ((152, 148, 136), (136, 136, 130)),
        10,
    )
    start, step = np.asarray(a), np.asarray(b) - np.asarray(a)

    def at(share: float, y: float) -> Point:
        p = start + step * share
        return (float(p[0]), y, float(p[2]))

    canvas.poly([at(0, 0), at(1, 0), at(1, high), at(0, high)], paint, things.WALL)
    length = float(np.abs(step).max())
    joint = paint * 0.6 + 50 if brick else paint * 0.65
    rows, columns = (int(high / 0.3), int(length / 0.9)) if brick else (2, int(length / 2.2))
    for row in range(1, rows):
        y = high * row / rows
        canvas.bar(at(0, y), at(1, y), 0.035, joint)
    for row in range(rows):
        for k in range(columns):
            share = (k + 0.5 * (row % 2) + 0.25) / columns if brick else (k + 0.5) / columns
            canvas.bar(at(share, high * row / rows), at(share, high * (row + 1) / rows), 0.03, joint)
    canvas.poly([at(0, high), at(1, high), at(1, high + 0.16), at(0, high + 0.16)], (176, 172, 164), things.WALL)


def fence(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, high: float) -> None:
    """A fence from a to b: upright bars or crossed mesh that one sees through, or wooden pales."""
    kind, paint = (
        int(rng.integers(3)),
        pick(rng, ((40, 60, 48), (34, 34, 38), (176, 180, 182), (230, 230, 226)), 8),
    )
    start, step = np.asarray(a), np.asarray(b) - np.asarray(a)

    def at(share: float, y: float) -> Point:
        p = start + step * share
        return (float(p[0]), y, float(p[2]))

    cv2.fillPoly(canvas.labels, [canvas.project([at(0, 0), at(1, 0), at(1, high), at(0, high)])], things.FENCE)
    length = float(np.abs(step).max())
    count, width = int(length / (0.3, 0.45, 0.26)[kind]), (0.09, 0.05, 0.17)[kind]
    if kind == 2:
        paint = pick(rng, ((138, 100, 62), (160, 124, 84), (116, 92, 70)), 8)
    lean = 0.9 / length * 1.6 if kind == 1 else 0.0
    for k in range(count + 1):
        share = k / count
        tone = paint * (0.85 + 0.3 * rng.random())
        for s in (lean, -lean) if kind == 1 else (0.0,):
            canvas.bar(at(share, 0.05), at(min(max(share + s, 0), 1), high), width, tone)
    for y in (0.14 * high, 0.86 * high):
        canvas.bar(at(0, y), at(1, y), 0.11, paint * 0.9)
    for k in range(int(length / 2.4) + 1):
        share = min(k * 2.4 / length, 1.0)
        canvas.bar(at(share, 0), at(share, high + 0.1), 0.16, paint * 0.75, things.FENCE)


def bank(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, out: float) -> None:
    """A slope of grass that rises away from the street, with tufts in it."""
    grass, top = (
        pick(rng, ((138, 150, 70), (124, 144, 66), (158, 150, 84), (112, 140, 62)), 8),
        1.9 + 0.8 * rng.random(),
    )
    slope = [a, b, (b[0] + out, top, b[2]), (a[0] + out, top, a[2])]
    canvas.poly(slope, grass, things.TERRAIN)
    end = [a, (a[0] + out, 0.0, a[2]), (a[0] + out, top, a[2])]
    canvas.poly(end, grass * 0.8, things.TERRAIN)
    for u, v, w in rng.random((60, 3)):
        z = a[2] + (b[2] - a[2]) * u
        canvas.bar(
            (a[0] + out * v, top * v, z),
            (a[0] + out * v + 0.5, top * v + 0.03, z),
            0.07,
            grass * (0.75 + 0.5 * w),
        )


def hedge(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point) -> None:
    """A row of bushes from a to b."""
    green = pick(rng, ((46, 92, 40), (62, 100, 44), (40, 80, 46)), 8)
    for k, (u, c, d) in enumerate(rng.random((36, 3))):
        share = 1 - k / 35
        at = (a[0] + (u - 0.5) * 0.6, 0.35 + 1.1 * c * (k % 2), a[2] + (b[2] - a[2]) * share)
        canvas.disc(at, 0.55 + 0.25 * d, green * (0.7 + 0.35 * c), things.VEGETATION)


class Street:
    """One street being laid out: the canvas, the random stream, and the items that wait to be painted."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        self.canvas, self.rng, self.items = canvas, rng, list[Item]()
        self.kerb = 4.7 + 0.5 * rng.random()  # half the width of the road
        self.edge = self.kerb + 2.0 + 0.4 * rng.random()  # where pavement ends and grass begins
        self.plot = self.edge + 0.7 + 0.4 * rng.random()  # where walls and fences stand
        self.rails = 1.0 if rng.random() < 0.5 else -1.0  # the side that the tram runs on

    def add(self, kind: Callable[..., None], x: float, z: float, half: float, length: float, *more: object) -> None:
        """Let kind stand at (x, z), with a random stream of its own so that its details move nobody else."""
        own = np.random.default_rng(self.rng.integers(2**32, size=2))
        self.items.append(Item((x - half, x + half, z, z + length), partial(kind, self.canvas, own, x, z, *more)))

    def along(self, kind: Callable[..., None], x: float, z0: float, z1: float, *more: object) -> None:
        """Let kind run along the street at x from z0 to z1."""
        own = np.random.default_rng(self.rng.integers(2**32, size=2))
        paint = partial(kind, self.canvas, own, (x, 0.0, z0), (x, 0.0, z1), *more)
        self.items.append(Item((x - 0.05, x + 0.05, z0, z1), paint))

    def near(self, low: float, high: float) -> float:
        return float(low + (high - low) * self.rng.random())


def sky(canvas: Canvas, rng: np.random.Generator) -> None:
    """A gradient from deep to pale blue, clouds, and the far end of the street along the horizon."""
    height, width = canvas.labels.shape
    horizon = int(canvas.centre[1]) + 2
    top = pick(rng, ((70, 124, 200), (96, 148, 212), (120, 160, 206), (146, 172, 204)), 12)
    share = np.linspace(0, 1, 64)[:, None, None]
    small = top * (1 - share) + np.asarray((206, 222, 236)) * share + np.zeros((64, 128, 3))
    cloud = cv2.resize(rng.integers(0, 256, (8, 12), dtype=np.uint8), (128, 64), interpolation=cv2.INTER_LINEAR_EXACT)
    cover = np.clip((cloud.astype(np.float64) - 110 - 50 * rng.random()) / 90, 0, 0.85)[..., None]
    small = small * (1 - cover) + np.asarray((240, 240, 242)) * cover
    full = cv2.resize(np.clip(small, 0, 255).astype(np.uint8), (width, horizon), interpolation=cv2.INTER_LINEAR_EXACT)
    canvas.image[:horizon], canvas.labels[:horizon] = full, things.SKY
    x = -70.0
    while x < 70:
        w, high = 6 + 8 * rng.random(), 4 + 7 * rng.random()
        if rng.random() < 0.5:
            colour = pick(rng, ((150, 130, 120), (170, 164, 156), (140, 110, 96)))
            canvas.front((x, x + w, 0, high), 85, colour, things.BUILDING)
            for k in range(int(w / 2)):
                canvas.front((x + 2 * k + 0.5, x + 2 * k + 1.5, 2, high - 1.5), 85, colour * 0.7)
        else:
            for a, b in rng.random((10, 2)):
                canvas.disc((x + a * w, 0.6 * high * b, 85), 2.2, (56 + 20 * a, 92 + 20 * b, 44), things.VEGETATION)
        x += w * 0.9


def ground(street: Street) -> None:
    """Everything that lies flat: road and markings, pavement with slabs and kerb, grass, rails."""
    c, rng = street.canvas, street.rng
    grass = pick(rng, ((138, 150, 70), (126, 142, 64), (152, 146, 80), (112, 138, 62)), 8)
    asphalt = pick(rng, ((92, 92, 96), (108, 106, 106), (78, 80, 86)), 8)
    slab = pick(rng, ((164, 156, 150), (150, 146, 146), (176, 162, 148)), 8)
    c.flat((-90, 90, things.NEAR, 86), 0, grass, things.TERRAIN)
    for s in (-1, 1):
        c.flat((s * street.kerb, s * street.edge, things.NEAR, 86), 0, slab, things.SIDEWALK)
        for k in range(40):
            z = 4 + 1.2 * k
            c.bar((s * street.kerb, 0, z), (s * street.edge, 0, z), 0.05, slab * 0.78)
        middle = s * (street.kerb + street.edge) / 2
        c.flat((middle - 0.04, middle + 0.04, things.NEAR, 60), 0, slab * 0.78)
    c.flat((-street.kerb, street.kerb, things.NEAR, 86), 0, asphalt, things.ROAD)
    for s in (-1, 1):
        c.flat((s * street.kerb, s * (street.kerb + 0.28), things.NEAR, 86), 0, (190, 188, 184), things.SIDEWALK)
        c.flat((s * (street.kerb - 0.4), s * (street.kerb - 0.25), things.NEAR, 70), 0, (206, 206, 200))
    for lane in (-street.kerb / 3, street.kerb / 3):
        for k in range(12):
            c.flat((lane - 0.07, lane + 0.07, 3 + 5 * k, 5.4 + 5 * k), 0, (222, 222, 216))
    if rng.random() < 0.35:  # a zebra crossing
        z = street.near(7, 12)
        for k in range(int(2 * street.kerb / 1.0)):
            c.flat((-street.kerb + k, -street.kerb + k + 0.5, z, z + 2.4), 0, (226, 226, 220))
    track = street.rails * street.kerb * 2 / 3
    c.flat((track - 1.2, track + 1.2, things.NEAR, 80), 0, (118, 104, 92), things.RAIL_TRACK)
    for x in (-0.72, 0.72):
        c.flat((track + x - 0.08, track + x + 0.08, things.NEAR, 80), 0, (66, 60, 58))
    if rng.random() < 0.5:
        z, label = street.near(10, 16), things.PARKING if rng.random() < 0.5 else things.GROUND
        x0, x1 = street.rails * (street.edge + 0.1), street.rails * (street.edge + 4)
        c.flat((x0, x1, z, z + 4), 0, (140, 132, 126), label)


def borders(street: Street) -> None:
    """Both sides of the street: walls, fences, grass banks and hedges in a row, buildings behind them."""
    rng = street.rng
    for slot, kind in enumerate(rng.permutation(4).tolist()):
        s, (z0, z1) = (-1 if slot < 2 else 1), ((11.5, 21.0), (21.5, 40.0))[slot % 2]
        x, high = s * street.plot, street.near(2.6, 3.5)
        if kind == 0:
            street.along(wall, x, z0, z1, high)
        elif kind == 1:
            street.along(fence, x, z0, z1, high * 0.9)
        elif kind == 2 or rng.random() < 0.5:
            street.along(bank, x - s * 0.5, z0, z1, s * 3.4)
        else:
            street.along(hedge, x, z0, z1)
    for s in (-1, 1):
        z = street.near(4, 9)
        while z < 75:
            length, x = street.near(8, 16), s * (street.plot + street.near(2.8, 4.2))
            own = np.random.default_rng(rng.integers(2**32, size=2))
            paint = partial(facade, street.canvas, own, x, z, z + length)
            street.items.append(Item((x, x + 9, z, z + length) if s > 0 else (x - 9, x, z, z + length), paint))
            z += length + (street.near(3, 7) if rng.random() < 0.35 else 0.2)
        for z in (street.near(16, 24), street.near(27, 36), street.near(40, 55)):
            street.add(things.tree, s * (street.edge + 0.5), z, 0.3, 0.3, street.near(0.8, 1.15))


def traffic(street: Street) -> None:
    """What drives: a tram on its rails, a bus and a truck in the other lanes, cars in front of them."""
    rng, lane = street.rng, street.kerb * 2 / 3
    if rng.random() < 0.92:
        street.add(things.train, street.rails * lane, street.near(15, 21), 1.3, 24)
    heavy = (things.bus, things.truck) if rng.random() < 0.5 else (things.truck, things.bus)
    if rng.random() < 0.92:
        street.add(heavy[0], 0.3 * street.near(-1, 1), street.near(17, 24), 1.28, 11)
    if rng.random() < 0.92:
        street.add(heavy[1], -street.rails * lane, street.near(15, 21), 1.28, 11)
    lanes = [street.rails * lane, 0.0, -street.rails * lane]
    for k in rng.permutation(3)[: int(rng.integers(1, 3))]:
        street.add(things.car, lanes[int(k)] + street.near(-0.3, 0.3), street.near(8.5, 10.5), 0.95, 4.2)
    for z in (28.0, 40.0):
        street.add(things.car, lanes[int(rng.integers(1, 3))], z + street.near(4, 9), 0.95, 4.2)


def people(street: Street) -> None:
    """Pedestrians, riders, parked two-wheelers, and the lights and signs of the pavement."""
    rng, kerb = street.rng, street.kerb
    for s in (-1, 1):
        for k in range(int(rng.integers(2, 4))):
            street.add(things.person, s * (kerb + street.near(0.4, 1.5)), street.near(12.5, 17) + 4.5 * k, 0.3, 0.3)
    if rng.random() < 0.6:
        street.add(things.person, street.near(-2.5, 2.5), street.near(7.5, 9), 0.3, 0.3)
    first = bool(rng.random() < 0.5)
    for motor, gap in ((first, -kerb / 3), (bool(rng.random() < 0.3) != (not first), kerb / 3)):
        x = gap + street.near(-0.4, 0.4)
        street.add(things.rider, x, street.near(6.8, 9.5), 0.5, 0.4, street.near(0.4, 1.0), motor)
    parked = [things.bicycle, things.motorcycle, things.bicycle, things.motorcycle]
    for k, kind in enumerate(parked):
        s = 1 if (k + int(street.rails > 0)) % 2 else -1
        z = street.near(11, 13.5) if k < 2 else street.near(14.5, 18)
        street.add(kind, s * (kerb - 0.3 + 0.5 * rng.random()), z, 0.8, 0.3, street.near(0.7, 1.0))
    for s in (-1, 1):
        for z in (street.near(12, 14), street.near(20, 24), street.near(30, 36)):
            street.add(things.lamp_post, s * (kerb + 0.35), z, 0.15, 0.15)
        street.add(things.traffic_light, s * (kerb - 0.1 + street.near(0, 0.5)), street.near(14, 17), 0.4, 0.2)
        for z in (street.near(13, 16), street.near(18, 22)):
            street.add(things.traffic_sign, s * (kerb + street.near(0.2, 1.2)), z, 0.5, 0.1)
        street.add(things.clutter, s * (kerb + 1.5), street.near(14, 20), 0.3, 0.5)
    if rng.random() < 0.3:
        street.add(things.bollards, street.rails * (kerb + 0.6), street.near(10, 12), 0.4, 0.2)


def shadows(street: Street) -> None:
    """Darken the ground under and beside all that stands on it, before any of it is painted."""
    c = street.canvas
    mask = np.zeros(c.labels.shape, dtype=np.uint8)
    throw = 1.2 * c.sun
    for item in street.items:
        x0, x1, z0, z1 = item.spot
        if abs(x0) > street.plot or x1 - x0 > 4:
            continue
        spot = [
            (x0 - 0.1, 0.0, z0 - 0.3),
            (x1 + 0.1, 0.0, z0 - 0.3),
            (x1 + throw, 0.0, z1),
            (x0 + throw, 0.0, z1),
        ]
        cv2.fillPoly(mask, [c.project(spot)], 255)
    if street.rng.random() < 0.5:  # the row of buildings on the sunny side shades its pavement
        s = -1 if c.sun > 0 else 1
        reach = street.near(0, street.edge)
        spot = [(s * 20, 0, things.NEAR), (s * reach, 0, things.NEAR), (s * reach, 0, 80), (s * 20, 0, 80)]
        cv2.fillPoly(mask, [c.project(spot)], 255)
    mask[c.labels == things.SKY] = 0
    depth = 40 + int(60 * street.rng.random())
    darkness = np.asarray(cv2.blur(mask, (9, 9))).astype(np.uint16) * depth >> 8
    gain = (255 - darkness).astype(np.uint8)
    c.image[:] = cv2.multiply(c.image, cv2.merge([gain] * 3), scale=1 / 255)


def grained(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture with each surface mottled in its own way, as leaves or asphalt are, (H, W, 3) uint8."""
    height, width = canvas.labels.shape
    gain = np.full((height, width), 128, dtype=np.int16)
    for grain, cell in enumerate((3, 10, 60)):
        table = np.full(256, (4, 2, 4)[grain], dtype=np.uint8)
        for label, amounts in GRAIN.items():
            table[label] = amounts[grain]
        noise = rng.integers(0, 256, (height // cell + 2, width // cell + 2), dtype=np.uint8)
        spread = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR_EXACT))
        amount = np.asarray(cv2.LUT(canvas.labels, table)).astype(np.int16)
        gain += ((spread.astype(np.int16) - 128) * amount) >> 7
    mottled = np.clip(gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.multiply(canvas.image, cv2.merge([mottled] * 3), scale=1 / 128), dtype=np.uint8)


def exposed(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture as a camera takes it: exposure, white balance, blur, sensor noise, (H, W, 3) uint8."""
    exposure, warmth = 0.86 + 0.28 * rng.random(), 0.12 * (rng.random() - 0.5)
    contrast = 0.9 + 0.2 * rng.random()
    ramp = np.arange(256)
    tables = [np.clip((ramp - 110) * contrast * exposure + 110 * exposure + 0.5, 0, 255) for _ in range(3)]
    tables[0], tables[2] = tables[0] * (1 + warmth), tables[2] * (1 - warmth)
    lut = np.clip(np.stack(tables, axis=1), 0, 255).astype(np.uint8)
    taken = cv2.GaussianBlur(cv2.LUT(image, lut[None]), (3, 3), 0)
    height, width = image.shape[:2]
    noise = rng.integers(0, 7, (height // 2, width // 2, 3), dtype=np.uint8)
    full = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.subtract(cv2.add(taken, full), np.full_like(full, 3)), dtype=np.uint8)


def hood(canvas: Canvas, rng: np.random.Generator) -> None:
    """The hood of the car that carries the camera, along the bottom."""
    height, width = canvas.labels.shape
    paint: Colour = pick(rng, ((52, 54, 60), (90, 92, 96), (36, 40, 52)), 8)
    for share, tone in ((1.0, 1.0), (0.8, 1.25)):
        axes = (int(width * 0.62 * share), int(height * 0.09 * share))
        middle = (width // 2, int(height * 1.005))
        cv2.ellipse(canvas.image, middle, axes, 0, 180, 360, tuple(float(v) * tone for v in paint), -1)
        if share == 1.0:
            cv2.ellipse(canvas.labels, middle, axes, 0, 180, 360, things.EGO_VEHICLE, -1)


def render(
    seed: int, split: str, index: int, size: tuple[int, int] = (2048, 1024)
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Paint one scene.

    Args:
        seed: the data set's seed, at least 0.
        split: "train", "val" or "test"; the splits share no scene.
        index: which scene of the split, at least 0.
        size: (width, height) in pixels.
    Returns:
        The image, shape (H, W, 3), uint8 RGB, and its raw Cityscapes label ids, shape (H, W), uint8 in 0..33.
    Raises:
        ValueError: split is unknown.
    """
    if split not in SPLIT_CODE:
        raise ValueError(f"split is {split!r}, but should be one of {sorted(SPLIT_CODE)}")
    rng = np.random.default_rng([seed, SPLIT_CODE[split], index])
    width, height = size
    image, labels = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    u = rng.random(8)
    canvas = Canvas(
        image, labels, focal=width * (0.42 + 0.05 * u[0]),
        centre=(width * (0.5 + 0.05 * (u[1] - 0.5)), height * (0.40 + 0.05 * u[2])),
        eye=(2.0 * (u[3] - 0.5), 2.3 + 0.5 * u[4]), haze=np.asarray((190.0, 198, 208)),
        haze_depth=150 + 300 * u[5], sun=1.0 if u[6] < 0.5 else -1.0,
    )  # fmt: skip
    sky(canvas, rng)
    street = Street(canvas, rng)
    ground(street)
    for place in (borders, traffic, people):
        place(street)
    shadows(street)
    for item in painted(street.items, canvas.eye[0]):
        item.paint()
    hood(canvas, rng)
    canvas.image = exposed(grained(canvas, rng), rng)
    rim = max(1, width // 400)
    for edge in (np.s_[:rim], np.s_[-rim:], np.s_[:, :rim], np.s_[:, -rim:]):
        canvas.image[edge], canvas.labels[edge] = 0, things.OUT_OF_ROI
    return canvas.image, canvas.labels


def names(root: Path, split: str, index: int) -> tuple[Path, Path]:
    """Where scene index of split goes under root: its image and its labels."""
    cities = CITIES[split]
    city, number = cities[index % len(cities)], index // len(cities)
    stem = f"{city}_{number:06d}_000019"
    return (root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png",
            root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png")  # fmt: skip


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG beside its place and move it there, so that a killed run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        done, data = cv2.imencode(".png", picture, png_options())
        if not done:
            raise OSError(f"{path}: OpenCV could not encode a picture of shape {picture.shape}")
        aside.write_bytes(data.tobytes())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def png_options() -> list[int]:
    """Encoder settings that favour speed; newer OpenCV can also be told to try one row filter only."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    return options


def write_one(root: Path, seed: int, split: str, index: int) -> Path:
    """Write one scene unless both of its files are there; the path of its image."""
    image_path, label_path = names(root, split, index)
    if not (image_path.exists() and label_path.exists()):
        image, labels = render(seed, split, index)
        save(label_path, labels)
        save(image_path, np.ascontiguousarray(image[:, :, ::-1]))  # OpenCV writes blue first
    return image_path


def one_thread() -> None:
    """Keep OpenCV to one thread in a worker: the scenes are what runs side by side."""
    cv2.setNumThreads(1)


def write(
    root: Path,
    *,
    images: int,
    seed: int = 0,
    split: str = "val",
    workers: int | None = None,
    progress: bool = False,
) -> list[Path]:
    """Write scenes 0..images-1 of a split under root in the Cityscapes layout, leaving finished pairs alone.

    Returns:
        The image paths, in the order of their index.
    Raises:
        ValueError: split is unknown, or images is negative.
    """
    if split not in SPLIT_CODE:
        raise ValueError(f"split is {split!r}, but should be one of {sorted(SPLIT_CODE)}")
    if images < 0:
        raise ValueError(f"images is {images}, but should be at least 0")
    count = min(workers or os.cpu_count() or 1, max(images, 1))
    task = partial(write_one, Path(root), seed, split)
    if count == 1:
        return collect(map(task, range(images)), images, progress)
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        return collect(pool.map(task, range(images)), images, progress)


def collect(paths: Iterable[Path], total: int, progress: bool) -> list[Path]:
    """The paths as they are finished, behind a progress bar if asked for."""
    return list(tqdm(paths, total=total, desc="scenes", unit="scene", disable=not progress))
