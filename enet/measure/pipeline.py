"""Decode, preprocess, infer and score a split as a stream; of each image only its confusion matrix is kept.

Every worker thread takes a batch through all four steps. While one decodes another infers, so all cores are busy
with no queue in between, and no step has threads of its own that would get in the others' way. At most two batches
a worker are under way, so memory doesn't grow with the number of images.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import enet
from enet import backends
from enet.backends import Artifact, Model, Watch
from enet.backends.base import Place
from enet.datasets.image_source import Source
from enet.datasets.preprocess import Normalise, brought_to
from enet.evidence import Accuracy, Provenance
from enet.host import cores, cpu
from enet.measure.subject import Subject
from enet.metrics.segmentation import confusion_matrix
from enet.storage.journal import Batch, Journal, opened
from enet.storage.memmap import new_map
from enet.storage.store import canonical, hash_text, source_digest

#: Bound on the images that workers hold at once, whatever the number of cores: one image's logits are 17.5 MB.
IMAGES_UNDER_WAY = 64

Item = TypeVar("Item")
Result = TypeVar("Result")


class Predictor:
    """An opened artifact that takes uint8 images and gives labels, whatever the artifact's form.

    Args:
        classes: how many of the network's outputs are scored; the rest (a void class) never win.
    """

    def __init__(self, model: Model, artifact: Artifact, normalise: Normalise, classes: int) -> None:
        self.model, self.batch_size, self.form = model, artifact.batch_size, artifact.form
        self.normalise, self.classes = normalise, classes

    def raw(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Labels or logits for at most one batch, as the artifact's form says.

        A smaller batch is filled up; the rows of the filling are dropped.

        Args:
            images: uint8 RGB, shape (n, H, W, 3), n at most the batch size.
        """
        result = self.model.infer(self.given(images))[: len(images)]
        return laid_out(result) if self.model.gives_phases else result

    def given(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What the artifact takes for at most one batch of images."""
        batch = filled(images, self.batch_size)
        return batch if self.form.input == "uint8" else self.normalise(batch)

    def labels(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        """Labels, uint8, shape (n, H, W), and how many images had a logit that is no finite number."""
        return self.predict(self.given(images), len(images))

    def predict(self, batch: NDArray[Any], count: int) -> tuple[NDArray[np.uint8], int]:
        """As ``labels``, of a batch that is ready for the artifact; the first ``count`` rows."""
        result = self.model.infer(batch)[:count]
        if self.form.output == "labels":
            return result.astype(np.uint8, copy=False), 0
        finite = [is_finite(logits) for logits in result]
        decide = labels_of_phases if self.model.gives_phases else argmax
        return np.stack([decide(logits, self.classes) for logits in result]), finite.count(False)


@contextlib.contextmanager
def open_predictor(subject: Subject, artifact: Artifact) -> Iterator[Predictor]:
    """Open an artifact of the subject; it is closed in the end.

    Raises:
        InputError: it can't be loaded.
    """
    spec = subject.deliverable
    model = backends.get(artifact.backend).open_model(artifact, spec, subject.target)
    try:
        yield Predictor(model, artifact, Normalise(spec.preprocessing), spec.scored_classes)
    finally:
        model.close()


def watched(subject: Subject, artifact: Artifact) -> contextlib.AbstractContextManager[Watch]:
    """Have the devices that an artifact runs on to oneself, and look at them before and after."""
    return backends.get(artifact.backend).watched(subject.target)


def filled(rows: NDArray[Any], batch_size: int) -> NDArray[Any]:
    """A batch of this size: what there is, then its first row again and again, as ais_bench fills up."""
    if len(rows) == batch_size:
        return rows
    return np.concatenate([rows, np.repeat(rows[:1], batch_size - len(rows), axis=0)])


def is_finite(logits: NDArray[np.float32]) -> bool:
    """Whether every value is finite. A sum is looked at first: it is quicker, and finite sums have finite terms."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(logits.sum())) or bool(np.isfinite(logits).all())


def argmax(logits: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """Class of the largest of the first ``classes`` logits, the first of equals: (C, H, W) float32 to (H, W) uint8.

    numpy's own argmax over the first axis walks memory in strides and is ten times slower. Numbers of classes ascend,
    so a later one that is above replaces an earlier by a maximum, for which processors have an instruction.
    """
    best = logits[0].copy()
    label = np.zeros(best.shape, np.uint8)
    above = np.empty(best.shape, bool)
    number_there = above.view(np.uint8)
    for number in range(1, classes):
        np.greater(logits[number], best, out=above)
        np.maximum(logits[number], best, out=best)
        np.multiply(number_there, np.uint8(number), out=number_there)
        np.maximum(label, number_there, out=label)
    return label


def labels_of_phases(phases: NDArray[np.float32], classes: int) -> NDArray[np.uint8]:
    """``argmax`` of logits in the form (4 * C, H/2, W/2): phase k holds the pixels of rows k // 2 and columns k % 2."""
    rows, height, width = phases.shape
    label = np.empty((2 * height, 2 * width), np.uint8)
    for phase, logits in enumerate(phases.reshape(4, rows // 4, height, width)):
        label[phase // 2 :: 2, phase % 2 :: 2] = argmax(logits, classes)
    return label


def laid_out(phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """Phases (N, 4 * C, H/2, W/2), as in ``labels_of_phases``, as logits (N, C, H, W)."""
    count, rows, height, width = phases.shape
    blocks = phases.reshape(count, 2, 2, rows // 4, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(count, rows // 4, 2 * height, 2 * width)


@dataclass(frozen=True)
class Scored:
    """One batch's result."""

    start: int
    matrices: list[NDArray[np.int64]]
    labels: NDArray[np.uint8]
    non_finite: int


def measure(
    subject: Subject, artifact: Artifact, source: Source, *, labels_to: Path | None = None,
    workers: int | None = None, resumable: bool = False,
) -> Accuracy:  # fmt: skip
    """Run a split through an artifact and score it, on the device or devices of ``subject.target``.

    Args:
        artifact: what to run, from ``subject.artifact``.
        labels_to: also write the predicted labels there, .npy, uint8 (N, H, W).
        workers: threads; for None one a core, as far as ``IMAGES_UNDER_WAY`` allows.
        resumable: go on where a run of the same artifact over the same images was interrupted; on one device alone,
            and without ``labels_to``.
    Raises:
        InputError: the artifact can't be loaded or the images can't be read.
    """
    with watched(subject, artifact) as watch:
        if len(subject.target.devices) > 1:
            from enet.measure import sharding  # which calls ``run`` for every device, in a process of its own

            measured = sharding.run(subject, artifact, source, labels_to)
        elif resumable and labels_to is None:
            key, folder = run_key(subject, artifact, source), subject.store.root / "interrupted"
            with opened(folder, key, len(subject.dataset.classes.names)) as journal:
                try:
                    measured = run(subject, artifact, source, workers=workers, journal=journal)
                except KeyboardInterrupt:
                    if journal is not None and journal.holds_any:
                        print("enet: what was scored is kept: the same command goes on from there", file=sys.stderr)
                    raise
        else:
            measured = run(subject, artifact, source, labels_to=labels_to, workers=workers)
    return replace(measured, provenance=observed(measured.provenance, watch))


def run_key(subject: Subject, artifact: Artifact, source: Source) -> str:
    """What decides a run's result, and how it is divided into batches."""
    where = asdict(subject.provenance(artifact, Place("", "")))
    for name in ("argv", "host", "time"):
        del where[name]
    package = Path(enet.__file__).parent
    code = source_digest(*sorted(str(path.relative_to(package)) for path in package.rglob("*.py")))
    place = [asdict(subject.target), cpu()]
    return hash_text(canonical([where, artifact.batch_size, source.names, code, place]))


def observed(provenance: Provenance, watch: Watch) -> Provenance:
    """With what was seen of the devices."""
    return replace(provenance, devices_before=watch.before, devices_after=watch.after)


def run(
    subject: Subject, artifact: Artifact, source: Source, *, labels_to: Path | None = None,
    workers: int | None = None, journal: Journal | None = None,
) -> Accuracy:  # fmt: skip
    """As ``measure``, on the target's first device, without a look at it."""
    with open_predictor(subject, artifact) as predictor:
        return predicted(subject, artifact, source, predictor, labels_to, workers, journal)


def predicted(
    subject: Subject,
    artifact: Artifact,
    source: Source,
    predictor: Predictor,
    labels_to: Path | None,
    workers: int | None,
    journal: Journal | None,
) -> Accuracy:
    batch_size = artifact.batch_size
    classes = subject.dataset.classes.names
    width, height = subject.deliverable.preprocessing.size
    count = len(source.names)
    matrices = np.zeros((count, len(classes), len(classes)), np.int64)
    maps = None
    if labels_to is not None:
        maps = new_map(labels_to, (count, height, width))
    workers = workers or max(1, min(cores(), IMAGES_UNDER_WAY // batch_size))
    kept = [] if journal is None else journal.batches
    done = sum(len(batch.matrices) for batch in kept)
    if kept:
        matrices[:done] = np.concatenate([batch.matrices for batch in kept])
        if subject.progress:
            tqdm.write(f"going on after {done} images that an interrupted run has scored", sys.stderr)
    non_finite = sum(batch.non_finite for batch in kept)

    def score(start: int) -> Scored:
        pairs = [source.load(index) for index in range(start, min(start + batch_size, count))]
        labels, broken = predictor.labels(np.stack([image for image, _ in pairs]))
        scores = [
            confusion_matrix(brought_to(label, truth.shape), truth, len(classes))
            for label, (_, truth) in zip(labels, pairs, strict=True)
        ]
        return Scored(start, scores, labels, broken)

    begin = time.perf_counter() - (kept[-1].seconds if kept else 0)
    bar = tqdm(
        total=count, initial=done, desc=f"{artifact.backend} bs{batch_size}", unit="image",
        disable=None if subject.progress else True,
    )  # fmt: skip
    with bar, ThreadPoolExecutor(workers) as pool:
        for scored in bounded(pool, score, range(done, count, batch_size), under_way=2 * workers):
            rows = slice(scored.start, scored.start + len(scored.matrices))
            matrices[rows] = scored.matrices
            if maps is not None:
                maps[rows] = scored.labels
            non_finite += scored.non_finite
            if journal is not None:
                journal.append(Batch(matrices[rows], scored.non_finite, time.perf_counter() - begin))
            bar.update(len(scored.matrices))
    seconds = time.perf_counter() - begin
    if maps is not None:
        maps.flush()
    return Accuracy(
        provenance=subject.provenance(artifact, predictor.model), classes=classes,
        absent_classes=subject.deliverable.reference.absent_classes, images=source.names,
        images_expected=subject.deliverable.dataset.images, matrices=matrices,
        non_finite=non_finite if artifact.form.output == "logits" else None, seconds=seconds,
        copies=subject.copies, label_grid=subject.deliverable.preprocessing.label_grid,
    )  # fmt: skip


def bounded(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], under_way: int
) -> Iterator[Result]:
    """``pool.map`` that submits at most ``under_way`` items ahead of the results taken; in order."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= under_way:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:  # after an error: what has not begun never does
            future.cancel()
