"""Gates of speed on this machine, by interleaved times: faster, slower, or too noisy to decide."""

from __future__ import annotations

from dataclasses import replace

from enet.deliverable import Deliverable
from enet.evidence import Speed
from enet.gates.base import Check, Outcome, Verdict, first_reason, no_evidence, provenance_problem
from enet.metrics.latency import BUSY, CONFIDENCE, UNSTABLE, Ratio

#: Fewest rounds that an interval is taken from.
MIN_ROUNDS = 3


def speedup(evidence: Speed, deliverable: Deliverable) -> Verdict:
    """The artifact is at least so many times as fast as the checkpoint in PyTorch, in the same run.

    PASS and FAIL need the whole interval on one side of the limit; otherwise NO EVIDENCE.
    """
    words = f"{rate(evidence)} is {in_words(evidence.ratio)} {evidence.reference.backend}'s"
    return compare("speedup", evidence.ratio, deliverable.tolerances.speedup, words, evidence, deliverable)


def int8_speedup(evidence: Speed, deliverable: Deliverable) -> Verdict:
    """An INT8 artifact is at least so many times as fast as a float32 one of the same batch size, in the same run: if
    not, the accuracy it costs buys nothing."""
    words = f"{rate(evidence)} in INT8 is {in_words(evidence.ratio)} {evidence.reference.backend}'s in float32"
    limit = deliverable.tolerances.int8_speedup
    verdict = compare("int8_speedup", evidence.ratio, limit, words, evidence, deliverable)
    if (evidence.provenance.precision, evidence.reference.precision) != ("int8", "fp32"):
        return no_evidence("int8_speedup", f"not INT8 against float32; {words}", verdict.check)
    if verdict.outcome is not Outcome.PASS and evidence.conditions.get("int8_instructions") == []:
        return replace(verdict, notes=(*verdict.notes, "this CPU has no instructions for INT8, such as VNNI"))
    return verdict


def regression(evidence: Speed, earlier: Ratio | None, deliverable: Deliverable) -> Verdict:
    """No slower than in an earlier run: both as multiples of the checkpoint in PyTorch, so that a machine that is
    slower today does not matter. The two runs' intervals are combined.

    Args:
        earlier: the earlier run's factor; None if it has none for this case.
    """
    if earlier is None:
        return no_evidence("regression", "the earlier run has no figure for this case: record one there")
    now = evidence.ratio
    change = Ratio(now.value / earlier.value, now.low / earlier.high, now.high / earlier.low)
    words = (
        f"{now.value:.4g}x {evidence.reference.backend}'s at batch {evidence.batch_size}, earlier "
        f"{earlier.value:.4g}x: {in_words(change)} of that"
    )
    return compare("regression", change, 1 - deliverable.tolerances.slowdown, words, evidence, deliverable)


def compare(gate: str, ratio: Ratio, limit: float, words: str, evidence: Speed, deliverable: Deliverable) -> Verdict:
    """PASS or FAIL if the whole interval of the ratio is on one side of the limit, otherwise NO EVIDENCE."""
    check, sentence = Check(measured=ratio.value, unit="x", low=limit), f"{words}, expected at least {limit:g}x"
    if problem := speed_problem(evidence, deliverable):
        return no_evidence(gate, f"{problem}; {sentence}", check)
    outcome = Outcome.PASS if ratio.low >= limit else Outcome.FAIL if ratio.high < limit else Outcome.NO_EVIDENCE
    if outcome is Outcome.NO_EVIDENCE:
        sentence = f"too noisy to decide: {sentence}"
    numbers = {"ratio_low": ratio.low, "ratio_high": ratio.high}
    return Verdict(
        gate=gate, outcome=outcome, sentence=sentence, check=check, numbers=numbers, notes=run_notes(evidence)
    )


def speed_problem(evidence: Speed, deliverable: Deliverable) -> str | None:
    """Return the reason why the times cannot be used, or None."""
    ours, theirs, rounds = evidence.provenance, evidence.reference, len(evidence.times.rounds)
    return provenance_problem(ours) or first_reason(
        (ours.deliverable != deliverable.name, f"evidence for {ours.deliverable!r}, expected {deliverable.name!r}"),
        (ours.weights_sha256 != theirs.weights_sha256, "the two sides are of different weights"),
        (ours.batch_size != theirs.batch_size, "the two sides are of different batch sizes"),
        (rounds < MIN_ROUNDS, f"{rounds} rounds, expected at least {MIN_ROUNDS}"),
    )


def rate(evidence: Speed) -> str:
    return f"{evidence.images_per_second:.4g} images/s at batch {evidence.batch_size}"


def in_words(ratio: Ratio) -> str:
    return f"{ratio.value:.4g}x ({100 * CONFIDENCE:g} % CI {ratio.low:.4g}x to {ratio.high:.4g}x)"


def run_notes(evidence: Speed) -> tuple[str, ...]:
    """What belongs beside the figure: tail latency, and signs of a noisy machine."""
    load = max(evidence.conditions.get("busy_before") or 0.0, evidence.conditions.get("busy_after") or 0.0)
    variation = evidence.times.variation
    notes = (
        (True, f"p99 {1000 * evidence.times.latency(99):.4g} ms"),
        (load > BUSY, f"others used {100 * load:.0f} % of the CPU"),
        (variation > 4 * UNSTABLE, f"rounds vary by {100 * variation:.0f} %"),
    )
    return tuple(note for holds, note in notes if holds)
