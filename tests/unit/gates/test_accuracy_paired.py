"""Gates of accuracy that compare two runs: both sides fit, of the same inputs, and exact limits."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from enet import gates
from enet.deliverable import Deliverable
from enet.evidence import Accuracy
from enet.gates import Outcome
from tests.unit import recipes
from tests.unit.gates.accuracies import (
    CLASSES,
    EDGES,
    GUIDE,
    IMAGES,
    ONE_IMAGE,
    REFUSED,
    SOUND,
    accuracy,
    edited,
    stating,
)
from tests.unit.recipes import provenance

PAIRED: dict[str, Any] = {
    "miou": lambda ours, theirs, spec: gates.accuracy.miou(ours, spec, theirs),
    "int8_miou": gates.accuracy.int8_miou,
    "class_iou": gates.accuracy.class_iou,
}


@pytest.fixture
def spec() -> Deliverable:
    return GUIDE


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


@pytest.mark.parametrize("field", ["weights_sha256", "dataset_sha256", "preprocessing_sha256", "deliverable"])
def test_miou_reference_of_other_inputs_is_no_evidence(spec: Deliverable, field: str) -> None:
    reference = edited(SOUND, provenance=provenance(**{field: "other"}))
    for verdict in (gates.accuracy.miou(SOUND, spec, reference), gates.accuracy.class_iou(SOUND, reference, spec)):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert field.removesuffix("_sha256") in verdict.sentence


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
