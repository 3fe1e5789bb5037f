"""A small deliverable, and its whole acceptance of accuracy in this process: all is measured, every gate is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from enet import deliverable, gates
from enet.backends import REFERENCE
from enet.datasets import scenes
from enet.deliverable import Deliverable, IoFormat
from enet.evidence import Accuracy
from enet.gates import Verdict
from enet.measure import parity, pipeline, reference_preprocessing
from enet.measure.subject import Subject
from enet.storage.store import Store

BACKEND = "onnxruntime"

FORMS = tuple(IoFormat(input=i, output=o) for i in ("float", "uint8") for o in ("logits", "labels"))


def small(folder: Path, *, images: int, side: int) -> Subject:
    """The embedded deliverable over few scenes on a small grid, its stated mIoU measured over them.

    Args:
        folder: where the scenes are written, and what is built.
        images: how many; of batches of 4, the last should not be full.
        side: of the network's input, in pixels.
    """
    embedded = deliverable.load("scenes")
    scenes.write(folder / "scenes", images=images, split=embedded.dataset.split)
    spec = replace(
        embedded,
        name="small",
        batch_sizes=(1, 4),
        dataset=replace(embedded.dataset, images=images),
        preprocessing=replace(embedded.preprocessing, size=(side, side)),
        network=replace(embedded.network, sha256=None),  # to see what figures tell without it
    )
    subject = Subject(spec, Store(folder / "cache"), data_root=folder / "scenes")
    measured = pipeline.measure_split(subject, subject.artifact(REFERENCE, 1), subject.prepared())
    stated = replace(spec.reference, miou_percent=100 * measured.miou, source="measured by the self-test")
    return replace(subject, deliverable=replace(spec, reference=stated))


def with_own_cache(subject: Subject, folder: Path, spec: Deliverable | None = None) -> Subject:
    """The same on an empty cache, perhaps with another deliverable."""
    return replace(subject, store=Store(folder), deliverable=spec or subject.deliverable)


def verdicts(subject: Subject) -> Iterator[Verdict]:
    """What ``pytest -m accuracy`` asks, in its order.

    Raises:
        InputError: something can't be used; nothing is judged then.
    """
    spec, source = subject.deliverable, subject.prepared()
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[tuple[str, int], tuple[Accuracy, Path]] = {}
        for backend, size in [(REFERENCE, 1), *((BACKEND, size) for size in spec.batch_sizes)]:
            labels = Path(folder) / f"{backend}{size}.npy"
            artifact = subject.artifact(backend, size)
            measured[backend, size] = (pipeline.measure_split(subject, artifact, source, labels_to=labels), labels)
        reference, _ = measured[REFERENCE, 1]
        yield gates.reference_miou(reference, spec)
        yield gates.preprocessing(reference_preprocessing.compare(subject, source))
        for size in spec.batch_sizes:
            evidence, _ = measured[BACKEND, size]
            yield gates.artifact_miou(evidence, spec, reference)
            yield gates.class_iou(evidence, reference, spec)
            yield gates.onnx_logits(parity.compare_onnx_logits(subject, size, source), spec)
        (single, one_by_one) = measured[BACKEND, 1]
        for size in spec.batch_sizes[1:]:
            batched, labels = measured[BACKEND, size]
            pair, files = (batched, single), (labels, one_by_one)
            yield gates.parity(parity.compare_runs("batch parity", pair, files), spec)
            tail = parity.compare_runs("padded tail", pair, files, last=len(source.names) % size)
            yield gates.parity(tail, spec)
            artifact = subject.artifact(BACKEND, size)
            yield gates.parity(parity.compare_rows(subject, artifact, source), spec)
        for form in FORMS[1:]:
            artifacts = subject.artifact(BACKEND, 1, form), subject.artifact(BACKEND, 1, IoFormat())
            yield gates.parity(parity.compare_artifacts("forms", subject, artifacts, source), spec)
