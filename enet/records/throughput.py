"""Evidence from records: the same kinds that a live run gives, so that the same gates judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enet import datasets
from enet.deliverable import Deliverable
from enet.deliverable.target import DeviceState, Target
from enet.evidence import RECORDED, Accuracy, Provenance, Share, Throughput
from enet.records.results_folder import Recorded, Run
from enet.records.timed import Timed
from enet.storage.store import canonical, hash_file, hash_text

if TYPE_CHECKING:
    from enet.measure.subject import Subject


def throughput(recorded: Recorded, batch_size: int, deliverable: Deliverable, target: Target) -> Throughput:
    """How fast the recorded run of a batch size was; evidence of nothing if there is none."""
    run = recorded.run(batch_size)
    if run is None:
        nothing = Share(device="", images=0, executions=0, compute_ms=(), mean_ms=float("nan"))
        return Throughput(
            provenance=unrecorded(recorded, batch_size, deliverable), tool="ais_bench", batch_size=batch_size,
            batch_known_from="nothing", stated_batch_size=None, shares=(nothing,),
            images_expected=deliverable.dataset.images,
        )  # fmt: skip
    used = devices(run)
    states = states_of(recorded, used)
    where = replace(
        bare(deliverable, batch_size), device=", ".join(sorted(used)) or "not recorded",
        artifact_sha256=hash_text(canonical([hash_file(summary.path) for summary in run.summaries])),
        simulated=recorded.simulated or any(share.simulated for share in run.timed),
        chip=chip(recorded, states, target),
        devices_before=states, busy_allowed=target.allow_busy,
    )  # fmt: skip
    return of_timed(run.timed, where, deliverable.dataset.images)


def devices(run: Run) -> set[str]:
    """The numbers of the devices that a run used; ais_bench's own default is 0."""
    return {share.device for share in run.timed if share.device.isdecimal()} or {"0"}


def states_of(recorded: Recorded, used: set[str]) -> tuple[DeviceState, ...]:
    """What npu-smi said of the devices that were used; nothing if it left one of them out."""
    states = tuple(state for state in recorded.devices if str(state.device) in used)
    return states if {str(state.device) for state in states} == used else ()


def chip(recorded: Recorded, states: Sequence[DeviceState], target: Target) -> str:
    """What ran it: as npu-smi said then, or else as the user says now; empty if nothing tells."""
    names = {state.name for state in states}
    if names or recorded.devices:
        return names.pop() if len(names) == 1 else ""
    return (target.soc_version or "").removeprefix("Ascend")


def of_timed(timed: Sequence[Timed], where: Provenance, images_expected: int) -> Throughput:
    """One run's devices as one piece of evidence."""
    first = timed[0]
    shares = tuple(
        Share(
            device=each.device, images=each.images, executions=each.executions, compute_ms=each.compute_ms,
            mean_ms=each.statistics["mean"], stated=each.stated_throughput, started=each.started, ended=each.ended,
        )
        for each in timed
    )  # fmt: skip
    return Throughput(
        provenance=replace(where, simulated=where.simulated or any(each.simulated for each in timed)), tool=first.tool,
        batch_size=first.batch_size, batch_known_from=first.batch_known_from,
        stated_batch_size=first.stated_batch_size, shares=shares, images_expected=images_expected,
        batch_doubt=next((each.batch_doubt for each in timed if each.batch_doubt), ""),
        zero_input=any(each.zero_input for each in timed), tail_dropped=first.drops_tail,
        denials=tuple(f"{each.source.name}: {denial}" for each in timed for denial in each.denials),
    )  # fmt: skip


def of_log(timed: Timed, deliverable: Deliverable) -> Throughput:
    """A log of another tool's as evidence: of which device it was, nothing tells."""
    where = replace(bare(deliverable, timed.batch_size), artifact_sha256=hash_file(timed.source))
    return of_timed([timed], where, deliverable.dataset.images)


def accuracy(recorded: Recorded, batch_size: int, subject: Subject, *, labels_to: Path) -> Accuracy:
    """Score the recorded outputs of a batch size; evidence of nothing if there are none.

    Args:
        labels_to: where the predicted labels are written, .npy, uint8 (N, H, W).
    Raises:
        InputError: the outputs, or the data set that they are scored on, can't be used.
    """
    from enet.measure import recorded_accuracy
    from enet.records import output_files

    run = recorded.run(batch_size)
    why = None
    if run is None:
        why = nothing_recorded(recorded, batch_size)
    elif any(summary.is_pure for summary in run.summaries):
        why = f"{run}: a run without --input feeds zeros and can't be scored"
    elif all(output_files.of_image(summary) is None for summary in run.summaries):
        why = f"{run}: the outputs that it lists weren't brought along"
    if run is None or why is not None:
        return nothing_scored(recorded, batch_size, subject, why or "", labels_to)
    states = states_of(recorded, devices(run))
    measured = with_reason(
        recorded_accuracy.score(subject, run.summaries, batch_size=batch_size, labels_to=labels_to), run
    )
    where = replace(
        measured.provenance, simulated=measured.provenance.simulated or recorded.simulated,
        devices_before=states, chip=chip(recorded, states, subject.target),
        busy_allowed=subject.target.allow_busy,
    )  # fmt: skip
    claimed = recorded.claimed.get(batch_size)
    return replace(measured, provenance=where, stated_miou_percent=claimed)


def nothing_scored(recorded: Recorded, batch_size: int, subject: Subject, why: str, labels_to: Path) -> Accuracy:
    """Evidence of nothing, for a reason; ``labels_to`` gets no label map."""
    spec = subject.deliverable
    names = datasets.classes(spec.dataset.layout).names
    width, height = spec.preprocessing.size
    np.save(labels_to, np.zeros((0, height, width), np.uint8))
    return Accuracy(
        provenance=replace(unrecorded(recorded, batch_size, spec), absent=why), classes=names,
        absent_classes=spec.reference.absent_classes, images=(), images_expected=spec.dataset.images,
        matrices=np.zeros((0, len(names), len(names)), np.int64), non_finite=0, seconds=0.0,
    )  # fmt: skip


def with_reason(measured: Accuracy, run: Run) -> Accuracy:
    """Nothing changed, but that a dropped last batch is told as what it is."""
    missing = measured.images_expected - len(measured.images)
    if not (run.timed[0].drops_tail and 0 < missing < max(2, run.batch_size)):
        return measured
    why = (
        f"{missing} images of the last batch are missing: this version of ais_bench leaves out a batch that isn't full"
    )
    return replace(measured, provenance=replace(measured.provenance, absent=why))


def nothing_recorded(recorded: Recorded, batch_size: int) -> str:
    found = ", ".join(str(size) if size else "unknown" for size in recorded.batch_sizes)
    return f"{recorded.root}: no run of batch size {batch_size}, only of {found or 'none'}"


def unrecorded(recorded: Recorded, batch_size: int, deliverable: Deliverable) -> Provenance:
    """The provenance of what wasn't recorded."""
    return replace(bare(deliverable, batch_size), absent=nothing_recorded(recorded, batch_size))


def bare(deliverable: Deliverable, batch_size: int) -> Provenance:
    """The provenance of a record of which no more is known."""
    return Provenance(
        deliverable=deliverable.name, backend=RECORDED, device="not recorded", batch_size=batch_size, form={},
        weights_sha256="", onnx_sha256="", artifact_sha256="", dataset_sha256="", preprocessing_sha256="", versions={},
    )  # fmt: skip
