"""The bytes that the network gets are those of the reference scripts, restated step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enet import gates, measure
from enet.deliverable import Deliverable
from enet.gates.catalogue import Case
from fixtures.accuracy_runs import SaveEvidence
from fixtures.subject import fail_without_traceback
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.datasets.image_source import PreparedImages
    from enet.measure import Subject

pytestmark = [pytest.mark.accuracy, pytest.mark.needs_artifact]


def test_preprocessing(
    case: Case,
    deliverable: Deliverable,
    subject: Subject,
    prepared: PreparedImages,
    save_evidence: SaveEvidence,
    judge: Judge,
) -> None:
    with fail_without_traceback():
        evidence = measure.reference_preprocessing.compare(subject, prepared)
    save_evidence(f"preprocessing-{case}", evidence)
    judge(gates.parity.preprocessing(evidence, deliverable))
