"""A street: its widths, its items, and the order in which these are painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from enet.datasets.scenery.canvas import NEAR, Box, Canvas


@dataclass
class Item:
    """A thing in the street: its place, as (x0, x1, z0, z1), and the function that paints it."""

    spot: Box
    paint: Callable[[], None]

    def reach(self, eye: float) -> tuple[float, float, float]:
        """Left and right bound on screen, as slopes with a margin for leaves, and distance sideways."""
        x0, x1, z0, z1 = self.spot
        a, b, near = x0 - eye, x1 - eye, max(z0, NEAR)
        out = 0.0 if a < 0 < b else min(abs(a), abs(b))
        return min(a / near, a / z1) - 0.5 / near, max(b / near, b / z1) + 0.5 / near, out

    def behind(self, other: Item, eye: float) -> bool:
        """Return True if it must be painted first: both overlap on screen, and it is farther along or out."""
        left, right, out = self.reach(eye)
        other_left, other_right, other_out = other.reach(eye)
        if right <= other_left or other_right <= left or other.spot[2] >= self.spot[3]:
            return False
        if self.spot[2] >= other.spot[3]:
            return True
        return out > other_out if out != other_out else self.spot[2] > other.spot[2]


class Street:
    """The canvas of a street, its random generator, its widths in metres, and its items."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        self.canvas, self.rng, self.items = canvas, rng, list[Item]()
        self.kerb = 4.7 + 0.5 * rng.random()  # half the width of the road
        self.edge = self.kerb + 2.0 + 0.4 * rng.random()  # where pavement ends and grass begins
        self.plot = self.edge + 0.7 + 0.4 * rng.random()  # where walls and fences stand
        self.rails = 1.0 if rng.random() < 0.5 else -1.0  # the side that the tram runs on

    def between(self, low: float, high: float) -> float:
        """Draw a random number from low to high."""
        return float(low + (high - low) * self.rng.random())

    def place(self, spot: Box, kind: Callable[..., None], *details: object) -> None:
        """Add an item on spot (x0, x1, z0, z1), with a random generator of its own, so that it changes no other."""
        own = np.random.default_rng(self.rng.integers(2**32, size=2))
        self.items.append(Item(spot, partial(kind, self.canvas, own, *details)))

    def stand(self, kind: Callable[..., None], x: float, z: float, half: float, length: float, *more: object) -> None:
        """Add an item by the middle (x, z) of its near end, half of its width, and its length."""
        self.place((x - half, x + half, z, z + length), kind, x, z, *more)

    def along(self, kind: Callable[..., None], x: float, z0: float, z1: float, *more: object) -> None:
        """Add a thin item along the street at x from z0 to z1."""
        self.place((x - 0.05, x + 0.05, z0, z1), kind, (x, 0.0, z0), (x, 0.0, z1), *more)

    def paint(self) -> None:
        """Paint every item after those behind it."""
        for item in painters_order(self.items, self.canvas.eye[0]):
            item.paint()


def painters_order(items: list[Item], eye: float) -> list[Item]:
    """Sort items so that each comes after all items behind it, if possible."""
    left, order = sorted(items, key=lambda item: -item.spot[3]), list[Item]()
    before = {id(b): {id(a) for a in left if a is not b and a.behind(b, eye)} for b in left}
    while left:
        waiting = {id(item) for item in left}
        free = (item for item in left if not before[id(item)] & waiting)
        # Items can be behind each other in a cycle; then the farthest is painted first.
        chosen = next(free, None) or max(left, key=lambda item: item.spot[2])
        left.remove(chosen)
        order.append(chosen)
    return order
