"""Faults of batches, their rows, and a device that returns wrong values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from enet import gates
from enet.backends.onnxruntime import OnnxRuntimeModel
from enet.datasets.preprocess import Normalise
from enet.gates import Verdict
from enet.measure import pipeline, predictor
from enet.measure.subject import Subject
from enet.selftest.acceptance import BACKEND
from enet.selftest.planted.base import add_patch, record

Result = NDArray[Any]
Change = Callable[[Result, Result], Result]


def infer_with(change: Change) -> Any:
    """Change ONNX Runtime's results; ``change`` gets a batch and its result."""
    original = OnnxRuntimeModel.infer
    return mock.patch.object(
        OnnxRuntimeModel, "infer", lambda self, images: change(images, original(self, images).copy())
    )


def change_logits(change: Callable[[Result], Result]) -> Any:
    """Change results that are logits; leave labels alone."""
    return infer_with(lambda images, result: change(result) if result.dtype.kind == "f" else result)


def drop_tail() -> Any:
    """A last batch that is not full is skipped, so its label maps stay empty."""
    original = predictor.Predictor.labels

    def faulty(self: predictor.Predictor, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        labels, broken = original(self, images)
        return (labels if len(images) == self.batch_size else np.zeros_like(labels)), broken

    return mock.patch.object(predictor.Predictor, "labels", faulty)


def pad_in_front(rows: NDArray[Any], batch_size: int) -> NDArray[Any]:
    """Pad a last batch before its images, not after them."""
    return np.concatenate([np.repeat(rows[:1], batch_size - len(rows), axis=0), rows])


def round_last_row(images: Result, result: Result) -> Result:
    """Compute the last row of a full batch with a coarse step, as by another kernel."""
    if len(result) > 1:
        result[-1] = np.round(result[-1])
    return result


def rows_of_one_image(subject: Subject) -> Callable[[Result], NDArray[np.intp]]:
    """Returns a function that finds the rows of a batch, in any format, that hold one image of the split."""
    pixels, _ = subject.prepared().load(3)
    known = [pixels, Normalise(subject.deliverable.preprocessing)(pixels[None])[0]]

    def rows(images: Result) -> NDArray[np.intp]:
        same = [any(image.shape == other.shape and np.array_equal(image, other) for other in known) for image in images]
        return np.flatnonzero(same)

    return rows


def one_nan(subject: Subject) -> Any:
    """One logit of one image overflows."""
    rows = rows_of_one_image(subject)

    def change(images: Result, result: Result) -> Result:
        if result.dtype.kind == "f":
            result[rows(images), 0, 0, 0] = np.nan
        return result

    return infer_with(change)


def one_constant_image(subject: Subject) -> Any:
    """One image gets one class everywhere."""
    rows = rows_of_one_image(subject)

    def change(images: Result, result: Result) -> Result:
        result[rows(images)] = 0
        return result

    return infer_with(change)


def previous_result() -> Any:
    """A buffer is read before it is written: each call returns the result of the previous one."""
    kept: dict[tuple[int, ...], Result] = {}
    lock = threading.Lock()

    def change(images: Result, result: Result) -> Result:
        with lock:
            before = kept.get(result.shape, result)
            kept[result.shape] = result
        return before

    return infer_with(change)


#: Stage, name, gates that must notice, patch for the subject.
PATCHES: list[tuple[str, str, str, Callable[[Subject], Any]]] = [
    (
        "batching",
        "rows permuted",
        "batch_parity miou",
        lambda _: infer_with(lambda images, result: np.roll(result, 1, axis=0)),
    ),
    (
        "batching",
        "first row repeated",
        "batch_parity miou",
        lambda _: infer_with(lambda images, result: np.repeat(result[:1], len(result), axis=0)),
    ),
    ("batching", "tail dropped", "padded_tail batch_parity", lambda _: drop_tail()),
    (
        "batching",
        "tail padded in front",
        "padded_tail batch_parity",
        lambda _: mock.patch.object(predictor, "pad_batch", pad_in_front),
    ),
    ("batching", "last row less precise", "batch_parity equal_rows onnx_logits", lambda _: infer_with(round_last_row)),
    ("device", "one logit NaN", "miou batch_parity", one_nan),
    ("device", "one image constant", "miou", one_constant_image),
    # Logits stop at 4, as numbers of too few bits do.
    ("device", "saturated", "onnx_logits", lambda _: change_logits(lambda logits: np.clip(logits, None, 4))),
    # The last step of float32 is computed in half precision.
    (
        "device",
        "half precision",
        "onnx_logits",
        lambda _: change_logits(lambda logits: logits.astype(np.float16).astype(logits.dtype)),
    ),
    ("device", "result of the previous call", "miou batch_parity", lambda _: previous_result()),
]

for stage, name, noticed_by, patch in PATCHES:
    add_patch(stage, name, noticed_by, patch)


@record("batching", "miou")
def padding_rows_scored(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The rows that pad the last batch are scored, too."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 4), subject.prepared())
    rows = [*range(len(measured.images)), len(measured.images) - 1]
    counted = replace(measured, images=tuple(measured.images[row] for row in rows), matrices=measured.matrices[rows])
    yield gates.accuracy.miou(counted, subject.deliverable)
