"""Gates of speed on the machine at hand, by times taken in turn: faster, slower, or too noisy to tell."""

from __future__ import annotations

from dataclasses import replace

from enet.deliverable import Deliverable
from enet.evidence import Speed
from enet.gates.base import Outcome, Verdict, provenance_problem
from enet.metrics.latency import BUSY, CONFIDENCE, UNSTABLE, Ratio


def speedup(evidence: Speed, deliverable: Deliverable) -> Verdict:
    """The artifact is so many times as fast as the checkpoint in PyTorch, in the same run.

    PASS and FAIL need the whole interval on one side of the limit; else it is too noisy to tell, NO EVIDENCE.
    """
    limit, ratio = deliverable.tolerances.speedup, evidence.ratio
    sentence = (
        f"{evidence.images_per_second:.4g} images/s at batch {evidence.batch_size} is {interval(ratio)} "
        f"{over(evidence)}, should be at least {limit:g} x"
    )
    if problem := mismatch(evidence, deliverable):
        return Verdict(gate="speedup", outcome=Outcome.NO_EVIDENCE, sentence=f"{problem}; {sentence}")
    return verdict("speedup", ratio, limit, sentence, evidence)


def int8_speedup(evidence: Speed, deliverable: Deliverable) -> Verdict:
    """An INT8 artifact is so many times as fast as a float32 one of the same batch size, in the same run: else the
    accuracy it costs buys nothing."""
    limit, ratio = deliverable.tolerances.int8_speedup, evidence.ratio
    sentence = (
        f"{evidence.images_per_second:.4g} images/s at batch {evidence.batch_size} in INT8 is {interval(ratio)} "
        f"{over(evidence)} in float32, should be at least {limit:g} x"
    )
    problem = mismatch(evidence, deliverable)
    if not problem and (evidence.provenance.precision, evidence.baseline.precision) != ("int8", "fp32"):
        problem = "not INT8 against float32"
    if problem:
        return Verdict(gate="int8_speedup", outcome=Outcome.NO_EVIDENCE, sentence=f"{problem}; {sentence}")
    judged = verdict("int8_speedup", ratio, limit, sentence, evidence)
    if judged.outcome is not Outcome.PASS and evidence.conditions.get("int8_instructions") == []:
        return replace(judged, notes=(*judged.notes, "this processor has no instructions for it, such as VNNI"))
    return judged


def regression(evidence: Speed, earlier: Ratio, deliverable: Deliverable) -> Verdict:
    """No slower than in an earlier run: both as multiples of the checkpoint in PyTorch, so that a machine that is
    slower today doesn't matter. The two runs' intervals are taken together."""
    least = 1 - deliverable.tolerances.slowdown
    now = evidence.ratio
    change = Ratio(now.value / earlier.value, now.low / earlier.high, now.high / earlier.low)
    sentence = (
        f"{now.value:.4g} x {over(evidence)} at batch {evidence.batch_size}, earlier {earlier.value:.4g} x: "
        f"{interval(change)} of that, should be at least {least:g} x"
    )
    if problem := mismatch(evidence, deliverable):
        return Verdict(gate="regression", outcome=Outcome.NO_EVIDENCE, sentence=f"{problem}; {sentence}")
    return verdict("regression", change, least, sentence, evidence)


def verdict(gate: str, ratio: Ratio, limit: float, sentence: str, evidence: Speed) -> Verdict:
    outcome = Outcome.PASS if ratio.low >= limit else Outcome.FAIL if ratio.high < limit else Outcome.NO_EVIDENCE
    if outcome is Outcome.NO_EVIDENCE:
        sentence = f"too noisy to tell: {sentence}"
    found = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high, "limit": limit}
    return Verdict(gate=gate, outcome=outcome, sentence=sentence, numbers=found, notes=tuple(notes(evidence)))


def mismatch(evidence: Speed, deliverable: Deliverable) -> str | None:
    """Why the times can't be judged, or None."""
    ours, theirs = evidence.provenance, evidence.baseline
    reasons = (
        (ours.deliverable != deliverable.name, f"evidence for {ours.deliverable!r}, not for {deliverable.name!r}"),
        (ours.weights_sha256 != theirs.weights_sha256, "the two sides are of different weights"),
        (ours.batch_size != theirs.batch_size, "the two sides are of different batch sizes"),
        (len(evidence.times.rounds) < 3, f"{len(evidence.times.rounds)} rounds, should be at least 3"),
    )
    return provenance_problem(ours) or next((reason for is_so, reason in reasons if is_so), None)


def interval(ratio: Ratio) -> str:
    return f"{ratio.value:.4g} x ({100 * CONFIDENCE:g} %: {ratio.low:.4g} .. {ratio.high:.4g})"


def over(evidence: Speed) -> str:
    return f"{evidence.baseline.backend}'s"


def notes(evidence: Speed) -> list[str]:
    """What belongs beside the figure: tail latency, and what speaks against it."""
    found = [f"p99 {1000 * evidence.times.latency(99):.4g} ms"]
    busy = max(evidence.conditions.get("busy_before") or 0.0, evidence.conditions.get("busy_after") or 0.0)
    if busy > BUSY:
        found.append(f"others used {100 * busy:.0f} % of the processor")
    if evidence.times.variation > 4 * UNSTABLE:
        found.append(f"rounds vary by {100 * evidence.times.variation:.0f} %")
    return found
