"""The gate of agreement: rounding of each precision passes; a map that is wrong or moved in one image does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.evidence import Agreement
from enet.gates import Outcome
from enet.gates.agreement import EACH, OVER_ALL, agreement, rounding
from enet.metrics.agreement import compare_label_maps
from tests.unit.recipes import provenance

Map = NDArray[np.uint8]
SIDE, IMAGES, WRONG = 240, 6, 2  # WRONG: the image that a fault in one image is in
PYTORCH = provenance(backend="pytorch", artifact_sha256="r")

#: Share of border pixels that rounding changes, of the networks for which it changes most (docs/design.md).
ROUNDED = {"fp32": 0.0001, "fp16": 0.006, "int8": 0.14}


def street(seed: int) -> Map:
    """Blocks of seven classes, and a small object of an eighth."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, (8, 8), np.uint8).repeat(30, 0).repeat(30, 1)
    y, x = rng.integers(20, SIDE - 40, 2)
    labels[y : y + 14, x : x + 14] = 7
    return labels


def rounded(labels: Map, share: float, rng: np.random.Generator) -> Map:
    """Give a share of the border pixels the label of a neighbour, to all sides alike."""
    result = labels.copy()
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        neighbour = np.roll(labels, step, axis)
        chosen = (neighbour != labels) & (rng.random(labels.shape) < share)
        result[chosen] = neighbour[chosen]
    return result


REFERENCE = [street(seed) for seed in range(IMAGES)]
#: Pixels that are no nearer to a border than three pixels.
CERTAIN = [
    np.all([labels == np.roll(labels, (y, x), (0, 1)) for y in (-3, 0, 3) for x in (-3, 0, 3)], axis=0)
    for labels in REFERENCE
]


def evidence(maps: list[Map], precision: str = "fp32", **changes: Any) -> Agreement:
    known: dict[str, Any] = {
        "first": provenance(precision=precision),
        "second": PYTORCH,
        "classes": tuple("abcdefgh"),
        "images": tuple(f"image{number}" for number in range(IMAGES)),
        "images_expected": IMAGES,
        "pixels_per_image": SIDE * SIDE,
        "counts": tuple(map(compare_label_maps, maps, REFERENCE, CERTAIN if precision == "int8" else [None] * IMAGES)),
    }
    return Agreement(**{**known, **changes})


def honest(precision: str) -> list[Map]:
    rng = np.random.default_rng(1)
    return [rounded(labels, ROUNDED[precision], rng) for labels in REFERENCE]


def half_mirrored(labels: Map) -> Map:
    return np.concatenate([labels[:, SIDE // 2 - 1 :: -1], labels[:, SIDE // 2 :]], axis=1)


def half_a_pixel(labels: Map) -> Map:
    return np.where(np.arange(SIDE)[:, None] % 2, np.roll(labels, 1, 1), labels)


def without_a_class(labels: Map) -> Map:
    return np.where(labels == 7, np.uint8(0), labels)


def rows_lost(labels: Map) -> Map:
    return np.concatenate([labels[:100], np.repeat(labels[60:61], 3, axis=0), labels[103:]])


def block(labels: Map) -> Map:
    changed = labels.copy()
    changed[50:58, 50:58] = (changed[50:58, 50:58] + 3) % 7
    return changed


def rows_swapped(labels: Map) -> Map:
    changed = labels.copy()
    changed[[40, 200]] = changed[[200, 40]]
    return changed


#: Faults of label maps that no precision explains.
FAULTS: dict[str, Callable[[Map], Map]] = {
    "half mirrored": half_mirrored,
    "upside down": lambda labels: labels[::-1],
    "a quarter turn": lambda labels: np.rot90(labels).copy(),
    "labels of another image": lambda labels: REFERENCE[4],
    "one class everywhere": lambda labels: np.full_like(labels, 3),
    "a rare class replaced": without_a_class,
    "to the right": lambda labels: np.roll(labels, 1, 1),
    "to the left": lambda labels: np.roll(labels, -1, 1),
    "down": lambda labels: np.roll(labels, 1, 0),
    "up": lambda labels: np.roll(labels, -1, 0),
    "down and left": lambda labels: np.roll(labels, (1, -1), (0, 1)),
    "half a pixel to the right": half_a_pixel,
    "three rows lost": rows_lost,
    "a block of wrong labels": block,
    "two rows swapped": rows_swapped,
}


@pytest.mark.parametrize("precision", EACH)
def test_agreement_rounding_passes(precision: str) -> None:
    verdict = agreement(evidence(honest(precision), precision))
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.numbers["agreement"] == pytest.approx(1, abs=0.02)
    assert f"within what {precision} rounds" in verdict.sentence
    assert agreement(evidence(REFERENCE, precision)).measured == 0


@pytest.mark.parametrize("precision", EACH)
@pytest.mark.parametrize("fault", FAULTS)
def test_agreement_a_fault_in_one_image_fails(fault: str, precision: str) -> None:
    maps = honest(precision)
    maps[WRONG] = FAULTS[fault](maps[WRONG])
    verdict = agreement(evidence(maps, precision))
    assert verdict.outcome is Outcome.FAIL, verdict
    assert f"image{WRONG}" in verdict.sentence
    if fault == "a rare class replaced":
        assert f"image{WRONG} (h): differing pixels of one class 100 %" in verdict.sentence


@pytest.mark.parametrize("precision", EACH)
def test_agreement_all_images_moved_by_a_tenth_of_a_pixel_fail(precision: str) -> None:
    """Too little for one image of INT8, but not for all of them."""
    maps = [np.where(np.arange(SIDE)[:, None] % 10, labels, np.roll(labels, 1, 1)) for labels in honest(precision)]
    verdict = agreement(evidence(maps, precision))
    assert verdict.outcome is Outcome.FAIL
    assert "all images: borders moved in one direction by 0." in verdict.sentence


FIELDS = {
    "far": "far_differing",
    "border": "border_differing",
    "lost": "lost_class_differing",
    "certain": "certain_differing",
}


def with_counts(precision: str, name: str, share: float, images: int) -> Agreement:
    """Evidence with one figure at a share of its limit for one image, in so many images."""
    pixels = 10**6
    limit = share * EACH[precision][name] / (1 if name == "moved" else 100)
    plain = dataclasses.replace(
        compare_label_maps(REFERENCE[0], REFERENCE[0]), border=pixels, edges=(pixels, pixels), lost_class_pixels=pixels
    )
    field = FIELDS.get(name)
    amount = limit * pixels
    value: dict[str, Any] = {field: round(amount)} if field else {"moved": (0, round(-2 * amount))}
    plain = dataclasses.replace(plain, certain_differing=0)
    counts = (dataclasses.replace(plain, **value),) * images + (plain,) * (IMAGES - images)
    return evidence(REFERENCE, precision, counts=counts, pixels_per_image=pixels)


@pytest.mark.parametrize(("precision", "name"), [(each, name) for each, limits in EACH.items() for name in limits])
def test_agreement_limits_hold_for_one_image_and_over_all(name: str, precision: str) -> None:
    one = agreement(with_counts(precision, name, 1.1, 1))
    assert one.outcome is Outcome.FAIL
    assert one.check
    assert one.check.high == EACH[precision][name]
    assert agreement(with_counts(precision, name, 0.5, 1)).outcome is Outcome.PASS
    every = agreement(with_counts(precision, name, 0.9, IMAGES))
    assert every.outcome is (Outcome.FAIL if name in OVER_ALL[precision] else Outcome.PASS)


def test_agreement_unusable_evidence_is_no_evidence() -> None:
    sound = evidence(REFERENCE)
    refused: dict[str, dict[str, Any]] = {
        "compared with onnxruntime, expected pytorch": {"second": provenance()},
        "no pixel was compared": {"images": (), "counts": ()},
        "1 of 6 images missing": {"images": sound.images[1:], "counts": sound.counts[1:]},
        "only some images were requested": {"first": provenance(limited=True)},
        "measured on a simulated device": {"first": provenance(simulated=True)},
        "evidence from different weights": {"first": provenance(weights_sha256="x")},
        "evidence from different dataset": {"second": dataclasses.replace(PYTORCH, dataset_sha256="x")},
        "weights not recorded": {"first": provenance(weights_sha256="")},
        "no outputs": {"first": provenance(missing_reason="no outputs")},
    }
    for reason, changes in refused.items():
        verdict = agreement(dataclasses.replace(sound, **changes))
        assert verdict.outcome is Outcome.NO_EVIDENCE, reason
        assert reason in verdict.sentence


def test_agreement_of_int8_needs_to_know_what_pytorch_is_certain_of() -> None:
    unknown = evidence(honest("fp32"), first=provenance(precision="int8"))
    verdict = agreement(unknown)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "certain" in verdict.sentence


def test_agreement_of_recorded_results_does_not_need_their_weights() -> None:
    """They do not name them; they round as float16 does."""
    recorded = provenance(backend="recorded", weights_sha256="")
    assert agreement(evidence(honest("fp16"), first=recorded)).outcome is Outcome.PASS
    assert agreement(evidence(honest("int8"), first=recorded)).outcome is Outcome.FAIL
    assert agreement(evidence(honest("fp16"))).outcome is Outcome.FAIL


def test_rounding_of_backends() -> None:
    found = [
        rounding(provenance(backend=backend, precision=precision))
        for backend, precision in (
            ("onnxruntime", "fp32"), ("openvino", "int8"), ("cuda", "fp16"), ("ascend", "fp32"), ("recorded", "fp32")
        )
    ]  # fmt: skip
    assert found == ["fp32", "int8", "fp16", "fp16", "fp16"]


def test_agreement_counts_match_images() -> None:
    with pytest.raises(ValueError, match="5 counts, expected 6"):
        evidence(REFERENCE, counts=tuple(map(compare_label_maps, REFERENCE[1:], REFERENCE[1:])))
