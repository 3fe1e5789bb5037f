"""Gates of accuracy: PASS, FAIL and NO EVIDENCE, each for its own reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from enet import gates
from enet.deliverable import Deliverable
from enet.evidence import Accuracy
from enet.gates import Outcome
from enet.metrics.borders import BorderErrors
from tests.unit import recipes
from tests.unit.gates.accuracies import EDGES, GUIDE, IMAGES, ONE_IMAGE, REFUSED, SOUND, accuracy, edited, stating

MISSING: dict[str, tuple[Accuracy, str]] = {
    "too few images": (accuracy(54.627, images=IMAGES - 1), "1 of 20 images missing"),
    "far too few images": (accuracy(10.0, images=3), "17 of 20 images missing"),
    "no images": (accuracy(54.627, images=0), "no pixel was scored"),
    "limited": (accuracy(54.627, limited=True), "only some images were requested"),
    "limited and wrong": (accuracy(99.0, limited=True), "only some images were requested"),
}
ALONE = [gates.accuracy.reference_miou, gates.accuracy.miou]


@pytest.fixture
def spec() -> Deliverable:
    return GUIDE


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


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("gate", ALONE)
def test_miou_unusable_evidence_is_no_evidence(spec: Deliverable, gate: Any, why: str) -> None:
    evidence, reason = REFUSED[why]
    verdict = gate(evidence, spec)
    assert (verdict.gate, verdict.outcome, verdict.incomplete) == (gate.__name__, Outcome.NO_EVIDENCE, False)
    assert verdict.sentence == f"mIoU {100 * evidence.miou:.4f} %, but {reason}"
    assert (verdict.check.unit, verdict.check.low, verdict.check.high) == ("%", None, None)
    assert verdict.measured == pytest.approx(100 * evidence.miou, nan_ok=True)


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


def test_single_class_images_of_two_true_classes_are_not_counted(spec: Deliverable) -> None:
    matrices = SOUND.matrices.copy()
    matrices[3] = 0
    matrices[3, :2, 1] = 10_000_000
    assert edited(SOUND, matrices=matrices).single_class_images == ()
    assert edited(SOUND, matrices=ONE_IMAGE).single_class_images == ("image003",)


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


def test_one_scored_class_may_be_predicted_everywhere(spec: Deliverable) -> None:
    single = edited(SOUND, classes=("road",), matrices=np.full((IMAGES, 1, 1), 100, np.int64))
    assert gates.accuracy.miou(single, stating(spec, 100.0)).outcome is Outcome.PASS
    two = edited(SOUND, classes=("road", "sky"), matrices=np.full((IMAGES, 2, 2), [[100, 0], [100, 0]]))
    assert gates.accuracy.miou(two, spec).sentence.endswith("one class is predicted everywhere")
    unchecked = accuracy(54.627, non_finite=None, io_format={"output": "labels"})
    assert gates.accuracy.miou(unchecked, spec).outcome is Outcome.PASS
