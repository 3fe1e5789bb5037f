"""Labels from logits: argmax, interleaved phases and the check for finite values agree with numpy and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from enet.metrics.labels import argmax, is_finite, labels_from_phases, logits_from_phases, pad_batch


def logits_with_ties(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    return {
        "random": rng.normal(size=(19, 7, 9)),
        "ties": rng.integers(0, 3, (19, 7, 9)),
        "all equal": np.zeros((19, 7, 9)),
        "signed zeros": np.where(rng.integers(0, 2, (19, 7, 9)) == 0, 0.0, -0.0),
        "infinities": rng.choice([-np.inf, 0.0, np.inf], (19, 7, 9)),
        "all -inf": np.full((19, 7, 9), -np.inf),
        "rising": np.arange(255.0)[:, None, None] * np.ones((255, 3, 2)),
        "one class": rng.normal(size=(1, 7, 9)),
    }[kind].astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["random", "ties", "all equal", "signed zeros", "infinities", "all -inf", "rising", "one class"]
)
def test_argmax_is_that_of_numpy(kind: str) -> None:
    logits = logits_with_ties(kind)
    before = logits.copy()
    for classes in (len(logits), 1):
        labels = argmax(logits, classes)
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, logits[:classes].argmax(axis=0))
    np.testing.assert_array_equal(logits, before)  # it works in place on a copy only


def test_labels_from_phases_equal_those_of_logits() -> None:
    """Labels of phases equal those of the logits that PyTorch's pixel shuffle makes of them."""
    rng = np.random.default_rng(0)
    phases = rng.normal(size=(3, 4 * 5, 3, 6)).astype(np.float32)
    logits = logits_from_phases(phases)
    by_channel = phases.reshape(3, 4, 5, 3, 6).transpose(0, 2, 1, 3, 4).reshape(3, 20, 3, 6)
    np.testing.assert_array_equal(logits, torch.nn.functional.pixel_shuffle(torch.from_numpy(by_channel), 2).numpy())
    for image, expected in zip(phases, logits, strict=True):
        np.testing.assert_array_equal(labels_from_phases(image, 4), expected[:4].argmax(axis=0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 3, 4)])
def test_is_finite_finds_one_value(value: float, place: tuple[int, int, int]) -> None:
    logits = np.ones((3, 4, 5), np.float32)
    logits[place] = value
    assert not is_finite(logits)


def test_is_finite_does_not_depend_on_sums() -> None:
    assert is_finite(np.zeros((3, 4, 5), np.float32))
    assert is_finite(np.full((3, 4, 5), 3e38, np.float32))  # their sum is not
    both = np.ones((2, 4, 5), np.float32)
    both[0, 0, 0], both[1, 0, 0] = np.inf, -np.inf  # their sum is no number either
    assert not is_finite(both)


@pytest.mark.parametrize(("rows", "size", "padded"), [(3, 3, [0, 1, 2]), (2, 5, [0, 1, 0, 0, 0]), (1, 2, [0, 0])])
def test_pad_batch_repeats_the_first_row(rows: int, size: int, padded: list[int]) -> None:
    images = np.arange(6.0).reshape(3, 2)[:rows]
    np.testing.assert_array_equal(pad_batch(images, size), np.arange(6.0).reshape(3, 2)[padded])
    assert (pad_batch(images, size) is images) == (rows == size)
