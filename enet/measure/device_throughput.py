"""Throughput on a device, timed by its own tool over the whole data set, as the baselines were."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from enet import backends
from enet.backends import DEVICE_BACKENDS, FolderRun
from enet.evidence import Throughput
from enet.measure.predictor import with_device_states
from enet.measure.subject import Subject
from enet.records import console, summary as summaries
from enet.records.consistency import recorded_timing
from enet.records.device_timing import RecordedTiming
from enet.records.throughput import throughput_from_timings
from enet.storage.files import make_folder


def measure(subject: Subject, batch_size: int, backend: str = DEVICE_BACKENDS[0]) -> Throughput:
    """Time the artifact for a batch size over the split's files, on all devices of the target.

    The results are read by the code that reads recorded ones, and then deleted: ais_bench keeps its raw times in no
    other way.

    Raises:
        InputError: the backend is not one of a device.
        BackendUnavailable: a tool is missing.
        ToolFailed: a tool failed.
    """
    artifact, target, engine = subject.artifact(backend, batch_size), subject.target, backends.get(backend)
    inputs = subject.bin_files(artifact.interface.bin_files if artifact.interface else artifact.io_format.input)
    make_folder(subject.store.root)
    with tempfile.TemporaryDirectory(dir=subject.store.root, prefix=".timing") as folder:
        run = FolderRun(artifact.path, inputs, Path(folder) / "run", batch_size, target.devices)
        with engine.reserve_devices(target) as readings:
            paths = engine.run_folder(run)
        consoles = [console.read(run.console)]
        timings = [recorded_timing(summaries.read(path), consoles) for path in paths]
    provenance = with_device_states(subject.provenance(artifact, engine.place(target)), readings)
    size, total = artifact.batch_size, subject.deliverable.dataset.images
    return throughput_from_timings([with_batch_size(timing, size) for timing in timings], provenance, total)


def with_batch_size(timing: RecordedTiming, size: int) -> RecordedTiming:
    """Set the artifact's batch size, with a contradiction if the record shows another."""
    contradictions = timing.contradictions
    if timing.batch_size not in (0, size):
        contradictions += (f"{timing.batch_size} rows an execution, but the model has {size}",)
    return replace(timing, batch_size=size, batch_size_source="the compiled model", contradictions=contradictions)
