"""The checkpoint has the mIoU that was promised, and so has every artifact made of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enet.deliverable import Deliverable
from fixtures.accuracy_runs import Run, RunCase
from fixtures.options import Case
from fixtures.verdicts import Judge

pytestmark = pytest.mark.accuracy


@pytest.fixture
def explanation(case: Case, run: RunCase, reference: Run | None) -> Callable[[], str] | None:
    """What to print when an artifact's accuracy fails: it beside PyTorch's, class by class, and the worst images."""
    from enet.report import comparison

    if reference is None:
        return None
    return lambda: comparison.format_comparison(run(case.backend, case.batch_size).evidence, reference.evidence)


@pytest.mark.built
def test_reference(judged: Deliverable, reference: Run, judge: Judge) -> None:
    """PyTorch, measured now, has the stated mIoU."""
    from enet import gates

    judge(gates.reference_miou(reference.evidence, judged))


def test_miou(
    case: Case,
    judged: Deliverable,
    run: RunCase,
    reference: Run | None,
    judge: Judge,
    explanation: Callable[[], str] | None,
) -> None:
    """The artifact's mIoU is within the tolerance of the stated one, both sides."""
    from enet import gates

    evidence = run(case.backend, case.batch_size).evidence
    judge(gates.artifact_miou(evidence, judged, reference.evidence if reference else None), explanation=explanation)


@pytest.mark.built
def test_every_class(
    case: Case, judged: Deliverable, run: RunCase, reference: Run, judge: Judge, explanation: Callable[[], str]
) -> None:
    """No class has lost more than allowed, which a mean could hide."""
    from enet import gates

    evidence = run(case.backend, case.batch_size).evidence
    judge(gates.class_iou(evidence, reference.evidence, judged), explanation=explanation)


@pytest.mark.built
def test_int8_miou(quantised_case: Case, judged: Deliverable, run: RunCase, reference: Run, judge: Judge) -> None:
    """Quantising has changed mIoU by no more than the tolerance."""
    from enet import gates
    from enet.report import comparison

    evidence = run(quantised_case.backend, quantised_case.batch_size).evidence
    judge(
        gates.int8_miou(evidence, reference.evidence, judged),
        explanation=lambda: comparison.format_comparison(evidence, reference.evidence),
    )
