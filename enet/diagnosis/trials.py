"""Try hypotheses on the bench's images, rank them, and say when one is clearly the cause.

There are two questions. Where PyTorch is right, its output is the aim (``explain_difference``): which change of the
input makes the artifact give PyTorch's output, or which fault makes PyTorch give the artifact's? Otherwise the ground
truth is the aim (``explain_loss``): which change raises mIoU?
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.diagnosis.bench import Bench
from enet.diagnosis.hypotheses import INPUT, LABELS, LOGITS, NETWORK, TRUTH, Hypothesis
from enet.diagnosis.outputs import Output, Outputs, distance, label_distance, miou, score
from enet.diagnosis.places import displaced
from enet.metrics import class_order
from enet.metrics.segmentation import Matrix

#: The cause of a difference to PyTorch removes at least this share of it, and leaves at most half of what the next best
#: one leaves: a true one leaves rounding.
LEAST_EXPLAINED, LARGEST_LEAD = 0.8, 0.5
#: The cause of a loss of mIoU repairs at least this share of it (a true one nearly all), and at least so much,
#: in 0..1: other colours or another crop make up for a little of any fault. The next best gains at most this share of
#: its gain, or less on nearly every image.
LEAST_REPAIR, LEAST_GAIN, LARGEST_SECOND = 0.8, 0.05, 0.75
#: Without a known loss of mIoU over the split, the best one must gain so much.
LEAST_UNASKED_GAIN = 0.1
#: Share of the pixels that must differ before orders and places of labels are compared.
LEAST_LABELS = 1e-3
#: Labels that are kept of each trial: those at every third pixel in both directions.
SPARSE = 3
#: Hypotheses are first tried on two images; so many of the best then on all.
FINALISTS = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """A hypothesis that was tried.

    Attributes:
        name: as in ``Hypothesis``.
        ran: what ran with it: "artifact", "PyTorch", or "-" if nothing was run again.
        miou: mean IoU on these images, before and with it, in 0..1.
        left: what is left with it of the difference or loss that is to be explained; 0 nothing, 1 all.
        better: number of images that come nearer to the aim.
        images: number of images.
        seconds: of this trial.
        by_image: nearness of each image to the aim, larger if nearer.
        labels: what it gave on the bench's ``few`` photos, at every ``SPARSE``-th pixel, uint8.
    """

    name: str
    ran: str
    miou: tuple[float, float]
    left: float
    better: int
    images: int
    seconds: float
    by_image: tuple[float, ...] = ()
    labels: tuple[NDArray[np.uint8], ...] = field(default=(), repr=False)

    @property
    def is_consistent(self) -> bool:
        """Whether it helps on all images, or, of four and more, on all but one."""
        return self.better >= self.images - (self.images >= 4)

    def to_json(self) -> dict[str, Any]:
        names = ("name", "ran", "left", "images", "seconds")
        figures = {"miou_before": self.miou[0], "miou_after": self.miou[1]}
        known = {key: None if value != value else value for key, value in figures.items()}  # JSON has no NaN
        return {name: getattr(self, name) for name in names} | known


@dataclass(frozen=True)
class Ranking:
    """Hypotheses that were tried, the best first.

    Attributes:
        best: the first, if it is clearly the cause.
        rivals: the first ones, if they explain it but cannot be told apart.
    """

    rows: tuple[Row, ...] = ()
    best: Row | None = None
    rivals: tuple[Row, ...] = ()


Attempt = Callable[[Hypothesis, list[int]], Row | None]


def search(bench: Bench, hypotheses: Iterable[Hypothesis], attempt: Attempt) -> list[Row]:
    """Try all on two images, and the best on all images; the best first. Those left out for lack of time are noted."""
    everything, few = list(range(len(bench.photos))), bench.few
    found: list[tuple[Row, Hypothesis]] = []
    for hypothesis in hypotheses:
        if bench.is_late:
            bench.left_out.append(hypothesis.name)
        elif (row := attempt(hypothesis, few)) is not None:
            found.append((row, hypothesis))
    found.sort(key=lambda pair: pair[0].left)
    if few == everything:
        return [row for row, _ in found]
    finals = [(row, attempt(hypothesis, everything)) for row, hypothesis in found[:FINALISTS]]
    rows = [replace(final, labels=row.labels) if final is not None else row for row, final in finals]
    return [*sorted(rows, key=lambda row: row.left), *(row for row, _ in found[FINALISTS:])]


def explain_difference(bench: Bench) -> Ranking:
    """Find what makes the artifact differ from PyTorch; needs both."""
    to_try = [
        *measured([each.labels for each in bench.expected], bench),
        *LOGITS,
        *LABELS,
        *INPUT,
        *NETWORK,
    ]  # what is quick comes first
    rows = search(bench, to_try, lambda hypothesis, rows: try_difference(bench, hypothesis, rows))
    return judge(rows, lambda row: row.left <= 1 - LEAST_EXPLAINED, lambda one, two: one.left < LARGEST_LEAD * two.left)


def judge(rows: list[Row], explains: Callable[[Row], bool], leads: Callable[[Row, Row], bool]) -> Ranking:
    """Decide whether the first row is the cause, or which ones may be."""
    sound = [row for row in rows if explains(row) and row.is_consistent]
    if not sound or sound[0] is not rows[0]:
        return Ranking(tuple(rows))
    rivals = [row for row in rows[1:FINALISTS] if not leads(rows[0], row)]
    if not rivals:
        return Ranking(tuple(rows), rows[0])
    are_sound = all(explains(row) and row.is_consistent for row in rivals)
    return Ranking(tuple(rows), None, (rows[0], *rivals) if are_sound else ())


def try_difference(bench: Bench, hypothesis: Hypothesis, rows: list[int]) -> Row | None:
    """Try one on some photos; None if it does not apply."""
    seen, expected = [bench.seen[row] for row in rows], [bench.expected[row] for row in rows]
    begin, ran = time.monotonic(), "PyTorch"
    aim, start = seen, expected
    measure = label_distance if hypothesis.stage == "labels" else distance
    before = [measure(one, other) for one, other in zip(seen, expected, strict=True)]
    if hypothesis.stage == "labels" and np.mean(before) < LEAST_LABELS:
        return None
    if hypothesis.stage == "network":
        found = list(bench.run_reference(bench.pixels[rows], change=hypothesis.change))
    elif hypothesis.stage == "values" and not bench.takes_floats:  # its values are made inside the artifact
        found = list(bench.run_reference(bench.pixels[rows], hypothesis.change))
    elif hypothesis.stage in ("pixels", "values", "layout"):
        found, aim, start, ran = run_input(bench, hypothesis, rows), expected, seen, "artifact"
    elif hypothesis.stage == "logits":
        pairs = list(zip(expected, seen, strict=True))
        found = [changed_logits(hypothesis, one, other) for one, other in pairs if logits_are_finite(one, other)]
    else:
        found = [Output(hypothesis.change(each.labels)) for each in expected]
    if len(found) != len(rows):
        return None
    after = [measure(one, other) for one, other in zip(found, aim, strict=True)]
    truths = [bench.truths[row] for row in rows]
    given = seen if hypothesis.stage == "logits" else found  # whose labels are PyTorch's
    matrices = [[score(*pair, bench.classes) for pair in zip(side, truths, strict=True)] for side in (start, given)]
    nearness = [[-each for each in side] for side in (before, after)]
    left = sum(after) / sum(before) if sum(before) else 1.0
    return row_of(hypothesis, ran, (miou(matrices[0]), miou(matrices[1])), left, nearness, begin, found)


def row_of(
    hypothesis: Hypothesis,
    ran: str,
    figures: tuple[float, float],
    left: float,
    nearness: Sequence[Sequence[float]],
    begin: float,
    outputs: Outputs,
) -> Row:
    """A row; ``nearness`` of each image to the aim, before and with the hypothesis, is larger where it is nearer."""
    return Row(
        name=hypothesis.name,
        ran=ran,
        miou=figures,
        left=left,
        better=sum(new > old for old, new in zip(*nearness, strict=True)),
        images=len(nearness[1]),
        seconds=time.monotonic() - begin,
        by_image=tuple(nearness[1]),
        labels=tuple(sparse([each.labels for each in outputs])),
    )


def logits_are_finite(one: Output, other: Output) -> bool:
    return one.logits is not None and other.logits is not None and not other.non_finite


def changed_logits(hypothesis: Hypothesis, expected: Output, seen: Output) -> Output:
    """PyTorch's logits, changed; its labels are left as they are, since not all of their pixels' logits are kept."""
    return Output(expected.labels, hypothesis.change(expected.logits, seen.logits))


def run_input(bench: Bench, hypothesis: Hypothesis, rows: list[int]) -> list[Output]:
    """The artifact's results for changed input; none if its input cannot be changed so."""
    spec = bench.subject.deliverable.preprocessing
    images, to_floats = bench.pixels[rows], bench.to_floats
    if hypothesis.stage == "pixels":
        images = np.stack([hypothesis.change(bench.photos[row].image, spec) for row in rows])
    elif not bench.takes_floats:
        return []
    elif hypothesis.stage == "values":
        to_floats = hypothesis.change
    else:
        return list(bench.run_artifact(images, lambda given, spec: hypothesis.change(bench.to_floats(given, spec))))
    return list(bench.run_artifact(images, to_floats))


def explain_loss(bench: Bench, loss: float | None) -> Ranking:
    """Find what raises the artifact's mIoU.

    Args:
        loss: by how much mIoU over the split is below the stated one, in 0..1; None: not known.
    """
    to_try = [*measured(bench.truths, bench), *LABELS, *TRUTH, *INPUT]
    is_reference = bench.reference is bench.artifact or is_same(bench)
    to_try += NETWORK if bench.reference is not None and is_reference else []
    least = max(LEAST_GAIN, LEAST_REPAIR * loss) if loss is not None else LEAST_UNASKED_GAIN

    def gain(row: Row) -> float:
        return row.miou[1] - row.miou[0]

    def leads(best: Row, other: Row) -> bool:
        if gain(other) <= LARGEST_SECOND * gain(best):
            return True
        pairs = list(zip(best.by_image, other.by_image, strict=False))
        wins = sum(one > two for one, two in pairs)
        return wins >= len(pairs) - (len(pairs) >= 4) and gain(best) - gain(other) >= 0.2 * LEAST_GAIN

    rows = search(bench, to_try, lambda hypothesis, rows: try_loss(bench, hypothesis, rows, loss or 1.0))
    return judge(rows, lambda row: gain(row) >= least, leads)


def is_same(bench: Bench) -> bool:
    """Whether the artifact gives PyTorch's labels on these images, but for a few pixels at borders."""
    pairs = zip(bench.seen, bench.expected, strict=False)
    return bool(bench.expected) and all(label_distance(one, other) <= 0.01 for one, other in pairs)


def try_loss(bench: Bench, hypothesis: Hypothesis, rows: list[int], loss: float) -> Row | None:
    """Try one on some photos; None if it does not apply."""
    begin, ran = time.monotonic(), "artifact"
    found, truths = [bench.seen[row] for row in rows], [bench.truths[row] for row in rows]
    aims: list[NDArray[np.uint8]] = truths
    if hypothesis.stage == "network":
        found, ran = list(bench.run_reference(bench.pixels[rows], change=hypothesis.change)), "PyTorch"
    elif hypothesis.stage == "labels":  # if labels come out so, they fit truth that is changed in the same way
        aims, ran = [np.where(each == 255, each, hypothesis.change(each)).astype(np.uint8) for each in truths], "-"
    elif hypothesis.stage == "truth":
        aims, ran = changed_truth(bench, hypothesis, rows), "-"
    else:
        found = run_input(bench, hypothesis, rows)
    if len(found) != len(rows) or len(aims) != len(rows):
        return None
    classes = bench.classes
    before = [score(bench.seen[row], bench.truths[row], classes) for row in rows]
    after = [score(*pair, classes) for pair in zip(found, aims, strict=True)]
    figures = miou(before), miou(after)
    if not np.isfinite(figures).all():
        return None
    left = 1 - (figures[1] - figures[0]) / loss
    by_image = [[miou([matrix]) for matrix in side] for side in (before, after)]
    return row_of(hypothesis, ran, figures, left, by_image, begin, found)


def changed_truth(bench: Bench, hypothesis: Hypothesis, rows: list[int]) -> list[NDArray[np.uint8]]:
    """Train ids by another reading of the files; none if label maps are not of single values."""
    ids = bench.label_ids
    if not all(isinstance(key, int) for key in ids):
        return []
    spec = bench.subject.deliverable.preprocessing
    return [hypothesis.change(bench.photos[row].label, spec, ids) for row in rows]


def measured(expected: Sequence[NDArray[np.uint8]], bench: Bench) -> list[Hypothesis]:
    """Hypotheses that follow from the artifact's label maps and expected ones: order of classes, and displacement."""
    seen = [each.labels for each in bench.seen]
    return [*order_of_classes(seen, expected, bench), *displaced(seen, expected)]


def sparse(labels: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [np.ascontiguousarray(each[::SPARSE, ::SPARSE]) for each in labels]


def order_of_classes(
    seen: Sequence[NDArray[np.uint8]], expected: Sequence[NDArray[np.uint8]], bench: Bench
) -> list[Hypothesis]:
    """The order of classes in which label maps fit expected ones best, as a hypothesis; none if it is right."""
    pairs = zip(seen, expected, strict=True)
    matrix: Matrix = np.sum([score(Output(one), aim, bench.classes) for one, aim in pairs], axis=0)[:-1, :-1]
    order = class_order.better_order(matrix)
    if order is None or {*(order.outputs - order.classes).tolist()} in ({1}, {-1}):  # which the table has
        return []
    table = np.arange(256, dtype=np.uint8)
    table[order.classes] = order.outputs
    words = class_order.in_words(order.classes, order.outputs, bench.subject.dataset.classes.names)
    return [Hypothesis(words.replace(" look", ""), "labels", lambda labels: table[labels])]
