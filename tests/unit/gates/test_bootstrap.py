"""The interval of an mIoU difference equals what drawing images and scoring their sum gives."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from enet import gates
from enet.evidence import Accuracy
from enet.gates.bootstrap import resampled_miou
from enet.metrics import segmentation
from tests.unit import recipes

IMAGES = 12


def drawn(seed: int, rule: Literal["zero", "skip"] = "zero") -> Accuracy:
    """Images of four classes: the third has one pixel in one of them, the fourth is nowhere."""
    matrices = np.random.default_rng(seed).integers(1, 50, (IMAGES, 4, 4))
    matrices[:, 3, :] = matrices[:, :, 3] = 0
    matrices[:, 2, :] = matrices[:, :, 2] = 0
    matrices[0, 2, 2] = 1
    return Accuracy(
        provenance=recipes.provenance(),
        classes=("a", "b", "c", "d"),
        absent_classes=rule,
        images=tuple(f"{n:02}" for n in range(IMAGES)),
        images_expected=IMAGES,
        matrices=matrices,
        non_finite=0,
        seconds=1.0,
    )


def draws(samples: int, seed: int) -> np.ndarray[Any, Any]:
    """How often each image is drawn, shape (samples, IMAGES)."""
    return np.random.default_rng(seed).multinomial(IMAGES, [1 / IMAGES] * IMAGES, size=samples)


@pytest.mark.parametrize("rule", ["zero", "skip"])
def test_resampled_miou_is_that_of_the_drawn_images(rule: Literal["zero", "skip"]) -> None:
    evidence, counts = drawn(1, rule), draws(50, 3)
    scored = [
        segmentation.miou(sum(n * matrix for n, matrix in zip(row, evidence.matrices, strict=True)), rule)
        for row in counts
    ]
    assert resampled_miou(counts, evidence, rule) == pytest.approx(scored, rel=1e-12)
    assert len(set(scored)) > 40


@pytest.mark.parametrize("rule", ["zero", "skip"])
def test_paired_interval_is_the_middle_95_percent_of_the_same_draws(rule: Literal["zero", "skip"]) -> None:
    """2000 draws with seed 0, so that a verdict is the same tomorrow."""
    ours, theirs, counts = drawn(1, rule), drawn(2, rule), draws(2000, 0)
    differences = np.sort(resampled_miou(counts, ours, rule) - resampled_miou(counts, theirs, rule))
    low, high = gates.paired_interval(ours, theirs)
    assert (low, high) == pytest.approx((np.percentile(differences, 2.5), np.percentile(differences, 97.5)), rel=1e-12)
    assert (differences < low).sum() == (differences > high).sum() == 50
    assert gates.paired_interval(theirs, ours) == pytest.approx((-high, -low), rel=1e-12)
    assert gates.paired_interval(ours, ours) == (0.0, 0.0)


def test_paired_interval_of_other_draws_is_another() -> None:
    ours, theirs = drawn(1), drawn(2)
    assert gates.paired_interval(ours, theirs, seed=1) != gates.paired_interval(ours, theirs)
    assert gates.paired_interval(ours, theirs, samples=1999) != gates.paired_interval(ours, theirs)


def test_paired_interval_follows_the_rule_of_the_artifact() -> None:
    """A class that no drawn image has counts as 0, or not at all."""
    zero, skip = (gates.paired_interval(drawn(1, rule), drawn(2)) for rule in ("zero", "skip"))
    assert zero != skip
