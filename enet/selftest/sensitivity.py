"""Sensitivity of the gates: the smallest faults that they catch, and how often they raise a false alarm.

The images of the embedded deliverable's confusion matrices are drawn with replacement. A fault of varying size is
injected into copies of them, to find the size from which the gate says FAIL in 19 of 20 draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enet import gates
from enet.backends import REFERENCE
from enet.deliverable import Deliverable
from enet.evidence import Accuracy, Parity, Provenance, RecordedSpeed, Speed
from enet.gates import Outcome, Verdict
from enet.measure import pipeline, race as speed
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.metrics.latency import Rate, Ratio
from enet.selftest.acceptance import BACKEND, small
from enet.selftest.planted.records import race
from enet.selftest.table import Row

#: Numbers of images: those of Cityscapes' val split, and a tenth.
COUNTS = (500, 50)

#: Draws per size of a fault, and how many of them must FAIL.
DRAWS, CAUGHT = 20, 19

#: Sound runs of accuracy, over images drawn again, and fewer for a quick self-test.
SOUND, QUICK_SOUND = 200, 50

#: Sound comparisons of speed: from simulated times, and measured. A quick self-test measures none, because other work
#: on the host could decide it.
SIMULATED_SPEED, MEASURED_SPEED = 50, 50

#: Coefficient of variation of simulated rounds.
NOISE = 0.05


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """The smallest faults that are caught, then the false alarms."""
    subject = small(folder, images=10, side=240 if quick else 480)
    source, spec = subject.prepared(), subject.deliverable
    reference = pipeline.measure_split(subject, subject.artifact(REFERENCE, 1), source)
    candidate = pipeline.measure_split(subject, subject.artifact(BACKEND, 1), source)
    rng = np.random.default_rng(0)
    for count in COUNTS:
        yield miou_drop(reference, spec, count, rng)
        yield class_loss(reference, spec, count, rng)
        yield disagreement(candidate, spec, count, spread=True)
        yield disagreement(candidate, spec, count, spread=False)
        yield slowdown(subject, count, rng)
    yield sound_accuracy(reference, candidate, spec, rng, QUICK_SOUND if quick else SOUND)
    noise = (rng.normal(1, NOISE, (2, 10)).clip(0.5) for _ in range(SIMULATED_SPEED))
    simulated = (race(subject, *(0.1 * each)) for each in noise)
    yield sound_speed("sound artifact and itself, simulated times", simulated, spec)
    if not quick:
        measured = (measure_itself(subject) for _ in range(MEASURED_SPEED))
        yield sound_speed("sound artifact raced against itself", measured, spec)


def smallest(caught: Callable[[float], bool], low: float, high: float) -> float | None:
    """The smallest size of a caught fault, to 2 %, by bisection on a logarithmic scale; None if none is caught."""
    if not caught(high):
        return None
    while high / low > 1.02:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if caught(middle) else (middle, high)
    return high


def draw_images(evidence: Accuracy, count: int, rng: np.random.Generator) -> Accuracy:
    """Draw ``count`` images with replacement, under names of their own."""
    rows = rng.integers(0, len(evidence.images), count)
    names = tuple(f"image{number:03}" for number in range(count))
    return replace(evidence, images=names, images_expected=count, matrices=evidence.matrices[rows])


def with_reference(spec: Deliverable, evidence: Accuracy) -> Deliverable:
    """The deliverable with the mIoU and the number of images of this evidence."""
    reference = replace(spec.reference, miou_percent=100 * evidence.miou)
    return replace(spec, reference=reference, dataset=replace(spec.dataset, images=len(evidence.images)))


def misclassify(
    matrices: NDArray[np.int64], share: float, rng: np.random.Generator, only: int | None = None
) -> NDArray[np.int64]:
    """Move a fraction of the right pixels, of all classes or of ``only`` one, to a wrong class."""
    changed, classes = matrices.copy(), matrices.shape[1]
    for index in range(classes) if only is None else (only,):
        lost = rng.binomial(matrices[:, index, index], share)
        changed[:, index, index] -= lost
        changed[np.arange(len(matrices)), index, (index + rng.integers(1, classes, len(matrices))) % classes] += lost
    return changed


def is_caught(trial: Callable[[], Verdict]) -> bool:
    """Whether enough draws of a fault FAIL."""
    return sum(trial().outcome is Outcome.FAIL for _ in range(DRAWS)) >= CAUGHT


def miou_drop(reference: Accuracy, spec: Deliverable, count: int, rng: np.random.Generator) -> Row:
    """Pixels of all classes go wrong."""
    drops: list[float] = []

    def trial(share: float) -> Verdict:
        sound = draw_images(reference, count, rng)
        faulty = replace(sound, matrices=misclassify(sound.matrices, share, rng))
        drops.append(100 * (sound.miou - faulty.miou))
        return gates.accuracy.miou(faulty, with_reference(spec, sound))

    size = smallest(lambda share: is_caught(lambda: trial(share)), 1e-5, 0.5)
    found = f"a drop of {np.mean(drops[-DRAWS:]):.3f} pp of mIoU, {100 * (size or 0):.3f} % of the right pixels"
    return sensitivity_row("smallest mIoU drop", count, "miou", found, size is not None)


def class_loss(reference: Accuracy, spec: Deliverable, count: int, rng: np.random.Generator) -> Row:
    """Pixels of one class go wrong: that with the median IoU."""
    order = np.argsort(np.diagonal(reference.matrix))
    middle = int(order[len(order) // 2])

    def trial(share: float) -> Verdict:
        sound = draw_images(reference, count, rng)
        faulty = replace(sound, matrices=misclassify(sound.matrices, share, rng, only=middle))
        return gates.accuracy.class_iou(faulty, sound, with_reference(spec, sound))

    size = smallest(lambda share: is_caught(lambda: trial(share)), 1e-4, 0.9)
    found = f"{100 * (size or 0):.2f} % of the right pixels of {reference.classes[middle]} alone"
    return sensitivity_row("smallest loss of one class", count, "class_iou", found, size is not None)


def disagreement(candidate: Accuracy, spec: Deliverable, count: int, *, spread: bool) -> Row:
    """Labels of a batch differ, a little in every image or all of it in one."""
    pixels = spec.preprocessing.size[0] * spec.preprocessing.size[1]
    first: Provenance = replace(candidate.provenance, batch_size=4, artifact_sha256="batched")

    def caught(share: float) -> bool:
        total = round(share * pixels * count)
        each = tuple(int(n) for n in np.diff(np.linspace(0, total, count + 1).round()))
        alone = (min(total, pixels), *[0] * (count - 1))
        between = Parity(
            comparison="batch parity",
            first=first,
            second=candidate.provenance,
            images=tuple(map(str, range(count))),
            images_expected=count,
            pixels_per_image=pixels,
            differing_pixels=each if spread else alone,
            non_finite=0,
            is_single_class=False,
            miou=(candidate.miou, candidate.miou),
        )
        return gates.parity.parity(between, spec).outcome is Outcome.FAIL

    size = smallest(caught, 1e-9, 0.5 / count)
    place = "in every image" if spread else "all in one image"
    found = f"{1e6 * (size or 0):.3g} of a million labels, {place}"
    return sensitivity_row(f"smallest disagreement, {place}", count, "batch_parity", found, size is not None)


def slowdown(subject: Subject, count: int, rng: np.random.Generator) -> Row:
    """An artifact that is slower than in an earlier run, with ``NOISE`` from round to round."""
    rounds = max(3, count // 10)

    def trial(factor: float) -> Verdict:
        noise = rng.normal(1, NOISE, (2, rounds)).clip(0.5)
        timed = race(subject, 0.1 * (1 + factor) * noise[0], 0.3 * noise[1])
        earlier = RecordedSpeed(ratio=Ratio(3.0, 2.98, 3.02), artifact=Rate(40, 39, 41), reference=Rate(13.3, 13, 13.6))
        return gates.speed.regression(timed, earlier, subject.deliverable)

    size = smallest(lambda factor: is_caught(lambda: trial(factor)), 1e-3, 2.0)
    found = f"{100 * (size or 0):.1f} % slower, by {rounds} rounds of 10 images"
    return sensitivity_row("smallest slowdown", count, "regression", found, size is not None)


def sensitivity_row(name: str, count: int, gate: str, found: str, ok: bool) -> Row:
    observed = found if ok else "nothing was caught"
    return Row(name=name, stage=f"{count} images", expected=gate, observed=observed, ok=ok)


def sound_accuracy(
    reference: Accuracy, candidate: Accuracy, spec: Deliverable, rng: np.random.Generator, runs: int
) -> Row:
    """Sound runs over images drawn again, each compared with PyTorch's mIoU over the same images."""
    alarms = 0
    for _ in range(runs):
        rows = rng.integers(0, len(reference.images), COUNTS[1])
        names = tuple(f"image{number:03}" for number in range(len(rows)))
        theirs, ours = (
            replace(side, images=names, images_expected=len(rows), matrices=side.matrices[rows])
            for side in (reference, candidate)
        )
        stated = with_reference(spec, theirs)
        found = [
            gates.accuracy.reference_miou(theirs, stated),
            gates.accuracy.miou(ours, stated, theirs),
            gates.accuracy.class_iou(ours, theirs, stated),
        ]
        alarms += any(verdict.outcome is not Outcome.PASS for verdict in found)
    observed = f"{alarms} alarms in {runs} runs of {COUNTS[1]} images"
    return false_alarms("sound accuracy, images drawn again", observed, ok=alarms == 0)


def measure_itself(subject: Subject) -> Speed:
    """Time the artifact against itself."""
    settings = TimingSettings(warmup_seconds=0.05, min_seconds=0.3, min_rounds=6)
    with speed.race(subject, BACKEND, 1, subject.prepared(), reference=BACKEND) as both:
        both.contest.warm_up(settings.warmup_seconds)
        both.run(settings, 1 - subject.deliverable.tolerances.slowdown)
    return both.evidence()


def sound_speed(name: str, runs: Iterable[Speed], spec: Deliverable) -> Row:
    """A sound artifact must be no slower than itself, which is 1x, less the tolerated slowdown."""
    itself = Ratio(1.0, 1.0, 1.0)
    outcomes = [
        gates.speed.regression(evidence, replace(evidence.record, ratio=itself), spec).outcome for evidence in runs
    ]
    alarms, undecided = outcomes.count(Outcome.FAIL), outcomes.count(Outcome.NO_EVIDENCE)
    observed = f"{alarms} alarms in {len(outcomes)} runs; {undecided} too noisy to decide"
    return false_alarms(name, observed, ok=alarms == 0)


def false_alarms(name: str, observed: str, *, ok: bool) -> Row:
    return Row(name=name, stage="false alarms", expected="0", observed=observed, ok=ok)
