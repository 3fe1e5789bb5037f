"""Gates of accuracy: mIoU, every class, agreement of runs that should agree, ONNX against PyTorch, preprocessing."""

from __future__ import annotations

import math

import numpy as np

from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import Accuracy
from enet.gates.base import Outcome, Verdict, decide, missing_images, provenance_problem
from enet.gates.bootstrap import paired_interval
from enet.gates.relation import relation_problem
from enet.metrics import segmentation

#: How far a figure in a log may be from the one it was printed from, in percent: the guide's has three decimals.
PRINTED = 0.0006


def tolerance_band(reference: float, relative: float) -> tuple[float, float]:
    """The accepted range around a reference, both sides.

    >>> low, high = tolerance_band(54.627, 0.01)
    >>> f"{low:.4f} .. {high:.4f}"
    '54.0807 .. 55.1733'
    """
    return reference * (1 - relative), reference * (1 + relative)


def reference_miou(evidence: Accuracy, deliverable: Deliverable) -> Verdict:
    """The checkpoint, run by PyTorch, has the mIoU that the deliverable states."""
    return stated_miou("reference", evidence, deliverable)


def artifact_miou(evidence: Accuracy, deliverable: Deliverable, reference: Accuracy | None = None) -> Verdict:
    """The artifact's mIoU is within the tolerance of the stated reference; above the band is a failure too.

    Args:
        reference: the same images run by PyTorch. With it, a paired bootstrap gives the interval of the difference,
            which is told and flags a near-limit pass; the point value decides.
    """
    strange = None if reference is None else pairing_problem(evidence, reference)
    if strange:
        return no_evidence("miou", evidence, strange)
    return stated_miou("miou", evidence, deliverable, reference)


def stated_miou(gate: str, evidence: Accuracy, deliverable: Deliverable, reference: Accuracy | None = None) -> Verdict:
    """mIoU in percent against the band around the deliverable's figure."""
    stated, measured = deliverable.reference.miou_percent, 100 * evidence.miou
    low, high = tolerance_band(stated, deliverable.tolerances.miou_relative)
    numbers = {"miou_percent": measured, "low": low, "high": high, "points": measured - stated}
    problem = accuracy_problem(evidence, deliverable)
    if not problem and gate != "reference":  # the checkpoint itself may see no more in an image
        problem = collapsed_images(evidence, reference)
    if problem:
        return no_evidence(gate, evidence, problem)
    claimed = evidence.claimed_miou_percent
    if claimed is not None and not abs(claimed - measured) <= PRINTED:
        sentence = f"the log that came with it says {claimed:.7g} %, but the outputs have mIoU {measured:.7g} %"
        return Verdict(gate=gate, outcome=Outcome.FAIL, sentence=sentence, numbers=numbers)
    missing = missing_images(evidence.images, evidence.images_expected, evidence.provenance.limited)
    if missing:
        sentence = f"mIoU {measured:.4f} %, but {missing}"
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=numbers, incomplete=True)
    notes = []
    if deliverable.network.sha256 and not evidence.provenance.weights_sha256:
        notes.append("of which checkpoint these results are isn't recorded, so the named one isn't enforced")
    if reference is not None:
        lower, upper = (100 * value for value in paired_interval(evidence, reference))
        numbers |= {"difference_low": lower, "difference_high": upper}
        notes.append(
            f"{100 * (evidence.miou - reference.miou):+.4f} points to PyTorch (95 %: {lower:+.4f} .. {upper:+.4f})"
        )
        if low <= measured <= high and not (low <= measured + lower and measured + upper <= high):
            notes.append("near the limit: other images could have decided otherwise")
    rule = f"{low:.4f} .. {high:.4f} % ({deliverable.tolerances.miou_relative:.3g} relative to {stated:.4f} %)"
    sentence = f"mIoU {measured:.4f} % ({measured - stated:+.4f} points), should be in {rule}"
    if measured > high:
        sentence += "; above the band it is not the same model or data"
    outcome = Outcome.PASS if low <= measured <= high else Outcome.FAIL
    return Verdict(gate=gate, outcome=outcome, sentence=sentence, numbers=numbers, notes=tuple(notes))


def no_evidence(gate: str, evidence: Accuracy, why: str) -> Verdict:
    """NO EVIDENCE, with the figure that was measured all the same."""
    measured = 100 * evidence.miou
    sentence = f"mIoU {measured:.4f} %, but {why}" if evidence.images else why
    return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers={"miou_percent": measured})


def int8_miou(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """Quantising has changed mIoU by no more than the tolerance, relative to PyTorch's, both sides."""
    problem = (
        pairing_problem(evidence, reference)
        or accuracy_problem(evidence, deliverable)
        or accuracy_problem(reference, deliverable)
    )
    problem = problem or collapsed_images(evidence, reference)
    if problem:
        return no_evidence("int8_miou", evidence, problem)
    ours, theirs = 100 * evidence.miou, 100 * reference.miou
    low, high = tolerance_band(theirs, deliverable.tolerances.miou_relative)
    lower, upper = (100 * value for value in paired_interval(evidence, reference))
    sentence = (
        f"mIoU {ours:.4f} % in INT8, {theirs:.4f} % in float32 ({ours - theirs:+.4f} points, 95 %: {lower:+.4f} .. "
        f"{upper:+.4f}), should be in {low:.4f} .. {high:.4f} %"
    )
    missing = missing_images(evidence.images, evidence.images_expected, evidence.provenance.limited)
    numbers = {"miou_percent": ours, "reference_percent": theirs, "low": low, "high": high}
    return decide("int8_miou", low <= ours <= high, sentence, numbers, missing)


def class_iou(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """No class has lost more IoU than allowed: a mean hides one class that is gone."""
    problem = (
        pairing_problem(evidence, reference)
        or accuracy_problem(evidence, deliverable)
        or accuracy_problem(reference, deliverable)
    )
    problem = problem or collapsed_images(evidence, reference)
    if problem:
        return Verdict(gate="class_floor", outcome=Outcome.NO_EVIDENCE, sentence=problem)
    ours, theirs = (np.nan_to_num(segmentation.iou_per_class(side.matrix)) for side in (evidence, reference))
    worst = int(np.argmin(ours - theirs))
    loss, limit = float(theirs[worst] - ours[worst]), deliverable.tolerances.class_iou
    sentence = (
        f"largest loss {100 * loss:.4f} points of IoU ({evidence.classes[worst]}: {100 * theirs[worst]:.4f} to "
        f"{100 * ours[worst]:.4f} %), should be at most {100 * limit:.4g}"
    )
    missing = missing_images(evidence.images, evidence.images_expected, evidence.provenance.limited)
    return decide("class_floor", loss <= limit, sentence, {"loss": loss, "limit": limit}, missing)


def accuracy_problem(evidence: Accuracy, deliverable: Deliverable) -> str | None:
    """Why an accuracy measurement can't be judged at all, or None."""
    where, count, expected = evidence.provenance, len(evidence.images), deliverable.dataset.images
    named, given = deliverable.network.sha256, where.weights_sha256
    other = bool(named and given and named != given)
    unknown_logits = evidence.non_finite is None and where.form.get("output") == "logits"
    nothing = bool((evidence.matrices < 0).any()) or not evidence.matrix.sum()
    predicted = np.count_nonzero(evidence.matrix.sum(axis=0))
    reasons = (
        (where.deliverable != deliverable.name, f"evidence for {where.deliverable!r}, not for {deliverable.name!r}"),
        (other, f"measured with weights {given[:12]}, but the deliverable names {str(named)[:12]}"),
        (unknown_logits, "nobody looked whether the logits are finite numbers"),
        (evidence.non_finite, f"{evidence.non_finite} of {count} images gave logits that are not finite numbers"),
        (len(set(evidence.images)) != count, "an image was counted more than once"),
        (
            evidence.duplicate_images,
            f"{evidence.duplicate_images} of {count} images are copies of others, so as many are missing",
        ),
        (count > evidence.images_expected, f"{count} images, but should be {evidence.images_expected}"),
        (evidence.images_expected != expected, f"{evidence.images_expected} images expected, not {expected}"),
        (nothing, "no pixel was scored"),
        (predicted == 1 and len(evidence.classes) > 1, "one class is predicted everywhere"),
        (not math.isfinite(evidence.miou), "mIoU is not a number"),
    )
    return provenance_problem(where) or next((reason for is_so, reason in reasons if is_so), None)


def collapsed_images(evidence: Accuracy, reference: Accuracy | None) -> str | None:
    """Which images got one class everywhere where PyTorch (or, without it, the truth) has more, or None.

    One image of 500 hardly moves a mean.
    """
    known = reference.single_class_images if reference else ()
    found = [image for image in evidence.single_class_images if image not in known]
    return f"one class is predicted everywhere in {format_list(found, first=2)}" if found else None


def pairing_problem(first: Accuracy, second: Accuracy) -> str | None:
    """Why two runs can't be paired image by image, or None."""
    strange = relation_problem([first.provenance, second.provenance])
    if strange:
        return strange
    if first.images != second.images or first.classes != second.classes:
        return "evidence over different images or classes"
    return None
