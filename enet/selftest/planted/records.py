"""Faults in records of throughput and in evidence: the gates get something else than what happened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from enet import deliverable, evidence, gates, records
from enet.backends import Place
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.evidence import Accuracy, Speed, Throughput, TimedOutputs
from enet.gates import Verdict
from enet.measure import parity as comparisons, pipeline
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.metrics.latency import Times
from enet.records import results_folder
from enet.selftest import result_folders
from enet.selftest.acceptance import BACKEND
from enet.selftest.planted.base import REFUSED, add_record, record

#: A run that passes: half as fast again as the recorded 310 at this batch size.
BATCH, MARGIN = 16, 1.5


Summary = dict[str, Any]


@cache
def guide() -> deliverable.Deliverable:
    """The guide's deliverable, of 500 images."""
    return deliverable.load("cityscapes")


def read_run(
    folder: Path, change: Callable[[Summary], object] | None = None, margin: float = MARGIN, npu_smi: str = ""
) -> Throughput:
    """Write a run recorded on a device and read it back; ``change`` edits the summary."""
    outputs = {f"image{number:03}": np.zeros(0, np.float32) for number in range(guide().dataset.images)}
    recorded_310 = baselines.load().column("310").by_batch[BATCH]
    path = result_folders.write(folder, outputs, BATCH, 1000 / (margin * recorded_310))
    (folder / "npu-smi.txt").write_text(npu_smi or result_folders.NPU_SMI, encoding="utf-8")
    if change is not None:
        summary = json.loads(path.read_text(encoding="utf-8"))
        change(summary)
        path.write_text(json.dumps(summary), encoding="utf-8")
    found = results_folder.scan(folder)
    return records.throughput_from_folder(found, found.batch_sizes[0], guide(), Target())


def set_times(summary: Summary, times: list[float]) -> None:
    """Set other times, with statistics and throughput that follow from them."""
    summary["npu_compute_time_list"] = times
    summary["NPU_compute_time"] = result_folders.statistics(np.array(times)) | {"count": len(times)}
    summary["throughput"] = 1000 * BATCH / summary["NPU_compute_time"]["mean"]


def change_times(change: Callable[[list[float]], list[float]]) -> Callable[[Summary], None]:
    return lambda summary: set_times(summary, change(summary["npu_compute_time_list"]))


def overstate_batch_size(summary: Summary) -> None:
    """--batchsize 64 for a model of batch 16: the tool's own figure is four times too large."""
    summary["args"][-1] = str(4 * BATCH)
    summary["throughput"] *= 4


def report_minimum(summary: Summary) -> None:
    """Replace the mean by the shortest time."""
    least = summary["NPU_compute_time"]["min"] * 0.9
    summary["NPU_compute_time"]["mean"] = summary["NPU_compute_time"]["min"] = least
    summary["throughput"] = 1000 * BATCH / least


def keep_100_images(summary: Summary) -> None:
    summary["filesinfo"] = dict(list(summary["filesinfo"].items())[:100])
    set_times(summary, summary["npu_compute_time_list"][:7])


PURE_INFERENCE = {"0": {"infiles": ["pure_infer_data"], "outfiles": ["results/pure_infer_data_0.bin"]}}

#: Name, and arguments of ``read_run``; the gate of throughput must notice.
THROUGHPUT: list[tuple[str, dict[str, Any]]] = [
    ("batch size overstated", {"change": overstate_batch_size, "margin": 0.9}),
    # Three slow executions of the warm-up are among the times.
    ("warm up counted", {"change": change_times(lambda times: [10 * times[0]] * 3 + times)}),
    ("slow executions removed", {"change": change_times(lambda times: sorted(times)[: 3 * len(times) // 4])}),
    # Timed without --input: on zeros, not on images.
    ("zero input", {"change": lambda summary: summary.update(filesinfo=PURE_INFERENCE)}),
    # The device runs the second half at half its clock.
    ("clock throttled", {"change": change_times(lambda t: t[: len(t) // 2] + [2 * ms for ms in t[len(t) // 2 :]])}),
    ("another process", {"npu_smi": result_folders.NPU_SMI.replace("| 0            934", "| 87           934")}),
    ("another device", {"npu_smi": result_folders.NPU_SMI.replace("310P3", "910B ")}),
    ("minimum reported as mean", {"change": report_minimum}),
    ("claimed throughput edited", {"change": lambda summary: summary.update(throughput=1.3 * summary["throughput"])}),
    ("images missing from the run", {"change": keep_100_images}),
    (
        "an image counted twice",
        {"change": lambda summary: summary["filesinfo"].update({"499": summary["filesinfo"]["0"]})},
    ),
]


def check_throughput(arguments: dict[str, Any]) -> Callable[[Subject, Path], Iterator[Verdict]]:
    def check(_: Subject, folder: Path) -> Iterator[Verdict]:
        measured = read_run(folder, **arguments)
        yield gates.throughput.throughput(measured, guide(), baselines.load())
        yield gates.throughput.best_batch([measured], guide(), baselines.load())

    return check


for name, run_arguments in THROUGHPUT:
    add_record("throughput", name, "throughput", check_throughput(run_arguments))


def race(subject: Subject, ours: np.ndarray, theirs: np.ndarray) -> Speed:
    """Evidence of the artifact's and PyTorch's speed at batch 4, from given seconds per round."""
    sides = [subject.provenance(subject.artifact(name, 4), Place("cpu", "")) for name in (BACKEND, "pytorch")]
    times = [
        Times(images=4, rounds=tuple(map(float, side)), executions=tuple(map(float, side))) for side in (ours, theirs)
    ]
    return Speed(
        provenance=sides[0],
        reference=sides[1],
        batch_size=4,
        times=times[0],
        reference_times=times[1],
        conditions={"waited_artifact": 0.0, "waited_reference": 0.0},
        outputs=TimedOutputs(seed=0, executions=4, compared=4, agreement=1.0, repeated=3, repeat_agreement=1.0),
    )


@record("throughput", "speedup")
def baseline_of_other_weights(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The artifact is compared with another network's checkpoint."""
    steady = np.full(10, 0.1)
    run = race(subject, steady, 2 * steady)
    yield gates.speed.speedup(
        replace(run, reference=replace(run.reference, weights_sha256="other")), subject.deliverable
    )


@record("throughput", "speedup")
def slowed_down_halfway(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The clock halves halfway on this machine: both sides suffer, so an artifact of 1.1x does not pass."""
    clock = np.repeat([1.0, 2.0], 10)
    yield gates.speed.speedup(race(subject, 0.1 * clock, 0.11 * clock), subject.deliverable)


@record("throughput", "speedup")
def noise_taken_for_speed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """An artifact no faster than the checkpoint, on a machine where rounds vary threefold."""
    rng = np.random.default_rng(0)
    yield gates.speed.speedup(race(subject, *rng.uniform(0.05, 0.15, (2, 6))), subject.deliverable)


@record("throughput", "speedup")
def two_rounds(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """A measurement of two rounds, both fast by chance."""
    yield gates.speed.speedup(race(subject, np.full(2, 0.05), np.full(2, 0.1)), subject.deliverable)


def measure_sound(subject: Subject, batch_size: int = 1) -> Accuracy:
    """The sound deliverable's own evidence."""
    return pipeline.measure_split(subject, subject.artifact(BACKEND, batch_size), subject.prepared())


def edit_evidence(subject: Subject, folder: Path, change: Callable[[dict[str, Any]], None]) -> Iterator[Verdict]:
    """Evidence that is written, edited by hand and read back."""
    path = folder / "accuracy.json"
    evidence.save(measure_sound(subject), path)
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")
    found = evidence.load(path)
    assert isinstance(found, Accuracy)
    yield gates.accuracy.miou(found, subject.deliverable)


@record("evidence", REFUSED)
def miou_edited(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The mIoU was raised by hand."""
    return edit_evidence(subject, folder, lambda table: table.update(miou=table["miou"] + 0.01))


@record("evidence", REFUSED)
def counts_edited(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """A confusion matrix was changed by hand, and the mIoU with it."""

    def change(table: dict[str, Any]) -> None:
        table["matrices"][0] = table["matrices"][1]
        classes = len(table["iou_per_class"])
        matrices = np.array(table["matrices"]).reshape(-1, classes, classes)
        table["miou"] = segmentation.miou(matrices.sum(axis=0), table["absent_classes"])

    return edit_evidence(subject, folder, change)


@record("evidence", REFUSED)
def simulated_mark_removed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The mark of a simulated device was removed by hand."""
    path = folder / "accuracy.json"
    sound = measure_sound(subject)
    evidence.save(replace(sound, provenance=replace(sound.provenance, simulated=True)), path)
    path.write_text(path.read_text(encoding="utf-8").replace('"simulated": true', '"simulated": false'))
    yield gates.accuracy.miou(evidence.load(path), subject.deliverable)  # type: ignore[arg-type]


@record("evidence", "miou")
def simulated_device(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Measured on a simulated device."""
    sound = measure_sound(subject)
    yield gates.accuracy.miou(replace(sound, provenance=replace(sound.provenance, simulated=True)), subject.deliverable)


@record("evidence", "miou")
def evidence_of_another_deliverable(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Evidence of another deliverable with the same classes."""
    sound = measure_sound(subject)
    yield gates.accuracy.miou(
        replace(sound, provenance=replace(sound.provenance, deliverable="scenes")), subject.deliverable
    )


@record("evidence", "miou")
def fewer_images_expected(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Half of the images, and evidence that states half as the whole."""
    sound = measure_sound(subject)
    half = len(sound.images) // 2
    yield gates.accuracy.miou(
        replace(sound, images=sound.images[:half], matrices=sound.matrices[:half], images_expected=half),
        subject.deliverable,
    )


def parity(subject: Subject, folder: Path, *, batch_size: int, **changes: Any) -> Verdict:
    """Batch parity of two runs; ``changes`` edit the provenance of the first."""
    maps = [folder / "first.npy", folder / "second.npy"]
    runs = [
        pipeline.measure_split(subject, subject.artifact(BACKEND, size), subject.prepared(), labels_to=path)
        for size, path in zip((batch_size, 1), maps, strict=True)
    ]
    first = replace(runs[0], provenance=replace(runs[0].provenance, **changes))
    between = comparisons.compare_runs("batch parity", (first, runs[1]), (maps[0], maps[1]))
    return gates.parity.parity(between, subject.deliverable)


@record("evidence", "batch_parity")
def artifacts_mixed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Batch 1 and batch 4 come from two exports."""
    yield parity(subject, folder, batch_size=4, onnx_sha256="other")


@record("evidence", "batch_parity")
def weights_mixed(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """Batch 1 and batch 4 come from two checkpoints."""
    yield parity(subject, folder, batch_size=4, weights_sha256="other")


@record("evidence", "batch_parity")
def batch_1_twice(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """The evidence for batch 4 is a second run at batch 1."""
    yield parity(subject, folder, batch_size=1)
