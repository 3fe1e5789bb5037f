"""Whether another order of the network's outputs explains its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from enet.errors import format_list
from enet.metrics.segmentation import Matrix

#: Another order is told if in it at least so many classes would gain so much IoU (0..1) each, and so much on average,
#: and have most of their pixels in their new outputs. Where labels do not depend on the truth, as of an untrained
#: network, only one output can have most of the pixels of all classes.
CLASSES, EACH, MEAN, MOST = 2, 0.1, 0.3, 0.5


class Order(NamedTuple):
    """Classes that other outputs fit far better, these outputs, and IoU of all classes that occur, now and then."""

    classes: NDArray[np.intp]
    outputs: NDArray[np.intp]
    now: NDArray[np.float64]
    then: NDArray[np.float64]


def better_order(matrix: Matrix) -> Order | None:
    """The order of the outputs that explains the errors; None if no other one is far better.

    Args:
        matrix: confusion matrix, int64, shape (classes, classes); row = ground truth, column = prediction.
    """
    ious = iou_of_all_pairs(matrix)
    present = np.flatnonzero(matrix.sum(axis=1))
    now = ious[present, present]
    if np.count_nonzero(ious[present].max(axis=1, initial=0) - now > EACH) < CLASSES:
        return None  # no order can be so much better
    from scipy.optimize import linear_sum_assignment  # here, because it takes long to import and is rarely needed

    _, outputs = linear_sum_assignment(ious[present], maximize=True)
    then = ious[present, outputs]
    recall = matrix[present, outputs] / matrix[present].sum(axis=1)
    gains = (then - now > EACH) & (recall > MOST)
    if np.count_nonzero(gains) < CLASSES or (then - now)[gains].mean() < MEAN:
        return None
    return Order(present[gains], outputs[gains], now, then)


def order_hint(matrix: Matrix, classes: Sequence[str]) -> str:
    """Say in a sentence in which order of outputs mIoU would be far better; empty if there is none.

    Args:
        matrix: as for ``better_order``.
        classes: their names.
    """
    if (order := better_order(matrix)) is None:
        return ""
    then, now = 100 * order.then.mean(), 100 * order.now.mean()
    figures = f"mIoU over the classes in the images would be {then:.2f} %, not {now:.2f} %"
    words = in_words(order.classes, order.outputs, classes)
    return f"{words}: {figures}. Check the order of the classes, or state [network] order"


def iou_of_all_pairs(matrix: Matrix) -> NDArray[np.float64]:
    """IoU of every class (row) with every output (column), if that were its own; 0 where neither has a pixel."""
    union = matrix.sum(axis=1)[:, None] + matrix.sum(axis=0)[None] - matrix
    return matrix / np.maximum(union, 1)


def in_words(present: NDArray[np.intp], outputs: NDArray[np.intp], classes: Sequence[str]) -> str:
    """The order of outputs that was found, as a shift if it is one, else by the classes that have moved."""
    place = dict(zip(present.tolist(), outputs.tolist(), strict=True))
    moved = {a: b for a, b in place.items() if a != b}
    pairs = [f"{classes[a]} and {classes[b]}" for a, b in moved.items() if a < b and moved.get(b) == a]
    if 2 * len(pairs) == len(moved):
        return f"classes look exchanged: {format_list(pairs, first=3)}"
    count = len(classes)
    shifts = (outputs - present) % count
    common = int(np.bincount(shifts).argmax())
    if common and np.count_nonzero(shifts == common) >= 0.7 * len(present):
        step = common if common <= count // 2 else common - count
        return f"the classes look shifted: class i is in output i {'+' if step > 0 else '-'} {abs(step)}"
    found = [f"{classes[a]} in the place of {classes[b]}" for a, b in moved.items()]
    return f"the classes look permuted: {format_list(found, first=3)}"
