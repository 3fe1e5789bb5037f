"""The table of hypotheses: each row is the change that its name says, in the right form."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from enet.deliverable import Preprocessing
from enet.diagnosis import hypotheses, recipe
from enet.diagnosis.hypotheses import HYPOTHESES, LABELS, LAYOUT, PIXELS, VALUES, Hypothesis
from enet.selftest import diagnosis

SPEC = Preprocessing(size=(32, 24))
BY_NAME = {each.name: each for each in HYPOTHESES}


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8))


def named(hypothesis: Hypothesis) -> str:
    return hypothesis.name


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(HYPOTHESES) >= 60


@pytest.mark.parametrize("hypothesis", PIXELS, ids=named)
def test_pixels_change_in_the_same_form(hypothesis: Hypothesis, photograph: Image.Image) -> None:
    right, changed = recipe.pixels(photograph, SPEC), hypothesis.change(photograph, SPEC)
    assert changed.shape == right.shape == (24, 32, 3)
    assert changed.dtype == right.dtype == np.uint8
    assert not np.array_equal(changed, right)


@pytest.mark.parametrize("hypothesis", VALUES, ids=named)
def test_values_change_in_the_same_form(hypothesis: Hypothesis, photograph: Image.Image) -> None:
    images = recipe.pixels(photograph, SPEC)[None]
    right, changed = recipe.DECLARED["normalised"](images, SPEC), hypothesis.change(images, SPEC)
    assert changed.shape == right.shape == (1, 3, 24, 32)
    assert changed.dtype == right.dtype == np.float32
    assert np.array_equal(changed, right) == hypothesis.name.endswith("ImageNet")  # which the deliverable has


@pytest.mark.parametrize("hypothesis", LAYOUT, ids=named)
def test_layout_keeps_all_values(hypothesis: Hypothesis) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    changed = hypothesis.change(x)
    assert changed.shape == x.shape
    assert not np.array_equal(changed, x)
    assert np.array_equal(np.sort(changed, axis=None), np.sort(x, axis=None))


@pytest.mark.parametrize("hypothesis", LABELS, ids=named)
def test_labels_keep_their_shape(hypothesis: Hypothesis) -> None:
    labels = np.random.default_rng(0).integers(1, 19, (24, 32)).astype(np.uint8)
    changed = hypothesis.change(labels)
    assert (changed.shape, changed.dtype) == (labels.shape, labels.dtype)
    assert not np.array_equal(changed, labels)


def test_crop_is_shifted_in_its_direction(photograph: Image.Image) -> None:
    right = recipe.pixels(photograph, SPEC)
    for name, (x, y) in hypotheses.SHIFTS.items():
        changed = BY_NAME[f"the crop shifted by 1 {name}"].change(photograph, SPEC)
        inner = changed[1 - y : 23 - y, 1 - x : 31 - x]
        assert np.array_equal(inner, right[1:-1, 1:-1])


def test_formulas_of_values() -> None:
    images = np.full((1, 1, 1, 3), 51, np.uint8)
    spec = Preprocessing(size=(8, 8), mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.25))

    def values(name: str) -> list[float]:
        return BY_NAME[name].change(images, spec).ravel().round(4).tolist()

    assert values("the mean left out") == pytest.approx([0.4, 0.4, 0.8])
    assert values("the std left out") == pytest.approx([0.1, 0, -0.1], abs=1e-6)
    assert values("mean and std left out (0..1)") == pytest.approx([0.2, 0.2, 0.2])
    assert values("/255, mean and std left out (0..255)") == [51, 51, 51]
    assert values("mean and std in the order BGR") == pytest.approx([-0.4, 0, 0.2], abs=1e-6)
    assert values("mean and std of 0.5 (-1..1)") == pytest.approx([-0.6, -0.6, -0.6])


def test_every_injected_fault_has_a_cause_that_can_be_named() -> None:
    whole, quick = (diagnosis.select_faults(quick=quick) for quick in (False, True))
    assert {fault.name for fault in whole} == {*diagnosis.CAUSES}
    assert {fault.name for fault in quick} == {*diagnosis.QUICK_FAULTS}
