"""Gates of agreement: label maps of two runs, logits of two programs, preprocessing."""

from __future__ import annotations

import numpy as np

from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import Digests, LogitComparison, Parity
from enet.gates.base import (
    LIMITED,
    ONE_CLASS,
    Check,
    Verdict,
    decide,
    first_reason,
    missing_images,
    named_data_problem,
    no_evidence,
)
from enet.gates.relation import OTHER_BATCH_SIZE, OTHER_DELIVERED_SIZE, RELATIONS, relation_problem

#: Largest share of logits that may lie beside near-ties of a max-pool before a comparison says too little, unless at
#: most ``HARDLY_ANY`` of all differ there. A fault in the export moves nearly all logits, a near-tie a few.
MOST_EXCUSABLE = 0.5
HARDLY_ANY = 0.01


def parity(evidence: Parity, deliverable: Deliverable) -> Verdict:
    """Two runs give the same labels on all but a stated share of pixels, over all images and in each, and the same
    mIoU. Rows of one batch must agree in every pixel.

    Raises:
        ValueError: no relation is known for such a comparison.
    """
    gate = evidence.comparison.replace(" ", "_")
    if gate not in RELATIONS:
        raise ValueError(f"comparison={evidence.comparison!r}, expected one of {', '.join(RELATIONS)}")
    relation = RELATIONS[gate]
    if relation is OTHER_BATCH_SIZE and evidence.first.delivered and evidence.second.delivered:
        relation = OTHER_DELIVERED_SIZE
    problem = relation_problem([evidence.first, evidence.second], relation) or first_reason(
        (evidence.pixels_per_image < 1 or not evidence.images, "no pixel was compared"),
        (evidence.non_finite, f"{evidence.non_finite} images gave logits that are not finite numbers"),
        (evidence.is_single_class, ONE_CLASS),
    )
    if problem:
        return no_evidence(gate, problem)
    limits = deliverable.tolerances
    overall, each = (1.0, 1.0) if relation.exact else (limits.label_agreement, limits.image_agreement)
    worst = int(np.argmax(evidence.differing_pixels))
    least = 1 - evidence.differing_pixels[worst] / evidence.pixels_per_image
    checks = [
        Check(measured=100 * evidence.pixel_agreement, unit="%", low=100 * overall),
        Check(measured=100 * least, unit="%", low=100 * each),
    ]
    sentence = (
        f"{100 * evidence.pixel_agreement:.6g} % of pixels agree ({sum(evidence.differing_pixels)} of "
        f"{evidence.pixels_per_image * len(evidence.images)} differ), expected at least {100 * overall:.6g} %"
    )
    if evidence.differing_pixels[worst]:
        sentence += f"; worst image {evidence.images[worst]} {100 * least:.6g} %, expected at least {100 * each:.6g} %"
    if evidence.miou is not None:
        difference = abs(evidence.miou[0] - evidence.miou[1])
        checks.append(Check(measured=100 * difference, unit="pp", high=100 * limits.batch_miou))
        sentence += f"; mIoU differs by {difference:.3g}, expected at most {limits.batch_miou:.3g}"
    limited = evidence.first.limited or evidence.second.limited
    return decide(gate, checks, sentence, missing_images(evidence.images, evidence.images_expected, limited))


def onnx_logits(evidence: LogitComparison, deliverable: Deliverable) -> Verdict:
    """ONNX and PyTorch give the same numbers, except where a near-tie of a max-pool lets rounding decide."""
    limits, values = deliverable.tolerances, evidence.values
    excused = evidence.over_limit - evidence.over_limit_unexcused
    too_many = evidence.near_tie_share > MOST_EXCUSABLE and excused > HARDLY_ANY * values
    problem = relation_problem([evidence.first, evidence.second]) or first_reason(
        (evidence.non_finite, f"{evidence.non_finite} logits are not finite numbers"),
        (values < 1, "no value was compared"),
        (evidence.limit > limits.logits, f"counted beyond {evidence.limit:.3g}, expected {limits.logits:.3g}"),
        (
            evidence.relative > limits.logits_relative,
            f"counted beyond {evidence.relative:.3g} of the largest, expected {limits.logits_relative:.3g}",
        ),
        (
            too_many,
            f"{100 * evidence.near_tie_share:.3g} % of the values lie beside near-ties of a max-pool and "
            f"{100 * excused / max(values, 1):.3g} % differ there: too few can be compared",
        ),
    )
    if problem:
        return no_evidence("onnx_logits", problem)
    wrong = evidence.over_limit_unexcused
    sentence = (
        f"largest difference {evidence.largest:.3g}, {wrong} of {values} values beyond {evidence.limit:.3g} (or "
        f"{evidence.relative:.3g} of the image's largest), expected none"
    )
    notes = (f"{excused} more beside near-ties of a max-pool, where rounding decides",) if excused else ()
    missing_part = LIMITED if evidence.first.limited or evidence.second.limited else None
    check = Check(measured=wrong, unit="values", high=0)
    return decide("onnx_logits", [check], sentence, missing_part, notes, {"largest": evidence.largest})


def preprocessing(evidence: Digests, deliverable: Deliverable) -> Verdict:
    """The pipeline's input is that of the reference recipe, byte for byte; and both are what the deliverable names."""
    images, named = tuple(evidence.ours), deliverable.dataset.inputs_sha256
    if not images or images != tuple(evidence.theirs):
        return no_evidence("preprocessing", "no images, or not the same ones in the same order, were compared")
    if problem := named_data_problem(evidence.dataset_sha256, images, deliverable):
        return no_evidence("preprocessing", problem)
    wrong = [name for name, digest in evidence.ours.items() if evidence.theirs[name] != digest]
    count = len(evidence.ours)
    sentence = f"{len(wrong)} of {count} images differ from the reference recipe, expected none"
    if wrong:
        sentence += f": {format_list(wrong)}"
    missing_part = missing_images(images, deliverable.dataset.images, evidence.limited)
    checks = [Check(measured=len(wrong), unit=f"of {count}", high=0)]
    if named and not wrong and not missing_part and evidence.inputs_sha256 != named:
        # The reference recipe and the pipeline agree with each other, but not with what they gave before.
        sentence += (
            f"; but all inputs together are {evidence.inputs_sha256[:12]}, expected {named[:12]} of the deliverable"
        )
        checks = [Check(measured=count, unit=f"of {count}", high=0)]
    return decide("preprocessing", checks, sentence, missing_part)
