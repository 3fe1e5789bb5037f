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
from enet.gates.agreement import agreement, rounding
from enet.gates.base import Verdict
from enet.metrics.agreement import SplitAgreement, compare_label_maps, compare_splits
from tests.unit.recipes import provenance

Map = NDArray[np.uint8]
SIDE, IMAGES, WRONG = 240, 6, 2  # WRONG: the image that a fault in one image is in
PYTORCH = provenance(backend="pytorch", artifact_sha256="r")

#: Share of border pixels that rounding changes, of the networks for which it changes most (docs/design.md); and of the
#: deliverable `scenes`, over all images.
ROUNDED = {"fp32": 0.0001, "fp16": 0.006, "int8": 0.14}
ROUNDED_SCENES = {"fp32": 0.0001, "fp16": 0.0024, "int8": 0.053}


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
        "split": compare_splits(zip(maps, REFERENCE, strict=True), len("abcdefgh")),
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


@pytest.mark.parametrize("precision", ROUNDED)
def test_agreement_rounding_passes(precision: str) -> None:
    verdict = agreement(evidence(honest(precision), precision))
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.numbers["agreement"] == pytest.approx(1, abs=0.02)
    assert f"within what {precision} rounds" in verdict.sentence
    assert agreement(evidence(REFERENCE, precision)).measured == 0


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("fault", FAULTS)
def test_agreement_a_fault_in_one_image_fails(fault: str, precision: str) -> None:
    maps = honest(precision)
    maps[WRONG] = FAULTS[fault](maps[WRONG])
    verdict = agreement(evidence(maps, precision))
    assert verdict.outcome is Outcome.FAIL, verdict
    assert f"image{WRONG}" in verdict.sentence
    if fault == "a rare class replaced":
        assert f"image{WRONG} (h): differing pixels of one class 100 %" in verdict.sentence


@pytest.mark.parametrize("precision", ROUNDED)
def test_agreement_all_images_moved_by_a_tenth_of_a_pixel_fail(precision: str) -> None:
    """Too little for one image of INT8, but not for all of them."""
    maps = [np.where(np.arange(SIDE)[:, None] % 10, labels, np.roll(labels, 1, 1)) for labels in honest(precision)]
    verdict = agreement(evidence(maps, precision))
    assert verdict.outcome is Outcome.FAIL
    assert "all images: borders moved in one direction by 0." in verdict.sentence


def wavy(seed: int) -> Map:
    """A street whose rows are moved by random steps, so that its borders are anywhere, at all lines alike."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(-1, 2, SIDE)) + rng.integers(SIDE)
    return np.take_along_axis(street(seed), (np.arange(SIDE) + steps[:, None]) % SIDE, 1)[:, :237]


def last_row_copied(labels: Map) -> Map:
    return np.concatenate([labels[:-1], labels[-2:-1]])


def corner(labels: Map) -> Map:
    changed = labels.copy()
    changed[0, :2] = (changed[0, :2] + 3) % 7
    return changed


def grown(labels: Map) -> Map:
    """Class 3 grows by a pixel to all four sides."""
    changed = labels.copy()
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        changed[np.roll(labels, step, axis) == 3] = 3
    return changed


def class_moved(labels: Map) -> Map:
    changed, mask = labels.copy(), labels == 3
    changed[mask] = np.roll(labels, 1, 1)[mask]
    changed[np.roll(mask, 1, 1)] = 3
    return changed


#: Faults that are small in each image, but the same in all.
SAME_IN_ALL: dict[str, tuple[Callable[[Map], Map], str]] = {
    "last row copied": (last_row_copied, "all images: edges between two rows or columns that one of them has lost"),
    "first column copied": (
        lambda labels: np.concatenate([labels[:, 1:2], labels[:, 1:]], axis=1),
        "all images: edges",
    ),
    "two corner pixels": (corner, "all images: images with another label at one same place 100 %"),
    "a class grown": (grown, "all images (d): a class has grown or shrunk by"),
    "a class moved": (class_moved, "all images (d): borders of a class moved in one direction by"),
}


@pytest.mark.parametrize("precision", ROUNDED)
@pytest.mark.parametrize("fault", SAME_IN_ALL)
def test_agreement_a_small_fault_that_is_the_same_in_all_images_fails(fault: str, precision: str) -> None:
    change, words = SAME_IN_ALL[fault]
    rng = np.random.default_rng(1)
    references = [wavy(seed) for seed in range(20)]
    maps = [change(rounded(labels, ROUNDED_SCENES[precision], rng)) for labels in references]
    known: dict[str, Any] = {
        "images": tuple(map(str, range(20))),
        "images_expected": 20,
        "pixels_per_image": references[0].size,
        "counts": (compare_label_maps(REFERENCE[0], REFERENCE[0], CERTAIN[0]),) * 20,
    }
    split = compare_splits(zip(maps, references, strict=True), 8)
    verdict = agreement(evidence(REFERENCE, precision, split=split, **known))
    assert verdict.outcome is Outcome.FAIL
    assert words in verdict.sentence
    honest_maps = [rounded(labels, ROUNDED_SCENES[precision], rng) for labels in references]
    split = compare_splits(zip(honest_maps, references, strict=True), 8)
    assert agreement(evidence(REFERENCE, precision, split=split, **known)).outcome is Outcome.PASS


#: Largest accepted figures over all images, by place and class, in percent or pixels.
SPLIT_LIMITS = {
    "fp32": {"pixel": 20.0, "line": 10.0, "gain": 0.1, "class moved": 0.01},
    "fp16": {"pixel": 30.0, "line": 20.0, "gain": 1.0, "class moved": 0.02},
    "int8": {"pixel": 50.0, "line": 70.0, "gain": 6.0, "class moved": 0.15},
}


@pytest.mark.parametrize(
    ("precision", "name"), [(each, name) for each, limits in SPLIT_LIMITS.items() for name in limits]
)
def test_agreement_limits_of_places_and_classes(name: str, precision: str) -> None:
    limit, images, many = SPLIT_LIMITS[precision][name], 1000, 10**6

    def judge(share: float) -> Verdict:
        count = round(share * many)
        plain = SplitAgreement(
            pixel=0, line=(many, 0), class_pixels=(many,) * 8, gained=(0,) * 8, lost=(0,) * 8,
            class_edges=((many, many),) * 8, class_moved=((0, 0),) * 8,
        )  # fmt: skip
        fields: dict[str, dict[str, Any]] = {
            "pixel": {"pixel": round(share * images)},
            "line": {"line": (many, count)},
            "gain": {"lost": (*(0,) * 7, count)},
            "class moved": {"class_moved": (*((0, 0),) * 7, (0, -count))},
        }
        return agreement(
            evidence(
                REFERENCE, precision, images=tuple(map(str, range(images))), images_expected=images,
                pixels_per_image=100, split=dataclasses.replace(plain, **fields[name]),
                counts=(compare_label_maps(REFERENCE[0], REFERENCE[0], CERTAIN[0]),) * images,
            )
        )  # fmt: skip

    scale = 1 if name == "class moved" else 100
    assert judge(limit / scale).outcome is Outcome.PASS
    verdict = judge(1.01 * limit / scale)
    assert verdict.outcome is Outcome.FAIL
    assert ("all images (h): " in verdict.sentence) == (name in ("gain", "class moved"))
    assert f"expected at most {limit:g}" in verdict.sentence


#: Largest accepted figures of an image and over all, in percent or pixels; None: there is no limit over all.
LIMITS: dict[str, dict[str, tuple[float, float | None]]] = {
    "fp32": {"far": (0.01, 0.001), "border": (0.5, 0.05), "moved": (0.02, 0.005), "lost": (5.0, None)},
    "fp16": {"far": (0.05, 0.01), "border": (4.0, 2.0), "moved": (0.05, 0.01), "lost": (10.0, None)},
    "int8": {
        "far": (3.0, 1.0), "border": (40.0, 25.0), "moved": (0.25, 0.06), "lost": (90.0, None),
        "certain": (0.02, 0.002),
    },
}  # fmt: skip
#: By figure: the count that it is the share of, its unit, its words.
FIGURES = {
    "far": ("far_differing", "%", "pixels with a label that PyTorch gives nowhere within one pixel"),
    "border": ("border_differing", "%", "differing pixels of PyTorch's borders"),
    "moved": ("moved", "px", "borders moved in one direction by"),
    "lost": ("lost_class_differing", "%", "differing pixels of one class"),
    "certain": ("certain_differing", "%", "differing pixels that PyTorch is certain of"),
}


def with_counts(precision: str, name: str, figure: float, wrong: slice) -> Agreement:
    """Evidence with one figure, in percent or pixels, in some images."""
    pixels = 10**8
    count = round(figure * pixels * (2 if name == "moved" else 0.01))
    plain = dataclasses.replace(
        compare_label_maps(REFERENCE[0], REFERENCE[0]),
        border=pixels, edges=(pixels, pixels), lost_class=7, lost_class_pixels=pixels, certain_differing=0,
    )  # fmt: skip
    value: dict[str, Any] = {FIGURES[name][0]: (0, -count) if name == "moved" else count}
    counts = [plain] * IMAGES
    counts[wrong] = [dataclasses.replace(plain, **value)] * len(counts[wrong])
    return evidence(REFERENCE, precision, counts=tuple(counts), pixels_per_image=pixels)


@pytest.mark.parametrize(("precision", "name"), [(each, name) for each, limits in LIMITS.items() for name in limits])
def test_agreement_limits_hold_for_one_image_and_over_all(name: str, precision: str) -> None:
    each, over_all = LIMITS[precision][name]
    _, unit, words = FIGURES[name]
    one = slice(WRONG, WRONG + 1)
    places = [(f"image{WRONG}" + (" (h)" if name == "lost" else ""), each, one)]
    places += [("all images", over_all, slice(None))] if over_all else []
    for where, limit, wrong in places:
        at_limit = agreement(with_counts(precision, name, limit, wrong))
        assert f"{where}:" not in at_limit.sentence  # one image at its limit may be too much for all together
        assert at_limit.outcome is Outcome.PASS or wrong == one
        verdict = agreement(with_counts(precision, name, 1.001 * limit, wrong))
        assert (verdict.gate, verdict.outcome) == ("agreement", Outcome.FAIL)
        figure = f"{1.001 * limit:.4g} {unit}"
        assert f"; {where}: {words} {figure}, expected at most {limit:g}" in verdict.sentence
        assert verdict.check is not None
        assert (verdict.check.unit, verdict.check.low, verdict.check.high) == (unit, None, limit)
    if over_all is None:
        assert agreement(with_counts(precision, name, each, slice(None))).outcome is Outcome.PASS


def test_agreement_says_how_many_pixels_agree() -> None:
    counts = (dataclasses.replace(compare_label_maps(REFERENCE[0], REFERENCE[0]), differing=SIDE * SIDE // 8),) * IMAGES
    found = agreement(evidence(REFERENCE, counts=counts))
    assert found.sentence == "87.5 % of pixels agree with PyTorch, the others within what fp32 rounds"
    pixel = dataclasses.replace(evidence(REFERENCE), pixels_per_image=1)
    assert agreement(pixel).outcome is Outcome.PASS


def test_agreement_unusable_evidence_is_no_evidence() -> None:
    sound = evidence(REFERENCE)
    assert agreement(sound).sentence == "100 % of pixels agree with PyTorch, the others within what fp32 rounds"
    refused: dict[str, dict[str, Any]] = {
        "compared with openvino, expected pytorch": {"second": provenance(backend="openvino")},
        "no pixel was compared": {"images": (), "counts": ()},
        "no pixel was": {"pixels_per_image": 0},
        "1 of 6 images missing": {"images": sound.images[1:], "counts": sound.counts[1:]},
        "only some images were requested": {"first": provenance(limited=True)},
        "only some images were": {"second": dataclasses.replace(PYTORCH, limited=True)},
        "measured on a simulated device": {"first": provenance(simulated=True)},
        "evidence from different weights": {"first": provenance(weights_sha256="x")},
        "evidence from different dataset": {"second": dataclasses.replace(PYTORCH, dataset_sha256="x")},
        "weights not recorded": {"first": provenance(weights_sha256="")},
        "no outputs": {"first": provenance(missing_reason="no outputs")},
    }
    for reason, changes in refused.items():
        verdict = agreement(dataclasses.replace(sound, **changes))
        assert (verdict.gate, verdict.outcome) == ("agreement", Outcome.NO_EVIDENCE), reason
        assert reason in verdict.sentence


def test_agreement_of_int8_needs_to_know_what_pytorch_is_certain_of() -> None:
    unknown = evidence(honest("fp32"), first=provenance(precision="int8"))
    verdict = agreement(unknown)
    assert (verdict.gate, verdict.outcome) == ("agreement", Outcome.NO_EVIDENCE)
    assert verdict.sentence == "which pixels PyTorch is certain of was not measured"


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
            ("onnxruntime", "fp32"), ("openvino", "int8"), ("cuda", "fp16"), ("ascend", "fp32"), ("recorded", "fp32"),
            ("ascend", "int8"),
        )
    ]  # fmt: skip
    assert found == ["fp32", "int8", "fp16", "fp16", "fp16", "int8"]
