"""Evidence from records: the same kinds that a live run gives, so that the same gates judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from enet.deliverable import Deliverable
from enet.deliverable.target import DeviceState, Target
from enet.evidence import RECORDED, DeviceTiming, Provenance, Throughput
from enet.records.device_timing import RecordedTiming
from enet.records.results_folder import RecordedRun, ResultsFolder
from enet.storage.files import canonical_json, hash_file, hash_text

if TYPE_CHECKING:
    pass


def throughput(recorded: ResultsFolder, batch_size: int, deliverable: Deliverable, target: Target) -> Throughput:
    """How fast the recorded run of a batch size was; evidence of nothing if there is none."""
    run = recorded.run(batch_size)
    if run is None:
        nothing = DeviceTiming(device="", images=0, executions=0, compute_ms=(), mean_ms=float("nan"))
        return Throughput(
            provenance=unrecorded(recorded, batch_size, deliverable),
            tool="ais_bench",
            batch_size=batch_size,
            batch_size_source="nothing",
            claimed_batch_size=None,
            shares=(nothing,),
            images_expected=deliverable.dataset.images,
        )
    used = devices(run)
    states = states_of(recorded, used)
    where = replace(
        bare(deliverable, batch_size),
        device=", ".join(sorted(used)) or "not recorded",
        artifact_sha256=hash_text(canonical_json([hash_file(summary.path) for summary in run.summaries])),
        simulated=recorded.simulated or any(share.simulated for share in run.timed),
        chip=chip(recorded, states, target),
        devices_before=states,
        allow_busy=target.allow_busy,
    )
    return of_timed(run.timed, where, deliverable.dataset.images)


def devices(run: RecordedRun) -> set[str]:
    """The numbers of the devices that a run used; ais_bench's own default is 0."""
    return {share.device for share in run.timed if share.device.isdecimal()} or {"0"}


def states_of(recorded: ResultsFolder, used: set[str]) -> tuple[DeviceState, ...]:
    """What npu-smi said of the devices that were used; nothing if it left one of them out."""
    states = tuple(state for state in recorded.devices if str(state.device) in used)
    return states if {str(state.device) for state in states} == used else ()


def chip(recorded: ResultsFolder, states: Sequence[DeviceState], target: Target) -> str:
    """What ran it: as npu-smi said then, or else as the user says now; empty if nothing tells."""
    names = {state.name for state in states}
    if names or recorded.devices:
        return names.pop() if len(names) == 1 else ""
    return (target.soc_version or "").removeprefix("Ascend")


def of_timed(timed: Sequence[RecordedTiming], where: Provenance, images_expected: int) -> Throughput:
    """One run's devices as one piece of evidence."""
    first = timed[0]
    shares = tuple(
        DeviceTiming(
            device=each.device,
            images=each.images,
            executions=each.executions,
            compute_ms=each.compute_ms,
            mean_ms=each.statistics["mean"],
            stated=each.claimed_throughput,
            started=each.started,
            ended=each.ended,
        )
        for each in timed
    )
    return Throughput(
        provenance=replace(where, simulated=where.simulated or any(each.simulated for each in timed)),
        tool=first.tool,
        batch_size=first.batch_size,
        batch_size_source=first.batch_size_source,
        claimed_batch_size=first.claimed_batch_size,
        shares=shares,
        images_expected=images_expected,
        batch_ambiguity=next((each.batch_ambiguity for each in timed if each.batch_ambiguity), ""),
        zero_input=any(each.zero_input for each in timed),
        tail_dropped=first.drops_tail,
        contradictions=tuple(f"{each.source.name}: {denial}" for each in timed for denial in each.contradictions),
    )


def of_log(timed: RecordedTiming, deliverable: Deliverable) -> Throughput:
    """A log of another tool's as evidence: of which device it was, nothing tells."""
    where = replace(bare(deliverable, timed.batch_size), artifact_sha256=hash_file(timed.source))
    return of_timed([timed], where, deliverable.dataset.images)


def nothing_recorded(recorded: ResultsFolder, batch_size: int) -> str:
    found = ", ".join(str(size) if size else "unknown" for size in recorded.batch_sizes)
    return f"{recorded.root}: no run of batch size {batch_size}, only of {found or 'none'}"


def unrecorded(recorded: ResultsFolder, batch_size: int, deliverable: Deliverable) -> Provenance:
    """The provenance of what wasn't recorded."""
    return replace(bare(deliverable, batch_size), absent=nothing_recorded(recorded, batch_size))


def bare(deliverable: Deliverable, batch_size: int) -> Provenance:
    """The provenance of a record of which no more is known."""
    return Provenance(
        deliverable=deliverable.name,
        backend=RECORDED,
        device="not recorded",
        batch_size=batch_size,
        form={},
        weights_sha256="",
        onnx_sha256="",
        artifact_sha256="",
        dataset_sha256="",
        preprocessing_sha256="",
        versions={},
    )
