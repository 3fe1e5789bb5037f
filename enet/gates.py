"""Gates: pure functions from evidence and limits to a verdict. They run no model, read no clock, touch no device.

A gate says PASS, FAIL or NO EVIDENCE. The last means that there is nothing to judge by: too few images, logits that
are no numbers, one class everywhere, a simulated device, evidence that doesn't belong together. It is never a pass.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from enet import scoring
from enet.deliverable import Deliverable
from enet.errors import listing
from enet.evidence import Accuracy, Difference, Digests, Parity, Provenance

#: Share of logits that may lie beside near-ties of a max-pool before a comparison says too little.
MOST_EXCUSABLE = 0.5


class Outcome(enum.Enum):
    PASS = "PASS"
    FAIL = "FAIL"
    NO_EVIDENCE = "NO EVIDENCE"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a gate said, in one sentence, with the numbers that decided it.

    ``incomplete``: there is no evidence only because fewer images than expected were measured.
    """

    gate: str
    outcome: Outcome
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    incomplete: bool = False

    def __str__(self) -> str:
        return f"{self.outcome.value} {self.gate}: {self.sentence}" + "".join(f"; {note}" for note in self.notes)


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
    if reference is not None:
        strange = unrelated([evidence.provenance, reference.provenance]) or different_images(evidence, reference)
        if strange:
            return Verdict(gate="miou", outcome=Outcome.NO_EVIDENCE, sentence=strange)
    return stated_miou("miou", evidence, deliverable, reference)


def stated_miou(gate: str, evidence: Accuracy, deliverable: Deliverable, reference: Accuracy | None = None) -> Verdict:
    """mIoU in percent against the band around the deliverable's figure."""
    problem = unsound(evidence, deliverable)
    if problem:
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=problem)
    stated, measured = deliverable.reference.miou_percent, 100 * evidence.miou
    low, high = band(stated, deliverable.tolerances.miou_relative)
    numbers = {"miou_percent": measured, "low": low, "high": high, "points": measured - stated}
    missing = too_few(evidence.images, evidence.images_expected)
    if missing:
        sentence = f"mIoU {measured:.4f} % of {missing}"
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=numbers, incomplete=True)
    notes = []
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


def class_floor(evidence: Accuracy, reference: Accuracy, deliverable: Deliverable) -> Verdict:
    """No class has lost more IoU than allowed: a mean hides one class that is gone."""
    strange = unrelated([evidence.provenance, reference.provenance]) or different_images(evidence, reference)
    problem = strange or unsound(evidence, deliverable) or unsound(reference, deliverable)
    if problem:
        return Verdict(gate="class_floor", outcome=Outcome.NO_EVIDENCE, sentence=problem)
    ours, theirs = (np.nan_to_num(scoring.iou_per_class(side.matrix)) for side in (evidence, reference))
    worst = int(np.argmin(ours - theirs))
    loss, limit = float(theirs[worst] - ours[worst]), deliverable.tolerances.class_iou
    sentence = (
        f"largest loss {100 * loss:.4f} points of IoU ({evidence.classes[worst]}: {100 * theirs[worst]:.4f} to "
        f"{100 * ours[worst]:.4f} %), should be at most {100 * limit:.4g}"
    )
    return decided("class_floor", loss <= limit, sentence, {"loss": loss, "limit": limit}, evidence)


def parity(evidence: Parity, deliverable: Deliverable, *, exact_batch: bool = False) -> Verdict:
    """Two runs give the same labels on all but a stated share of pixels, and the same mIoU.

    Args:
        exact_batch: also require that both runs are of the same artifact, as for equal rows of one batch.
    """
    gate = evidence.what.replace(" ", "_")
    strange = unrelated([evidence.first, evidence.second])
    if not strange and exact_batch and evidence.first.artifact_sha256 != evidence.second.artifact_sha256:
        strange = "evidence from two artifacts, but should be from one"
    if not strange and (evidence.pixels < 1 or not evidence.images):
        strange = "no pixel was compared"
    if strange:
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=strange)
    limits = deliverable.tolerances
    worst = max(range(len(evidence.images)), key=lambda i: evidence.differing[i])
    sentence = (
        f"{100 * evidence.agreement:.6g} % of pixels agree ({sum(evidence.differing)} of "
        f"{evidence.pixels * len(evidence.images)} differ), should be at least {100 * limits.label_agreement:.6g} %"
    )
    if evidence.differing[worst]:
        sentence += f"; most in {evidence.images[worst]} ({evidence.differing[worst]})"
    numbers = {"agreement": evidence.agreement, "limit": limits.label_agreement}
    ok = evidence.agreement >= limits.label_agreement
    if evidence.miou is not None:
        difference = abs(evidence.miou[0] - evidence.miou[1])
        ok = ok and difference <= limits.batch_miou
        numbers["miou_difference"] = difference
        sentence += f"; mIoU differs by {difference:.3g}, should be at most {limits.batch_miou:.3g}"
    return decided(gate, ok, sentence, numbers, evidence)


def logits(evidence: Difference, deliverable: Deliverable) -> Verdict:
    """ONNX and PyTorch give the same numbers, but where a near-tie of a max-pool lets rounding decide."""
    strange = unrelated([evidence.first, evidence.second])
    if not strange and evidence.non_finite:
        strange = f"{evidence.non_finite} logits are not finite numbers"
    if not strange and evidence.values < 1:
        strange = "no value was compared"
    if not strange and evidence.limit > deliverable.tolerances.logits:
        strange = f"counted beyond {evidence.limit:.3g}, but should be {deliverable.tolerances.logits:.3g}"
    if not strange and evidence.excusable > MOST_EXCUSABLE:
        strange = (
            f"{100 * evidence.excusable:.3g} % of the values lie beside near-ties of a max-pool: too few can be judged"
        )
    if strange:
        return Verdict(gate="logits", outcome=Outcome.NO_EVIDENCE, sentence=strange)
    sentence = (
        f"largest difference {evidence.largest:.3g}, {evidence.unexplained} of {evidence.values} values beyond "
        f"{evidence.limit:.3g}, should be none"
    )
    excused = evidence.beyond - evidence.unexplained
    notes = (f"{excused} more beside near-ties of a max-pool, where rounding decides",) if excused else ()
    numbers = {"largest": evidence.largest, "unexplained": float(evidence.unexplained)}
    outcome = Outcome.PASS if evidence.unexplained == 0 else Outcome.FAIL
    return Verdict(gate="logits", outcome=outcome, sentence=sentence, numbers=numbers, notes=notes)


def preprocessing(evidence: Digests) -> Verdict:
    """The pipeline's input is that of the reference recipe, byte for byte."""
    if not evidence.ours or evidence.ours.keys() != evidence.theirs.keys():
        sentence = "no images, or not the same ones, were compared"
        return Verdict(gate="preprocessing", outcome=Outcome.NO_EVIDENCE, sentence=sentence)
    wrong = [name for name, digest in evidence.ours.items() if evidence.theirs[name] != digest]
    sentence = f"{len(wrong)} of {len(evidence.ours)} images differ from the reference recipe, should be none"
    if wrong:
        sentence += f": {listing(wrong)}"
    outcome = Outcome.FAIL if wrong else Outcome.PASS
    return Verdict(gate="preprocessing", outcome=outcome, sentence=sentence, numbers={"differing": len(wrong)})


def decided(gate: str, ok: bool, sentence: str, numbers: dict[str, float], evidence: Accuracy | Parity) -> Verdict:
    """FAIL at once; PASS only if all expected images were there."""
    missing = too_few(evidence.images, evidence.images_expected)
    if not ok:
        return Verdict(gate=gate, outcome=Outcome.FAIL, sentence=sentence, numbers=numbers)
    if missing:
        sentence = f"{sentence}; {missing}"
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=numbers, incomplete=True)
    return Verdict(gate=gate, outcome=Outcome.PASS, sentence=sentence, numbers=numbers)


def unsound(evidence: Accuracy, deliverable: Deliverable) -> str | None:
    """Why an accuracy measurement can't be judged at all, or None."""
    if evidence.provenance.simulated:
        return "measured on a simulated device"
    if evidence.provenance.deliverable != deliverable.name:
        return f"evidence for {evidence.provenance.deliverable!r}, but should be for {deliverable.name!r}"
    if evidence.non_finite:
        return f"{evidence.non_finite} of {len(evidence.images)} images gave logits that are not finite numbers"
    if len(set(evidence.images)) != len(evidence.images):
        return "an image was counted more than once"
    if len(evidence.images) > evidence.images_expected:
        return f"{len(evidence.images)} images, but should be {evidence.images_expected}"
    if evidence.images_expected != deliverable.dataset.images:
        return f"{evidence.images_expected} images were expected, but should be {deliverable.dataset.images}"
    if (evidence.matrices < 0).any() or not evidence.matrix.sum():
        return "no pixel was scored"
    if len(evidence.classes) > 1 and np.count_nonzero(evidence.matrix.sum(axis=0)) == 1:
        return "one class is predicted everywhere"
    if not math.isfinite(evidence.miou):
        return "mIoU is not a number"
    return None


def too_few(images: tuple[str, ...], expected: int) -> str | None:
    """What is missing, or None."""
    return f"{len(images)} images of {expected} expected" if len(images) < expected else None


def different_images(first: Accuracy, second: Accuracy) -> str | None:
    """Why two runs can't be paired image by image, or None."""
    if first.images != second.images or first.classes != second.classes:
        return "evidence over different images or classes"
    return None


def unrelated(provenances: Iterable[Provenance]) -> str | None:
    """Why pieces of evidence don't belong together, or None."""
    first, *others = provenances
    for other in others:
        for name in ("deliverable", "weights_sha256", "dataset_sha256", "preprocessing_sha256"):
            mine, theirs = getattr(first, name), getattr(other, name)
            if mine != theirs:
                what = name.removesuffix("_sha256")
                return f"evidence from different {what} ({mine[:12]} and {theirs[:12]}): measure both anew"
    if any(provenance.simulated for provenance in (first, *others)):
        return "measured on a simulated device"
    return None


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


def resampled_miou(draws: np.ndarray, evidence: Accuracy, absent_classes: scoring.AbsentClasses) -> np.ndarray:
    """mIoU of every draw (a row of counts per image), shape (draws,)."""
    diagonals = np.diagonal(evidence.matrices, axis1=1, axis2=2)
    unions = evidence.matrices.sum(axis=1) + evidence.matrices.sum(axis=2) - diagonals
    # Sums of pixel counts stay far below 2^53, so float64 holds them exactly and its product is much the quicker.
    intersection, union = (draws.astype(np.float64) @ side.astype(np.float64) for side in (diagonals, unions))
    with np.errstate(invalid="ignore"):
        iou = np.where(union > 0, intersection / union, np.nan)
    mean: np.ndarray = np.nan_to_num(iou).mean(axis=1) if absent_classes == "zero" else np.nanmean(iou, axis=1)
    return mean
