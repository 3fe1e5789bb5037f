"""Gates of agreement: label maps of two runs, logits of two programs, preprocessing."""

from __future__ import annotations

import numpy as np

from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import Digests, LogitComparison, Parity
from enet.gates.base import LIMITED, Outcome, Verdict, decide, missing_images
from enet.gates.relation import RELATIONS, relation_problem

#: Share of logits that may lie beside near-ties of a max-pool before a comparison says too little; unless hardly any
#: of them made use of it. A fault in the export moves nearly all logits, a near-tie a few.
MOST_EXCUSABLE = 0.5


HARDLY_ANY = 0.01


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
    strange = relation_problem([evidence.first, evidence.second], relation)
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
    worst = int(np.argmax(evidence.differing_pixels))
    least = 1 - evidence.differing_pixels[worst] / evidence.pixels
    sentence = (
        f"{100 * evidence.agreement:.6g} % of pixels agree ({sum(evidence.differing_pixels)} of "
        f"{evidence.pixels * len(evidence.images)} differ), should be at least {100 * overall:.6g} %"
    )
    if evidence.differing_pixels[worst]:
        sentence += f"; worst image {evidence.images[worst]} {100 * least:.6g} %, should be at least {100 * each:.6g} %"
    numbers = {"agreement": evidence.agreement, "limit": overall, "worst_image": least, "worst_image_limit": each}
    ok = evidence.agreement >= overall and least >= each
    if evidence.miou is not None:
        difference = abs(evidence.miou[0] - evidence.miou[1])
        ok = ok and difference <= limits.batch_miou
        numbers["miou_difference"] = difference
        sentence += f"; mIoU differs by {difference:.3g}, should be at most {limits.batch_miou:.3g}"
    limited = evidence.first.limited or evidence.second.limited
    return decide(gate, ok, sentence, numbers, missing_images(evidence.images, evidence.images_expected, limited))


def onnx_logits(evidence: LogitComparison, deliverable: Deliverable) -> Verdict:
    """ONNX and PyTorch give the same numbers, but where a near-tie of a max-pool lets rounding decide."""
    strange = relation_problem([evidence.first, evidence.second])
    if not strange and evidence.non_finite:
        strange = f"{evidence.non_finite} logits are not finite numbers"
    if not strange and evidence.values < 1:
        strange = "no value was compared"
    limits = deliverable.tolerances
    for found, stated in ((evidence.limit, limits.logits), (evidence.relative, limits.logits_relative)):
        if not strange and found > stated:
            strange = f"counted beyond {found:.3g}, but should be {stated:.3g}"
    excused = evidence.over_limit - evidence.over_limit_unexcused
    if not strange and evidence.near_tie_share > MOST_EXCUSABLE and excused > HARDLY_ANY * evidence.values:
        strange = (
            f"{100 * evidence.near_tie_share:.3g} % of the values lie beside near-ties of a max-pool, and "
            f"{100 * excused / evidence.values:.3g} % differ there: too few can be judged"
        )
    if strange:
        return Verdict(gate="logits", outcome=Outcome.NO_EVIDENCE, sentence=strange)
    sentence = (
        f"largest difference {evidence.largest:.3g}, {evidence.over_limit_unexcused} of {evidence.values} values "
        f"beyond "
        f"{evidence.limit:.3g} (or {evidence.relative:.3g} of the image's largest), should be none"
    )
    notes = (f"{excused} more beside near-ties of a max-pool, where rounding decides",) if excused else ()
    numbers = {"largest": evidence.largest, "over_limit_unexcused": float(evidence.over_limit_unexcused)}
    missing = LIMITED if evidence.first.limited else None
    return decide("logits", evidence.over_limit_unexcused == 0, sentence, numbers, missing, notes)


def preprocessing(evidence: Digests) -> Verdict:
    """The pipeline's input is that of the reference recipe, byte for byte."""
    if not evidence.ours or evidence.ours.keys() != evidence.theirs.keys():
        sentence = "no images, or not the same ones, were compared"
        return Verdict(gate="preprocessing", outcome=Outcome.NO_EVIDENCE, sentence=sentence)
    wrong = [name for name, digest in evidence.ours.items() if evidence.theirs[name] != digest]
    sentence = f"{len(wrong)} of {len(evidence.ours)} images differ from the reference recipe, should be none"
    if wrong:
        sentence += f": {format_list(wrong)}"
    missing = missing_images(tuple(evidence.ours), evidence.images_expected, evidence.limited)
    return decide("preprocessing", not wrong, sentence, {"differing_pixels": float(len(wrong))}, missing)
