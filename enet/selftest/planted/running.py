"""Faults of what runs the artifact: batches and their rows, and a device that gives wrong numbers."""

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
from enet.selftest.planted.base import planted, recorded

Result = NDArray[Any]


def inferring(change: Callable[[Result, Result], Result]) -> Any:
    """While this lasts, ONNX Runtime's results are changed; ``change`` gets input and result."""
    original = OnnxRuntimeModel.infer
    return mock.patch.object(
        OnnxRuntimeModel, "infer", lambda self, images: change(images, original(self, images).copy())
    )


@planted("batching", "batch_parity", "miou")
def rows_permuted(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The rows of a batch come back in another order."""
    with inferring(lambda images, result: np.roll(result, 1, axis=0)):
        yield subject


@planted("batching", "batch_parity", "miou")
def first_row_repeated(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Every row of a batch is its first."""
    with inferring(lambda images, result: np.repeat(result[:1], len(result), axis=0)):
        yield subject


@planted("batching", "padded_tail", "batch_parity")
def tail_dropped(subject: Subject, folder: Path) -> Iterator[Subject]:
    """A last batch that isn't full is left out, and its label maps stay empty."""
    original = predictor.Predictor.labels

    def faulty(self: predictor.Predictor, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        labels, broken = original(self, images)
        return (labels if len(images) == self.batch_size else np.zeros_like(labels)), broken

    with mock.patch.object(predictor.Predictor, "labels", faulty):
        yield subject


@planted("batching", "padded_tail", "batch_parity")
def tail_filled_from_behind(subject: Subject, folder: Path) -> Iterator[Subject]:
    """A last batch is filled up before its images, not behind them."""

    def faulty(rows: NDArray[Any], batch_size: int) -> NDArray[Any]:
        return np.concatenate([np.repeat(rows[:1], batch_size - len(rows), axis=0), rows])

    with mock.patch.object(pipeline, "filled", faulty):
        yield subject


@recorded("batching", "miou")
def filling_counted(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The rows that fill up the last batch are scored, too."""
    measured = pipeline.measure_split(subject, subject.artifact(BACKEND, 4), subject.prepared())
    rows = [*range(len(measured.images)), len(measured.images) - 1]
    counted = replace(measured, images=tuple(measured.images[row] for row in rows), matrices=measured.matrices[rows])
    yield gates.artifact_miou(counted, subject.deliverable)


@planted("batching", "batch_parity", "equal_rows", "logits")
def last_row_less_exact(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The last row of a full batch is computed with a coarse step, as by another kernel."""

    def change(images: Result, result: Result) -> Result:
        if len(result) > 1:
            result[-1] = np.round(result[-1])
        return result

    with inferring(change):
        yield subject


def one_image(subject: Subject) -> Callable[[Result], NDArray[np.intp]]:
    """Finds the rows of a batch that hold one image of the split, in whatever form."""
    pixels, _ = subject.prepared().load(3)
    known = [pixels, Normalise(subject.deliverable.preprocessing)(pixels[None])[0]]

    def rows(images: Result) -> NDArray[np.intp]:
        same = [any(image.shape == other.shape and np.array_equal(image, other) for other in known) for image in images]
        return np.flatnonzero(same)

    return rows


@planted("device", "miou", "batch_parity")
def one_value_not_a_number(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One logit of one image overflows."""
    rows = one_image(subject)

    def change(images: Result, result: Result) -> Result:
        if result.dtype.kind == "f":
            result[rows(images), 0, 0, 0] = np.nan
        return result

    with inferring(change):
        yield subject


@planted("device", "miou")
def one_image_constant(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One image gets one class everywhere."""
    rows = one_image(subject)

    def change(images: Result, result: Result) -> Result:
        result[rows(images)] = 0
        return result

    with inferring(change):
        yield subject


@planted("device", "logits")
def saturated(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Logits stop at 4, as numbers of too few bits do."""
    with inferring(lambda images, result: np.clip(result, None, 4) if result.dtype.kind == "f" else result):
        yield subject


@planted("device", "logits")
def half_precision(subject: Subject, folder: Path) -> Iterator[Subject]:
    """What claims to be float32 computes its last step in half precision."""
    with inferring(
        lambda images, result: result.astype(np.float16).astype(result.dtype) if result.dtype.kind == "f" else result
    ):
        yield subject


@planted("device", "miou", "batch_parity")
def result_of_the_call_before(subject: Subject, folder: Path) -> Iterator[Subject]:
    """A buffer is read before it is written: each call gives the result of the one before."""
    kept: dict[tuple[int, ...], Result] = {}
    turn = threading.Lock()

    def change(images: Result, result: Result) -> Result:
        with turn:
            before = kept.get(result.shape, result)
            kept[result.shape] = result
        return before

    with inferring(change):
        yield subject
