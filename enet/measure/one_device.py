"""A split run through an artifact on one device, as a stream."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.backends import Artifact
from enet.datasets.image_source import Source
from enet.datasets.preprocess import brought_to
from enet.evidence import Accuracy
from enet.host import cores
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.metrics.segmentation import confusion_matrix
from enet.storage.journal import Batch, Journal
from enet.storage.memmap import new_map

#: Bound on the images that workers hold at once, whatever the number of cores: one image's logits are 17.5 MB.
IMAGES_UNDER_WAY = 64


Item = TypeVar("Item")


Result = TypeVar("Result")


@dataclass(frozen=True)
class Scored:
    """One batch's result."""

    start: int
    matrices: list[NDArray[np.int64]]
    labels: NDArray[np.uint8]
    non_finite: int


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
