"""A small deliverable, and its whole acceptance of accuracy in this process, as ``pytest -m accuracy`` does it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enet import deliverable, gates
from enet.backends import DEFAULT, REFERENCE
from enet.datasets import scenes
from enet.deliverable import Deliverable, IoFormat
from enet.evidence import Accuracy
from enet.gates import Plan, Verdict
from enet.measure import golden, measure_split, parity, rebuilt, reference_preprocessing
from enet.measure.subject import Subject
from enet.storage.store import Store

BACKEND = DEFAULT


def small(folder: Path, *, images: int, side: int, scene: tuple[int, int] = scenes.SIZE) -> Subject:
    """The embedded deliverable over few scenes on a small grid, its stated mIoU measured over them.

    Args:
        folder: where the scenes are written, and what is built.
        images: how many; of batches of 4, the last should not be full.
        side: of the network's input, in pixels.
        scene: width and height of the scenes, in pixels.
    """
    embedded = deliverable.load("scenes")
    scenes.write(folder / "scenes", images=images, split=embedded.dataset.split, size=scene)
    spec = replace(
        embedded,
        name="small",
        batch_sizes=(1, 4),
        dataset=replace(embedded.dataset, images=images, sha256=None, inputs_sha256=None),
        preprocessing=replace(embedded.preprocessing, size=(side, side)),
        network=replace(embedded.network, sha256=None, golden=None),  # to see what figures tell without them
    )
    subject = Subject(spec, Store(folder / "cache"), data_root=folder / "scenes")
    measured = measure_split(subject, subject.artifact(REFERENCE, 1), subject.prepared())
    stated = replace(spec.reference, miou_percent=100 * measured.miou, source="measured by the self-test")
    return replace(subject, deliverable=replace(spec, reference=stated))


def with_own_cache(subject: Subject, folder: Path, spec: Deliverable | None = None) -> Subject:
    """The same on an empty cache, perhaps with another deliverable."""
    return replace(subject, store=Store(folder), deliverable=spec or subject.deliverable)


def verdicts(subject: Subject) -> Iterator[Verdict]:
    """The verdicts of ``pytest -m accuracy``, for every gate of the catalogue that does not need INT8.

    Raises:
        InputError: something cannot be used; then there is no verdict.
    """
    spec, source = subject.deliverable, subject.prepared()
    with tempfile.TemporaryDirectory() as folder:

        def run(backend: str, size: int) -> tuple[Accuracy, Path]:
            labels = Path(folder) / f"{backend}{size}.npy"
            return measure_split(subject, subject.artifact(backend, size), source, labels_to=labels), labels

        runs = {size: run(DEFAULT, size) for size in spec.batch_sizes}
        reference, truth = run(REFERENCE, 1)
        yield gates.accuracy.reference_miou(reference, spec)
        yield gates.network.network(golden.compare(subject), spec)
        yield gates.parity.preprocessing(reference_preprocessing.compare(subject, source), spec)
        for size, (evidence, labels) in runs.items():
            yield gates.accuracy.miou(evidence, spec, reference)
            yield gates.accuracy.class_iou(evidence, reference, spec)
            yield gates.agreement.agreement(parity.compare_with_reference((evidence, reference), (labels, truth)))
            again = parity.compare_rows(subject, subject.artifact(DEFAULT, size), source, (evidence, labels))
            yield gates.parity.parity(again, spec)
            yield gates.parity.onnx_logits(parity.compare_onnx_logits(subject, size, source), spec)
            if size > 1:
                pair, files = (evidence, runs[1][0]), (labels, runs[1][1])
                yield gates.parity.parity(parity.compare_runs("batch parity", pair, files), spec)
                last = len(source.names) % size
                yield gates.parity.parity(parity.compare_runs("padded tail", pair, files, last=last), spec)
        plan = Plan(deliverable=spec, backends=(DEFAULT,), delivered=bool(subject.delivered))
        for case in plan.other_formats():
            artifacts = subject.artifact(DEFAULT, 1, case.io_format), subject.artifact(DEFAULT, 1, IoFormat())
            yield gates.parity.parity(parity.compare_artifacts("io formats", subject, artifacts, source), spec)
        yield gates.cache.cached_files(rebuilt.compare(subject, seed=0))
