"""Throughput on a device, timed by ais_bench itself over the whole data set, as the recorded baselines were."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from enet.ascend import ais_bench, devices
from enet.backends import Artifact
from enet.backends.base import Place
from enet.evidence import Throughput
from enet.measure.predictor import reserve_devices, with_device_states
from enet.measure.subject import Subject
from enet.records import consistency, console, summary as records
from enet.records.device_timing import RecordedTiming
from enet.records.throughput import of_timed
from enet.storage.files import make_folder


def measure(subject: Subject, batch_size: int) -> Throughput:
    """Run the split's preprocessed files through the artifact for a batch size, on all devices of the target.

    The results are read as those are that somebody brings back, by the same code, and then deleted: they were
    written only because ais_bench keeps its raw times no other way.

    Raises:
        BackendUnavailable: a tool is missing.
        ToolFailed: a tool failed.
    """
    artifact = subject.artifact("ascend", batch_size)
    inputs = subject.bins(artifact.form.input)
    make_folder(subject.store.root)
    with tempfile.TemporaryDirectory(dir=subject.store.root, prefix=".timing") as folder:
        run = ais_bench.AisBenchRun(
            model=artifact.path,
            inputs=inputs,
            output=Path(folder),
            dirname="run",
            batch_size=batch_size,
            devices=subject.target.devices,
        )
        with reserve_devices(subject, artifact) as watch:
            summaries = ais_bench.infer(run)
        consoles = [console.read(Path(folder) / "run_console.txt")]
        timed = [consistency.times(records.read(path), consoles) for path in summaries]
    place = Place(
        device=f"{devices.chip(subject.target)} {','.join(map(str, run.devices))}", chip=devices.chip(subject.target)
    )
    where = with_device_states(subject.provenance(artifact, place), watch)
    return of_timed([checked(each, artifact) for each in timed], where, subject.deliverable.dataset.images)


def checked(timed: RecordedTiming, artifact: Artifact) -> RecordedTiming:
    """With the batch size of the artifact, which is known here; a record of another one is denied."""
    denials = list(timed.contradictions)
    if timed.batch_size not in (0, artifact.batch_size):
        denials.append(f"{timed.batch_size} rows an execution, but the model has {artifact.batch_size}")
    known = replace(timed, batch_size=artifact.batch_size, batch_size_source="the compiled model")
    return replace(known, contradictions=tuple(denials))
