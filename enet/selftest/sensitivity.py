"""What the gates can see: the smallest faults that they catch, and how often they cry wolf.

Measured on the embedded deliverable's own confusion matrices, drawn with replacement to as many images as are asked
for: a fault of growing size is planted in copies of them until the gate says FAIL in 19 of 20 draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enet import gates
from enet.backends import REFERENCE
from enet.deliverable import Deliverable
from enet.evidence import Accuracy, Parity, Provenance
from enet.gates import Outcome, Verdict
from enet.measure import pipeline, race as speed
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.metrics.latency import Ratio
from enet.selftest.acceptance import BACKEND, small
from enet.selftest.planted.records import race
from enet.selftest.table import Row

#: How many images: of Cityscapes' val split, and of a tenth of it.
COUNTS = (500, 50)

#: A fault counts as caught if so many of the draws are.
DRAWS, CAUGHT = 20, 19

#: Clean runs, and fewer for a quick self-test: of accuracy, by drawing images anew; of speed, raced anew.
CLEAN, QUICK_CLEAN = 200, 50
CLEAN_SPEED, QUICK_SPEED = 50, 3


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """The smallest faults caught, then the false alarms."""
    subject = small(folder, images=10, side=240 if quick else 480)
    source, spec = subject.prepared(), subject.deliverable
    reference = pipeline.measure_split(subject, subject.artifact(REFERENCE, 1), source)
    ours = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), source)
    rng = np.random.default_rng(0)
    for count in COUNTS:
        yield miou_drop(reference, spec, count, rng)
        yield class_loss(reference, spec, count, rng)
        yield disagreement(ours, spec, count, spread=True)
        yield disagreement(ours, spec, count, spread=False)
        yield slowdown(subject, count, rng)
    yield clean_accuracy(reference, ours, spec, rng, QUICK_CLEAN if quick else CLEAN)
    yield clean_speed(subject, QUICK_SPEED if quick else CLEAN_SPEED)


def smallest(caught: Callable[[float], bool], low: float, high: float) -> float | None:
    """The smallest size of a fault that is caught, to 2 %, by bisection on a logarithmic scale; None if none is."""
    if not caught(high):
        return None
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if caught(middle) else (middle, high)
    return high


def drawn(evidence: Accuracy, count: int, rng: np.random.Generator) -> Accuracy:
    """So many images, drawn with replacement, under names of their own."""
    rows = rng.integers(0, len(evidence.images), count)
    names = tuple(f"image{number:03}" for number in range(count))
    return replace(evidence, images=names, images_expected=count, matrices=evidence.matrices[rows])


def stating(spec: Deliverable, evidence: Accuracy) -> Deliverable:
    """A deliverable that promises what this evidence shows, over as many images."""
    reference = replace(spec.reference, miou_percent=100 * evidence.miou)
    return replace(spec, reference=reference, dataset=replace(spec.dataset, images=len(evidence.images)))


def mistaken(
    matrices: NDArray[np.int64], share: float, rng: np.random.Generator, only: int | None = None
) -> NDArray[np.int64]:
    """Matrices in which a share of the right pixels, of all classes or of one, went to a class that is wrong."""
    changed, classes = matrices.copy(), matrices.shape[1]
    for index in range(classes) if only is None else (only,):
        lost = rng.binomial(matrices[:, index, index], share)
        changed[:, index, index] -= lost
        changed[np.arange(len(matrices)), index, (index + rng.integers(1, classes, len(matrices))) % classes] += lost
    return changed


def often(trial: Callable[[], Verdict]) -> bool:
    """Whether a fault is caught in as many of the draws as count."""
    return sum(trial().outcome is Outcome.FAIL for _ in range(DRAWS)) >= CAUGHT


def miou_drop(reference: Accuracy, spec: Deliverable, count: int, rng: np.random.Generator) -> Row:
    """Pixels of all classes go wrong."""
    drops: list[float] = []

    def trial(share: float) -> Verdict:
        sound = drawn(reference, count, rng)
        faulty = replace(sound, matrices=mistaken(sound.matrices, share, rng))
        drops.append(100 * (sound.miou - faulty.miou))
        return gates.artifact_miou(faulty, stating(spec, sound))

    size = smallest(lambda share: often(lambda: trial(share)), 1e-5, 0.5)
    found = f"a drop of {np.mean(drops[-DRAWS:]):.3f} points of mIoU, {100 * (size or 0):.3f} % of the right pixels"
    return told("smallest mIoU drop", count, "miou", found, size is not None)


def class_loss(reference: Accuracy, spec: Deliverable, count: int, rng: np.random.Generator) -> Row:
    """Pixels of one class go wrong: that with the median IoU."""
    order = np.argsort(np.diagonal(reference.matrix))
    middle = int(order[len(order) // 2])

    def trial(share: float) -> Verdict:
        sound = drawn(reference, count, rng)
        faulty = replace(sound, matrices=mistaken(sound.matrices, share, rng, only=middle))
        return gates.class_iou(faulty, sound, stating(spec, sound))

    size = smallest(lambda share: often(lambda: trial(share)), 1e-4, 0.9)
    found = f"{100 * (size or 0):.2f} % of the right pixels of {reference.classes[middle]} alone"
    return told("smallest loss of one class", count, "class_floor", found, size is not None)


def disagreement(ours: Accuracy, spec: Deliverable, count: int, *, spread: bool) -> Row:
    """Labels of a batch differ, a little in every image or all of it in one."""
    pixels = spec.preprocessing.size[0] * spec.preprocessing.size[1]
    first: Provenance = replace(ours.provenance, batch_size=4, artifact_sha256="batched")

    def caught(share: float) -> bool:
        total = round(share * pixels * count)
        each = tuple(int(n) for n in np.diff(np.linspace(0, total, count + 1).round()))
        alone = (min(total, pixels), *[0] * (count - 1))
        between = Parity(
            what="batch parity",
            first=first,
            second=ours.provenance,
            images=tuple(map(str, range(count))),
            images_expected=count,
            pixels=pixels,
            differing_pixels=each if spread else alone,
            non_finite=0,
            constant=False,
            miou=(ours.miou, ours.miou),
        )
        return gates.parity(between, spec).outcome is Outcome.FAIL

    size = smallest(caught, 1e-9, 0.5 / count)
    place = "in every image" if spread else "all in one image"
    found = f"{1e6 * (size or 0):.3g} of a million labels, {place}"
    return told(f"smallest disagreement, {place}", count, "batch_parity", found, size is not None)


def slowdown(subject: Subject, count: int, rng: np.random.Generator) -> Row:
    """An artifact that has become slower than in an earlier run, with 5 % of noise from round to round."""
    rounds = max(3, count // 10)

    def trial(factor: float) -> Verdict:
        noise = rng.normal(1, 0.05, (2, rounds)).clip(0.5)
        timed = race(subject, 0.1 * (1 + factor) * noise[0], 0.3 * noise[1])
        return gates.regression(timed, Ratio(3.0, 2.98, 3.02), subject.deliverable)

    size = smallest(lambda factor: often(lambda: trial(factor)), 1e-3, 2.0)
    found = f"{100 * (size or 0):.1f} % slower, by {rounds} rounds of 10 images"
    return told("smallest slowdown", count, "regression", found, size is not None)


def told(name: str, count: int, gate: str, found: str, ok: bool) -> Row:
    return Row(name=name, stage=f"{count} images", meant=gate, found=found if ok else "nothing was caught", ok=ok)


def clean_accuracy(reference: Accuracy, ours: Accuracy, spec: Deliverable, rng: np.random.Generator, runs: int) -> Row:
    """Sound runs over images drawn anew: each a deliverable of its own, which promises PyTorch's mIoU over them."""
    alarms = 0
    for _ in range(runs):
        rows = rng.integers(0, len(reference.images), COUNTS[1])
        names = tuple(f"image{number:03}" for number in range(len(rows)))
        theirs, mine = (
            replace(side, images=names, images_expected=len(rows), matrices=side.matrices[rows])
            for side in (reference, ours)
        )
        promised = stating(spec, theirs)
        said = [
            gates.reference_miou(theirs, promised),
            gates.artifact_miou(mine, promised, theirs),
            gates.class_iou(mine, theirs, promised),
        ]
        alarms += any(verdict.outcome is not Outcome.PASS for verdict in said)
    return Row(
        name="sound accuracy, images drawn anew",
        stage="false alarms",
        meant="0",
        ok=alarms == 0,
        found=f"{alarms} alarms in {runs} runs of {COUNTS[1]} images",
    )


def clean_speed(subject: Subject, runs: int) -> Row:
    """The sound artifact, raced against itself and judged as no slower than itself: 1 x, less what may be lost."""
    source = subject.prepared()
    alarms = undecided = 0
    for _ in range(runs):
        with speed.race(subject, BACKEND, 1, source, baseline=BACKEND) as both:
            both.contest.warmup_seconds(0.05)
            both.run(
                TimingSettings(warmup_seconds=0.05, seconds=0.3, rounds=6), 1 - subject.deliverable.tolerances.slowdown
            )
            evidence = both.evidence()
        verdict = gates.regression(evidence, Ratio(1.0, 1.0, 1.0), subject.deliverable)
        alarms += verdict.outcome is Outcome.FAIL
        undecided += verdict.outcome is Outcome.NO_EVIDENCE
    return Row(
        name="sound artifact raced against itself",
        stage="false alarms",
        meant="0",
        ok=alarms == 0,
        found=f"{alarms} alarms in {runs} races; {undecided} too noisy to tell",
    )
