"""Inference and scoring of a split on one device, as a stream of batches in worker threads.

Every worker takes a batch through all steps: decode, preprocess, infer, score. While one decodes another infers, so
all cores are busy without queues, and no step has threads of its own that would compete. At most two batches for each
worker are in flight, so memory does not grow with the number of images.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from enet.backends import Artifact
from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import resize_labels
from enet.datasets.workers import keep_freed_memory
from enet.evidence import Accuracy
from enet.host import cores
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.metrics.segmentation import confusion_matrix
from enet.progress import bar
from enet.storage.journal import Journal, JournalRecord
from enet.storage.memmap import create_memmap

#: Bounds on the images that workers hold at once, whatever the number of cores: one image's logits are 17.5 MB, image
#: and labels together at most 4 MB. A device that gives labels is fast, so more cores must be able to feed it.
MAX_WITH_LOGITS, MAX_WITH_LABELS = 64, 256

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BatchScores:
    """One batch's result; ``start`` is the index of its first image."""

    start: int
    matrices: list[NDArray[np.int64]]
    labels: NDArray[np.uint8]
    non_finite: int


def measure_on_one_device(
    subject: Subject, artifact: Artifact, source: ImageSource, labels_to: Path | None, journal: Journal | None
) -> Accuracy:
    """Measure a split on the target's first device, without reserving it; see ``measure_split``.

    Args:
        journal: keeps the scores of each batch; the images that it holds already are not run again.
    """
    classes, count, size = len(subject.dataset.classes.names), len(source.names), artifact.batch_size
    width, height = subject.deliverable.preprocessing.size
    matrices = np.zeros((count, classes, classes), np.int64)
    label_maps = None if labels_to is None else create_memmap(labels_to, (count, height, width))
    most = MAX_WITH_LABELS if artifact.gives_labels else MAX_WITH_LOGITS
    workers = max(1, min(cores(), most // size))
    records = [] if journal is None else journal.batches
    done = sum(len(record.matrices) for record in records)
    if records:
        matrices[:done] = np.concatenate([record.matrices for record in records])
        if subject.progress:
            print(f"resuming after {done} images that an interrupted run has scored", file=sys.stderr)
    non_finite = sum(record.non_finite for record in records)
    title = f"{artifact.backend} bs{size}"
    progress_bar = bar(title=title, total=count, done=done, shown=subject.progress)
    keep_freed_memory()
    with open_predictor(subject, artifact) as predictor, progress_bar, ThreadPoolExecutor(workers) as pool:
        begin = time.perf_counter() - (records[-1].seconds if records else 0)
        score = partial(score_batch, predictor, source, classes)
        for scores in bounded_map(pool, score, range(done, count, size), in_flight=2 * workers):
            rows = slice(scores.start, scores.start + len(scores.matrices))
            matrices[rows] = scores.matrices
            if label_maps is not None:
                label_maps[rows] = scores.labels
            non_finite += scores.non_finite
            if journal is not None:
                journal.append(JournalRecord(matrices[rows], scores.non_finite, time.perf_counter() - begin))
            progress_bar.update(len(scores.matrices))
        seconds = time.perf_counter() - begin
    if label_maps is not None:
        label_maps.flush()
    checked = None if artifact.gives_labels else non_finite
    return subject.accuracy(subject.provenance(artifact, predictor.model), source.names, matrices, checked, seconds)


def score_batch(predictor: Predictor, source: ImageSource, classes: int, start: int) -> BatchScores:
    """Load, infer and score the batch that begins with image number ``start``."""
    end = min(start + predictor.batch_size, len(source.names))
    pairs = [source.load(index) for index in range(start, end)]
    labels, non_finite = predictor.labels(np.stack([image for image, _ in pairs]))
    matrices = [
        confusion_matrix(resize_labels(prediction, target.shape), target, classes)
        for prediction, (_, target) in zip(labels, pairs, strict=True)
    ]
    return BatchScores(start, matrices, labels, non_finite)


def bounded_map(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], in_flight: int
) -> Iterator[Result]:
    """Map in order like ``pool.map``, but submit at most ``in_flight`` items ahead of the results taken."""
    futures: deque[Future[Result]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(function, item))
            if len(futures) >= in_flight:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:  # after an error, cancel the batches that have not started
            future.cancel()
