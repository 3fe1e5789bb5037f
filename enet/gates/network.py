"""Gate of the network's source: it gives logits that were recorded before."""

from __future__ import annotations

from enet.deliverable import Deliverable, Tolerances
from enet.evidence import GoldenLogits
from enet.gates.base import Check, Verdict, decide, first_reason, no_evidence

#: Number of logits that ``enet deliverables pin`` records; fewer say too little.
LEAST = 512


def network(evidence: GoldenLogits, deliverable: Deliverable) -> Verdict:
    """PyTorch gives the recorded logits: of the variant with weights by formula, and of the deliverable's checkpoint if
    the deliverable names a file with them. The limits are the defaults of ``onnx_logits``; a deliverable cannot loosen
    them, as the source is no part of it."""
    compared, named = evidence.comparisons, deliverable.network.golden
    limit, relative = Tolerances.logits, Tolerances.logits_relative
    fewest = min((each.values for each in compared), default=0)
    others = [
        f"{each.name} is of the weights {each.golden_weights_sha256[:12]}, but run were {each.weights_sha256[:12]}"
        for each in compared
        if each.weights_sha256 != each.golden_weights_sha256
    ]
    problem = first_reason(
        (evidence.deliverable != deliverable.name, f"evidence for {evidence.deliverable!r}"),
        (evidence.variant != deliverable.network.name, f"evidence for the network {evidence.variant!r}"),
        (evidence.limit > limit or evidence.relative > relative, f"counted beyond {evidence.limit:.3g}"),
        (fewest < LEAST, f"{fewest} logits were compared, expected at least {LEAST}"),
        (named and not any(each.golden_weights_sha256 for each in compared), f"{named} was not compared"),
        (others, "; ".join(others)),
    )
    if problem:
        return no_evidence("network", problem)
    wrong, values = (sum(getattr(each, name) for each in compared) for name in ("over_limit", "values"))
    largest = max(each.largest for each in compared)
    sentence = (
        f"largest difference {largest:.3g} to the recorded logits of {' and '.join(each.name for each in compared)}, "
        f"{wrong} of {values} values beyond {limit:.3g} (or {relative:.3g} of the largest), expected none"
    )
    check = Check(measured=wrong, unit="values", high=0)
    return decide("network", [check], sentence, numbers={"largest": largest})
