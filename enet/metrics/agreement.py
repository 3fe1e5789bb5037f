"""Agreement of a label map with a reference, pixel by pixel: beside borders of classes, away from them, and as a whole.

Rounding moves borders a little and both ways; a fault turns labels where the reference has no border, or moves all
borders one way. So both are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Smallest class that can be the one that lost most, as a fraction of the image's pixels. Of fewer pixels, rounding
#: may take a large share.
SMALLEST_CLASS = 0.001

#: Of fewer images than this, and of fewer edges an image between two lines, no share is taken.
FEWEST_IMAGES, FEWEST_EDGES = 16, 4

#: By a step of -1, 0 or 1 along an axis: the pixels that have a neighbour there. Their neighbours are ``WITH[-step]``.
WITH = {-1: slice(1, None), 0: slice(None), 1: slice(None, -1)}


@dataclass(frozen=True, kw_only=True)
class ImageAgreement:
    """Counts of one image's label map against the reference's. Neighbours of a pixel are the 8 around it.

    Attributes:
        differing: pixels with another label than the reference.
        border: pixels of the reference with a neighbour of another class.
        border_differing: number of those with another label than the reference.
        far_differing: pixels with a label that the reference has neither there nor at a neighbour.
        edges: pairs of pixels of different classes in the reference: side by side, and one below the other.
        moved: twice the number of edges that moved to the right, less those to the left; the same for down and up.
        lost_class: the class, of those that are not tiny, of which the largest share of pixels got another label.
        lost_class_pixels: its pixels in the reference.
        lost_class_differing: number of those with another label.
        certain_differing: pixels with another label, of those that the reference is certain of; None if that is not
            known.
    """

    differing: int
    border: int
    border_differing: int
    far_differing: int
    edges: tuple[int, int]
    moved: tuple[int, int]
    lost_class: int
    lost_class_pixels: int
    lost_class_differing: int
    certain_differing: int | None = None


@dataclass(frozen=True, kw_only=True)
class SplitAgreement:
    """Counts over all images' label maps: what no single image shows.

    Attributes:
        pixel: number of images with another label at the place where most have one.
        line: edges between two neighbouring rows or columns, in all images, and the number of those at which one of
            the two has the label of the other; of the two with the largest ``line_share``.
        class_pixels: of each class, its pixels in the reference.
        gained: of each class, pixels that have its label but not in the reference.
        lost: of each class, pixels that have another label but its in the reference.
        class_edges: of each class, its edges in the reference: between pixels side by side, and one below the other.
        class_moved: of each class, the number of those that moved to the right, less those to the left; the same for
            down and up.
    """

    pixel: int
    line: tuple[int, int]
    class_pixels: tuple[int, ...]
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    class_edges: tuple[tuple[int, int], ...]
    class_moved: tuple[tuple[int, int], ...]


def certain_pixels(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the half of the pixels where the largest logit is furthest above the second.

    There rounding has to change logits by more than at the other half before the label changes.

    Args:
        logits: float32, shape (C, H, W), C at least 2.
    Returns:
        bool, shape (H, W).
    """
    second, first = np.partition(logits, -2, axis=0)[-2:]
    lead = first - second
    mask: NDArray[np.bool_] = lead > np.median(lead)
    return mask


def compare_label_maps(
    labels: NDArray[np.uint8], reference: NDArray[np.uint8], certain: NDArray[np.bool_] | None = None
) -> ImageAgreement:
    """Count where two label maps, both uint8 of shape (H, W), agree.

    A map that equals the reference moved by one pixel to the right has ``moved[0]`` of about ``2 * edges[0]``: it
    differs at no pixel from the left neighbours, and at two for every edge from the right ones.

    Args:
        certain: as ``certain_pixels`` of the reference.
    """
    differing = labels != reference
    border, near = np.zeros_like(differing), ~differing
    unlike = {}
    for down in WITH:
        for right in WITH:
            here, there = (WITH[down], WITH[right]), (WITH[-down], WITH[-right])
            border[here] |= reference[here] != reference[there]
            equal = labels[here] == reference[there]
            near[here] |= equal
            unlike[down, right] = equal.size - int(np.count_nonzero(equal))
    of_class = np.bincount(reference.ravel(), minlength=1)
    lost = np.bincount(reference[differing], minlength=len(of_class))
    large = of_class >= max(1, SMALLEST_CLASS * labels.size)
    worst = int(np.argmax(np.where(large, lost / np.maximum(of_class, 1), -1)))
    return ImageAgreement(
        differing=int(np.count_nonzero(differing)),
        border=int(np.count_nonzero(border)),
        border_differing=int(np.count_nonzero(border & differing)),
        far_differing=int(labels.size - np.count_nonzero(near)),
        edges=(count_edges(reference), count_edges(reference.T)),
        moved=(unlike[0, 1] - unlike[0, -1], unlike[1, 0] - unlike[-1, 0]),
        lost_class=worst,
        lost_class_pixels=int(of_class[worst]),
        lost_class_differing=int(lost[worst]),
        certain_differing=None if certain is None else int(np.count_nonzero(differing & certain)),
    )


def count_edges(labels: NDArray[np.uint8]) -> int:
    """Count the pairs of pixels side by side whose labels differ."""
    return int(np.count_nonzero(labels[:, 1:] != labels[:, :-1]))


def compare_splits(pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]], classes: int) -> SplitAgreement:
    """Count over all images where label maps and their references agree, by place and by class.

    Args:
        pairs: of each image its label map and the reference, both uint8, shape (H, W), the same for all.
        classes: number of classes. Labels beyond them are of none.
    """

    def by_class(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        return np.bincount(labels.ravel(), minlength=classes)[:classes]

    images, places = 0, np.zeros((1, 1), np.int64)
    pixels, gained, lost = np.zeros((3, classes), np.int64)
    edges, moved = np.zeros((2, classes, 2), np.int64)
    lines: list[Any] = [0, 0]  # of the columns and of the rows: edges, and labels taken from either side
    for labels, reference in pairs:
        differing = labels != reference
        images, places = images + 1, places + differing
        pixels += by_class(reference)
        gained += by_class(labels[differing])
        lost += by_class(reference[differing])
        for axis, (ours, theirs) in enumerate(((labels, reference), (labels.T, reference.T))):
            before, after = theirs[:, :-1], theirs[:, 1:]
            edge = before != after
            forward, backward = edge & (ours[:, 1:] == before), edge & (ours[:, :-1] == after)
            edges[:, axis] += by_class(before[edge]) + by_class(after[edge])
            # At each edge that moves to the right, one class ends later and one begins later.
            for side in (before, after):
                moved[:, axis] += by_class(side[forward]) - by_class(side[backward])
            lines[axis] += np.stack([np.count_nonzero(each, axis=0) for each in (edge, forward, backward)])
    counted = np.concatenate([lines[0], lines[1]], axis=1) if images else np.zeros((3, 1), np.int64)
    candidates = [(edge_count, taken) for edge_count, *both in counted.T.tolist() for taken in both]
    return SplitAgreement(
        pixel=int(places.max()),
        line=max(candidates, key=lambda line: line_share(line[0], line[1], images)),
        class_pixels=tuple(pixels.tolist()),
        gained=tuple(gained.tolist()),
        lost=tuple(lost.tolist()),
        class_edges=tuple((x, y) for x, y in edges.tolist()),
        class_moved=tuple((x, y) for x, y in moved.tolist()),
    )


def line_share(edges: int, taken: int, images: int) -> float:
    """Share of the edges between two lines, in all images, at which one line has the other's label; of a copy, 1."""
    return taken / max(edges, FEWEST_EDGES * max(images, FEWEST_IMAGES))
