"""Borders of a street: walls, fences, grass banks, hedges, trees, and the fronts of buildings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from enet.datasets.scenery.canvas import GLASS, Canvas, Paint, Point, pick
from enet.datasets.scenery.labels import BUILDING, FENCE, TERRAIN, VEGETATION, WALL

PLASTER = (
    (160, 92, 74), (204, 186, 158), (150, 148, 144), (214, 200, 172),
    (190, 150, 100), (176, 184, 188), (128, 104, 92), (196, 170, 150),
)  # fmt: skip
BRICK = ((158, 74, 54), (142, 82, 62), (172, 96, 66))
CONCRETE = ((152, 148, 136), (136, 136, 130))
METAL = ((40, 60, 48), (34, 34, 38), (176, 180, 182), (230, 230, 226))
WOOD = ((138, 100, 62), (160, 124, 84), (116, 92, 70))

BARS, MESH, PALES = range(3)  # kinds of fence
GAP, THICKNESS = (0.3, 0.45, 0.26), (0.09, 0.05, 0.17)  # of the uprights of each, in metres


@dataclass(frozen=True)
class Line:
    """The lower edge of something that runs along the street."""

    start: Point
    end: Point

    @property
    def length(self) -> float:
        """Length in metres; lines run along one axis."""
        return max(abs(b - a) for a, b in zip(self.start, self.end, strict=True))

    def at(self, share: float, y: float) -> Point:
        """The point at the fraction ``share`` of the line, y metres above the ground."""
        (x0, _, z0), (x1, _, z1) = self.start, self.end
        return (x0 + (x1 - x0) * share, y, z0 + (z1 - z0) * share)

    def upright(self, low: float, high: float) -> list[Point]:
        """The corners of the upright face above the line, from height low to high."""
        return [self.at(0, low), self.at(1, low), self.at(1, high), self.at(0, high)]


def facade(canvas: Canvas, rng: np.random.Generator, x: float, z0: float, z1: float) -> None:
    """A building along the street at x, with rows of windows, shops below, and often a pitched roof."""
    paint = pick(rng, PLASTER, 12)
    glass, trim = pick(rng, GLASS), pick(rng, ((230, 228, 220), (90, 74, 62), (150, 150, 150)), 8)
    high, out = 7.0 + 9.0 * rng.random(), 9.0 if x > 0 else -9.0
    lit = paint * canvas.light(x)
    canvas.side(x, (z0, z1, 0, high), lit, BUILDING)
    canvas.front((x, x + out, 0, high), z0, paint * 0.82, BUILDING)
    if rng.random() < 0.7:
        tiles = pick(rng, ((134, 66, 50), (84, 80, 82), (110, 84, 70)), 8)
        near, far = (x + out / 4, high + 2, z0), (x + out / 4, high + 2, z1)
        canvas.poly([(x, high, z0), (x, high, z1), far, near], tiles, BUILDING)
        gable = [(x, high, z0), (x + out, high, z0), (x + out * 0.75, high + 2, z0), near]
        canvas.poly(gable, tiles * 0.85, BUILDING)
    bay = 2.4 + 0.8 * rng.random()
    for floor in range(int((high - 0.6) / 3.0)):
        y = 3.0 * floor
        low, top = (y + 0.4, y + 2.6) if floor == 0 else (y + 1.0, y + 2.5)
        for k in range(int((z1 - z0) / bay)):
            z = z0 + bay * (k + 0.22)
            canvas.side(x, (z - 0.1, z + bay * 0.56 + 0.1, low - 0.12, top + 0.12), trim)
            canvas.side(x, (z, z + bay * 0.56, low, top), glass * (1.35 if rng.random() < 0.2 else 1.0))
        for k in range(3):
            a = x + out * (0.12 + 0.3 * k)
            canvas.front((a, a + out * 0.14, low, top), z0, glass)
    canvas.side(x, (z0, z1, 2.75, 2.95), lit * 0.75)


def wall(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, high: float) -> None:
    """A wall from a to b, of brick with its courses or of concrete with its seams, and a coping on top."""
    brick, line = rng.random() < 0.6, Line(a, b)
    paint = pick(rng, BRICK if brick else CONCRETE, 10)
    canvas.poly(line.upright(0, high), paint, WALL)
    joint = paint * 0.6 + 50 if brick else paint * 0.65
    rows, columns = (int(high / 0.3), int(line.length / 0.9)) if brick else (2, int(line.length / 2.2))
    for row in range(1, rows):
        y = high * row / rows
        canvas.bar(line.at(0, y), line.at(1, y), 0.035, joint)
    for row in range(rows):
        low, top = high * row / rows, high * (row + 1) / rows
        for k in range(columns):
            share = (k + 0.5 * (row % 2) + 0.25) / columns if brick else (k + 0.5) / columns
            canvas.bar(line.at(share, low), line.at(share, top), 0.03, joint)
    canvas.poly(line.upright(high, high + 0.16), (176, 172, 164), WALL)


def fence(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, high: float) -> None:
    """A fence from a to b: upright bars, a crossed mesh, or wooden pales."""
    kind, paint, line = int(rng.integers(3)), pick(rng, METAL, 8), Line(a, b)
    # The whole face is labelled, gaps included, as annotators do it.
    cv2.fillPoly(canvas.labels, [canvas.project(line.upright(0, high))], FENCE)
    if kind == PALES:
        paint = pick(rng, WOOD, 8)
    count, lean = int(line.length / GAP[kind]), 0.9 / line.length * 1.6
    for k in range(count + 1):
        share = k / count
        tone = paint * (0.85 + 0.3 * rng.random())
        for shift in (lean, -lean) if kind == MESH else (0.0,):
            top = line.at(min(max(share + shift, 0), 1), high)
            canvas.bar(line.at(share, 0.05), top, THICKNESS[kind], tone)
    posts(canvas, line, high, paint)


def posts(canvas: Canvas, line: Line, high: float, paint: Paint) -> None:
    """The support of a fence: two rails along it, and posts that are higher than it."""
    for y in (0.14 * high, 0.86 * high):
        canvas.bar(line.at(0, y), line.at(1, y), 0.11, paint * 0.9)
    for k in range(int(line.length / 2.4) + 1):
        share = min(k * 2.4 / line.length, 1.0)
        canvas.bar(line.at(share, 0), line.at(share, high + 0.1), 0.16, paint * 0.75, FENCE)


def bank(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point, out: float) -> None:
    """A slope of grass with tufts, rising from the line a to b over ``out`` metres away from the street."""
    grass = pick(rng, ((138, 150, 70), (124, 144, 66), (158, 150, 84), (112, 140, 62)), 8)
    top = 1.9 + 0.8 * rng.random()
    canvas.poly([a, b, (b[0] + out, top, b[2]), (a[0] + out, top, a[2])], grass, TERRAIN)
    canvas.poly([a, (a[0] + out, 0.0, a[2]), (a[0] + out, top, a[2])], grass * 0.8, TERRAIN)
    for u, v, w in rng.random((60, 3)):
        x, y, z = a[0] + out * v, top * v, a[2] + (b[2] - a[2]) * u
        canvas.bar((x, y, z), (x + 0.5, y + 0.03, z), 0.07, grass * (0.75 + 0.5 * w))


def hedge(canvas: Canvas, rng: np.random.Generator, a: Point, b: Point) -> None:
    """A row of bushes from a to b."""
    green = pick(rng, ((46, 92, 40), (62, 100, 44), (40, 80, 46)), 8)
    for k, (u, c, d) in enumerate(rng.random((36, 3))):
        share = 1 - k / 35  # from the far end, so that nearer leaves cover farther ones
        at = (a[0] + (u - 0.5) * 0.6, 0.35 + 1.1 * c * (k % 2), a[2] + (b[2] - a[2]) * share)
        canvas.disc(at, 0.55 + 0.25 * d, green * (0.7 + 0.35 * c), VEGETATION)


def tree(canvas: Canvas, rng: np.random.Generator, x: float, z: float, size: float) -> None:
    """A street tree: a brown trunk under a crown of leafy blobs, darker below."""
    green = pick(rng, ((58, 104, 40), (44, 88, 44), (82, 116, 46), (70, 96, 36), (52, 96, 58)), 10)
    high = (3.6 + 1.6 * rng.random()) * size
    canvas.bar((x, 0.0, z), (x, high, z), 0.26 * size, (82, 64, 46), VEGETATION)
    blobs = rng.random((26, 3))
    for k, (a, b, c) in enumerate(blobs[np.argsort(blobs[:, 1], kind="stable")]):
        at = (x + (a - 0.5) * 3.0 * size, high + (b - 0.4) * 2.8 * size, z)
        canvas.disc(at, (0.45 + 0.5 * c) * size, green * (0.6 + 0.55 * k / 26 + 0.2 * (c - 0.5)), VEGETATION)
