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
from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import resize_labels
from enet.evidence import Accuracy
from enet.host import cores
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.metrics.segmentation import confusion_matrix
from enet.storage.journal import Journal, JournalRecord
from enet.storage.memmap import create_memmap

#: Bound on the images that workers hold at once, whatever the number of cores: one image's logits are 17.5 MB.
MAX_IMAGES_IN_FLIGHT = 64


Item = TypeVar("Item")


Result = TypeVar("Result")


@dataclass(frozen=True)
class BatchScores:
    """One batch's result."""

    start: int
    matrices: list[NDArray[np.int64]]
    labels: NDArray[np.uint8]
    non_finite: int


def measure_on_one_device(
    subject: Subject,
    artifact: Artifact,
    source: ImageSource,
    *,
    labels_to: Path | None = None,
    workers: int | None = None,
    journal: Journal | None = None,
) -> Accuracy:
    """As ``measure``, on the target's first device, without a look at it."""
    with open_predictor(subject, artifact) as predictor:
        return score_split(subject, artifact, source, predictor, labels_to, workers, journal)


def score_split(
    subject: Subject,
    artifact: Artifact,
    source: ImageSource,
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
        maps = create_memmap(labels_to, (count, height, width))
    workers = workers or max(1, min(cores(), MAX_IMAGES_IN_FLIGHT // batch_size))
    kept = [] if journal is None else journal.batches
    done = sum(len(batch.matrices) for batch in kept)
    if kept:
        matrices[:done] = np.concatenate([batch.matrices for batch in kept])
        if subject.progress:
            tqdm.write(f"going on after {done} images that an interrupted run has scored", sys.stderr)
    non_finite = sum(batch.non_finite for batch in kept)

    def score(start: int) -> BatchScores:
        pairs = [source.load(index) for index in range(start, min(start + batch_size, count))]
        labels, broken = predictor.labels(np.stack([image for image, _ in pairs]))
        scores = [
            confusion_matrix(resize_labels(label, truth.shape), truth, len(classes))
            for label, (_, truth) in zip(labels, pairs, strict=True)
        ]
        return BatchScores(start, scores, labels, broken)

    begin = time.perf_counter() - (kept[-1].seconds if kept else 0)
    bar = tqdm(
        total=count,
        initial=done,
        desc=f"{artifact.backend} bs{batch_size}",
        unit="image",
        disable=None if subject.progress else True,
    )
    with bar, ThreadPoolExecutor(workers) as pool:
        for scored in bounded_map(pool, score, range(done, count, batch_size), under_way=2 * workers):
            rows = slice(scored.start, scored.start + len(scored.matrices))
            matrices[rows] = scored.matrices
            if maps is not None:
                maps[rows] = scored.labels
            non_finite += scored.non_finite
            if journal is not None:
                journal.append(JournalRecord(matrices[rows], scored.non_finite, time.perf_counter() - begin))
            bar.update(len(scored.matrices))
    seconds = time.perf_counter() - begin
    if maps is not None:
        maps.flush()
    return Accuracy(
        provenance=subject.provenance(artifact, predictor.model),
        classes=classes,
        absent_classes=subject.deliverable.reference.absent_classes,
        images=source.names,
        images_expected=subject.deliverable.dataset.images,
        matrices=matrices,
        non_finite=non_finite if artifact.form.output == "logits" else None,
        seconds=seconds,
        duplicate_images=subject.duplicate_images,
        label_grid=subject.deliverable.preprocessing.label_grid,
    )


def bounded_map(
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
