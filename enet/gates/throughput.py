"""Gates of throughput against recorded baselines, by the baselines' own formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from enet.deliverable import Deliverable, ThroughputLimit, baselines, chips
from enet.deliverable.baselines import BEST, BatchKey
from enet.errors import format_list
from enet.evidence import Throughput
from enet.gates.base import (
    LIMITED,
    Check,
    Outcome,
    Verdict,
    decide,
    first_reason,
    informational,
    no_evidence,
    subject_problem,
)

#: Change of speed within a run, as a fraction, above which it is reported: a device that keeps its clock stays within
#: a few percent.
DRIFT = 0.1

NO_BASELINE = "no recorded baseline is of this network"


def throughput(evidence: Throughput, deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """At its batch size, one device reaches the required factor, and its figures agree with each other.

    Contradictory figures FAIL. A simulated, busy or unhealthy device, input that was all zero, an unknown batch size or
    device, another model and times of no clock are NO EVIDENCE. So is a pass over too few or other images, and a rate
    beyond what the chip can compute.
    """
    limit, words = deliverable.throughput, evidence.provenance.missing_reason or in_words(evidence)
    rate = Check(measured=evidence.images_per_second, unit="images/s")
    if evidence.contradictions:
        sentence = f"contradictory record: {format_list(evidence.contradictions, first=2)}; {words}"
        return Verdict(gate="throughput", outcome=Outcome.FAIL, sentence=sentence, check=rate)
    if limit is None or evidence.tool != "ais_bench":
        reason = NO_BASELINE if limit is None else f"no limit applies to {evidence.tool}"
        return informational("throughput", f"{words}; {reason}", rate)
    if problem := throughput_problem(evidence, deliverable):
        sentence = problem if evidence.provenance.missing_reason else f"{problem}; {words}"
        return no_evidence("throughput", sentence, rate if math.isfinite(rate.measured) else None)
    missing_part, notes = missing_for_pass(evidence, deliverable, limit), run_notes(evidence)
    verdict = compare_with_baseline("throughput", rate.measured, evidence.batch_size, limit, table, missing_part, notes)
    return replace(verdict, caveats=evidence.caveats)


def best_batch(evidence: Sequence[Throughput], deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """The best of all batch sizes reaches the required factor over the baseline's best.

    Falling short is a FAIL only if every batch size that the baseline has was measured: another could be better.
    """
    gate, limit = "best_batch", deliverable.throughput
    if limit is None:
        return informational(gate, NO_BASELINE)
    if problem := mixture_problem(evidence):
        return no_evidence(gate, problem)
    problems = [(*run.contradictions, throughput_problem(run, deliverable)) for run in evidence]
    usable = [run for run, reasons in zip(evidence, problems, strict=True) if not any(reasons)]
    if not usable:
        reason = next((reason for reasons in problems for reason in reasons if reason), "nothing was measured")
        return no_evidence(gate, f"no batch size can be compared: {reason}")
    best = max(usable, key=lambda run: run.images_per_second)
    measured = {run.batch_size for run in usable}
    unmeasured = [size for size in table.column(limit.baseline).batch_sizes if size not in measured]
    notes, missing_part = [f"best at batch {best.batch_size}"], missing_for_pass(best, deliverable, limit)
    verdict = compare_with_baseline(gate, best.images_per_second, BEST, limit, table, missing_part, notes)
    if verdict.outcome is Outcome.FAIL and unmeasured:
        sentence = f"{verdict.sentence}; not measured: batch {', '.join(map(str, unmeasured))}"
        return no_evidence(gate, sentence, verdict.check)
    return replace(verdict, caveats=best.caveats)


def model_directory(evidence: Sequence[Throughput], deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """The directory that the guide's rule files a model with these figures under; information without a limit."""
    gate, rule, limit = "model_directory", table.directory, deliverable.throughput
    if limit is None:
        return informational(gate, NO_BASELINE)
    if problem := mixture_problem(evidence):
        return informational(gate, problem)
    usable = [run for run in evidence if not run.contradictions and not throughput_problem(run, deliverable)]
    rates = {run.batch_size: run.images_per_second for run in usable if not missing_for_pass(run, deliverable, limit)}
    required = f"batch {' and '.join(map(str, rule.batch_sizes))} at {rule.at_least:g}x the {rule.over} or more"
    if unmeasured := [str(size) for size in rule.batch_sizes if size not in rates]:
        sentence = f"{rule.name} requires {required}; no evidence for batch {', '.join(unmeasured)}"
        return informational(gate, sentence)
    filed = table.filed_under(rates) == rule.name
    return informational(gate, f"{'' if filed else 'not '}filed under {rule.name}, which requires {required}")


def recorded(name: str, batch: BatchKey, limit: ThroughputLimit, table: baselines.Table) -> Verdict:
    """A recorded column against the baseline, at one batch size or at the best of each."""
    rate = table.column(name).at(batch)
    if rate is None:
        return informational("recorded", f"{name} has no figure at {baselines.title(batch)}")
    return compare_with_baseline("recorded", rate, batch, limit, table)


def compare_with_baseline(
    gate: str,
    rate: float,
    batch: BatchKey,
    limit: ThroughputLimit,
    table: baselines.Table,
    missing_part: str | None = None,
    notes: Sequence[str] = (),
) -> Verdict:
    """A rate in images/s over the baseline's at that batch size; without a baseline there, information."""
    over = table.column(limit.baseline).at(batch)
    where = "at the best batch of each" if batch == BEST else f"at batch {batch}"
    if over is None:
        sentence = f"{rate:.6g} images/s {where}; no {limit.baseline} baseline there"
        return informational(gate, sentence, Check(measured=rate, unit="images/s"))
    check = Check(measured=rate / over, unit="x", low=limit.at_least)
    sentence = (
        f"{rate:.6g} images/s {where} is {check.measured:.4g}x the {limit.baseline}'s {over:.6g}, expected at least "
        f"{limit.at_least:g}x [{limit.source}]"
    )
    return decide(gate, [check], sentence, missing_part, notes, {"images_per_second": rate, "baseline": over})


def throughput_problem(evidence: Throughput, deliverable: Deliverable) -> str | None:
    """Return the reason why a run cannot be used, however fast it was, or None."""
    limit, where = deliverable.throughput, evidence.provenance
    required = limit.chip if limit else ""
    return subject_problem(where, deliverable) or first_reason(
        (required and where.chip not in ("", required), f"measured on a {where.chip}, expected a {required}"),
        (evidence.zero_input, "run over zeros, not over the data set: speed on images is unknown"),
        (evidence.batch_size < 1, "the model's batch size is unknown: add the ais_bench console output"),
        (evidence.batch_ambiguity, evidence.batch_ambiguity),
        (not math.isfinite(evidence.images_per_second), "no execution was timed"),
        (evidence.problems, format_list(evidence.problems, first=2)),
    )


def mixture_problem(evidence: Sequence[Throughput]) -> str | None:
    """Return the reason why runs cannot be compared as those of one artifact on one kind of device, or None."""
    measured = [run for run in evidence if not run.provenance.missing_reason]
    for what, values in (
        ("backend", {run.provenance.backend for run in measured}),
        ("chip", {run.provenance.chip for run in measured} - {""}),
    ):
        if len(values) > 1:
            return f"evidence of several {what}s is mixed: {', '.join(sorted(values))}"
    return None


def missing_for_pass(evidence: Throughput, deliverable: Deliverable, limit: ThroughputLimit) -> str | None:
    """Return what a pass would lack, or None: images, the name of the device, or a rate that the device can reach."""
    tail = evidence.batch_size - 1 if evidence.tail_dropped else 0
    if evidence.images + tail < evidence.images_expected:
        return f"{evidence.images_expected - evidence.images} of {evidence.images_expected} images missing"
    if not evidence.provenance.chip:
        return f"the device is not recorded: add the output of npu-smi info, or give --soc-version Ascend{limit.chip}"
    if evidence.gaps:
        return format_list(evidence.gaps, first=2)
    if evidence.provenance.limited:
        return LIMITED
    bound, reason = chips.largest_rate(deliverable, evidence.provenance.chip)
    fastest = max(evidence.device_images_per_second(timing.typical) for timing in evidence.device_timings)
    return f"no {limit.chip} can exceed {bound:.0f} images/s: {reason}" if fastest > bound else None


def in_words(evidence: Throughput) -> str:
    """Rate, batch size and mean time in words."""
    size = evidence.batch_size or "unknown"
    return f"{evidence.images_per_second:.6g} images/s at batch {size}, mean compute {evidence.mean_ms:.6g} ms"


def run_notes(evidence: Throughput) -> list[str]:
    """What belongs beside the figure: source of the batch size, wall clock, several devices."""
    notes = [f"batch from {evidence.batch_size_source}"]
    if len(evidence.device_timings) > 1:
        rates = [(each.device, evidence.device_images_per_second(each.mean)) for each in evidence.device_timings]
        words = ", ".join(f"device {device} {rate:.6g}" for device, rate in rates)
        notes.append(f"mean of {len(rates)} devices: {words} images/s")
    if abs(evidence.drift) > DRIFT:
        change = "slowed down" if evidence.drift > 0 else "sped up"
        notes.append(f"the second half of the run took {100 * evidence.drift:+.0f} %: the device {change}")
    if evidence.wall_images_per_second is not None:
        several = ", all devices together" if len(evidence.device_timings) > 1 else ""
        notes.append(f"{evidence.wall_images_per_second:.6g} images/s by the clock{several}")
    if not all(each.compute_ms for each in evidence.device_timings):
        notes.append("by the recorded mean: this version of the tool keeps no raw times")
    return notes
