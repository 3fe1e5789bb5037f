"""Throughput evidence from recorded runs; the gates check it as they check evidence of a live run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.evidence import RECORDED, DeviceTiming, Provenance, Throughput
from enet.records import binding
from enet.records.device_timing import RecordedTiming
from enet.records.results_folder import RecordedRun, ResultsFolder
from enet.storage.files import hash_file, hash_json


def throughput_from_folder(
    recorded: ResultsFolder,
    batch_size: int,
    deliverable: Deliverable,
    target: Target,
    images: Collection[str] | None = None,
) -> Throughput:
    """Build evidence from the recorded run at ``batch_size``; empty, with a reason, if there is no run.

    Args:
        images: names of the data set's images; None if it is not here.
    """
    provenance = recorded_provenance(deliverable, batch_size)
    run = recorded.run(batch_size)
    if run is None:
        provenance = replace(provenance, missing_reason=no_run_reason(recorded, batch_size))
        share = DeviceTiming(device="", images=0, executions=0, compute_ms=(), mean_ms=float("nan"))
        nothing = RecordedTiming(tool="ais_bench", path=recorded.root, share=share, batch_size=batch_size)
        return throughput_from_timings([nothing], provenance, deliverable.dataset.images)
    summaries = (*run.summaries, *run.copies)
    digest = hash_json([hash_file(summary.path) for summary in summaries])
    provenance = replace(provenance, device=", ".join(sorted(device_numbers(run))), artifact_sha256=digest)
    provenance = with_recorded_devices(provenance, recorded, run, target)
    measured = throughput_from_timings(run.timings, provenance, deliverable.dataset.images)
    model_problems = binding.model_problems(summaries, deliverable, batch_size, provenance.chip)
    sizes = [size for timing in run.timings for size in timing.input_bytes]
    size_problems = binding.size_problems(sizes, deliverable)
    chip_problems = binding.chip_problems(provenance, target)
    gaps = binding.input_gaps(run.summaries, images)
    unproven = {"model": True, "inputs": images is None, "chip": not provenance.devices_before}
    return replace(
        measured,
        problems=(
            *model_problems,
            *binding.list_problems(summaries),
            *size_problems,
            *chip_problems,
            *measured.problems,
            *recorded.copied_times(run),
        ),
        gaps=(*gaps, *recorded.other_images(run)),
        caveats=tuple(f"{what} not proven" for what, is_unproven in unproven.items() if is_unproven),
    )


def device_numbers(run: RecordedRun) -> set[str]:
    """Numbers of the devices of a run; ais_bench's default is 0."""
    return {timing.share.device for timing in run.timings if timing.share.device.isdecimal()} or {"0"}


def with_recorded_devices(
    provenance: Provenance, recorded: ResultsFolder, run: RecordedRun, target: Target
) -> Provenance:
    """Copy a provenance with what is known of the run's devices.

    Their states are those of npu-smi, none if one of the devices is missing. The chip is the one that npu-smi printed,
    or without npu-smi that of ``--soc-version``; empty if unknown.
    """
    numbers = device_numbers(run)
    states = tuple(state for state in recorded.devices if str(state.device) in numbers)
    states = states if {str(state.device) for state in states} == numbers else ()
    names = {state.name for state in states}
    chip = names.pop() if len(names) == 1 else ""
    if not recorded.devices:
        chip = (target.soc_version or "").removeprefix("Ascend")
    simulated, allow_busy = provenance.simulated or recorded.simulated, target.allow_busy
    return replace(provenance, simulated=simulated, chip=chip, devices_before=states, allow_busy=allow_busy)


def throughput_from_timings(
    timings: Sequence[RecordedTiming], provenance: Provenance, images_expected: int
) -> Throughput:
    """Merge the timings of one run's devices into one piece of evidence."""
    first = timings[0]
    return Throughput(
        provenance=replace(provenance, simulated=provenance.simulated or any(each.simulated for each in timings)),
        tool=first.tool,
        batch_size=first.batch_size,
        batch_size_source=first.batch_size_source,
        claimed_batch_size=first.claimed_batch_size,
        device_timings=tuple(timing.share for timing in timings),
        images_expected=images_expected,
        batch_ambiguity=next((timing.batch_ambiguity for timing in timings if timing.batch_ambiguity), ""),
        zero_input=any(timing.zero_input for timing in timings),
        tail_dropped=first.drops_tail,
        contradictions=tuple(f"{timing.path.name}: {each}" for timing in timings for each in timing.contradictions),
        problems=tuple(f"{timing.path.name}: {each}" for timing in timings for each in timing.problems),
    )


def throughput_from_log(timing: RecordedTiming, deliverable: Deliverable) -> Throughput:
    """Build evidence from the log of another tool, which does not name its device."""
    provenance = recorded_provenance(deliverable, timing.batch_size)
    provenance = replace(provenance, artifact_sha256=hash_file(timing.path))
    return throughput_from_timings([timing], provenance, deliverable.dataset.images)


def no_run_reason(recorded: ResultsFolder, batch_size: int) -> str:
    """Sentence that names a batch size without a run, and those with one."""
    sizes = ", ".join(str(size) if size else "unknown" for size in recorded.batch_sizes)
    return f"{recorded.root}: no run of batch size {batch_size}, only of {sizes or 'none'}"


def recorded_provenance(deliverable: Deliverable, batch_size: int) -> Provenance:
    """Provenance of a record: the model, its device and its data are unknown unless the caller adds them."""
    digests = ("weights_sha256", "onnx_sha256", "artifact_sha256", "dataset_sha256", "preprocessing_sha256")
    unknown: dict[str, Any] = {"device": "not recorded", "io_format": {}, "versions": {}, **dict.fromkeys(digests, "")}
    return Provenance(deliverable=deliverable.name, backend=RECORDED, batch_size=batch_size, **unknown)
