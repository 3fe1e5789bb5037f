"""Faults in how fast something was measured, and in evidence: what is judged isn't what happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from enet import deliverable, evidence, gates
from enet.backends.base import Place
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.evidence import Accuracy, Speed, Throughput
from enet.gates import Verdict
from enet.measure import parity as agreement, pipeline
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.metrics.latency import Times
from enet.records import results_folder as results, throughput as replayed
from enet.selftest import result_folders
from enet.selftest.acceptance import BACKEND
from enet.selftest.planted.base import REFUSED, recorded

#: A run that would be let pass: half as fast again as the recorded 310 at this batch size.
BATCH, MARGIN = 16, 1.5


@cache
def guide() -> deliverable.Deliverable:
    """The guide's deliverable, of 500 images."""
    return deliverable.load("cityscapes")


def run(
    folder: Path,
    change: Callable[[dict[str, Any]], None] | None = None,
    *,
    margin: float = MARGIN,
    npu_smi: str = result_folders.NPU_SMI,
) -> Throughput:
    """What a device brought back, read as any results are; ``change`` edits the summary."""
    outputs = {f"image{number:03}": np.zeros(0, np.float32) for number in range(guide().dataset.images)}
    over = baselines.load().column("310").by_batch[BATCH]
    summary = result_folders.write(folder, outputs, BATCH, 1000 / (margin * over))
    (folder / "npu-smi.txt").write_text(npu_smi, encoding="utf-8")
    table = json.loads(summary.read_text(encoding="utf-8"))
    if change is not None:
        change(table)
        summary.write_text(json.dumps(table), encoding="utf-8")
    found = results.scan(folder)
    return replayed.throughput(found, found.batch_sizes[0], guide(), Target())


def asked(measured: Throughput) -> Iterator[Verdict]:
    yield gates.throughput(measured, guide(), baselines.load())
    yield gates.best_batch([measured], guide(), baselines.load())


def timed(table: dict[str, Any], times: list[float]) -> None:
    """Other times, with statistics and throughput that follow from them."""
    table["npu_compute_time_list"] = times
    table["NPU_compute_time"] = result_folders.statistics(np.array(times)) | {"count": len(times)}
    table["throughput"] = 1000 * BATCH / table["NPU_compute_time"]["mean"]


@recorded("throughput", "throughput")
def batch_size_overstated(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """--batchsize 64 for a model of batch 16: the tool's own figure is four times too large."""

    def change(table: dict[str, Any]) -> None:
        table["args"][-1] = str(4 * BATCH)
        table["throughput"] *= 4

    yield from asked(run(folder, change, margin=0.9))


@recorded("throughput", "throughput")
def warm_up_counted(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Three slow executions of the warm-up are among the times."""

    def change(table: dict[str, Any]) -> None:
        times = table["npu_compute_time_list"]
        timed(table, [10 * times[0]] * 3 + times)

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def slow_executions_left_out(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The slowest quarter of the executions isn't in the record."""

    def change(table: dict[str, Any]) -> None:
        times = sorted(table["npu_compute_time_list"])
        timed(table, times[: 3 * len(times) // 4])

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def zero_input(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Timed without --input: over zeros, not over images."""

    def change(table: dict[str, Any]) -> None:
        table["filesinfo"] = {"0": {"infiles": ["pure_infer_data"], "outfiles": ["results/pure_infer_data_0.bin"]}}

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def clock_throttled(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """From halfway on, the device runs at half its clock."""

    def change(table: dict[str, Any]) -> None:
        times = table["npu_compute_time_list"]
        half = len(times) // 2
        timed(table, times[:half] + [2 * time for time in times[half:]])

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def another_process(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Somebody else's program runs on the device, too."""
    yield from asked(run(folder, npu_smi=result_folders.NPU_SMI.replace("| 0            934", "| 87           934")))


@recorded("throughput", "throughput")
def another_device(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Measured on a 910, not on the 310P3 that is asked for."""
    yield from asked(run(folder, npu_smi=result_folders.NPU_SMI.replace("310P3", "910B ")))


@recorded("throughput", "throughput")
def minimum_for_mean(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The mean was replaced by the shortest time."""

    def change(table: dict[str, Any]) -> None:
        least = table["NPU_compute_time"]["min"] * 0.9
        table["NPU_compute_time"]["mean"] = table["NPU_compute_time"]["min"] = least
        table["throughput"] = 1000 * BATCH / least

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def stated_throughput_edited(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The summary's own figure was raised by 30 %."""
    yield from asked(run(folder, lambda table: table.update(throughput=1.3 * table["throughput"])))


@recorded("throughput", "throughput")
def images_missing_from_the_run(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Only 100 of 500 images were run."""

    def change(table: dict[str, Any]) -> None:
        table["filesinfo"] = dict(list(table["filesinfo"].items())[:100])
        timed(table, table["npu_compute_time_list"][:7])

    yield from asked(run(folder, change))


@recorded("throughput", "throughput")
def an_image_counted_twice(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The summary lists an image twice."""
    yield from asked(run(folder, lambda table: table["filesinfo"].update({"499": table["filesinfo"]["0"]})))


def race(subject: Subject, ours: np.ndarray, theirs: np.ndarray) -> Speed:
    """Times of a batch of 4 on this machine, as if they had been measured."""
    sides = [subject.provenance(subject.artifact(name, 4), Place("cpu", "")) for name in (BACKEND, "pytorch")]
    times = [
        Times(images=4, rounds=tuple(map(float, side)), executions=tuple(map(float, side))) for side in (ours, theirs)
    ]
    return Speed(
        provenance=sides[0],
        baseline=sides[1],
        batch_size=4,
        times=times[0],
        baseline_times=times[1],
        conditions={"busy_before": 0.0, "busy_after": 0.0},
    )


@recorded("throughput", "speedup")
def baseline_of_other_weights(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The artifact is raced against another network's checkpoint."""
    steady = np.full(10, 0.1)
    run = race(subject, steady, 2 * steady)
    yield gates.speedup(replace(run, baseline=replace(run.baseline, weights_sha256="other")), subject.deliverable)


@recorded("throughput", "speedup")
def slowed_down_halfway(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """On this machine, too, the clock halves halfway: both sides suffer, so an artifact of 1.1 x doesn't pass."""
    clock = np.repeat([1.0, 2.0], 10)
    yield gates.speedup(race(subject, 0.1 * clock, 0.11 * clock), subject.deliverable)


@recorded("throughput", "speedup")
def noise_for_speed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """An artifact no faster than the checkpoint, on a machine where rounds vary threefold."""
    rng = np.random.default_rng(0)
    yield gates.speedup(race(subject, *rng.uniform(0.05, 0.15, (2, 6))), subject.deliverable)


@recorded("throughput", "speedup")
def two_rounds(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Two rounds, both lucky, are taken for a measurement."""
    yield gates.speedup(race(subject, np.full(2, 0.05), np.full(2, 0.1)), subject.deliverable)


def measured(subject: Subject, batch_size: int = 1) -> Accuracy:
    """The sound deliverable's own evidence."""
    return pipeline.measure_split(subject, subject.artifact(BACKEND, batch_size), subject.prepared())


def edited(subject: Subject, folder: Path, change: Callable[[dict[str, Any]], None]) -> Iterator[Verdict]:
    """Evidence that was written, edited by hand, and read back."""
    path = folder / "accuracy.json"
    evidence.save(measured(subject), path)
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")
    found = evidence.load(path)
    assert isinstance(found, Accuracy)
    yield gates.artifact_miou(found, subject.deliverable)


@recorded("evidence", REFUSED)
def miou_edited(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The mIoU was raised by hand."""
    return edited(subject, folder, lambda table: table.update(miou=table["miou"] + 0.01))


@recorded("evidence", REFUSED)
def counts_edited(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """A confusion matrix was changed by hand, and the mIoU with it."""

    def change(table: dict[str, Any]) -> None:
        table["matrices"][0] = table["matrices"][1]
        classes = len(table["iou_per_class"])
        matrices = np.array(table["matrices"]).reshape(-1, classes, classes)
        table["miou"] = segmentation.miou(matrices.sum(axis=0), table["absent_classes"])

    return edited(subject, folder, change)


@recorded("evidence", REFUSED)
def simulated_mark_removed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The mark of a simulated device was taken away by hand."""
    path = folder / "accuracy.json"
    sound = measured(subject)
    evidence.save(replace(sound, provenance=replace(sound.provenance, simulated=True)), path)
    path.write_text(path.read_text(encoding="utf-8").replace('"simulated": true', '"simulated": false'))
    yield gates.artifact_miou(evidence.load(path), subject.deliverable)  # type: ignore[arg-type]


@recorded("evidence", "miou")
def simulated(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Measured on a simulated device."""
    sound = measured(subject)
    yield gates.artifact_miou(replace(sound, provenance=replace(sound.provenance, simulated=True)), subject.deliverable)


@recorded("evidence", "miou")
def of_another_deliverable(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Evidence of another deliverable with the same classes."""
    sound = measured(subject)
    yield gates.artifact_miou(
        replace(sound, provenance=replace(sound.provenance, deliverable="scenes")), subject.deliverable
    )


@recorded("evidence", "miou")
def fewer_expected(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Half of the images, and evidence that says that half was all there is."""
    sound = measured(subject)
    half = len(sound.images) // 2
    yield gates.artifact_miou(
        replace(sound, images=sound.images[:half], matrices=sound.matrices[:half], images_expected=half),
        subject.deliverable,
    )


def parity(subject: Subject, folder: Path, *, batch_size: int, **changes: Any) -> Verdict:
    """Batch parity of two runs, of which the first claims another origin."""
    maps = [folder / "first.npy", folder / "second.npy"]
    runs = [
        pipeline.measure_split(subject, subject.artifact(BACKEND, size), subject.prepared(), labels_to=path)
        for size, path in zip((batch_size, 1), maps, strict=True)
    ]
    first = replace(runs[0], provenance=replace(runs[0].provenance, **changes))
    between = agreement.compare_runs("batch parity", (first, runs[1]), (maps[0], maps[1]))
    return gates.parity(between, subject.deliverable)


@recorded("evidence", "batch_parity")
def artifacts_mixed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Batch 1 and batch 4 are of two exports."""
    yield parity(subject, folder, batch_size=4, onnx_sha256="other")


@recorded("evidence", "batch_parity")
def weights_mixed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Batch 1 and batch 4 are of two checkpoints."""
    yield parity(subject, folder, batch_size=4, weights_sha256="other")


@recorded("evidence", "batch_parity")
def batch_1_twice(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """What is shown for batch 4 is batch 1 once more."""
    yield parity(subject, folder, batch_size=1)
