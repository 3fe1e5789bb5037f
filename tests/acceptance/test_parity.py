"""Batch size, place in the batch and padding change nothing; ONNX computes what PyTorch computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enet import gates, measure
from enet.backends import DEFAULT
from enet.deliverable import Deliverable, IoFormat
from enet.gates.catalogue import Case
from fixtures.accuracy_runs import MeasureAccuracy, SaveEvidence
from fixtures.options import Options
from fixtures.subject import fail_without_traceback
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.datasets.image_source import PreparedImages
    from enet.measure import Subject

pytestmark = pytest.mark.accuracy


@pytest.fixture
def smallest(case: Case, options: Options) -> int:
    """The batch size that the case's is compared with: 1, if there is a file for it."""
    return options.plan.smallest(case.backend)


def test_batch_parity(
    case: Case,
    deliverable: Deliverable,
    smallest: int,
    measure_accuracy: MeasureAccuracy,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    """The last, padded batch is among them."""
    batched, single = measure_accuracy(case.backend, case.batch_size), measure_accuracy(case.backend, smallest)
    evidence = measure.compare_runs(
        "batch parity", (batched.evidence, single.evidence), (batched.labels, single.labels)
    )
    save_evidence(f"parity-{case}", evidence)
    judge(gates.parity.parity(evidence, deliverable))


def test_padded_tail(
    case: Case,
    deliverable: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    options: Options,
    smallest: int,
    measure_accuracy: MeasureAccuracy,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    size = case.batch_size
    if left := len(prepared.names) % size:
        batched, single = measure_accuracy(case.backend, size), measure_accuracy(case.backend, smallest)
        evidence = measure.compare_runs(
            "padded tail", (batched.evidence, single.evidence), (batched.labels, single.labels), last=left
        )
    elif options.recorded is not None:
        judge(gates.informational("padded_tail", f"every batch of {size} was full"))
        return
    else:  # every batch of the split was full: make one that is not
        with fail_without_traceback():
            pair = (subject.artifact(case.backend, size), subject.artifact(case.backend, smallest))
            evidence = measure.compare_artifacts("padded tail", subject, pair, prepared)
    save_evidence(f"padded-tail-{case}", evidence)
    judge(gates.parity.parity(evidence, deliverable))


@pytest.mark.needs_artifact
def test_equal_rows(
    case: Case,
    deliverable: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    measure_accuracy: MeasureAccuracy,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    run = measure_accuracy(case.backend, case.batch_size)
    with fail_without_traceback():
        artifact = subject.artifact(case.backend, case.batch_size)
        evidence = measure.compare_rows(subject, artifact, prepared, (run.evidence, run.labels))
    save_evidence(f"equal-rows-{case}", evidence)
    judge(gates.parity.parity(evidence, deliverable))


@pytest.mark.needs_artifact
def test_onnx_logits(
    case: Case,
    deliverable: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    with fail_without_traceback():
        evidence = measure.compare_onnx_logits(subject, case.batch_size, prepared)
    save_evidence(f"logits-{case}", evidence)
    judge(gates.parity.onnx_logits(evidence, deliverable))


@pytest.mark.needs_artifact
def test_io_formats(
    case: Case,
    deliverable: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    with fail_without_traceback():
        changed, plain = (subject.artifact(DEFAULT, 1, io_format) for io_format in (case.io_format, IoFormat()))
        evidence = measure.compare_artifacts("io formats", subject, (changed, plain), prepared)
    save_evidence(f"io-formats-{case}", evidence)
    judge(gates.parity.parity(evidence, deliverable))
