"""Gates of accuracy: PASS, FAIL and NO EVIDENCE, each for its own reason."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable
from enet.evidence import Accuracy
from enet.gates import Outcome
from enet.metrics.borders import BorderErrors
from tests.unit import recipes
from tests.unit.recipes import provenance

IMAGES = 20
CLASSES = ("road", "sky", "car")
#: Of every class; 3, 95 and 97 divide it, so that 50 %, 48.4375 % and 51.5625 % are exact.
PIXELS = 13_822_500


@pytest.fixture(scope="module")
def spec() -> Deliverable:
    """The guide's deliverable (54.627 %, 1 % relative), over a few images."""
    spec = deliverable.load("cityscapes")
    return dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, images=IMAGES))


def accuracy(miou_percent: float, images: int = IMAGES, *, non_finite: int | None = 0, **changes: Any) -> Accuracy:
    """Evidence of three classes whose IoU, and so whose mean, is the given one (to 1e-5 pp)."""
    # Each class has PIXELS pixels, whatever the IoU. The misses go round in a ring, so that the union is
    # 2 * PIXELS - right for all three.
    right = round(2 * PIXELS * miou_percent / (100 + miou_percent))
    matrix = np.diag([right] * 3) + (PIXELS - right) * np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
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
ONE_NEGATIVE = SOUND.matrices.copy()
ONE_NEGATIVE[3, 0, [0, 2]] += [1, -1]
ONE_CLASS = np.zeros((IMAGES, 3, 3), np.int64)
ONE_CLASS[:, :, 0] = PIXELS
#: Evidence that cannot be used, and why.
REFUSED: dict[str, tuple[Accuracy, str]] = {
    "absent": (accuracy(54.627, missing_reason="no run of batch size 16"), "no run of batch size 16"),
    "simulated": (accuracy(54.627, simulated=True), "measured on a simulated device"),
    "on a busy device": (
        accuracy(54.627, devices_before=(recipes.device_state(utilisation=40.0),)),
        "device 0 (310P3): 40 % of its cores are in use (--allow-busy-device accepts that)",
    ),
    "another deliverable": (accuracy(54.627, deliverable="scenes"), "evidence for 'scenes', expected 'cityscapes'"),
    "not finite": (accuracy(54.627, non_finite=1), "1 of 20 images gave logits that are not finite numbers"),
    "expecting fewer": (edited(accuracy(54.627, images=5), images_expected=5), "measured as 5 images, expected 20"),
    "expecting more": (edited(SOUND, images_expected=21), "measured as 21 images, expected 20"),
    "an image twice": (
        edited(SOUND, images=("image000", "image000", *SOUND.images[2:])),
        "an image was counted more than once",
    ),
    "too many images": (accuracy(54.627, images=IMAGES + 1), "21 images, expected 20"),
    "logits not checked": (
        accuracy(54.627, non_finite=None, io_format={"output": "logits"}),
        "logits were not checked for NaN and infinity",
    ),
    "one class everywhere": (edited(SOUND, matrices=ONE_CLASS), "one class is predicted everywhere"),
    "copies of images": (edited(SOUND, duplicate_images=3), "3 of 20 images are copies of others"),
    "nothing scored": (edited(SOUND, matrices=np.zeros_like(SOUND.matrices)), "no pixel was scored"),
    "negative counts": (edited(SOUND, matrices=SOUND.matrices - 10**8), "no pixel was scored"),
    "one negative count": (edited(SOUND, matrices=ONE_NEGATIVE), "no pixel was scored"),
}
MISSING: dict[str, tuple[Accuracy, str]] = {
    "too few images": (accuracy(54.627, images=IMAGES - 1), "1 of 20 images missing"),
    "far too few images": (accuracy(10.0, images=3), "17 of 20 images missing"),
    "no images": (accuracy(54.627, images=0), "no pixel was scored"),
    "limited": (accuracy(54.627, limited=True), "only some images were requested"),
    "limited and wrong": (accuracy(99.0, limited=True), "only some images were requested"),
}
ALONE = [gates.accuracy.reference_miou, gates.accuracy.miou]
PAIRED: dict[str, Any] = {
    "miou": lambda ours, theirs, spec: gates.accuracy.miou(ours, spec, theirs),
    "int8_miou": gates.accuracy.int8_miou,
    "class_iou": gates.accuracy.class_iou,
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("gate", ALONE)
def test_miou_unusable_evidence_is_no_evidence(spec: Deliverable, gate: Any, why: str) -> None:
    evidence, reason = REFUSED[why]
    verdict = gate(evidence, spec)
    assert (verdict.gate, verdict.outcome, verdict.incomplete) == (gate.__name__, Outcome.NO_EVIDENCE, False)
    assert verdict.sentence == f"mIoU {100 * evidence.miou:.4f} %, but {reason}"
    assert (verdict.check.unit, verdict.check.low, verdict.check.high) == ("%", None, None)
    assert verdict.measured == pytest.approx(100 * evidence.miou, nan_ok=True)


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("gate", PAIRED)
@pytest.mark.parametrize("side", [0, 1])
def test_paired_gates_need_both_sides_fit(spec: Deliverable, gate: str, why: str, side: int) -> None:
    """A reference that is simulated, busy or of other images is as worthless as such an artifact."""
    evidence, reason = REFUSED[why]
    sides = [evidence, SOUND] if side == 0 else [SOUND, evidence]
    verdict = PAIRED[gate](*sides, spec)
    assert (verdict.gate, verdict.outcome, verdict.incomplete) == (gate, Outcome.NO_EVIDENCE, False)
    if why == "another deliverable":
        reason = "evidence from different deliverable: measure both again"
    elif evidence.images != SOUND.images:
        fewer = len(sides[0].images) - len(sides[1].images)
        reason = (
            f"{-fewer} of {len(sides[1].images)} images missing"
            if fewer < 0
            else "evidence over different images or classes"
        )
    elif (evidence.matrix.sum(axis=1) != SOUND.matrix.sum(axis=1)).any():
        reason = "the two runs were scored against different label maps"
    assert verdict.sentence.removeprefix(f"mIoU {100 * sides[0].miou:.4f} %, but ") == reason


@pytest.mark.parametrize("why", MISSING)
@pytest.mark.parametrize("gate", ALONE)
def test_miou_of_some_images_is_incomplete_whatever_it_is(spec: Deliverable, gate: Any, why: str) -> None:
    """The stated figure is of all images: fewer can neither reach nor miss it."""
    evidence, reason = MISSING[why]
    verdict = gate(evidence, spec)
    assert (verdict.gate, verdict.outcome) == (gate.__name__, Outcome.NO_EVIDENCE)
    assert verdict.incomplete == (why != "no images")
    assert verdict.sentence == (f"mIoU {100 * evidence.miou:.4f} %, but {reason}" if evidence.images else reason)
    assert (verdict.check is None) == (why == "no images")


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


@pytest.mark.parametrize("field", ["weights_sha256", "dataset_sha256", "preprocessing_sha256", "deliverable"])
def test_miou_reference_of_other_inputs_is_no_evidence(spec: Deliverable, field: str) -> None:
    reference = edited(SOUND, provenance=provenance(**{field: "other"}))
    for verdict in (gates.accuracy.miou(SOUND, spec, reference), gates.accuracy.class_iou(SOUND, reference, spec)):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert field.removesuffix("_sha256") in verdict.sentence


def stating(spec: Deliverable, percent: float, relative: float = 1 / 32, **network: Any) -> Deliverable:
    """The deliverable with another reference figure and tolerance, and with changes to its network."""
    return dataclasses.replace(
        spec,
        reference=dataclasses.replace(spec.reference, miou_percent=percent),
        tolerances=dataclasses.replace(spec.tolerances, miou_relative=relative),
        network=dataclasses.replace(spec.network, **network),
    )


#: mIoU in percent within 1/32 of 50 %: figures that float64 holds exactly; one pixel is less than 1e-5 pp.
EDGES = [(48.4375, Outcome.PASS), (48.43748, Outcome.FAIL), (51.5625, Outcome.PASS), (51.56252, Outcome.FAIL)]


@pytest.mark.parametrize(("measured", "outcome"), EDGES)
@pytest.mark.parametrize("gate", ALONE)
def test_miou_at_the_limit_passes_just_beyond_fails(
    spec: Deliverable, gate: Any, measured: float, outcome: Outcome
) -> None:
    verdict = gate(accuracy(measured), stating(spec, 50.0))
    assert (verdict.gate, verdict.outcome) == (gate.__name__, outcome)
    assert (verdict.check.measured, verdict.check.unit) == (pytest.approx(measured, abs=1e-5), "%")
    assert (verdict.check.low, verdict.check.high) == (48.4375, 51.5625)
    assert verdict.numbers == {"points": pytest.approx(measured - 50, abs=1e-5)}
    assert verdict.sentence == (
        f"mIoU {measured:.4f} % ({measured - 50:+.4f} pp), expected 48.4375 to 51.5625 % (0.0312 relative to 50.0000 %)"
        + ("; above the band it is not the same model or data" if measured > 51.5625 else "")
    )
    assert verdict.notes == ()
    checked = accuracy(measured, io_format={"output": "logits"})
    assert gate(checked, stating(spec, 50.0)).outcome is outcome


@pytest.mark.parametrize(("measured", "outcome"), EDGES)
def test_int8_miou_at_the_limit_passes_just_beyond_fails(spec: Deliverable, measured: float, outcome: Outcome) -> None:
    """Of PyTorch's 50 %, whatever the deliverable states."""
    verdict = gates.accuracy.int8_miou(accuracy(measured, precision="int8"), accuracy(50.0), stating(spec, 99.0))
    assert (verdict.gate, verdict.outcome) == ("int8_miou", outcome)
    assert verdict.check == gates.Check(measured=recipes.about(measured, abs=1e-5), unit="%", low=48.4375, high=51.5625)
    points = f"{measured - 50:+.4f}"  # all images are equally hard here, so the interval has no width
    assert verdict.sentence == (
        f"mIoU {measured:.4f} % in INT8, 50.0000 % in float32 ({points} pp, 95 % CI {points} to {points}), "
        "expected 48.4375 to 51.5625 %"
    )


@pytest.mark.parametrize("precisions", [("fp32", "fp32"), ("int8", "int8"), ("fp32", "int8"), ("fp16", "fp32")])
def test_int8_miou_is_of_int8_against_float32(spec: Deliverable, precisions: tuple[str, str]) -> None:
    ours, theirs = (accuracy(50.0, precision=each) for each in precisions)
    verdict = gates.accuracy.int8_miou(ours, theirs, stating(spec, 50.0))
    assert (verdict.gate, verdict.outcome) == ("int8_miou", Outcome.NO_EVIDENCE)
    assert verdict.sentence == "mIoU 50.0000 %, but this is not INT8 against float32"


@pytest.mark.parametrize("gate", [gates.accuracy.int8_miou, gates.accuracy.class_iou])
def test_paired_gates_of_some_images_are_incomplete_or_fail(spec: Deliverable, gate: Any) -> None:
    few, limited = accuracy(54.0, images=5), accuracy(54.0, limited=True)
    for reference, reason in ((few, "15 of 20 images missing"), (limited, "only some images were requested")):
        evidence = edited(reference, provenance=dataclasses.replace(reference.provenance, precision="int8"))
        verdict = gate(evidence, reference, spec)
        assert (verdict.gate, verdict.outcome, verdict.incomplete) == (gate.__name__, Outcome.NO_EVIDENCE, True)
        assert verdict.sentence.endswith(f"; {reason}")
        wrong = gate(edited(evidence, matrices=accuracy(30.0, images=len(evidence.images)).matrices), reference, spec)
        assert wrong.outcome is Outcome.FAIL
    for ours, theirs in ((True, False), (False, True)):
        sides = accuracy(54.0, precision="int8", limited=ours), accuracy(54.0, limited=theirs)
        assert gate(*sides, spec).sentence.endswith("; only some images were requested")


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        (50.0, Outcome.PASS), (50.00059, Outcome.PASS), (49.99941, Outcome.PASS), (50.00061, Outcome.FAIL),
        (49.99939, Outcome.FAIL), (float("nan"), Outcome.FAIL), (None, Outcome.PASS),
    ],
)  # fmt: skip
def test_log_may_claim_the_measured_miou_to_three_decimals(
    spec: Deliverable, claimed: float | None, outcome: Outcome
) -> None:
    """A log that contradicts the outputs fails, also beside some images, and whatever the figures are."""
    evidence = edited(accuracy(50.0), claimed_miou_percent=claimed)
    verdict = gates.accuracy.miou(evidence, stating(spec, 50.0))
    assert (verdict.gate, verdict.outcome) == ("miou", outcome)
    assert verdict.sentence.startswith("mIoU 50.0000 %") == (outcome is Outcome.PASS)
    if outcome is Outcome.FAIL:
        assert verdict.sentence == f"the log beside the results claims {claimed:.7g} %, but the outputs have mIoU 50 %"
        assert verdict.check is not None
        assert (verdict.check.low, verdict.check.high) == (recipes.about(49.9994), recipes.about(50.0006))
        assert (verdict.check.measured, verdict.check.unit) == (recipes.about(claimed), "%")
        few = edited(accuracy(50.0, images=3), claimed_miou_percent=claimed)
        assert gates.accuracy.miou(few, stating(spec, 50.0)).outcome is Outcome.FAIL


NAMED = "0" * 64


@pytest.mark.parametrize(
    ("named", "given", "outcome", "words"),
    [
        (None, "w", Outcome.PASS, None),
        (None, "", Outcome.PASS, None),
        (NAMED, NAMED, Outcome.PASS, None),
        (NAMED, "", Outcome.PASS, "the results do not record their checkpoint, so the named one is not enforced"),
        (NAMED, "1234567890abc", Outcome.NO_EVIDENCE, "weights 1234567890ab, expected 000000000000 of"),
    ],
)  # fmt: skip
def test_miou_of_a_named_checkpoint(
    spec: Deliverable, named: str | None, given: str, outcome: Outcome, words: str | None
) -> None:
    """Results that were recorded on a device do not name their checkpoint; they pass with a note."""
    verdict = gates.accuracy.miou(accuracy(54.627, weights_sha256=given), stating(spec, 54.627, sha256=named))
    assert verdict.outcome is outcome
    if outcome is Outcome.PASS:
        assert verdict.notes == ((words,) if words else ())
    else:
        assert verdict.sentence == f"mIoU 54.6270 %, but {words} the deliverable"


def test_miou_beside_pytorch_shows_the_difference_and_its_interval(spec: Deliverable) -> None:
    verdict = gates.accuracy.miou(accuracy(54.0), spec, accuracy(54.25))
    assert verdict.notes == ("-0.2500 pp to PyTorch (95 % CI -0.2500 to -0.2500)",)
    assert verdict.numbers == {
        "points": pytest.approx(54 - 54.627, abs=1e-5),
        "difference_low": pytest.approx(-0.25, abs=1e-5),
        "difference_high": pytest.approx(-0.25, abs=1e-5),
    }
    assert verdict.outcome is Outcome.FAIL


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


@pytest.mark.parametrize(
    ("theirs", "noted"), [(50.0, False), (51.5625, False), (51.56252, True), (48.4375, False), (48.43748, True)]
)
def test_miou_is_near_the_limit_if_the_interval_crosses_it(spec: Deliverable, theirs: float, noted: bool) -> None:
    """50 % and the difference to PyTorch again: 48.4375 and 51.5625 are the limits."""
    verdict = gates.accuracy.miou(accuracy(50.0), stating(spec, 50.0), accuracy(theirs))
    assert verdict.outcome is Outcome.PASS
    assert ("near the limit: other images could have decided otherwise" in verdict.notes) == noted


def mixed(first: float, second: float, **changes: Any) -> Accuracy:
    """Half of the images at one mIoU, half at another."""
    halves = [accuracy(each, images=IMAGES // 2).matrices for each in (first, second)]
    return edited(accuracy(first, **changes), matrices=np.concatenate(halves))


@pytest.mark.parametrize(
    ("stated", "relative", "noted"),
    [(54.0, 0.01, True), (54.5, 0.01, True), (53.5, 0.01, True), (53.995, 0.01, True), (54.0, 0.05, False)],
)
def test_interval_may_cross_either_limit(spec: Deliverable, stated: float, relative: float, noted: bool) -> None:
    """54 %, and about 53.1 to 54.9 with other images; the limits are 1 % from the stated figure, or 5 %."""
    limits = stating(spec, stated, relative)
    verdict = gates.accuracy.miou(mixed(52.0, 56.0), limits, accuracy(54.0))
    assert verdict.outcome is Outcome.PASS
    assert ("near the limit: other images could have decided otherwise" in verdict.notes) == noted
    assert -1 < verdict.numbers["difference_low"] < -0.5 < 0.5 < verdict.numbers["difference_high"] < 1
    quantised = gates.accuracy.int8_miou(mixed(52.0, 56.0, precision="int8"), accuracy(54.0), limits)
    for text in (verdict.notes[0], quantised.sentence):
        assert re.search(r"95 % CI -0\.\d{4} to \+0\.\d{4}\)", text)


def with_void(found: int | None = None) -> Accuracy:
    """Three classes of 50 % IoU, and a fourth: absent, or of 10 pixels of which so many are found."""
    matrices = np.zeros((IMAGES, 4, 4), np.int64)
    matrices[:, :3, :3] = accuracy(50.0).matrices
    matrices[0, 3, [3, 0]] = [found, 10 - found] if found is not None else [0, 0]
    return edited(accuracy(50.0), classes=(*CLASSES, "void"), matrices=matrices)


@pytest.mark.parametrize(
    ("loss", "outcome"), [(0, Outcome.PASS), (921_500, Outcome.PASS), (921_501, Outcome.FAIL), (-900_000, Outcome.PASS)]
)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_class_iou_may_lose_5_pp_in_every_class(spec: Deliverable, loss: int, outcome: Outcome, number: int) -> None:
    sound = with_void()
    matrices = sound.matrices.copy()
    matrices[:, number, number] -= loss  # the union stays: what is lost is ground truth of the class still
    matrices[:, number, (number + 1) % 3] += loss
    other, third = (number + 1) % 3, (number + 2) % 3  # the others gain more than they lose
    matrices[:, other, [other, third]] += [abs(loss), -abs(loss)]
    verdict = gates.accuracy.class_iou(edited(sound, matrices=matrices), sound, spec)
    assert (verdict.gate, verdict.outcome) == ("class_iou", outcome), verdict
    if loss > 0:
        assert verdict.check == gates.Check(measured=recipes.about(loss / 184_300), unit="pp", high=5.0)
        assert verdict.sentence == (
            f"largest loss {loss / 184_300:.4f} pp of IoU ({CLASSES[number]}: 50.0000 to {50 - loss / 184_300:.4f} %), "
            "expected at most 5"
        )


def test_class_that_is_absent_has_iou_0(spec: Deliverable) -> None:
    """One that only the artifact finds is no loss; one that only PyTorch finds is lost."""
    assert gates.accuracy.class_iou(with_void(), with_void(), spec).outcome is Outcome.PASS
    assert gates.accuracy.class_iou(with_void(10), with_void(0), spec).outcome is Outcome.PASS
    verdict = gates.accuracy.class_iou(with_void(0), with_void(10), spec)
    assert (verdict.outcome, verdict.measured) == (Outcome.FAIL, 100)


def test_runs_over_other_classes_are_not_paired(spec: Deliverable) -> None:
    for gate in PAIRED.values():
        verdict = gate(SOUND, edited(SOUND, classes=("road", "car", "sky")), spec)
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert verdict.sentence.endswith("evidence over different images or classes")


def test_single_class_images_are_named_unless_pytorch_has_them(spec: Deliverable) -> None:
    matrices = SOUND.matrices.copy()
    matrices[[3, 7, 9]] = ONE_IMAGE[3]
    flat = edited(SOUND, matrices=matrices)
    words = "one class is predicted everywhere in "
    for gate in PAIRED.values():
        assert f"{words}image003, image007 and 1 more" in gate(flat, SOUND, spec).sentence
        assert f"{words}image007, image009" in gate(flat, edited(SOUND, matrices=ONE_IMAGE), spec).sentence
        assert words not in gate(SOUND, flat, spec).sentence
    assert f"{words}image003, image007 and 1 more" in gates.accuracy.miou(flat, spec).sentence


def test_one_scored_class_may_be_predicted_everywhere(spec: Deliverable) -> None:
    single = edited(SOUND, classes=("road",), matrices=np.full((IMAGES, 1, 1), 100, np.int64))
    assert gates.accuracy.miou(single, stating(spec, 100.0)).outcome is Outcome.PASS
    two = edited(SOUND, classes=("road", "sky"), matrices=np.full((IMAGES, 2, 2), [[100, 0], [100, 0]]))
    assert gates.accuracy.miou(two, spec).sentence.endswith("one class is predicted everywhere")
    unchecked = accuracy(54.627, non_finite=None, io_format={"output": "labels"})
    assert gates.accuracy.miou(unchecked, spec).outcome is Outcome.PASS
