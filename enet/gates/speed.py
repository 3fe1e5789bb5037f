"""Gates of speed on this machine, by interleaved times: faster, slower, or too noisy to decide."""

from __future__ import annotations

from dataclasses import replace

from enet.backends.registry import REFERENCE
from enet.deliverable import Deliverable
from enet.errors import format_list
from enet.evidence import RecordedSpeed, Speed
from enet.gates.base import (
    Check,
    Outcome,
    Verdict,
    first_reason,
    informational,
    no_evidence,
    provenance_problem,
    subject_problem,
)
from enet.metrics.latency import BUSY, CONFIDENCE, UNSTABLE, Ratio

#: Fewest rounds that an interval is taken from.
MIN_ROUNDS = 3

#: Fraction of a recorded speed below which it is another one. Doing everything twice gives 0.5. A sound artifact gave
#: 0.7 at worst, at batch 8 while others used 80 % of the CPU.
OTHER_SPEED = 0.6

#: Fraction of its threads' time above which the reference slept. A race computes; the last thread of a round leaves the
#: others idle for a while.
IDLE = 0.3

#: Smallest fraction of an image's pixels that agree with the reference's labels for the same input, by precision. Only
#: results of another input are to be noticed here; the gates of accuracy judge the rest. INT8 agreed in 99.2 % at
#: least, labels of another image in 70 % at most (scenes, CamVid).
SAME_INPUT = {"fp32": 0.99}
SAME_INPUT_ROUNDED = 0.8


def speedup(evidence: Speed, deliverable: Deliverable, *, held: bool = True) -> Verdict:
    """The artifact is at least so many times as fast as the checkpoint in PyTorch, in the same run.

    PASS and FAIL need the whole interval on one side of the limit; otherwise NO EVIDENCE. INFO without the checkpoint.

    Args:
        held: ``regression`` holds the speed to a recorded one, too; otherwise a note says that this limit is all.
    """
    words = f"{rate(evidence)} is {in_words(evidence.ratio)} {evidence.reference.backend}'s"
    if evidence.reference.backend != REFERENCE:  # a ratio to the delivered file itself, in a session as users open it
        told = f"{words} in a default session; without the checkpoint there is no limit"
        problem = speed_problem(evidence, deliverable)
        return no_evidence("speedup", f"{problem}; {words}") if problem else informational("speedup", told)
    verdict = compare("speedup", evidence.ratio, deliverable.tolerances.speedup, words, evidence, deliverable)
    return verdict if held else replace(verdict, notes=(*verdict.notes, NOT_HELD))


#: Note of a verdict that no recorded speed stands beside.
NOT_HELD = "held to no recorded speed: none is stated for this kind of machine"


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


def regression(
    evidence: Speed, earlier: RecordedSpeed | None, deliverable: Deliverable, *, shipped: bool = False
) -> Verdict:
    """No slower than in an earlier run: both as multiples of the checkpoint in PyTorch, so that a machine that is
    slower today does not matter. The two runs' intervals are combined.

    A factor passes only if neither side's images/s, without the time that threads waited for the CPU, is below
    ``OTHER_SPEED`` of the recorded ones: a reference that was slowed down makes any artifact fast. A factor lost while
    threads waited is NO EVIDENCE, and so is any with several workers: records are of all cores.

    Args:
        earlier: the earlier run's speed; None if it has none for this case.
        shipped: the earlier run was on another machine of this kind, so it is held to ``OTHER_SPEED`` alone.
    """
    if earlier is None:
        return no_evidence("regression", "the earlier run has no figure for this case: record one there")
    change = evidence.ratio.over(earlier.ratio)
    words = (
        f"{evidence.ratio.value:.4g}x {evidence.reference.backend}'s at batch {evidence.batch_size}, earlier "
        f"{earlier.ratio.value:.4g}x: {in_words(change)} of that"
    )
    verdict = compare("regression", change, kept(deliverable, shipped=shipped), words, evidence, deliverable)
    if (workers := evidence.conditions.get("workers") or 1) > 1:
        problem = f"{workers} workers share the cores that the record was made on: run without -n"
        return no_evidence("regression", f"{problem}; {verdict.sentence}", verdict.check)
    alone = {
        evidence.reference.backend: evidence.record.reference.over(earlier.reference),
        f"the artifact ({evidence.provenance.backend})": evidence.record.artifact.over(earlier.artifact),
    }
    usual = kept(deliverable)
    slower = tuple(f"{side} at {in_words(r)} of its recorded images/s" for side, r in alone.items() if r.high < usual)
    verdict = replace(verdict, notes=(*verdict.notes, *slower))
    if verdict.outcome is Outcome.PASS and any(each.high < OTHER_SPEED for each in alone.values()):
        problem = f"images/s fell below {OTHER_SPEED:g} of the recorded ones, which says nothing good of the factor"
        return replace(verdict, outcome=Outcome.NO_EVIDENCE, sentence=f"{problem}; {verdict.sentence}")
    if verdict.outcome is Outcome.FAIL and evidence.waited > BUSY:
        problem = f"{waiting(evidence)}, measure again on an idle machine"
        return replace(verdict, outcome=Outcome.NO_EVIDENCE, sentence=f"{problem}; {verdict.sentence}")
    return verdict


def kept(deliverable: Deliverable, *, shipped: bool = False) -> float:
    """Fraction of a recorded factor that must be kept."""
    return OTHER_SPEED if shipped else 1 - deliverable.tolerances.slowdown


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
    ours, theirs = evidence.provenance, evidence.reference
    rounds = min(len(evidence.times.rounds), len(evidence.reference_times.rounds))
    return (
        subject_problem(ours, deliverable)
        or provenance_problem(theirs)
        or first_reason(
            (ours.weights_sha256 != theirs.weights_sha256, "the two sides are of different weights"),
            (ours.batch_size != theirs.batch_size, "the two sides are of different batch sizes"),
            (rounds < MIN_ROUNDS, f"{rounds} rounds, expected at least {MIN_ROUNDS}"),
        )
        or outputs_problem(evidence, deliverable)
        or reference_problem(evidence)
    )


def outputs_problem(evidence: Speed, deliverable: Deliverable) -> str | None:
    """Return what is wrong with the outputs of the timed executions, or None."""
    found, precision = evidence.outputs, evidence.provenance.precision
    if found is None or not (found.compared and found.repeated):
        return "the outputs of the timed executions were not checked"
    same, floor = deliverable.tolerances.image_agreement, SAME_INPUT.get(precision, SAME_INPUT_ROUNDED)
    untimed = f"a timed execution gave other labels than the artifact untimed ({100 * found.repeat_agreement:.6g} %"
    theirs = f"a timed execution gave labels of another input than {evidence.reference.backend}'s ("
    return first_reason(
        (found.repeat_agreement < same, f"{untimed} of an image's pixels agree, expected {100 * same:g} %)"),
        (found.agreement < floor, f"{theirs}{100 * found.agreement:.6g} % of an image's pixels agree)"),
    )


def reference_problem(evidence: Speed) -> str | None:
    """Return what makes the reference slower than it is on this CPU, or None."""
    conditions = evidence.conditions
    engine, flags = conditions.get("reference_engine") or {}, conditions.get("vector_flags") or []
    variables, in_use = conditions.get("limits_reference") or [], engine.get("cpu_capability")
    hooks, idle = engine.get("hooks") or [], conditions.get("idle_reference") or 0.0
    return first_reason(
        (bool(variables), f"{', '.join(variables)} may slow {evidence.reference.backend} down: unset it"),
        (in_use == "DEFAULT" and "avx2" in flags, "PyTorch does not use this CPU's AVX2"),
        (engine.get("onednn") is False, "PyTorch runs without oneDNN"),
        (engine.get("deterministic") is True, "PyTorch may only use deterministic algorithms"),
        (bool(hooks), f"{format_list(hooks, first=2)} of PyTorch's modules run in every call: remove these hooks"),
        (idle > IDLE, f"{evidence.reference.backend} slept {100 * idle:.0f} % of its time: find out what it waits for"),
    )


def rate(evidence: Speed) -> str:
    return f"{evidence.images_per_second:.4g} images/s at batch {evidence.batch_size}"


def in_words(ratio: Ratio) -> str:
    return f"{ratio.value:.4g}x ({100 * CONFIDENCE:g} % CI {ratio.low:.4g}x to {ratio.high:.4g}x)"


def waiting(evidence: Speed) -> str:
    return f"threads waited {100 * evidence.waited:.0f} % of their time for the CPU"


def run_notes(evidence: Speed) -> tuple[str, ...]:
    """What belongs beside the figure: tail latency, and signs of a noisy machine."""
    variation, preloaded = evidence.times.variation, (evidence.conditions.get("environment") or {}).get("LD_PRELOAD")
    notes = (
        (True, f"p99 {1000 * evidence.times.latency(99):.4g} ms"),
        (evidence.waited > BUSY, waiting(evidence)),
        (variation > 4 * UNSTABLE, f"rounds vary by {100 * variation:.0f} %"),
        (bool(preloaded), f"LD_PRELOAD={preloaded} may change either side's speed"),
    )
    return tuple(note for holds, note in notes if holds)
