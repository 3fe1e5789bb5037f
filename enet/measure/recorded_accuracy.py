"""Accuracy of a recorded run: its output files scored against the data set's label maps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enet.datasets.preprocess import load_label, resize_labels
from enet.errors import InputError, format_list
from enet.evidence import Accuracy
from enet.host import cores
from enet.measure.one_device import bounded_map
from enet.measure.subject import Subject
from enet.metrics.borders import BorderErrors, border_errors
from enet.metrics.labels import argmax, is_finite, to_classes
from enet.metrics.segmentation import confusion_matrix
from enet.progress import bar
from enet.records import binding, output_files
from enet.records.results_folder import RecordedRun, ResultsFolder
from enet.records.summary import Summary
from enet.records.throughput import no_run_reason, recorded_provenance, with_recorded_devices
from enet.storage.files import hash_file, hash_json
from enet.storage.memmap import create_memmap


@dataclass(frozen=True)
class ImageScore:
    """One image's confusion matrix, whether all its logits are finite, errors, and its output file's SHA-256."""

    matrix: NDArray[np.int64]
    finite: bool
    borders: BorderErrors
    sha256: str


def accuracy(recorded: ResultsFolder, batch_size: int, subject: Subject, *, labels_to: Path) -> Accuracy:
    """Score the recorded outputs of a batch size; empty evidence, with a reason, if there are none.

    Args:
        labels_to: file for the predicted labels, .npy, uint8, shape (N, H, W).
    Raises:
        InputError: the outputs or the data set cannot be used.
    """
    run, reason = recorded.run(batch_size), ""
    if run is None:
        reason = no_run_reason(recorded, batch_size)
    elif any(summary.is_pure_inference for summary in run.summaries):
        reason = f"{run}: a run without --input feeds zeros"
    elif all(output_files.find_outputs(summary) is None for summary in run.summaries):
        reason = f"{run}: none of the listed outputs is here"
    else:
        chip = subject.deliverable.throughput.chip if subject.deliverable.throughput else ""
        reason = "; ".join(binding.model_problems((*run.summaries, *run.copies), subject.deliverable, batch_size, chip))
    if run is None or reason:
        return empty_accuracy(subject, batch_size, reason, labels_to)
    measured = score_outputs(subject, run.summaries, run.copies, batch_size=batch_size, labels_to=labels_to)
    provenance = replace(measured.provenance, missing_reason=dropped_batch_reason(measured, run))
    provenance = with_recorded_devices(provenance, recorded, run, subject.target)
    return replace(measured, provenance=provenance, claimed_miou_percent=recorded.claimed.get(batch_size))


def score_outputs(
    subject: Subject,
    summaries: Sequence[Summary],
    copies: Sequence[Summary] = (),
    *,
    batch_size: int = 0,
    labels_to: Path | None = None,
) -> Accuracy:
    """Score the outputs that the summaries of one run list, on all cores.

    Args:
        summaries: one for every device.
        copies: of devices that ran the same images again; their outputs must be the same, byte for byte.
        batch_size: of the run; 0 if unknown.
        labels_to: also write the predicted labels there, .npy, uint8, shape (N, H, W), in order of name.
    Returns:
        Evidence; in its provenance the digest of summaries and outputs stands for the artifact, which is not here.
    Raises:
        InputError: as ``find_outputs`` and ``read_output``; or outputs are absent, of other images, all the same,
            or not the same as a copy.
    """
    outputs, others = merge_outputs(summaries), [merge_outputs([copy]) for copy in copies]
    _ = subject.manifest  # checks every file of the data set before the first is used
    labels = {sample.name: sample.label for sample in subject.dataset.samples}
    first, names = summaries[0].path, sorted(outputs)
    if foreign := [name for name in names if name not in labels]:
        problem = f"{len(foreign)} outputs of images that are not in the data set: {format_list(foreign)}"
        raise InputError(f"{first}: {problem}. Give the data set that they were made from")
    lookup = subject.dataset.classes.lookup()
    width, height = subject.deliverable.preprocessing.size
    label_maps = None if labels_to is None else create_memmap(labels_to, (len(names), height, width))

    def score(index: int) -> ImageScore:
        label_map = None if label_maps is None else label_maps[index]
        name = names[index]
        scored = score_image(subject, outputs[name], labels[name], lookup, label_map)
        for path in (other[name] for other in others):
            if hash_file(path) != scored.sha256:
                problem = f"differs from {outputs[name]}, what another device gave for the same image"
                raise InputError(f"{path}: {problem}. Check that device, and run with --divide_input 1")
        return scored

    begin = time.perf_counter()
    threads = 2 * cores()  # half of them wait for the disk
    with ThreadPoolExecutor(threads) as pool:
        results = bounded_map(pool, score, range(len(names)), 2 * threads)
        counted = bar(results, title="scoring", total=len(names), shown=subject.progress)
        scores = dict(zip(names, counted, strict=True))
    if len(names) > 1 and len({score.sha256 for score in scores.values()}) == 1:
        raise InputError(f"{first}: all {len(names)} outputs are the same, byte for byte. Run ais_bench on images")
    if label_maps is not None:
        label_maps.flush()
    digests = [*(hash_file(summary.path) for summary in summaries), {name: scores[name].sha256 for name in names}]
    provenance = replace(
        recorded_provenance(subject.deliverable, batch_size),
        artifact_sha256=hash_json(digests),
        dataset_sha256=subject.dataset_sha256,
        preprocessing_sha256=subject.preprocessing_sha256,
        versions={"numpy": np.__version__},
        simulated=any(summary.simulated for summary in summaries),
        limited=subject.limit is not None,
    )
    matrices = np.stack([score.matrix for score in scores.values()])
    non_finite = sum(not score.finite for score in scores.values())
    borders = sum((score.borders for score in scores.values()), BorderErrors())
    measured = subject.accuracy(provenance, names, matrices, non_finite, time.perf_counter() - begin)
    return replace(measured, borders=borders)


def merge_outputs(summaries: Sequence[Summary]) -> dict[str, Path]:
    """Output file by image name; an ``InputError`` if a device has none, or two have the same image."""
    merged: dict[str, Path] = {}
    for summary in summaries:
        if summary.is_pure_inference:
            raise InputError(f"{summary.path}: without --input ais_bench feeds zeros (pure_infer_data). Give --input")
        outputs = output_files.find_outputs(summary)
        if outputs is None:
            count = len(summary.pairs)
            raise InputError(f"{summary.path}: none of the {count} listed outputs is here. Copy them too")
        if repeated := sorted(merged.keys() & outputs.keys()):
            problem = f"{format_list(repeated)} also ran on another device"
            raise InputError(f"{summary.path}: {problem}. Give one device's summary, or run with --divide_input 1")
        merged |= outputs
    return merged


def score_image(
    subject: Subject, output: Path, label: Path, lookup: NDArray[np.uint8], label_map: NDArray[np.uint8] | None
) -> ImageScore:
    """Score one output file and write its labels to ``label_map``.

    The file is hashed here, while it is still in memory: all files together have gigabytes.
    """
    spec, classes = subject.deliverable.preprocessing, subject.deliverable.scored_classes
    result = output_files.read_output(output, subject.deliverable.network.outputs, spec.size)
    target = load_label(label, spec, lookup, subject.dataset.classes.mask_colours)
    order, outputs = subject.deliverable.output_order, subject.deliverable.network.outputs
    if result.ndim == 2:
        if result.dtype.kind in "iu" and result.min() >= 0 and result.max() < outputs:
            result = to_classes(result, order)
        if result.dtype.kind not in "iu" or result.min() < 0 or result.max() >= classes:
            labels = f"{result.dtype} labels up to {result.max()}"
            raise InputError(f"{output}: {labels}, expected 0..{classes - 1}. Run that image again")
        prediction, finite = result.astype(np.uint8, copy=False), True
    else:
        in_order = result if order is None else result[list(order)]
        prediction, finite = argmax(in_order, classes), is_finite(result)
    if label_map is not None:
        label_map[...] = prediction
    prediction = resize_labels(prediction, target.shape)
    matrix = confusion_matrix(prediction, target, classes)
    return ImageScore(matrix, finite, border_errors(prediction, target), hash_file(output))


def empty_accuracy(subject: Subject, batch_size: int, reason: str, labels_to: Path) -> Accuracy:
    """Evidence without images, for a reason; ``labels_to`` gets an array without label maps."""
    width, height = subject.deliverable.preprocessing.size
    np.save(labels_to, np.zeros((0, height, width), np.uint8))
    classes = subject.deliverable.scored_classes
    provenance = replace(recorded_provenance(subject.deliverable, batch_size), missing_reason=reason)
    return subject.accuracy(provenance, (), np.zeros((0, classes, classes), np.int64), 0, 0.0)


def dropped_batch_reason(measured: Accuracy, run: RecordedRun) -> str:
    """Name the dropped last batch as the reason for missing images; empty if it is not the reason."""
    missing = measured.images_expected - len(measured.images)
    if not (run.timings[0].drops_tail and 0 < missing < max(2, run.batch_size)):
        return ""
    return f"{missing} images of the last batch are missing: this version of ais_bench drops a batch that is not full"
