"""Gates of accuracy: mIoU, every class, agreement of runs that should agree, ONNX against PyTorch, preprocessing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from enet.deliverable import Deliverable
from enet.errors import listing
from enet.evidence import RECORDED, Accuracy, Difference, Digests, Parity, Provenance
from enet.gates.base import LIMITED, Outcome, Verdict, decided, too_few, unfit
from enet.metrics import segmentation

#: Share of logits that may lie beside near-ties of a max-pool before a comparison says too little; unless hardly any
#: of them made use of it. A fault in the export moves nearly all logits, a near-tie a few.
MOST_EXCUSABLE = 0.5
HARDLY_ANY = 0.01

#: How far a figure in a log may be from the one it was printed from, in percent: the guide's has three decimals.
PRINTED = 0.0006


def band(reference: float, relative: float) -> tuple[float, float]:
    """The accepted range around a reference, both sides.

    >>> low, high = band(54.627, 0.01)
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
    strange = None if reference is None else unpaired(evidence, reference)
    if strange:
        return refused("miou", evidence, strange)
    return stated_miou("miou", evidence, deliverable, reference)


def stated_miou(gate: str, evidence: Accuracy, deliverable: Deliverable, reference: Accuracy | None = None) -> Verdict:
    """mIoU in percent against the band around the deliverable's figure."""
    stated, measured = deliverable.reference.miou_percent, 100 * evidence.miou
    low, high = band(stated, deliverable.tolerances.miou_relative)
    numbers = {"miou_percent": measured, "low": low, "high": high, "points": measured - stated}
    problem = unsound(evidence, deliverable)
    if not problem and gate != "reference":  # the checkpoint itself may see no more in an image
        problem = flattened(evidence, reference)
    if problem:
        return refused(gate, evidence, problem)
    claimed = evidence.stated_miou_percent
    if claimed is not None and not abs(claimed - measured) <= PRINTED:
        sentence = f"the log that came with it says {claimed:.7g} %, but the outputs have mIoU {measured:.7g} %"
        return Verdict(gate=gate, outcome=Outcome.FAIL, sentence=sentence, numbers=numbers)
    missing = too_few(evidence.images, evidence.images_expected, evidence.provenance.limited)
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


def refused(gate: str, evidence: Accuracy, why: str) -> Verdict:
    """NO EVIDENCE, with the figure that was measured all the same."""
    measured = 100 * evidence.miou
    sentence = f"mIoU {measured:.4f} %, but {why}" if evidence.images else why
    return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers={"miou_percent": measured})


def int8_miou(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """Quantising has changed mIoU by no more than the tolerance, relative to PyTorch's, both sides."""
    problem = unpaired(evidence, reference) or unsound(evidence, deliverable) or unsound(reference, deliverable)
    problem = problem or flattened(evidence, reference)
    if problem:
        return refused("int8_miou", evidence, problem)
    ours, theirs = 100 * evidence.miou, 100 * reference.miou
    low, high = band(theirs, deliverable.tolerances.miou_relative)
    lower, upper = (100 * value for value in paired_interval(evidence, reference))
    sentence = (
        f"mIoU {ours:.4f} % in INT8, {theirs:.4f} % in float32 ({ours - theirs:+.4f} points, 95 %: {lower:+.4f} .. "
        f"{upper:+.4f}), should be in {low:.4f} .. {high:.4f} %"
    )
    missing = too_few(evidence.images, evidence.images_expected, evidence.provenance.limited)
    numbers = {"miou_percent": ours, "reference_percent": theirs, "low": low, "high": high}
    return decided("int8_miou", low <= ours <= high, sentence, numbers, missing)


def class_floor(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """No class has lost more IoU than allowed: a mean hides one class that is gone."""
    problem = unpaired(evidence, reference) or unsound(evidence, deliverable) or unsound(reference, deliverable)
    problem = problem or flattened(evidence, reference)
    if problem:
        return Verdict(gate="class_floor", outcome=Outcome.NO_EVIDENCE, sentence=problem)
    ours, theirs = (np.nan_to_num(segmentation.iou_per_class(side.matrix)) for side in (evidence, reference))
    worst = int(np.argmin(ours - theirs))
    loss, limit = float(theirs[worst] - ours[worst]), deliverable.tolerances.class_iou
    sentence = (
        f"largest loss {100 * loss:.4f} points of IoU ({evidence.classes[worst]}: {100 * theirs[worst]:.4f} to "
        f"{100 * ours[worst]:.4f} %), should be at most {100 * limit:.4g}"
    )
    missing = too_few(evidence.images, evidence.images_expected, evidence.provenance.limited)
    return decided("class_floor", loss <= limit, sentence, {"loss": loss, "limit": limit}, missing)


def parity(evidence: Parity, deliverable: Deliverable) -> Verdict:
    """Two runs give the same labels on all but a stated share of pixels, over all images and in each, and the same
    mIoU. Rows of one batch must agree in every pixel.

    Raises:
        ValueError: nobody has said how two such runs are related.
    """
    gate = evidence.what.replace(" ", "_")
    if evidence.what not in RELATIONS:
        raise ValueError(f"what={evidence.what!r}, but should be one of {', '.join(RELATIONS)}")
    relation = RELATIONS[evidence.what]
    strange = unrelated([evidence.first, evidence.second], relation)
    if not strange and (evidence.pixels < 1 or not evidence.images):
        strange = "no pixel was compared"
    if not strange and evidence.non_finite:
        strange = f"{evidence.non_finite} images gave logits that are not finite numbers"
    if not strange and evidence.constant:
        strange = "one class is predicted everywhere"
    if strange:
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=strange)
    limits = deliverable.tolerances
    overall, each = (1.0, 1.0) if relation.exact else (limits.label_agreement, limits.image_agreement)
    worst = int(np.argmax(evidence.differing))
    least = 1 - evidence.differing[worst] / evidence.pixels
    sentence = (
        f"{100 * evidence.agreement:.6g} % of pixels agree ({sum(evidence.differing)} of "
        f"{evidence.pixels * len(evidence.images)} differ), should be at least {100 * overall:.6g} %"
    )
    if evidence.differing[worst]:
        sentence += f"; worst image {evidence.images[worst]} {100 * least:.6g} %, should be at least {100 * each:.6g} %"
    numbers = {"agreement": evidence.agreement, "limit": overall, "worst_image": least, "worst_image_limit": each}
    ok = evidence.agreement >= overall and least >= each
    if evidence.miou is not None:
        difference = abs(evidence.miou[0] - evidence.miou[1])
        ok = ok and difference <= limits.batch_miou
        numbers["miou_difference"] = difference
        sentence += f"; mIoU differs by {difference:.3g}, should be at most {limits.batch_miou:.3g}"
    limited = evidence.first.limited or evidence.second.limited
    return decided(gate, ok, sentence, numbers, too_few(evidence.images, evidence.images_expected, limited))


def logits(evidence: Difference, deliverable: Deliverable) -> Verdict:
    """ONNX and PyTorch give the same numbers, but where a near-tie of a max-pool lets rounding decide."""
    strange = unrelated([evidence.first, evidence.second])
    if not strange and evidence.non_finite:
        strange = f"{evidence.non_finite} logits are not finite numbers"
    if not strange and evidence.values < 1:
        strange = "no value was compared"
    limits = deliverable.tolerances
    for found, stated in ((evidence.limit, limits.logits), (evidence.relative, limits.logits_relative)):
        if not strange and found > stated:
            strange = f"counted beyond {found:.3g}, but should be {stated:.3g}"
    excused = evidence.beyond - evidence.unexplained
    if not strange and evidence.excusable > MOST_EXCUSABLE and excused > HARDLY_ANY * evidence.values:
        strange = (
            f"{100 * evidence.excusable:.3g} % of the values lie beside near-ties of a max-pool, and "
            f"{100 * excused / evidence.values:.3g} % differ there: too few can be judged"
        )
    if strange:
        return Verdict(gate="logits", outcome=Outcome.NO_EVIDENCE, sentence=strange)
    sentence = (
        f"largest difference {evidence.largest:.3g}, {evidence.unexplained} of {evidence.values} values beyond "
        f"{evidence.limit:.3g} (or {evidence.relative:.3g} of the image's largest), should be none"
    )
    notes = (f"{excused} more beside near-ties of a max-pool, where rounding decides",) if excused else ()
    numbers = {"largest": evidence.largest, "unexplained": float(evidence.unexplained)}
    missing = LIMITED if evidence.first.limited else None
    return decided("logits", evidence.unexplained == 0, sentence, numbers, missing, notes)


def preprocessing(evidence: Digests) -> Verdict:
    """The pipeline's input is that of the reference recipe, byte for byte."""
    if not evidence.ours or evidence.ours.keys() != evidence.theirs.keys():
        sentence = "no images, or not the same ones, were compared"
        return Verdict(gate="preprocessing", outcome=Outcome.NO_EVIDENCE, sentence=sentence)
    wrong = [name for name, digest in evidence.ours.items() if evidence.theirs[name] != digest]
    sentence = f"{len(wrong)} of {len(evidence.ours)} images differ from the reference recipe, should be none"
    if wrong:
        sentence += f": {listing(wrong)}"
    missing = too_few(tuple(evidence.ours), evidence.images_expected, evidence.limited)
    return decided("preprocessing", not wrong, sentence, {"differing": float(len(wrong))}, missing)


def unsound(evidence: Accuracy, deliverable: Deliverable) -> str | None:
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
        (evidence.copies, f"{evidence.copies} of {count} images are copies of others, so as many are missing"),
        (count > evidence.images_expected, f"{count} images, but should be {evidence.images_expected}"),
        (evidence.images_expected != expected, f"{evidence.images_expected} images expected, not {expected}"),
        (nothing, "no pixel was scored"),
        (predicted == 1 and len(evidence.classes) > 1, "one class is predicted everywhere"),
        (not math.isfinite(evidence.miou), "mIoU is not a number"),
    )
    return unfit(where) or next((reason for is_so, reason in reasons if is_so), None)


def flattened(evidence: Accuracy, reference: Accuracy | None) -> str | None:
    """Which images got one class everywhere where PyTorch (or, without it, the truth) has more, or None.

    One image of 500 hardly moves a mean.
    """
    known = reference.uniform if reference else ()
    found = [image for image in evidence.uniform if image not in known]
    return f"one class is predicted everywhere in {listing(found, first=2)}" if found else None


def unpaired(first: Accuracy, second: Accuracy) -> str | None:
    """Why two runs can't be paired image by image, or None."""
    strange = unrelated([first.provenance, second.provenance])
    if strange:
        return strange
    if first.images != second.images or first.classes != second.classes:
        return "evidence over different images or classes"
    return None


@dataclass(frozen=True)
class Relation:
    """How two pieces of evidence must be related to be compared; names of ``Provenance``'s fields.

    ``exact``: no pixel may differ.
    """

    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    exact: bool = False


#: What every comparison must have in common, and must know.
SUBJECT = ("deliverable", "weights_sha256", "dataset_sha256", "preprocessing_sha256")

RELATIONS = {
    "batch parity": Relation(
        same=("backend", "onnx_sha256", "form", "precision", "calibration_sha256"),
        different=("batch_size", "artifact_sha256"),
    ),
    "padded tail": Relation(
        same=("backend", "onnx_sha256", "form", "precision", "calibration_sha256"),
        different=("batch_size", "artifact_sha256"),
    ),
    "equal rows": Relation(same=("artifact_sha256",), exact=True),
    "forms": Relation(same=("backend", "batch_size"), different=("form",)),
}


def unrelated(provenances: Iterable[Provenance], relation: Relation = Relation()) -> str | None:
    """Why pieces of evidence don't belong together, or None."""
    first, *others = provenances
    if absent := next((p.absent for p in (first, *others) if p.absent), None):
        return absent
    # Of recorded results the model isn't at hand; that they belong together follows from their data alone.
    recorded = all(provenance.backend == RECORDED for provenance in (first, *others))
    for name in SUBJECT:
        if name == "weights_sha256" and recorded:
            continue
        if not all(getattr(provenance, name) for provenance in (first, *others)):
            return f"{name.removesuffix('_sha256')} not recorded: measure anew"
    for other in others:
        for name in (*SUBJECT, *relation.same):
            if getattr(first, name) != getattr(other, name):
                return f"evidence from different {name.removesuffix('_sha256')}: measure both anew"
        for name in relation.different:
            if getattr(first, name) == getattr(other, name):
                return f"evidence from the same {name.removesuffix('_sha256')}, so nothing is compared"
    return next((reason for reason in map(unfit, (first, *others)) if reason), None)


def paired_interval(evidence: Accuracy, reference: Accuracy, samples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mIoU difference, by a paired bootstrap over images (percentile method).

    Images are drawn with replacement; both mIoUs are computed from the same draw, so what is common to both (hard
    and easy images) cancels, as it does not where each has an interval of its own.

    Returns:
        Lower and upper end, mIoU in 0..1.
    """
    count = len(evidence.images)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    rule = evidence.absent_classes
    differences = resampled_miou(draws, evidence, rule) - resampled_miou(draws, reference, rule)
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


def resampled_miou(draws: np.ndarray, evidence: Accuracy, absent_classes: segmentation.AbsentClasses) -> np.ndarray:
    """mIoU of every draw (a row of counts per image), shape (draws,)."""
    diagonals = np.diagonal(evidence.matrices, axis1=1, axis2=2)
    unions = evidence.matrices.sum(axis=1) + evidence.matrices.sum(axis=2) - diagonals
    # Sums of pixel counts stay far below 2^53, so float64 holds them exactly and its product is much the quicker.
    intersection, union = (draws.astype(np.float64) @ side.astype(np.float64) for side in (diagonals, unions))
    with np.errstate(invalid="ignore"):
        iou = np.where(union > 0, intersection / union, np.nan)
    mean: np.ndarray = np.nan_to_num(iou).mean(axis=1) if absent_classes == "zero" else np.nanmean(iou, axis=1)
    return mean
