"""Gates of accuracy: mIoU of checkpoint and artifact, IoU of every class."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import Accuracy
from enet.evidence.provenance import RECORDED
from enet.gates.base import (
    ONE_CLASS,
    Check,
    Verdict,
    decide,
    first_reason,
    missing_images,
    named_data_problem,
    no_evidence,
    reference_name,
    signed,
    subject_problem,
)
from enet.gates.bootstrap import paired_interval
from enet.gates.relation import relation_problem
from enet.metrics import segmentation
from enet.metrics.borders import BorderErrors

#: Rounding tolerance in pp for an mIoU from a log: the vendor's script prints three decimals.
LOG_ROUNDING = 0.0006
#: Accepted difference in pp of PyTorch's mIoU to the stated one, where weights and data are those named by hash.
#: Float32 rounds differently on other processors, which moves a few pixels: without AVX, mIoU of the included
#: deliverables moves by less than 0.0001 pp.
SAME_WEIGHTS_AND_DATA = 0.01

#: Wrong pixels at label borders: the least fraction, and the least multiple of the fraction elsewhere. The included
#: networks have 47 to 52 %, and 7 to 10 times; the worst image of one has 5 times. The truth with random flips has 1.
LEAST_BORDER_ERROR, LEAST_BORDER_RATIO = 0.1, 2.0


def tolerance_band(reference: float, relative: float) -> tuple[float, float]:
    """Accepted range around a reference, both sides, in the reference's unit.

    >>> low, high = tolerance_band(54.627, 0.01)
    >>> f"{low:.4f} .. {high:.4f}"
    '54.0807 .. 55.1733'
    """
    return reference * (1 - relative), reference * (1 + relative)


def reference_miou(evidence: Accuracy, deliverable: Deliverable) -> Verdict:
    """The checkpoint, run by PyTorch, has the mIoU that the deliverable states: to ``SAME_WEIGHTS_AND_DATA`` if it
    names both by hash, otherwise within its tolerance."""
    problem = accuracy_problem(evidence, deliverable)
    return stated_miou("reference_miou", evidence, deliverable, problem, is_exact=deliverable.is_pinned)


def miou(evidence: Accuracy, deliverable: Deliverable, reference: Accuracy | None = None) -> Verdict:
    """The artifact's mIoU is within the tolerance of the stated one; above the band is a failure too.

    Args:
        reference: the same images run by PyTorch, or by the delivered ONNX. With it, a paired bootstrap gives the
            interval of the difference, which is shown and marks a pass near the limit; the point value decides. A pass
            without PyTorch has a caveat.
    """
    problem = comparison_problem(evidence, reference, deliverable)
    verdict = stated_miou("miou", evidence, deliverable, problem, reference)
    if reference and not reference.provenance.delivered:
        return verdict
    model = ("model not proven",) if evidence.provenance.backend == RECORDED else ()
    return replace(verdict, caveats=("not compared with PyTorch: no weights", *model))


def stated_miou(
    gate: str,
    evidence: Accuracy,
    deliverable: Deliverable,
    problem: str | None,
    reference: Accuracy | None = None,
    *,
    is_exact: bool = False,
) -> Verdict:
    """mIoU in percent against the band around the deliverable's figure; ``is_exact``: ``SAME_WEIGHTS_AND_DATA``."""
    if problem:
        return unusable(gate, evidence, problem)
    stated, relative = deliverable.reference.miou_percent, deliverable.tolerances.miou_relative
    measured, (low, high) = 100 * evidence.miou, tolerance_band(stated, relative)
    rule = f"{relative:.3g} relative to {stated:.4f} %"
    if is_exact:
        low, high = stated - SAME_WEIGHTS_AND_DATA, stated + SAME_WEIGHTS_AND_DATA
        rule = f"{SAME_WEIGHTS_AND_DATA:.3g} pp to {stated:.4f} %, as weights and data are those named by hash"
    check = Check(measured=measured, unit="%", low=low, high=high)
    claimed = evidence.claimed_miou_percent
    if claimed is not None and not abs(claimed - measured) <= LOG_ROUNDING:
        allowed = Check(measured=claimed, unit="%", low=measured - LOG_ROUNDING, high=measured + LOG_ROUNDING)
        sentence = f"the log beside the results claims {claimed:.7g} %, but the outputs have mIoU {measured:.7g} %"
        return decide(gate, [allowed], sentence)
    missing_part = missing_images(evidence.images, evidence.images_expected, evidence.provenance.limited)
    if missing_part:  # the stated figure is of all images: fewer can neither reach nor miss it
        return replace(unusable(gate, evidence, missing_part), incomplete=True)
    numbers, notes = {"points": measured - stated}, list(filter(None, [evidence.order_hint]))
    if deliverable.network.sha256 and not evidence.provenance.weights_sha256:
        notes.append("the results do not record their checkpoint, so the named one is not enforced")
    if reference is not None:
        difference = measured - 100 * reference.miou
        lower, upper = (100 * value for value in paired_interval(evidence, reference))
        numbers |= {"difference_low": lower, "difference_high": upper}
        other = reference_name(reference.provenance)
        notes.append(f"{signed(difference)} pp to {other} (95 % CI {signed(lower)} to {signed(upper)})")
        if check.ok and not (low <= measured + lower and measured + upper <= high):
            notes.append("near the limit: other images could have decided otherwise")
    sentence = f"mIoU {measured:.4f} % ({signed(measured - stated)} pp), expected {low:.4f} to {high:.4f} % ({rule})"
    if measured > high and not is_exact:
        sentence += "; above the band it is not the same model or data"
    return decide(gate, [check], sentence, None, notes, numbers)


def unusable(gate: str, evidence: Accuracy, reason: str) -> Verdict:
    """NO EVIDENCE, with the mIoU that was measured all the same."""
    measured = 100 * evidence.miou
    sentence = f"mIoU {measured:.4f} %, but {reason}" if evidence.images else reason
    return no_evidence(gate, sentence, Check(measured=measured, unit="%") if evidence.images else None)


def int8_miou(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """Quantising has changed mIoU by no more than the tolerance, relative to PyTorch's, both sides."""
    precisions = evidence.provenance.precision, reference.provenance.precision
    problem = comparison_problem(evidence, reference, deliverable)
    if problem := problem or first_reason((precisions != ("int8", "fp32"), "this is not INT8 against float32")):
        return unusable("int8_miou", evidence, problem)
    ours, theirs = 100 * evidence.miou, 100 * reference.miou
    low, high = tolerance_band(theirs, deliverable.tolerances.miou_relative)
    lower, upper = (100 * value for value in paired_interval(evidence, reference))
    sentence = (
        f"mIoU {ours:.4f} % in INT8, {theirs:.4f} % in float32 ({signed(ours - theirs)} pp, 95 % CI "
        f"{signed(lower)} to {signed(upper)}), expected {low:.4f} to {high:.4f} %"
    )
    missing_part = missing_images(evidence.images, evidence.images_expected, is_limited(evidence, reference))
    return decide("int8_miou", [Check(measured=ours, unit="%", low=low, high=high)], sentence, missing_part)


def class_iou(evidence: Accuracy, reference: Accuracy | None, deliverable: Deliverable) -> Verdict:
    """No class has lost more IoU than allowed: a mean hides one class that is gone.

    Args:
        reference: the same images, run by PyTorch or by the ONNX; None: the figures that the deliverable states.
    """
    stated = deliverable.reference.class_iou_percent
    other_names = f"the deliverable states the IoU of {format_list(sorted(stated), first=3) or 'no class'}"
    problem = comparison_problem(evidence, reference, deliverable) or first_reason(
        (reference is None and {*stated} != {*evidence.classes}, f"{other_names}, expected that of every class")
    )
    if problem:
        return no_evidence("class_iou", problem)
    ours = 100 * np.nan_to_num(segmentation.iou_per_class(evidence.matrix))
    if reference is None:
        theirs = np.array([stated[name] for name in evidence.classes])
    else:
        theirs = 100 * np.nan_to_num(segmentation.iou_per_class(reference.matrix))
    worst = int(np.argmin(ours - theirs))
    check = Check(measured=float(theirs[worst] - ours[worst]), unit="pp", high=100 * deliverable.tolerances.class_iou)
    sentence = (
        f"largest loss {check.measured:.4f} pp of IoU ({evidence.classes[worst]}: {theirs[worst]:.4f} to "
        f"{ours[worst]:.4f} %), expected at most {check.high:.4g}"
    )
    missing_part = missing_images(evidence.images, evidence.images_expected, is_limited(evidence, reference))
    return decide("class_iou", [check], sentence, missing_part, list(filter(None, [evidence.order_hint])))


def is_limited(evidence: Accuracy, reference: Accuracy | None) -> bool:
    """Whether the user requested only some of the images of either run."""
    return evidence.provenance.limited or bool(reference and reference.provenance.limited)


def accuracy_problem(evidence: Accuracy, deliverable: Deliverable) -> str | None:
    """Return the reason why this accuracy evidence cannot be used, or None."""
    where, count, expected = evidence.provenance, len(evidence.images), deliverable.dataset.images
    unchecked = evidence.non_finite is None and where.io_format.get("output") == "logits"
    predicted = np.count_nonzero(evidence.matrix.sum(axis=0))
    other_data = named_data_problem(where.dataset_sha256, evidence.images, deliverable)
    rules = (evidence.absent_classes, evidence.label_grid)
    own_rules = (deliverable.reference.absent_classes, deliverable.preprocessing.label_grid)
    return subject_problem(where, deliverable) or first_reason(
        (rules != own_rules, f"scored by the rules {'/'.join(rules)}, expected {'/'.join(own_rules)}"),
        (unchecked, "logits were not checked for NaN and infinity"),
        (evidence.non_finite, f"{evidence.non_finite} of {count} images gave logits that are not finite numbers"),
        (len(set(evidence.images)) != count, "an image was counted more than once"),
        (evidence.duplicate_images, f"{evidence.duplicate_images} of {count} images are copies of others"),
        (count > evidence.images_expected, f"{count} images, expected {evidence.images_expected}"),
        (evidence.images_expected != expected, f"measured as {evidence.images_expected} images, expected {expected}"),
        ((evidence.matrices < 0).any() or not evidence.matrix.sum(), "no pixel was scored"),
        (predicted == 1 and len(evidence.classes) > 1, ONE_CLASS),
        (not math.isfinite(evidence.miou), "mIoU is not a number"),
        (other_data, str(other_data)),
        (no_network := border_problem(evidence.borders), no_network or ""),
    )


def border_problem(errors: BorderErrors | None) -> str | None:
    """Return the reason why labels with these errors are not a network's output but made from the truth, or None."""
    if errors is None or not errors.border or not errors.inside_rate < 0.5:
        return None
    at_borders, inside = f"{100 * errors.border_rate:.2f} %", f"{100 * errors.inside_rate:.2f} %"
    if errors.border_rate < LEAST_BORDER_ERROR:
        return f"only {at_borders} of the pixels at label borders are wrong, no network is so good: a copy of the truth"
    if errors.border_rate < LEAST_BORDER_RATIO * errors.inside_rate:
        return f"as many pixels are wrong at label borders ({at_borders}) as inside ({inside}): the truth with noise"
    return None


def comparison_problem(evidence: Accuracy, reference: Accuracy | None, deliverable: Deliverable) -> str | None:
    """Return the reason why an artifact's accuracy cannot be used, alone or beside PyTorch's, or None."""
    return (
        (reference and pairing_problem(evidence, reference))
        or accuracy_problem(evidence, deliverable)
        or (reference and accuracy_problem(reference, deliverable))
        or collapsed_images(evidence, reference)
    )


def collapsed_images(evidence: Accuracy, reference: Accuracy | None) -> str | None:
    """Name images that got one class everywhere although PyTorch (without it: the ground truth) has more, or None.

    One image of 500 hardly moves a mean.
    """
    known = reference.single_class_images if reference else ()
    found = [image for image in evidence.single_class_images if image not in known]
    return f"{ONE_CLASS} in {format_list(found, first=2)}" if found else None


def pairing_problem(first: Accuracy, second: Accuracy) -> str | None:
    """Return the reason why two runs cannot be paired image by image, or None."""
    different = None
    if first.images != second.images or first.classes != second.classes:
        fewer = missing_images(first.images, len(second.images), limited=False)
        different = fewer or "evidence over different images or classes"
    elif (first.matrices.sum(axis=2) != second.matrices.sum(axis=2)).any():
        different = "the two runs were scored against different label maps"
    return relation_problem([first.provenance, second.provenance]) or different
