"""Recorded outputs against the data set's label maps: accuracy, as the pipeline would have measured it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enet import datasets
from enet.evidence import RECORDED, Accuracy, Provenance
from enet.records.results_folder import RecordedRun, ResultsFolder
from enet.storage.files import canonical_json, hash_file, hash_text

if TYPE_CHECKING:
    from enet.measure.subject import Subject
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from numpy.typing import NDArray
from tqdm import tqdm

from enet.datasets.preprocess import load_label, resize_labels
from enet.errors import InputError, format_list
from enet.host import cores
from enet.measure.one_device import bounded_map
from enet.measure.subject import Subject
from enet.metrics.labels import argmax, is_finite
from enet.metrics.segmentation import confusion_matrix
from enet.records import output_files
from enet.records.summary import Summary
from enet.records.throughput import chip, devices, nothing_recorded, states_of, unrecorded
from enet.storage.memmap import create_memmap


def score(
    subject: Subject, summaries: Sequence[Summary], *, batch_size: int = 0, labels_to: Path | None = None
) -> Accuracy:
    """Score the outputs that summaries of one run list, on all cores.

    Args:
        summaries: one, or one for every device.
        batch_size: of the run, where it is known.
        labels_to: also write the predicted labels there, .npy, uint8 (N, H, W), in order of name.
    Returns:
        Evidence; its provenance holds the digest of summaries and outputs as the artifact's: the model isn't here.
    Raises:
        InputError: as ``outputs.of_image`` and ``outputs.read_output``; nothing was brought along, it is of other
            images, or all of it is the same.
    """
    found = merge_outputs(summaries)
    _ = subject.manifest  # every file of the data set is looked at before the first is used
    labels = {sample.name: sample.label for sample in subject.dataset.samples}
    foreign = sorted(name for name in found if name not in labels)
    first = summaries[0].path
    if foreign:
        raise InputError(
            f"{first}: {len(foreign)} outputs of images that aren't in the data set: {format_list(foreign)}"
        )
    names = sorted(found)
    lookup = subject.dataset.classes.lookup()
    maps = None
    if labels_to is not None:
        width, height = subject.deliverable.preprocessing.size
        maps = create_memmap(labels_to, (len(names), height, width))

    def one(index: int) -> ImageScore:
        name = names[index]
        labels_map = None if maps is None else maps[index]
        return scored(subject, found[name], labels[name], lookup, labels_map)

    begin = time.perf_counter()
    threads = 2 * cores()  # half of them wait for the disk
    with ThreadPoolExecutor(threads) as pool:
        done = bounded_map(pool, one, range(len(names)), 2 * threads)
        results = list(tqdm(done, "scoring", len(names), unit="image", disable=None if subject.progress else True))
    if len(names) > 1 and len({result.sha256 for result in results}) == 1:
        raise InputError(
            f"{first}: all {len(names)} outputs are the same, byte for byte. Run ais_bench again on images"
        )
    if maps is not None:
        maps.flush()
    return Accuracy(
        provenance=provenance(
            subject, summaries, {name: r.sha256 for name, r in zip(names, results, strict=True)}, batch_size
        ),
        classes=subject.dataset.classes.names,
        absent_classes=subject.deliverable.reference.absent_classes,
        images=tuple(names),
        images_expected=subject.deliverable.dataset.images,
        matrices=np.stack([r.matrix for r in results]),
        non_finite=sum(not r.finite for r in results),
        seconds=time.perf_counter() - begin,
        duplicate_images=subject.duplicate_images,
        label_grid=subject.deliverable.preprocessing.label_grid,
    )


def merge_outputs(summaries: Sequence[Summary]) -> dict[str, Path]:
    """Output file by image name, of all devices.

    Raises:
        InputError: nothing was brought along, or two devices have the same image.
    """
    found: dict[str, Path] = {}
    for summary in summaries:
        if summary.is_pure:
            raise InputError(
                f"{summary.path}: lists no output of an image (pure_infer_data): a run without --input feeds zeros and "
                "can't be scored. Run ais_bench with --input"
            )
        mine = output_files.of_image(summary)
        if mine is None:
            raise InputError(f"{summary.path}: none of the {len(summary.pairs)} listed outputs is here. Copy {ABSENT}")
        if twice := sorted(found.keys() & mine.keys()):
            raise InputError(f"{summary.path}: {format_list(twice)} also ran on another device. Run ais_bench again")
        found |= mine
    return found


ABSENT = "the folder of outputs too, beside or around the summary"


def provenance(
    subject: Subject, summaries: Sequence[Summary], digests: Mapping[str, str], batch_size: int
) -> Provenance:
    """What is known of results that were brought back: the summaries, outputs and data, but not the model.

    Args:
        digests: SHA-256 of every output, by image name.
    """
    files = [hash_file(summary.path) for summary in summaries]
    return Provenance(
        deliverable=subject.deliverable.name,
        backend=RECORDED,
        device="not recorded",
        batch_size=batch_size,
        form={},
        weights_sha256="",
        onnx_sha256="",
        artifact_sha256=hash_text(canonical_json([*files, digests])),
        dataset_sha256=subject.dataset_sha256,
        preprocessing_sha256=subject.preprocessing_sha256,
        versions={"numpy": np.__version__},
        simulated=any(summary.simulated for summary in summaries),
        limited=subject.limit is not None,
    )


@dataclass(frozen=True)
class ImageScore:
    """One image's confusion matrix, whether all its logits are finite, and its output file's SHA-256."""

    matrix: NDArray[np.int64]
    finite: bool
    sha256: str


def scored(
    subject: Subject, output: Path, label: Path, lookup: NDArray[np.uint8], labels_to: NDArray[np.uint8] | None
) -> ImageScore:
    """Score one output. Its file is hashed here, while it is still in memory: all of them are gigabytes."""
    spec = subject.deliverable.preprocessing
    classes = subject.deliverable.scored_classes
    result = output_files.read_output(output, subject.deliverable.network.outputs, spec.size)
    truth = load_label(label, spec, lookup)
    if result.ndim == 2:
        if result.dtype.kind not in "iu" or result.min() < 0 or result.max() >= classes:
            raise InputError(f"{output}: holds {result.dtype} up to {result.max()}, but should hold 0..{classes - 1}")
        prediction, finite = result.astype(np.uint8, copy=False), True
    else:
        prediction, finite = argmax(result, classes), is_finite(result)
    if labels_to is not None:
        labels_to[...] = prediction
    return ImageScore(
        confusion_matrix(resize_labels(prediction, truth.shape), truth, classes), finite, hash_file(output)
    )


def accuracy(recorded: ResultsFolder, batch_size: int, subject: Subject, *, labels_to: Path) -> Accuracy:
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
        measured.provenance,
        simulated=measured.provenance.simulated or recorded.simulated,
        devices_before=states,
        chip=chip(recorded, states, subject.target),
        allow_busy=subject.target.allow_busy,
    )
    claimed = recorded.claimed.get(batch_size)
    return replace(measured, provenance=where, claimed_miou_percent=claimed)


def nothing_scored(recorded: ResultsFolder, batch_size: int, subject: Subject, why: str, labels_to: Path) -> Accuracy:
    """Evidence of nothing, for a reason; ``labels_to`` gets no label map."""
    spec = subject.deliverable
    names = datasets.classes(spec.dataset.layout).names
    width, height = spec.preprocessing.size
    np.save(labels_to, np.zeros((0, height, width), np.uint8))
    return Accuracy(
        provenance=replace(unrecorded(recorded, batch_size, spec), absent=why),
        classes=names,
        absent_classes=spec.reference.absent_classes,
        images=(),
        images_expected=spec.dataset.images,
        matrices=np.zeros((0, len(names), len(names)), np.int64),
        non_finite=0,
        seconds=0.0,
    )


def with_reason(measured: Accuracy, run: RecordedRun) -> Accuracy:
    """Nothing changed, but that a dropped last batch is told as what it is."""
    missing = measured.images_expected - len(measured.images)
    if not (run.timed[0].drops_tail and 0 < missing < max(2, run.batch_size)):
        return measured
    why = (
        f"{missing} images of the last batch are missing: this version of ais_bench leaves out a batch that isn't full"
    )
    return replace(measured, provenance=replace(measured.provenance, absent=why))
