"""Gates of agreement: exact limits, both sides fit, and what is no evidence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from enet import deliverable
from enet.deliverable import Deliverable
from enet.evidence import Digests, LogitComparison, Parity
from enet.gates import Outcome
from enet.gates.parity import onnx_logits, parity, preprocessing
from tests.unit import recipes
from tests.unit.recipes import provenance

IMAGES, PIXELS = 20, 10_000
NAMES = tuple(f"image{number:03}" for number in range(IMAGES))
#: Sides that each comparison may have, and whether it allows no differing pixel.
SIDES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "batch parity": ({"batch_size": 16, "artifact_sha256": "a16"}, {}),
    "padded tail": ({"batch_size": 16, "artifact_sha256": "a16"}, {}),
    "equal rows": ({"batch_size": 16}, {"batch_size": 16}),
    "io formats": ({"io_format": {"input": "uint8"}}, {}),
}


@pytest.fixture(scope="module")
def spec() -> Deliverable:
    """99.99 % of all pixels, 99.9 % of an image's, mIoU to 1e-4."""
    return deliverable.load("cityscapes")


def compared(
    *differing: int,
    comparison: str = "batch parity",
    images: int = IMAGES,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    **changes: Any,
) -> Parity:
    """Two runs that agree but for some pixels of the first images."""
    sides = SIDES.get(comparison, ({}, {}))
    known: dict[str, Any] = {
        "comparison": comparison,
        "first": provenance(**{**sides[0], **(first or {})}),
        "second": provenance(**{**sides[1], **(second or {})}),
        "pixels_per_image": PIXELS,
        "images": NAMES[:images],
        "images_expected": IMAGES,
        "differing_pixels": (*differing, *[0] * IMAGES)[:images],
        "non_finite": 0,
        "is_single_class": False,
    }
    return Parity(**{**known, **changes})


LIMITS: dict[str, tuple[tuple[int, ...], dict[str, Any], Outcome, float, str]] = {
    "equal": ((), {}, Outcome.PASS, 100.0, "%"),
    "one image at its limit": ((10,), {}, Outcome.PASS, 99.995, "%"),
    "one image beyond": ((11,), {}, Outcome.FAIL, 99.89, "%"),
    "a later image beyond": ((0, 3, 11), {}, Outcome.FAIL, 99.89, "%"),
    "all together at the limit": ((10, 10), {}, Outcome.PASS, 99.99, "%"),
    "all together beyond": ((10, 10, 1), {}, Outcome.FAIL, 99.9895, "%"),
    "mIoU at the limit": ((), {"miou": (0.5, 0.5001)}, Outcome.PASS, 100.0, "%"),
    "mIoU beyond": ((), {"miou": (0.5, 0.5001005)}, Outcome.FAIL, 0.01005, "pp"),
    "mIoU beyond, the other way": ((), {"miou": (0.50011, 0.5)}, Outcome.FAIL, 0.011, "pp"),
    "mIoU not a number": ((), {"miou": (0.5, float("nan"))}, Outcome.FAIL, float("nan"), "pp"),
    "mIoU of equal runs": ((), {"miou": (0.5, 0.5)}, Outcome.PASS, 100.0, "%"),
    "images of one pixel": ((), {"pixels_per_image": 1}, Outcome.PASS, 100.0, "%"),
    "some images, wrong": ((9000,), {"images": 3}, Outcome.FAIL, 70.0, "%"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITS)
@pytest.mark.parametrize("comparison", ["batch parity", "padded tail", "io formats"])
def test_parity_limits_hold_overall_in_each_image_and_of_miou(comparison: str, case: str, spec: Deliverable) -> None:
    differing, changes, outcome, measured, unit = LIMITS[case]
    verdict = parity(compared(*differing, comparison=comparison, **changes), spec)
    assert verdict.outcome is outcome, verdict
    assert verdict.gate == comparison.replace(" ", "_")
    assert verdict.check is not None
    assert (verdict.measured, verdict.check.unit) == (recipes.about(measured, rel=1e-9), unit)


@pytest.mark.parametrize(("differing", "outcome"), [((), Outcome.PASS), ((1,), Outcome.FAIL), ((0, 1), Outcome.FAIL)])
def test_equal_rows_with_one_differing_pixel_fail(
    differing: tuple[int, ...], outcome: Outcome, spec: Deliverable
) -> None:
    verdict = parity(compared(*differing, comparison="equal rows"), spec)
    assert (verdict.gate, verdict.outcome) == ("equal_rows", outcome)
    assert verdict.check is not None
    assert verdict.check.low == 100
    assert ("expected at least 100 %; worst image" in verdict.sentence) == bool(differing)
    assert verdict.sentence.endswith("expected at least 100 %")
    many = dataclasses.replace(compared(1, comparison="equal rows"), pixels_per_image=10**9)
    assert parity(many, spec).outcome is Outcome.FAIL


def test_parity_says_how_much_differs_and_where(spec: Deliverable) -> None:
    worst = parity(compared(3, 12, 5, miou=(0.5, 0.25)), spec)
    assert worst.sentence == (
        "99.99 % of pixels agree (20 of 200000 differ), expected at least 99.99 %; worst image image001 99.88 %, "
        "expected at least 99.9 %; mIoU differs by 0.25, expected at most 0.0001"
    )
    assert parity(compared(), spec).sentence == (
        "100 % of pixels agree (0 of 200000 differ), expected at least 99.99 %"
    )


#: Changes that leave nothing to decide by; the reason.
WORTHLESS: dict[str, tuple[dict[str, Any], str]] = {
    "no pixels": ({"pixels_per_image": 0}, "no pixel was compared"),
    "no images": ({"images": 0}, "no pixel was compared"),
    "not finite": ({"non_finite": 1}, "1 images gave logits that are not finite numbers"),
    "one class everywhere": ({"is_single_class": True}, "one class is predicted everywhere"),
    "other weights": ({"second": {"weights_sha256": "x"}}, "evidence from different weights: measure both again"),
    "unknown weights": (
        {"first": {"weights_sha256": ""}, "second": {"weights_sha256": ""}},
        "weights not recorded: measure again",
    ),
    **{
        f"{side} {why}": ({side: where}, reason)
        for side in ("first", "second")
        for why, where, reason in (
            ("absent", {"missing_reason": "no run"}, "no run"),
            ("simulated", {"simulated": True}, "measured on a simulated device"),
            (
                "busy",
                {"devices_after": (recipes.device_state(utilisation=40.0),)},
                "device 0 (310P3): 40 % of its cores are in use (--allow-busy-device accepts that)",
            ),
        )
    },
}


@pytest.mark.parametrize("why", WORTHLESS)
@pytest.mark.parametrize("comparison", SIDES)
def test_parity_unusable_evidence_is_no_evidence(comparison: str, why: str, spec: Deliverable) -> None:
    changes, reason = WORTHLESS[why]
    verdict = parity(compared(comparison=comparison, **changes), spec)
    assert (verdict.outcome, verdict.sentence, verdict.incomplete) == (Outcome.NO_EVIDENCE, reason, False)


@pytest.mark.parametrize(
    ("comparison", "second", "reason"),
    [
        ("batch parity", {"batch_size": 16}, "the same batch_size"),
        ("batch parity", {"artifact_sha256": "a16"}, "the same artifact"),
        ("batch parity", {"onnx_sha256": "x"}, "different onnx"),
        ("padded tail", {"batch_size": 16}, "the same batch_size"),
        ("padded tail", {"backend": "openvino"}, "different backend"),
        ("equal rows", {"artifact_sha256": "x"}, "different artifact"),
        ("io formats", {"io_format": {"input": "uint8"}}, "the same io_format"),
        ("io formats", {"batch_size": 16}, "different batch_size"),
    ],
)
def test_parity_needs_the_relation_of_its_comparison(
    comparison: str, second: dict[str, Any], reason: str, spec: Deliverable
) -> None:
    verdict = parity(compared(comparison=comparison, second=second), spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert f"evidence from {reason}" in verdict.sentence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": IMAGES - 1}, "1 of 20 images missing"),
        ({"first": {"limited": True}}, "only some images were requested"),
        ({"second": {"limited": True}}, "only some images were requested"),
    ],
)
def test_parity_of_some_images_is_incomplete(changes: dict[str, Any], reason: str, spec: Deliverable) -> None:
    verdict = parity(compared(**changes), spec)
    assert (verdict.outcome, verdict.incomplete) == (Outcome.NO_EVIDENCE, True)
    assert verdict.sentence.endswith(f"; {reason}")


def test_parity_unknown_comparison_raises(spec: Deliverable) -> None:
    with pytest.raises(ValueError, match="'taste', expected one of batch_parity, padded_tail, equal_rows, io_formats"):
        parity(compared(comparison="taste"), spec)


def difference(**changes: Any) -> LogitComparison:
    """1000 values that agree; 1e-4, or 1.3e-6 of the largest, is allowed."""
    known: dict[str, Any] = {
        "comparison": "logits",
        "first": provenance(),
        "second": provenance(backend="pytorch"),
        "values": 1000,
        "largest": 2e-6,
        "limit": 1e-4,
        "relative": 1.3e-6,
        "over_limit": 0,
        "over_limit_unexcused": 0,
        "near_tie_share": 0.0,
        "non_finite": 0,
    }
    return LogitComparison(**{**known, **changes})


#: Changes to sound logits; outcome; values that count; a word of the sentence.
LOGITS: dict[str, tuple[dict[str, Any], Outcome, float | None, str]] = {
    "sound": ({}, Outcome.PASS, 0, "0 of 1000 values beyond 0.0001 (or 1.3e-06 of the image's largest), expected none"),
    "one value": ({"values": 1}, Outcome.PASS, 0, ""),
    "stricter limits": ({"limit": 1e-5, "relative": 0.0}, Outcome.PASS, 0, ""),
    "excused": ({"largest": 0.3, "over_limit": 5, "near_tie_share": 0.1}, Outcome.PASS, 0, "largest difference 0.3,"),
    "one not excused": ({"over_limit": 5, "over_limit_unexcused": 1}, Outcome.FAIL, 1, "1 of 1000 values"),
    "none excused": ({"over_limit": 7, "over_limit_unexcused": 7}, Outcome.FAIL, 7, "7 of 1000 values"),
    "all near ties, few differ": ({"over_limit": 10, "near_tie_share": 1.0}, Outcome.PASS, 0, ""),
    "half near ties, many differ": ({"over_limit": 500, "near_tie_share": 0.5}, Outcome.PASS, 0, ""),
    "too much excused": (
        {"over_limit": 11, "near_tie_share": 0.501},
        Outcome.NO_EVIDENCE,
        None,
        "50.1 % of the values lie beside near-ties of a max-pool and 1.1 % differ there: too few can be compared",
    ),
    "one value, excused": (
        {"values": 1, "over_limit": 1, "near_tie_share": 1.0},
        Outcome.NO_EVIDENCE,
        None,
        "100 % of the values lie beside near-ties of a max-pool and 100 % differ there",
    ),
    "many differ, few excused": (
        {"over_limit": 20, "over_limit_unexcused": 10, "near_tie_share": 0.9},
        Outcome.FAIL,
        10,
        "10 of 1000 values",
    ),
    "nothing compared": ({"values": 0}, Outcome.NO_EVIDENCE, None, "no value was compared"),
    "not finite": ({"non_finite": 1}, Outcome.NO_EVIDENCE, None, "1 logits are not finite numbers"),
    "looser limit": ({"limit": 1.01e-4}, Outcome.NO_EVIDENCE, None, "counted beyond 0.000101, expected 0.0001"),
    "looser share": (
        {"relative": 1.4e-6},
        Outcome.NO_EVIDENCE,
        None,
        "counted beyond 1.4e-06 of the largest, expected 1.3e-06",
    ),
    "other weights": ({"second": provenance(weights_sha256="x")}, Outcome.NO_EVIDENCE, None, "different weights"),
    "first simulated": ({"first": provenance(simulated=True)}, Outcome.NO_EVIDENCE, None, "simulated device"),
    "second simulated": ({"second": provenance(simulated=True)}, Outcome.NO_EVIDENCE, None, "simulated device"),
    "limited": ({"first": provenance(limited=True)}, Outcome.NO_EVIDENCE, 0, "; only some images were requested"),
    "second limited": (
        {"second": provenance(limited=True)},
        Outcome.NO_EVIDENCE,
        0,
        "; only some images were requested",
    ),
    "limited, wrong": (
        {"first": provenance(limited=True), "over_limit": 1, "over_limit_unexcused": 1},
        Outcome.FAIL,
        1,
        "1 of 1000 values",
    ),
}


@pytest.mark.parametrize("case", LOGITS)
def test_onnx_logits_outcomes(case: str, spec: Deliverable) -> None:
    changes, outcome, measured, words = LOGITS[case]
    verdict = onnx_logits(difference(**changes), spec)
    assert (verdict.gate, verdict.outcome, verdict.measured) == ("onnx_logits", outcome, measured), verdict
    assert words in verdict.sentence
    assert verdict.incomplete == words.startswith(";")


def test_onnx_logits_counts_what_is_excused(spec: Deliverable) -> None:
    verdict = onnx_logits(difference(over_limit=5, over_limit_unexcused=2, largest=0.25), spec)
    assert verdict.notes == ("3 more beside near-ties of a max-pool, where rounding decides",)
    assert verdict.numbers == {"largest": 0.25}
    assert verdict.check is not None
    assert (verdict.check.unit, verdict.check.high, verdict.check.low) == ("values", 0, None)
    assert onnx_logits(difference(), spec).notes == ()


NOT_THE_SAME = "no images, or not the same ones in the same order, were compared"


@pytest.mark.parametrize(
    ("ours", "theirs", "changes", "outcome", "words"),
    [
        ("a1 b2", "a1 b2", {}, Outcome.PASS, "0 of 2 images differ from the reference recipe, expected none"),
        ("a1 b2", "a1 b3", {}, Outcome.FAIL, "1 of 2 images differ from the reference recipe, expected none: b"),
        ("a1 b2", "a3 b4", {}, Outcome.FAIL, "2 of 2 images differ from the reference recipe, expected none: a"),
        ("", "", {"images": 1}, Outcome.NO_EVIDENCE, NOT_THE_SAME),
        ("a1", "a1 b2", {"images": 1}, Outcome.NO_EVIDENCE, NOT_THE_SAME),
        ("a1 b2", "a1", {}, Outcome.NO_EVIDENCE, NOT_THE_SAME),
        ("a1 b2", "b2 a1", {}, Outcome.NO_EVIDENCE, NOT_THE_SAME),
        ("a1 b2", "a1 b2", {"images": 3}, Outcome.NO_EVIDENCE, "; 1 of 3 images missing"),
        ("a1 b2", "a1 b2", {"limited": True}, Outcome.NO_EVIDENCE, "; only some images were requested"),
        ("a1 b2", "a1 b3", {"limited": True}, Outcome.FAIL, "1 of 2 images"),
    ],
)  # fmt: skip
def test_preprocessing_outcomes(
    ours: str, theirs: str, changes: dict[str, Any], outcome: Outcome, words: str, spec: Deliverable
) -> None:
    """An image is a letter here, and its digest a digit."""
    expected = dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, images=changes.get("images", 2)))
    evidence = digests(ours, theirs, limited=changes.get("limited", False))
    verdict = preprocessing(evidence, expected)
    assert (verdict.gate, verdict.outcome) == ("preprocessing", outcome), verdict
    assert words in verdict.sentence
    if verdict.check:
        wrong = sum(a != b for a, b in zip(ours.split(), theirs.split(), strict=True))
        assert (verdict.check.measured, verdict.check.unit, verdict.check.high) == (
            wrong,
            f"of {len(evidence.ours)}",
            0,
        )
    else:
        assert words == NOT_THE_SAME


def digests(ours: str, theirs: str, *, limited: bool = False) -> Digests:
    return Digests(
        comparison="",
        dataset_sha256="d",
        preprocessing_sha256="",
        limited=limited,
        images_expected=2,
        ours={each[0]: each[1:] for each in ours.split()},
        theirs={each[0]: each[1:] for each in theirs.split()},
    )
