"""Gates of throughput against recorded baselines, by the baselines' own formula."""

from __future__ import annotations

import math
from collections.abc import Sequence

from enet.deliverable import Deliverable, ThroughputLimit, baselines
from enet.deliverable.baselines import BEST, BatchKey
from enet.errors import format_list
from enet.evidence import Throughput
from enet.gates.base import LIMITED, Outcome, Verdict, decide, informational, provenance_problem

#: A change of speed within a run that is told: a device that keeps its clock stays within a few percent.
DRIFT = 0.1


def throughput(evidence: Throughput, deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """At its batch size, one device reaches what is asked of it, and its figures agree with each other.

    Figures that deny each other FAIL. A simulated, busy or sick device, input that was all zero, a batch size or a
    device that isn't known are NO EVIDENCE, and so is a pass over too few images.
    """
    limit, words = deliverable.throughput, figures(evidence)
    if evidence.contradictions:
        sentence = f"the record denies itself: {format_list(evidence.contradictions, first=2)}; {words}"
        return Verdict(gate="throughput", outcome=Outcome.FAIL, sentence=sentence, numbers=numbers(evidence))
    if limit is None or evidence.tool != "ais_bench":
        why = "no recorded baseline is of this network" if limit is None else f"nothing is asked of {evidence.tool}"
        return informational("throughput", f"{words}; {why}", numbers(evidence))
    if problem := throughput_problem(evidence, deliverable):
        sentence = problem if evidence.provenance.absent else f"{problem}; {words}"
        return Verdict(gate="throughput", outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=numbers(evidence))
    lacks, beside = missing_for_pass(evidence, limit), tuple(notes(evidence))
    return compare_with_baseline(
        "throughput", evidence.images_per_second, evidence.batch_size, limit, table, lacks, beside
    )


def best_batch(evidence: Sequence[Throughput], deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """The best of all batch sizes reaches what is asked over the baseline's best.

    Falling short is a FAIL only if every batch size that the baseline has was measured: another could be better.
    """
    gate, limit = "best_batch", deliverable.throughput
    usable = [each for each in evidence if not each.contradictions and not throughput_problem(each, deliverable)]
    if limit is None:
        return informational(gate, "no recorded baseline is of this network")
    if not usable:
        why = (
            throughput_problem(evidence[0], deliverable) or evidence[0].contradictions[0]
            if evidence
            else "nothing was measured"
        )
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=f"no batch size can be judged: {why}")
    best = max(usable, key=lambda each: each.images_per_second)
    measured = {each.batch_size for each in usable}
    unmeasured = [size for size in table.column(limit.baseline).batch_sizes if size not in measured]
    lacks = missing_for_pass(best, limit)
    verdict = compare_with_baseline(
        gate, best.images_per_second, BEST, limit, table, lacks, (f"best at batch {best.batch_size}",)
    )
    if verdict.outcome is Outcome.FAIL and unmeasured:
        sentence = f"{verdict.sentence}; not measured: batch {', '.join(map(str, unmeasured))}"
        return Verdict(gate=gate, outcome=Outcome.NO_EVIDENCE, sentence=sentence, numbers=verdict.numbers)
    return verdict


def directory(evidence: Sequence[Throughput], deliverable: Deliverable, table: baselines.Table) -> Verdict:
    """Where a model with these figures is filed, by the guide's rule: told, never judged."""
    rule, limit = table.directory, deliverable.throughput
    if limit is None:
        return informational("directory", "no recorded baseline is of this network")
    usable = [each for each in evidence if not each.contradictions and not throughput_problem(each, deliverable)]
    rates = {each.batch_size: each.images_per_second for each in usable if not missing_for_pass(each, limit)}
    asked = f"batch {' and '.join(map(str, rule.batch_sizes))} at {rule.at_least:g} x the {rule.over} or more"
    unmeasured = [size for size in rule.batch_sizes if size not in rates]
    if unmeasured:
        missed = ", ".join(map(str, unmeasured))
        return informational("directory", f"{rule.name} asks for {asked}; no evidence for batch {missed}")
    filed = table.filed_under(rates) == rule.name
    return informational("directory", f"{'' if filed else 'not '}filed under {rule.name}, which asks for {asked}")


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
    lacks: str | None = None,
    notes: tuple[str, ...] = (),
) -> Verdict:
    """A rate over the baseline's at that batch size. A batch size without a baseline is told, not judged."""
    over = table.column(limit.baseline).at(batch)
    where = "at the best batch of each" if batch == BEST else f"at batch {batch}"
    if over is None:
        return informational(
            gate,
            f"{rate:.6g} images/s {where}; no {limit.baseline} baseline there: not judged",
            {"images_per_second": rate},
        )
    ratio = rate / over
    sentence = (
        f"{rate:.6g} images/s {where} is {ratio:.4g} x the {limit.baseline}'s {over:.6g}, should be at least "
        f"{limit.at_least:g} x [{limit.source}]"
    )
    found = {"images_per_second": rate, "baseline": over, "ratio": ratio, "at_least": limit.at_least}
    return decide(gate, ratio >= limit.at_least, sentence, found, lacks, notes)


def throughput_problem(evidence: Throughput, deliverable: Deliverable) -> str | None:
    """Why a run can't be judged, however fast it was, or None."""
    limit, where = deliverable.throughput, evidence.provenance
    another = limit is not None and where.chip not in ("", limit.chip)
    reasons = (
        (where.deliverable != deliverable.name, f"evidence for {where.deliverable!r}, not for {deliverable.name!r}"),
        (another, f"measured on a {where.chip}, but should be on a {limit.chip if limit else ''}"),
        (evidence.zero_input, "run over zeros, not over the data set, so nothing tells how fast it is on images"),
        (evidence.batch_size < 1, "nothing tells the model's batch size"),
        (bool(evidence.batch_ambiguity), evidence.batch_ambiguity),
        (not math.isfinite(evidence.images_per_second), "no execution was timed"),
    )
    return provenance_problem(where) or next((reason for is_so, reason in reasons if is_so), None)


def missing_for_pass(evidence: Throughput, limit: ThroughputLimit) -> str | None:
    """What a pass would lack, or None: images, or which device it was."""
    tail = evidence.batch_size - 1 if evidence.tail_dropped else 0
    if evidence.images + tail < evidence.images_expected:
        return f"{evidence.images} images of {evidence.images_expected} expected"
    if not evidence.provenance.chip:
        return (
            f"which device it ran on isn't recorded: bring the output of npu-smi info, or say --soc-version "
            f"Ascend{limit.chip}"
        )
    return LIMITED if evidence.provenance.limited else None


def figures(evidence: Throughput) -> str:
    """Rate, batch size and mean time in words."""
    return (
        f"{evidence.images_per_second:.6g} images/s at batch {evidence.batch_size or 'unknown'}, mean compute "
        f"{evidence.mean_ms:.6g} ms"
    )


def notes(evidence: Throughput) -> list[str]:
    """What belongs beside the figure: how the batch size is known, wall clock, several devices."""
    found = [f"batch from {evidence.batch_size_source}"]
    if len(evidence.shares) > 1:
        each = ", ".join(f"device {share.device} {evidence.rate(share.mean):.6g}" for share in evidence.shares)
        found.append(f"mean of {len(evidence.shares)} devices: {each} images/s")
    if abs(evidence.drift) > DRIFT:
        change = "slowed down" if evidence.drift > 0 else "sped up"
        found.append(f"the second half of the run took {100 * evidence.drift:+.0f} %: the device {change}")
    if evidence.wall_images_per_second is not None:
        found.append(f"{evidence.wall_images_per_second:.6g} images/s by the clock, all devices together")
    if not all(share.compute_ms for share in evidence.shares):
        found.append("by the recorded mean: this version of the tool keeps no raw times")
    return found


def numbers(evidence: Throughput) -> dict[str, float]:
    return {"images_per_second": evidence.images_per_second, "mean_ms": evidence.mean_ms}
