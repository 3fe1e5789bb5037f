"""The checkpoint has the stated mIoU, and so has every artifact built from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enet import gates, measure, report
from enet.backends import REFERENCE
from enet.deliverable import Deliverable
from enet.gates.catalogue import Case
from fixtures.accuracy_runs import CertainPixels, MeasureAccuracy, MeasuredRun, SaveEvidence
from fixtures.verdicts import Judge

pytestmark = pytest.mark.accuracy


@pytest.fixture
def failure_details(
    case: Case, measure_accuracy: MeasureAccuracy, reference: MeasuredRun | None
) -> Callable[[], str] | None:
    """What to print if an artifact's accuracy fails: it beside PyTorch's, class by class, and the worst images."""
    if reference is None:
        return None
    return lambda: report.comparison.format_comparison(
        measure_accuracy(case.backend, case.batch_size).evidence, reference.evidence
    )


@pytest.mark.needs_artifact
def test_reference_miou(case: Case, deliverable: Deliverable, measure_accuracy: MeasureAccuracy, judge: Judge) -> None:
    judge(gates.accuracy.reference_miou(measure_accuracy(REFERENCE, 1).evidence, deliverable))


def test_miou(
    case: Case,
    deliverable: Deliverable,
    measure_accuracy: MeasureAccuracy,
    reference: MeasuredRun | None,
    judge: Judge,
    failure_details: Callable[[], str] | None,
) -> None:
    evidence = measure_accuracy(case.backend, case.batch_size).evidence
    judge(
        gates.accuracy.miou(evidence, deliverable, reference.evidence if reference else None), details=failure_details
    )


def test_agreement(
    case: Case,
    measure_accuracy: MeasureAccuracy,
    reference: MeasuredRun,
    certain_pixels: CertainPixels,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    run = measure_accuracy(case.backend, case.batch_size)
    pair, labels = (run.evidence, reference.evidence), (run.labels, reference.labels)
    evidence = measure.compare_with_reference(pair, labels, certain_pixels() if case.precision == "int8" else None)
    save_evidence(f"agreement-{case}", evidence)
    judge(gates.agreement.agreement(evidence))


def test_class_iou(
    case: Case,
    deliverable: Deliverable,
    measure_accuracy: MeasureAccuracy,
    reference: MeasuredRun | None,
    judge: Judge,
    failure_details: Callable[[], str] | None,
) -> None:
    evidence = measure_accuracy(case.backend, case.batch_size).evidence
    theirs = reference.evidence if reference else None
    judge(gates.accuracy.class_iou(evidence, theirs, deliverable), details=failure_details)


@pytest.mark.needs_artifact
def test_int8_miou(
    case: Case,
    deliverable: Deliverable,
    measure_accuracy: MeasureAccuracy,
    reference: MeasuredRun,
    judge: Judge,
    failure_details: Callable[[], str],
) -> None:
    evidence = measure_accuracy(case.backend, case.batch_size).evidence
    judge(gates.accuracy.int8_miou(evidence, reference.evidence, deliverable), details=failure_details)
