"""A picture and its label map, drawn together in perspective.

World coordinates are metres: X to the right, Y up from the ground, Z away from the camera. A shape is rounded to
whole pixels once and filled in both arrays, so that the labels are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Paint: TypeAlias = NDArray[np.float64]  # red, green, blue in 0..255, shape (3,)
Colour: TypeAlias = Sequence[float] | Paint
Point: TypeAlias = tuple[float, float, float]  # X, Y, Z
Box: TypeAlias = tuple[float, float, float, float]  # low and high along one axis, low and high along another

GLASS = ((38, 46, 56), (58, 72, 88), (28, 30, 34), (84, 104, 122))  # of windows and windscreens
NEAR = 2.6  # nothing is drawn closer to the camera than this, in metres
FAR_PIXEL = 16000  # OpenCV draws in 16.16 fixed point, which corners far off screen would overflow


def pick(rng: np.random.Generator, palette: Sequence[Colour], jitter: int = 14) -> Paint:
    """Choose a colour of the palette and change each channel by up to ``jitter``."""
    base = np.asarray(palette[int(rng.integers(len(palette)))], dtype=np.float64)
    return base + rng.integers(-jitter, jitter + 1, size=3)


@dataclass
class Canvas:
    """A picture and its label map, with the camera that projects onto both.

    In each method that draws, a label of None changes only the picture: it draws a detail of a labelled thing.
    """

    image: NDArray[np.uint8]  # (H, W, 3), RGB
    labels: NDArray[np.uint8]  # (H, W), raw Cityscapes ids
    focal: float  # in pixels
    centre: tuple[float, float]  # the vanishing point of the street, in pixels
    eye: tuple[float, float]  # X and Y of the camera
    haze: Paint  # the colour of the air
    haze_depth: float  # the distance at which half of a colour has become haze
    sun: float  # -1: the left of everything is lit, 1: the right

    def project(self, points: Sequence[Point]) -> NDArray[np.int32]:
        """Pixels of points: int32, shape (N, 2), x and y."""
        world = np.asarray(points, dtype=np.float64)
        scale = self.focal / np.maximum(world[:, 2], NEAR)
        x = self.centre[0] + (world[:, 0] - self.eye[0]) * scale
        y = self.centre[1] + (self.eye[1] - world[:, 1]) * scale
        return np.clip(np.floor(np.stack([x, y], axis=1) + 0.5), -FAR_PIXEL, FAR_PIXEL).astype(np.int32)

    def pixels(self, metres: float, z: float) -> int:
        """Number of pixels of a length at depth z, at least 1."""
        return max(1, int(metres * self.focal / max(z, NEAR) + 0.5))

    def seen(self, colour: Colour, z: float) -> tuple[int, ...]:
        """Mix a colour at depth z with the haze before it."""
        share = z / (z + self.haze_depth)
        mixed = np.asarray(colour, dtype=np.float64) * (1 - share) + self.haze * share
        return tuple(int(v) for v in np.clip(mixed, 0, 255))

    def facing(self, x0: float, x1: float) -> float | None:
        """The side of x0..x1 that the camera sees; None if it sees only the front."""
        return x0 if x0 > self.eye[0] else x1 if x1 < self.eye[0] else None

    def light(self, x: float) -> float:
        """Brightness of a side face at x: faces on the sunny side of the street are lighter."""
        return 0.86 + 0.14 * self.sun * (1 if x < self.eye[0] else -1)

    def poly(self, points: Sequence[Point], colour: Colour, label: int | None = None) -> None:
        """Fill a polygon; the depth of its first point decides the haze."""
        corners = self.project(points)
        cv2.fillPoly(self.image, [corners], self.seen(colour, points[0][2]))
        if label is not None:
            cv2.fillPoly(self.labels, [corners], label)

    def front(self, box: Box, z: float, colour: Colour, label: int | None = None) -> None:
        """Draw a rectangle that faces the camera; box is (x0, x1, y0, y1)."""
        x0, x1, y0, y1 = box
        self.poly([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], colour, label)

    def side(self, x: float, box: Box, colour: Colour, label: int | None = None) -> None:
        """Draw a rectangle along the street; box is (z0, z1, y0, y1)."""
        z0, z1, y0, y1 = box
        self.poly([(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)], colour, label)

    def flat(self, box: Box, y: float, colour: Colour, label: int | None = None) -> None:
        """Draw a level rectangle; box is (x0, x1, z0, z1)."""
        x0, x1, z0, z1 = box
        self.poly([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], colour, label)

    def block(self, spot: Box, y0: float, y1: float, colour: Colour, label: int) -> None:
        """Draw the visible faces of a block on the street; spot is (x0, x1, z0, z1)."""
        x0, x1, z0, z1 = spot
        shade = np.asarray(colour)
        side = self.facing(x0, x1)
        if side is not None:
            self.side(side, (z0, z1, y0, y1), shade * self.light(side), label)
        if y1 < self.eye[1]:
            self.flat(spot, y1, shade * 1.1 + 8, label)
        self.front((x0, x1, y0, y1), z0, shade, label)

    def bar(self, a: Point, b: Point, width: float, colour: Colour, label: int | None = None) -> None:
        """Draw a straight line of this width in metres, everywhere as thick as at a."""
        (p, q), thickness = self.project([a, b]).tolist(), self.pixels(width, a[2])
        cv2.line(self.image, p, q, self.seen(colour, a[2]), thickness)
        if label is not None:
            cv2.line(self.labels, p, q, label, thickness)

    def disc(self, at: Point, radius: float, colour: Colour, label: int | None = None, squeeze: float = 1.0) -> None:
        """Draw a filled circle that faces the camera, its width multiplied by ``squeeze``."""
        middle, axes = self.circle(at, radius, squeeze)
        cv2.ellipse(self.image, middle, axes, 0, 0, 360, self.seen(colour, at[2]), -1)
        if label is not None:
            cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, -1)

    def ring(self, at: Point, radius: float, width: float, colour: Colour, label: int, squeeze: float) -> None:
        """Draw a wheel: only the tyre is drawn, the whole disc is labelled, as annotators do it."""
        middle, axes = self.circle(at, radius, squeeze)
        thickness = self.pixels(width, at[2])
        cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, -1)
        # Half of the tyre is outside of the radius, so the disc alone would leave its rim out.
        cv2.ellipse(self.labels, middle, axes, 0, 0, 360, label, thickness)
        cv2.ellipse(self.image, middle, axes, 0, 0, 360, self.seen(colour, at[2]), thickness)

    def circle(self, at: Point, radius: float, squeeze: float) -> tuple[list[int], tuple[int, int]]:
        """Middle and half axes, in pixels, of a circle that faces the camera."""
        middle: list[int] = self.project([at])[0].tolist()
        return middle, (self.pixels(radius * squeeze, at[2]), self.pixels(radius, at[2]))
