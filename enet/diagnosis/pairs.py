"""Two faults at once: a change of the artifact's input, and a fault of its network or of its labels.

Each was tried alone already; here the labels of those trials are compared with each other, which runs nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enet.diagnosis.bench import Bench
from enet.diagnosis.hypotheses import LABELS
from enet.diagnosis.outputs import Output, miou, score
from enet.diagnosis.result import Finding
from enet.diagnosis.trials import LEAST_LABELS, Row, order_of_classes, sparse

#: Two faults together must leave at most this share of the differing labels, and less than half of what the next pair
#: leaves: among so many pairs some explain a part by chance, but a true one leaves rounding.
LARGEST_LEFT, LARGEST_LEAD = 0.02, 0.5
#: Where the ground truth is the aim, no pair leaves nothing: it must repair this share of the loss, and so much of mIoU
#: (0..1) more than every other pair and every single change.
LEAST_REPAIR, LEAST_LEAD = 0.9, 0.05

Labels = NDArray[np.uint8]


def apart(one: Sequence[Labels], other: Sequence[Labels]) -> float:
    """Share of the differing labels; those that are 255 in ``other`` are not compared."""
    known = [side != 255 for side in other]
    differing = sum(int(np.count_nonzero((a != b) & k)) for a, b, k in zip(one, other, known, strict=True))
    return differing / max(sum(int(np.count_nonzero(k)) for k in known), 1)


def by_difference(bench: Bench, rows: Sequence[Row]) -> Finding | None:
    """The pair that makes artifact and PyTorch agree; None if none does clearly.

    Args:
        rows: all hypotheses that were tried alone, with the labels that they gave for two images.
    """
    tried = [row for row in rows if row.labels]
    if not tried:
        return None
    expected = sparse([bench.expected[place].labels for place in bench.few])
    before = apart(sparse([bench.seen[place].labels for place in bench.few]), expected)
    if before < LEAST_LABELS:
        return None  # logits differ, labels hardly do
    found: list[tuple[float, str, str]] = []
    for row in (row for row in tried if row.ran == "artifact"):
        faults = {other.name: other.labels for other in tried if other.ran == "PyTorch"}
        for order in order_of_classes(row.labels, expected, bench):
            faults[order.name] = tuple(order.change(each) for each in expected)
        found += [(apart(row.labels, labels), row.name, name) for name, labels in faults.items()]
    found.sort()
    if not found or found[0][0] > LARGEST_LEFT * before:
        return None
    left, given, fault = found[0]
    if len(found) > 1 and not left < LARGEST_LEAD * found[1][0]:
        return None
    share = f"{100 * left / before:.2g} % of the difference is left"
    sentence = f"two faults at once: the artifact was built for {given}, and it has this fault: {fault}"
    return Finding(cause=f"{given}, and {fault}", sentence=f"{sentence} ({share} with both)")


def by_loss(bench: Bench, rows: Sequence[Row], loss: float) -> Finding | None:
    """The pair of a change of the input and of the labels that repairs mIoU; None if none does clearly."""
    truths, found = [bench.truths[place] for place in bench.few], []
    for row in (row for row in rows if row.labels and row.ran == "artifact"):
        for fault in [*order_of_classes(row.labels, sparse(truths), bench), *LABELS]:
            aims = [np.where(each == 255, each, fault.change(each)).astype(np.uint8) for each in truths]
            found.append((figure(row.labels, sparse(aims), bench), row.name, fault))
    if not found:
        return None
    found.sort(key=lambda each: -each[0])
    now = figure(sparse([bench.seen[place].labels for place in bench.few]), sparse(truths), bench)
    best, given, fault = found[0]
    alone = max(row.miou[1] for row in rows if row.labels)
    rival = max((each[0] for each in found if each[1:] != (given, fault)), default=0.0)
    if best - now < LEAST_REPAIR * loss or best - max(alone, rival) < LEAST_LEAD:
        return None
    figures = f"mIoU is {100 * best:.2f} % instead of {100 * now:.2f} % on {len(truths)} images"
    words = f"with {given}, and {fault.name}, {figures}"
    return Finding(cause=f"{given}, and {fault.name}", sentence=f"two faults at once: {words}")


def figure(labels: Sequence[Labels], aims: Sequence[Labels], bench: Bench) -> float:
    """mIoU in 0..1 of sparse label maps against sparse ground truth."""
    return miou([score(Output(one), aim, bench.classes) for one, aim in zip(labels, aims, strict=True)])
