"""Gates of accuracy: PASS, FAIL and NO EVIDENCE, each for its own reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable
from enet.evidence import Accuracy, Digests, LogitComparison, Parity
from enet.gates import Outcome
from enet.gates.parity import onnx_logits, parity
from enet.metrics.borders import BorderErrors
from tests.unit.recipes import provenance

IMAGES = 20
CLASSES = ("road", "sky", "car")


@pytest.fixture
def spec() -> Deliverable:
    """The guide's deliverable (54.627 %, 1 % relative), over a few images."""
    spec = deliverable.load("cityscapes")
    return dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, images=IMAGES))


def accuracy(miou_percent: float, images: int = IMAGES, *, non_finite: int | None = 0, **changes: Any) -> Accuracy:
    """Evidence of three classes whose IoU, and so whose mean, is the given one (to 1e-6)."""
    pixels = 10_000_000
    # Each class has `pixels` pixels, whatever the IoU. The misses go round in a ring, so that the union is
    # 2 * pixels - right for all three.
    right = round(2 * pixels * miou_percent / (100 + miou_percent))
    matrix = np.diag([right] * 3) + (pixels - right) * np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    return Accuracy(
        provenance=provenance(**changes),
        classes=CLASSES,
        absent_classes="zero",
        images=tuple(f"image{i:03}" for i in range(images)),
        images_expected=IMAGES,
        matrices=np.repeat(matrix[None], images, axis=0),
        non_finite=non_finite,
        seconds=1.0,
    )


@pytest.mark.parametrize("measured", [54.0808, 54.115, 54.627, 55.17])
def test_miou_in_the_band_passes(spec: Deliverable, measured: float) -> None:
    verdict = gates.accuracy.miou(accuracy(measured), spec)
    assert verdict.outcome is Outcome.PASS
    assert verdict.measured == pytest.approx(measured, abs=1e-4)


@pytest.mark.parametrize("measured", [54.08, 53.9, 0.5, 55.18, 58.3, 100.0])
def test_miou_out_of_the_band_fails_on_both_sides(spec: Deliverable, measured: float) -> None:
    verdict = gates.accuracy.miou(accuracy(measured), spec)
    assert verdict.outcome is Outcome.FAIL
    assert ("not the same model or data" in verdict.sentence) == (measured > 55)


def test_band_is_relative_and_two_sided() -> None:
    assert gates.accuracy.tolerance_band(54.627, 0.01) == pytest.approx((54.08073, 55.17327))


@pytest.mark.parametrize("change", [{"absent_classes": "skip"}, {"label_grid": "photograph"}])
def test_other_rules_of_scoring_are_no_evidence(spec: Deliverable, change: dict[str, str]) -> None:
    verdict = gates.accuracy.miou(edited(accuracy(54.627), **change), spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "scored by the rules" in verdict.sentence


def test_two_runs_over_different_label_maps_are_no_evidence(spec: Deliverable) -> None:
    ours, reference = accuracy(54.627), accuracy(54.627, backend="pytorch")
    moved = ours.matrices.copy()
    moved[3, 0, 0] -= 1
    moved[3, 1, 0] += 1
    for verdict in (
        gates.accuracy.miou(edited(ours, matrices=moved), spec, reference),
        gates.accuracy.class_iou(edited(ours, matrices=moved), reference, spec),
    ):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert "different label maps" in verdict.sentence


def edited(evidence: Accuracy, **changes: Any) -> Accuracy:
    return dataclasses.replace(evidence, **changes)


#: Wrong pixels of 1000 at label borders and of 1000 elsewhere, and words of the verdict; empty for a pass.
BORDERS = {
    "a network's": (450, 60, ""),
    "a weak network's": (700, 550, ""),
    "just enough": (120, 60, ""),
    "the truth": (0, 0, "a copy of the truth"),
    "the truth but for whole regions": (60, 200, "a copy of the truth"),
    "the truth with random flips": (150, 150, "the truth with noise"),
    "too few": (119, 60, "the truth with noise"),
}


@pytest.mark.parametrize("what", BORDERS)
def test_miou_of_labels_made_from_the_truth_is_no_evidence(what: str, spec: Deliverable) -> None:
    border, inside, words = BORDERS[what]
    errors = BorderErrors(border=1000, border_wrong=border, inside=1000, inside_wrong=inside)
    verdict = gates.accuracy.miou(dataclasses.replace(accuracy(54.627), borders=errors), spec)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if words else Outcome.PASS)
    assert words in verdict.sentence


SOUND = accuracy(54.627)
ONE_IMAGE = SOUND.matrices.copy()
ONE_IMAGE[3] = 0
ONE_IMAGE[3, :, 1] = SOUND.matrices[3].sum(axis=1)
ONE_CLASS = np.zeros((IMAGES, 3, 3), np.int64)
ONE_CLASS[:, :, 0] = 100
REFUSED = {
    "simulated": accuracy(54.627, simulated=True),
    "another deliverable": accuracy(54.627, deliverable="scenes"),
    "not finite": accuracy(54.627, non_finite=1),
    "too few images": accuracy(54.627, images=IMAGES - 1),
    "expecting fewer": edited(accuracy(54.627, images=5), images_expected=5),
    "an image twice": edited(SOUND, images=("image000", "image000", *SOUND.images[2:])),
    "too many images": accuracy(54.627, images=IMAGES + 1),
    "limited": accuracy(54.627, limited=True),
    "logits not checked": accuracy(54.627, non_finite=None, io_format={"output": "logits"}),
    "one class everywhere": edited(SOUND, matrices=ONE_CLASS),
    "copies of images": edited(SOUND, duplicate_images=3),
    "nothing scored": edited(SOUND, matrices=np.zeros_like(SOUND.matrices)),
    "negative counts": edited(SOUND, matrices=SOUND.matrices - 10**8),
}


@pytest.mark.parametrize("reason", REFUSED)
@pytest.mark.parametrize("gate", [gates.accuracy.reference_miou, gates.accuracy.miou])
def test_miou_unusable_evidence_is_no_evidence(spec: Deliverable, gate: Any, reason: str) -> None:
    verdict = gate(REFUSED[reason], spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert verdict.incomplete == (reason in ("too few images", "limited"))


def pinned(spec: Deliverable, data: str = "d" * 64) -> Deliverable:
    """The deliverable with weights and data named by hash."""
    return dataclasses.replace(
        spec,
        network=dataclasses.replace(spec.network, sha256="a" * 64),
        dataset=dataclasses.replace(spec.dataset, sha256=data),
    )


def of_pinned(miou_percent: float) -> Accuracy:
    return accuracy(miou_percent, weights_sha256="a" * 64, dataset_sha256="d" * 64)


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [(54.627, "PASS"), (54.6365, "PASS"), (54.6175, "PASS"), (54.6375, "FAIL"), (54.6165, "FAIL"), (54.7, "FAIL")],
)
def test_reference_is_held_to_its_figure_where_weights_and_data_are_named(
    spec: Deliverable, measured: float, outcome: str
) -> None:
    verdict = gates.accuracy.reference_miou(of_pinned(measured), pinned(spec))
    assert verdict.outcome is Outcome(outcome)
    assert "0.01 pp to 54.6270 %, as weights and data are those named by hash" in verdict.sentence
    assert gates.accuracy.miou(of_pinned(measured), pinned(spec)).outcome is Outcome.PASS
    for table in ("network", "dataset"):  # only one of them is named
        part = dataclasses.replace(pinned(spec), **{table: getattr(spec, table)})
        assert gates.accuracy.reference_miou(of_pinned(measured), part).outcome is Outcome.PASS


@pytest.mark.parametrize("gate", [gates.accuracy.reference_miou, gates.accuracy.miou])
def test_miou_other_data_are_no_evidence(spec: Deliverable, gate: Any) -> None:
    verdict = gate(of_pinned(54.627), pinned(spec, "e" * 64))
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert verdict.sentence == "mIoU 54.6270 %, but data set dddddddddddd, expected eeeeeeeeeeee of the deliverable"
    few = accuracy(54.627, images=IMAGES - 1, weights_sha256="a" * 64, dataset_sha256="d" * 64)
    assert "1 of 20 images missing" in gate(few, pinned(spec, "e" * 64)).sentence.replace(f"of {IMAGES}", "of 20")


def test_miou_other_checkpoint_is_no_evidence(spec: Deliverable) -> None:
    """Results that were recorded on a device do not name their checkpoint; they pass with a note."""
    network = dataclasses.replace(spec.network, sha256="0" * 64)
    named = dataclasses.replace(spec, network=network)
    verdict = gates.accuracy.miou(SOUND, named)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "weights w, expected 000000000000 of the deliverable" in verdict.sentence
    for weights in ("0" * 64, ""):
        known = edited(SOUND, provenance=provenance(weights_sha256=weights))
        verdict = gates.accuracy.miou(known, named)
        assert verdict.outcome is Outcome.PASS
        assert any("do not record their checkpoint" in note for note in verdict.notes) == (not weights)


def test_miou_single_class_image_is_no_evidence_unless_pytorch_agrees(spec: Deliverable) -> None:
    flat = edited(SOUND, matrices=ONE_IMAGE)
    for verdict in (
        gates.accuracy.miou(flat, spec),
        gates.accuracy.miou(flat, spec, SOUND),
        gates.accuracy.class_iou(flat, SOUND, spec),
    ):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert "one class is predicted everywhere in image003" in verdict.sentence
    stated = dataclasses.replace(spec.reference, miou_percent=100 * flat.miou)
    weak = dataclasses.replace(spec, reference=stated)
    assert gates.accuracy.reference_miou(flat, weak).outcome is Outcome.PASS
    assert gates.accuracy.miou(flat, weak, flat).outcome is Outcome.PASS
    assert gates.accuracy.class_iou(flat, flat, weak).outcome is Outcome.PASS


def test_single_class_images_of_two_true_classes_are_not_counted(spec: Deliverable) -> None:
    matrices = SOUND.matrices.copy()
    matrices[3] = 0
    matrices[3, :2, 1] = 10_000_000
    assert edited(SOUND, matrices=matrices).single_class_images == ()
    assert edited(SOUND, matrices=ONE_IMAGE).single_class_images == ("image003",)


def test_miou_of_fewer_images_is_no_evidence(spec: Deliverable) -> None:
    for measured in (54.627, 10.0, 99.0):
        assert gates.accuracy.miou(accuracy(measured, images=3), spec).outcome is Outcome.NO_EVIDENCE


@pytest.mark.parametrize("field", ["weights_sha256", "dataset_sha256", "preprocessing_sha256", "deliverable"])
def test_miou_reference_of_other_inputs_is_no_evidence(spec: Deliverable, field: str) -> None:
    reference = edited(SOUND, provenance=provenance(**{field: "other"}))
    for verdict in (gates.accuracy.miou(SOUND, spec, reference), gates.accuracy.class_iou(SOUND, reference, spec)):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert field.removesuffix("_sha256") in verdict.sentence


def test_miou_reference_of_other_images_is_no_evidence(spec: Deliverable) -> None:
    reference = edited(SOUND, images=("elsewhere", *SOUND.images[1:]))
    assert gates.accuracy.miou(SOUND, spec, reference).outcome is Outcome.NO_EVIDENCE


def noisy(seed: int, shift: int = 0) -> Accuracy:
    """Evidence whose images differ in difficulty, near 54.6 %."""
    rng = np.random.default_rng(seed)
    matrices = SOUND.matrices.copy()
    moved = rng.integers(-1_000_000, 1_000_000, (IMAGES, 1))
    moved += shift - round(moved.mean())
    matrices[:, [0, 1, 2], [0, 1, 2]] += moved
    matrices[:, [0, 1, 2], [1, 2, 0]] -= moved
    return edited(SOUND, matrices=matrices)


def test_paired_interval_of_equal_runs_has_no_width(spec: Deliverable) -> None:
    """The difficulty of an image cancels, because both runs have it."""
    assert gates.paired_interval(noisy(1), noisy(1)) == (0.0, 0.0)
    low, high = gates.paired_interval(noisy(1), noisy(2))
    assert low < 0 < high
    low, high = gates.paired_interval(noisy(1, shift=-60_000), noisy(1))
    assert -0.02 < low <= high < 0


@pytest.mark.parametrize(
    ("quantised", "outcome"),
    [(54.05, Outcome.PASS), (53.51, Outcome.PASS), (54.59, Outcome.PASS), (53.5, Outcome.FAIL), (54.6, Outcome.FAIL)],
)
def test_int8_miou_is_compared_with_float32(spec: Deliverable, quantised: float, outcome: Outcome) -> None:
    """54.05 % in float32: 53.51 is within 1 % of that, but not of the reference mIoU."""
    ours, theirs = accuracy(quantised, precision="int8", artifact_sha256="q"), accuracy(54.05, backend="pytorch")
    verdict = gates.accuracy.int8_miou(ours, theirs, spec)
    assert verdict.outcome is outcome, verdict
    assert "% in INT8, 54.0500 % in float32" in verdict.sentence
    fewer = accuracy(quantised, images=IMAGES - 1, precision="int8")
    assert gates.accuracy.int8_miou(fewer, theirs, spec).outcome is Outcome.NO_EVIDENCE


def test_miou_near_the_limit_gets_a_note(spec: Deliverable) -> None:
    sure = gates.accuracy.miou(noisy(1), spec, noisy(1))
    unsure = gates.accuracy.miou(noisy(1), spec, noisy(2))
    assert [v.outcome for v in (sure, unsure)] == [Outcome.PASS, Outcome.PASS]
    assert not any("near the limit" in note for note in sure.notes)
    assert any("near the limit" in note for note in unsure.notes)


def test_recorded_results_are_compared_with_pytorch_without_naming_their_checkpoint(spec: Deliverable) -> None:
    recorded = accuracy(54.627, backend="recorded", weights_sha256="", onnx_sha256="")
    assert gates.accuracy.class_iou(recorded, SOUND, spec).outcome is Outcome.PASS
    assert gates.accuracy.miou(recorded, spec, SOUND).caveats == ()
    alone = gates.accuracy.miou(recorded, spec)
    unproven = ("not compared with PyTorch: no weights", "model not proven")
    assert (alone.outcome, alone.caveats) == (Outcome.PASS, unproven)
    other = edited(recorded, provenance=provenance(backend="recorded", weights_sha256="", dataset_sha256="x"))
    assert "different dataset" in gates.accuracy.class_iou(other, SOUND, spec).sentence
    fewer = edited(recorded, images=SOUND.images[1:], matrices=SOUND.matrices[1:])
    for verdict in (gates.accuracy.miou(fewer, spec, SOUND), gates.accuracy.class_iou(fewer, SOUND, spec)):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert f"1 of {IMAGES} images missing" in verdict.sentence


def test_class_iou_of_a_lost_class_fails(spec: Deliverable) -> None:
    matrices = SOUND.matrices.copy()
    matrices[:, 2, 2] -= 2_000_000
    matrices[:, 2, 0] += 2_000_000
    verdict = gates.accuracy.class_iou(edited(SOUND, matrices=matrices), SOUND, spec)
    assert verdict.outcome is Outcome.FAIL
    assert "car" in verdict.sentence
    assert gates.accuracy.class_iou(SOUND, SOUND, spec).outcome is Outcome.PASS


def compared(differing: int = 0, images: int = IMAGES, **changes: Any) -> Parity:
    known: dict[str, Any] = {
        "comparison": "batch parity",
        "first": provenance(batch_size=16, artifact_sha256="a16"),
        "second": provenance(),
        "pixels_per_image": 10_000,
        "images": SOUND.images[:images],
        "images_expected": IMAGES,
        "differing_pixels": tuple([differing] + [0] * images)[:images],
        "non_finite": 0,
        "is_single_class": False,
        "miou": (0.5, 0.5),
    }
    return Parity(**{**known, **changes})


def test_parity_within_limits_passes(spec: Deliverable) -> None:
    assert parity(compared(0), spec).outcome is Outcome.PASS
    assert parity(compared(10), spec).outcome is Outcome.PASS
    assert parity(compared(0, miou=(0.5, 0.50011)), spec).outcome is Outcome.FAIL


def test_parity_limits_hold_overall_and_per_image(spec: Deliverable) -> None:
    """99.99 % of 200,000 pixels are 20 that may differ, but no more than 10 of one image's 10,000."""
    spread = compared(0)
    spread = dataclasses.replace(spread, differing_pixels=(10, 10, *spread.differing_pixels[2:]))
    assert parity(spread, spec).outcome is Outcome.PASS
    one_more = dataclasses.replace(spread, differing_pixels=(10, 10, 1, *spread.differing_pixels[3:]))
    assert parity(one_more, spec).outcome is Outcome.FAIL
    in_one = parity(compared(11), spec)
    assert in_one.outcome is Outcome.FAIL
    assert "image000" in in_one.sentence


def test_equal_rows_with_one_differing_pixel_fail(spec: Deliverable) -> None:
    rows: dict[str, Any] = {"comparison": "equal rows", "first": provenance(), "second": provenance(), "miou": None}
    assert parity(compared(0, **rows), spec).outcome is Outcome.PASS
    assert parity(compared(1, **rows), spec).outcome is Outcome.FAIL
    other = provenance(artifact_sha256="other")
    assert parity(compared(0, **{**rows, "second": other}), spec).outcome is Outcome.NO_EVIDENCE


WORTHLESS: dict[str, dict[str, Any]] = {
    "no pixels": {"pixels_per_image": 0},
    "no images": {"images": 0},
    "simulated": {"first": provenance(simulated=True, batch_size=16, artifact_sha256="a16")},
    "other weights": {"second": provenance(weights_sha256="other")},
    "other ONNX": {"second": provenance(onnx_sha256="other")},
    "the same batch size": {"second": provenance(batch_size=16)},
    "the same artifact": {"second": provenance(artifact_sha256="a16")},
    "weights not recorded": {
        "first": provenance(weights_sha256="", batch_size=16),
        "second": provenance(weights_sha256=""),
    },
    "not finite": {"non_finite": 1},
    "one class everywhere": {"is_single_class": True},
    "too few images": {"images": 3},
    "limited": {"first": provenance(limited=True, batch_size=16, artifact_sha256="a16")},
}


@pytest.mark.parametrize("reason", WORTHLESS)
def test_parity_unusable_evidence_is_no_evidence(spec: Deliverable, reason: str) -> None:
    verdict = parity(compared(**WORTHLESS[reason]), spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert verdict.incomplete == (reason in ("too few images", "limited"))


def test_parity_of_some_images_can_fail(spec: Deliverable) -> None:
    assert parity(compared(9000, images=3), spec).outcome is Outcome.FAIL


def test_parity_unknown_comparison_raises(spec: Deliverable) -> None:
    with pytest.raises(ValueError, match="expected one of batch_parity"):
        parity(compared(comparison="taste"), spec)


def difference(**changes: Any) -> LogitComparison:
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


def test_onnx_logits_outcomes(spec: Deliverable) -> None:
    assert onnx_logits(difference(), spec).outcome is Outcome.PASS
    assert onnx_logits(difference(largest=0.3, over_limit=5, near_tie_share=0.1), spec).outcome is Outcome.PASS
    assert onnx_logits(difference(largest=0.3, over_limit=5, over_limit_unexcused=1), spec).outcome is Outcome.FAIL
    assert onnx_logits(difference(over_limit=9, near_tie_share=1.0), spec).outcome is Outcome.PASS
    assert (
        onnx_logits(difference(over_limit=9, over_limit_unexcused=1, near_tie_share=0.99), spec).outcome is Outcome.FAIL
    )
    for nothing in (
        {"values": 0},
        {"non_finite": 1},
        {"limit": 1e-3},
        {"relative": 1e-3},
        {"near_tie_share": 0.9, "over_limit": 11},
    ):
        assert onnx_logits(difference(**nothing), spec).outcome is Outcome.NO_EVIDENCE
    assert onnx_logits(difference(second=provenance(weights_sha256="x")), spec).outcome is Outcome.NO_EVIDENCE


def test_preprocessing_outcomes(spec: Deliverable) -> None:
    spec = dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, images=1))

    def outcome(ours: dict[str, str], theirs: dict[str, str], *, limited: bool = False) -> Outcome:
        evidence = Digests(
            comparison="",
            dataset_sha256="",
            preprocessing_sha256="",
            limited=limited,
            images_expected=1,
            ours=ours,
            theirs=theirs,
        )
        return gates.parity.preprocessing(evidence, spec).outcome

    assert outcome({"a": "1"}, {"a": "1"}) is Outcome.PASS
    assert outcome({"a": "1"}, {"a": "2"}) is Outcome.FAIL
    assert outcome({}, {}) is Outcome.NO_EVIDENCE
    assert outcome({"a": "1"}, {"a": "1", "b": "2"}) is Outcome.NO_EVIDENCE
    assert outcome({"a": "1", "b": "2"}, {"b": "2", "a": "1"}) is Outcome.NO_EVIDENCE
    assert outcome({"a": "1"}, {"a": "1"}, limited=True) is Outcome.NO_EVIDENCE


def test_verdict_text_is_one_line(spec: Deliverable) -> None:
    text = str(gates.accuracy.miou(accuracy(53.0), spec))
    assert text.startswith("FAIL miou: mIoU 53.0000 % (-1.6270 pp), expected 54.0807 to 55.1733 %")
    assert "\n" not in text
