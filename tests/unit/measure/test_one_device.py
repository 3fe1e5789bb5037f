"""Streaming on one device: batches stay in order, few are in flight, and none starts after an error."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet import backends
from enet.datasets.image_source import ImageSource
from enet.deliverable import IoFormat
from enet.errors import InputError
from enet.measure import pipeline
from enet.measure.one_device import bounded_map
from enet.measure.subject import Subject
from tests.unit.measure.models import FakeModel, artifact
from tests.unit.tiny import SIDE

#: Seconds after which a thread counts as hanging.
HANG_TIMEOUT = 300


@pytest.mark.parametrize("in_flight", [1, 2, 5, 100])
def test_bounded_map_keeps_order(in_flight: int) -> None:
    second_is_done = threading.Event()

    def slow_at_first(number: int) -> int:
        if number == 0 and in_flight > 1:
            assert second_is_done.wait(HANG_TIMEOUT)
        if number == 1:
            second_is_done.set()
        return number * number

    with ThreadPoolExecutor(3) as pool:
        assert list(bounded_map(pool, slow_at_first, range(20), in_flight)) == [n * n for n in range(20)]
        assert list(bounded_map(pool, slow_at_first, [], in_flight)) == []


def test_bounded_map_limits_items_in_flight() -> None:
    taken = 0

    def items() -> Iterator[int]:
        for number in range(20):
            assert number < taken + 4, "an item was taken too early"
            yield number

    with ThreadPoolExecutor(2) as pool:
        for _ in bounded_map(pool, lambda number: number, items(), in_flight=4):
            taken += 1
    assert taken == 20


def test_bounded_map_error_cancels_the_rest() -> None:
    started: list[int] = []
    release = threading.Event()

    def work(number: int) -> int:
        started.append(number)
        if number == 0:
            raise InputError("the first")
        assert release.wait(HANG_TIMEOUT)
        return number

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(InputError, match="the first"):
            list(bounded_map(pool, work, range(100), in_flight=8))
        release.set()
    assert started in ([0], [0, 1])


def test_bounded_map_closed_cancels_the_rest() -> None:
    started: list[int] = []
    release = threading.Event()

    def work(number: int) -> int:
        started.append(number)
        assert number == 0 or release.wait(HANG_TIMEOUT)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = bounded_map(pool, work, range(100), in_flight=10)
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        release.set()
    assert started in ([0], [0, 1])


class ManyImages:
    """A source of many images, none of them on disk."""

    def __init__(self, count: int) -> None:
        self.names = tuple(f"image_{number:04d}" for number in range(count))

    def load(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return np.full((SIDE, SIDE, 3), index % 19, np.uint8), np.full((SIDE, SIDE), index % 19, np.uint8)


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_is_independent_of_the_number_of_images(
    workers: int, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, alive, most, calls = threading.Lock(), 0, 0, 0
    others = threading.Event()

    def ended() -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def infer(images: NDArray[Any]) -> NDArray[Any]:
        nonlocal alive, most, calls
        labels = images[..., 0].copy()
        weakref.finalize(labels, ended)
        with lock:
            alive += 1
            most = max(most, alive)
            calls += 1
            if calls == 2 * workers:  # as many as are in flight
                others.set()
        if workers > 1 and not images[0].any() and not others.is_set():  # the first batch
            assert others.wait(HANG_TIMEOUT)
            time.sleep(0.2)  # in which more batches would end if more were in flight; it can only hide an error
        return labels

    fake = SimpleNamespace(
        open_model=lambda *_: FakeModel(infer),
        versions=dict,
        reserve_devices=lambda _: nullcontext(backends.DeviceReadings()),
    )
    monkeypatch.setattr("enet.backends.get", lambda _: fake)
    monkeypatch.setattr(FakeModel, "infer", lambda self, images: self.function(images))  # remembers nothing
    source: ImageSource = ManyImages(19 * 8)
    model = artifact(2, IoFormat(input="uint8", output="labels"))
    monkeypatch.setattr("enet.measure.one_device.cores", lambda: workers)
    evidence = pipeline.measure_split(subject, model, source)
    np.testing.assert_array_equal(evidence.matrix, np.eye(19, dtype=np.int64) * 8 * SIDE * SIDE)
    assert workers <= most <= 2 * workers + 1  # and the one whose counts are being written down
    assert alive <= 1
