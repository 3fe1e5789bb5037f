"""Inputs of timed executions, no two of them equal, and the check of what came out of them.

An artifact that remembers results, leaves out work while it is timed, or hands over a result before it is complete has
labels that differ from those of the reference for the same input, or from its own when it is opened anew and not timed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from enet.datasets.image_source import ImageSource
from enet.evidence import TimedOutputs

Labels = NDArray[np.uint8]

#: Number of executions that are run again, at least, and of images in them.
REPEATED, REPEATED_IMAGES = 3, 16


class VariedImages:
    """Images of a source, each rolled to the side by a random number of pixels, and half of them mirrored.

    Seen content stays street scenes, so a network decides no closer than usual. 20 images of 480 pixels' width give
    19,200 different inputs, more than a race has executions.
    """

    def __init__(self, source: ImageSource, batch_size: int, seed: int | None = None) -> None:
        self.source, self.batch_size = source, batch_size
        self.seed = secrets.randbits(32) if seed is None else seed

    def batch(self, number: int, execution: int) -> NDArray[np.uint8]:
        """The images of an execution in a round, uint8, shape (N, H, W, 3): the same whenever it is called."""
        rng = np.random.default_rng((self.seed, number % 2**32, execution))
        count = len(self.source.names)
        chosen = rng.choice(count, self.batch_size, replace=count < self.batch_size)
        return np.stack([varied(self.source.load(int(index))[0], rng) for index in chosen])


def varied(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Roll an image (H, W, 3) to the side by a random number of pixels; mirror every second one."""
    rolled = np.roll(image, rng.integers(image.shape[1]), axis=1)
    return rolled[:, ::-1] if rng.random() < 0.5 else rolled


class OutputCheck:
    """Compares the labels of timed executions, and keeps some to be compared with an untimed run.

    Args:
        seed: chooses the executions that are kept, each with the same chance (reservoir sampling, Vitter's R).
    """

    def __init__(self, seed: int, batch_size: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng(seed)
        self.size = max(REPEATED, REPEATED_IMAGES // batch_size)
        self.waiting: dict[int, list[Labels]] = {}
        self.kept: list[tuple[int, int, Labels]] = []
        self.seen = self.compared = self.repeated = 0
        self.agreement = self.repeat_agreement = 1.0

    def accept(self, is_reference: bool) -> Callable[[int, list[Labels]], None]:
        """What a side calls with the number of a round and its labels; the second side's call compares both."""

        def accept(number: int, labels: list[Labels]) -> None:
            if not is_reference:
                self.keep(number, labels)
            if number not in self.waiting:
                self.waiting[number] = labels
                return
            # The sides may run different numbers at once.
            for ours, theirs in zip(labels, self.waiting.pop(number), strict=False):
                self.agreement = min(self.agreement, image_agreement(ours, theirs))
                self.compared += 1

        return accept

    def keep(self, number: int, labels: list[Labels]) -> None:
        for execution, each in enumerate(labels):
            place = len(self.kept) if len(self.kept) < self.size else int(self.rng.integers(self.seen + 1))
            self.seen += 1
            if place < self.size:
                self.kept[place : place + 1] = [(number, execution, each)]

    def repeat(self, run: Callable[[int, int], Labels]) -> None:
        """Compare the kept labels with those that ``run`` gives for a round's number and an execution's."""
        for number, execution, labels in self.kept:
            self.repeat_agreement = min(self.repeat_agreement, image_agreement(run(number, execution), labels))
            self.repeated += 1

    def evidence(self) -> TimedOutputs:
        return TimedOutputs(
            seed=self.seed,
            executions=self.seen,
            compared=self.compared,
            agreement=self.agreement,
            repeated=self.repeated,
            repeat_agreement=self.repeat_agreement,
        )


def image_agreement(ours: Labels, theirs: Labels) -> float:
    """Smallest fraction of equal pixels of an image, in 0..1; label maps of shape (N, H, W). 0 for other shapes."""
    return float((ours == theirs).mean(axis=(1, 2)).min()) if ours.shape == theirs.shape else 0.0
