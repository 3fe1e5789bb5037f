"""Families of faults of batches, their rows, calls, and a device that returns wrong values."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from numpy.random import Generator

from enet.backends.onnxruntime import OnnxRuntimeModel
from enet.measure import predictor
from enet.measure.subject import Subject
from enet.selftest.drawn.base import Array, Drawn, patching, pick
from enet.selftest.planted.running import infer_with


def on_call(number: int | None, change: Callable[[Array], Array], *, least: int) -> Any:
    """Change the results of ONNX Runtime for batches of at least ``least``, in one call or (None) in all."""
    calls, lock = itertools.count(), threading.Lock()

    def changed(images: Array, result: Array) -> Array:
        if len(images) < least:
            return result
        with lock:
            call = next(calls)
        return change(result) if number in (None, call) else result

    return infer_with(changed)


def change_rows(rng: Generator, subject: Subject) -> Drawn:
    """Rows of a batch change places, or one of them is another's."""
    size = max(subject.deliverable.batch_sizes)
    tail = len(subject.dataset.samples) % size
    row, other = rng.choice(tail if tail > 1 else size, 2, replace=False).tolist()  # rows that every batch fills
    call = pick(rng, (None, 0, 1))

    def swap(result: Array) -> Array:
        result[[row, other]] = result[[other, row]]
        return result

    def copy(result: Array) -> Array:
        result[row] = result[other]
        return result

    def shift(result: Array) -> Array:
        result[row] = np.roll(result[row], 1, axis=-1)
        return result

    what, change = pick(
        rng,
        {
            f"row {row} swapped with {other}": swap,
            f"row {row} is a copy of {other}": copy,
            f"row {row} shifted by a pixel": shift,
        }.items(),
    )
    words = f"{what} in {'every call' if call is None else f'call {call}'}"
    return Drawn(words=words, inject=patching(lambda _: on_call(call, change, least=2)))


def non_finite(rng: Generator, subject: Subject) -> Drawn:
    """One logit, anywhere, in any call of a run, is not finite."""
    value = pick(rng, (np.nan, np.inf, -np.inf))
    call, place = int(rng.integers(len(subject.dataset.samples))), rng.random(4)

    def change(result: Array) -> Array:
        if result.dtype.kind == "f":  # the first row: padding is not looked at
            index = (0, *(int(part * side) for part, side in zip(place[1:], result.shape[1:], strict=True)))
            result[index] = value
        return result

    return Drawn(words=f"{value} in call {call}", inject=patching(lambda _: on_call(call, change, least=1)))


def coarse_logits(rng: Generator, _: Subject) -> Drawn:
    """All logits with a step, or up to a limit, as in numbers of too few bits."""
    step, limit = float(2 ** -rng.uniform(3, 10)), float(rng.uniform(1, 6))
    changes: dict[str, Callable[[Array], Array]] = {
        f"in steps of {step:.2g}": lambda result: (np.round(result / step) * step).astype(result.dtype),
        f"at most {limit:.2g}": lambda result: np.minimum(result, limit).astype(result.dtype),
    }
    what, change = pick(rng, changes.items())
    only_logits = lambda result: change(result) if result.dtype.kind == "f" else result  # noqa: E731
    return Drawn(words=f"logits {what}", inject=patching(lambda _: on_call(None, only_logits, least=1)))


#: Share of an image's pixels below which a change of the artifact's labels in that image alone need not be seen.
UNSEEN_PIXELS = 0.001


def region(rng: Generator, subject: Subject) -> Drawn:
    """The artifact's labels in a part of one image, the same at every batch size and call."""
    index = int(rng.integers(len(subject.dataset.samples)))
    height, width = rng.uniform(0.4, 1, 2)
    y, x = rng.uniform(0, 1 - height), rng.uniform(0, 1 - width)
    size, axis, label = int(rng.integers(1, 9)), int(rng.integers(2)), int(rng.integers(19))
    changes: dict[str, Callable[[Array], Array]] = {
        f"mirrored along axis {axis}": lambda part: np.flip(part, axis),
        f"shifted by {size} along axis {axis}": lambda part: np.roll(part, size, axis),
        f"of class {label}": lambda part: np.full_like(part, label),
    }
    what, change = pick(rng, changes.items())
    shares = [0.0]

    def patch(given: Subject) -> Any:
        pixels, _ = given.prepared().load(index)
        original = predictor.Predictor.labels

        def faulty(self: predictor.Predictor, images: Array) -> tuple[Array, int]:
            labels, broken = original(self, images)
            if isinstance(self.model, OnnxRuntimeModel):
                for row in (row for row, image in enumerate(images) if np.array_equal(image, pixels)):
                    rows, columns = labels[row].shape
                    part = np.s_[
                        int(y * rows) : int((y + height) * rows), int(x * columns) : int((x + width) * columns)
                    ]
                    before = labels[row].copy()
                    labels[row][part] = change(before[part])
                    shares.append(float(np.mean(before != labels[row])))
            return labels, broken

        return mock.patch.object(predictor.Predictor, "labels", faulty)

    def too_small(_: Subject, __: Subject) -> str:
        share = max(shares)
        return f"{100 * share:.2f} % of one image's pixels" if share < UNSEEN_PIXELS else ""

    words = f"{100 * height * width:.0f} % of image {index} {what}"
    return Drawn(words=words, inject=patching(patch), too_small=too_small)


def earlier_result(rng: Generator, _: Subject) -> Drawn:
    """From some call on, each returns the result of one or several calls before."""
    behind, start = int(rng.integers(1, 4)), int(rng.integers(3))
    kept: dict[tuple[int, ...], list[Array]] = {}
    lock = threading.Lock()

    def change(_: Array, result: Array) -> Array:
        with lock:
            earlier = kept.setdefault(result.shape, [])
            earlier.append(result)
            late = len(earlier) > start and len(earlier) > behind
            return earlier[-1 - behind] if late else result

    words = f"the result of {behind} calls before, from call {max(start, behind)} on"
    return Drawn(words=words, inject=patching(lambda _: infer_with(change)))
