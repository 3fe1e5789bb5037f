"""The network's source, as PyTorch runs it, gives the logits that it gave when they were recorded."""

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
    from enet.measure import Subject

pytestmark = [pytest.mark.accuracy, pytest.mark.needs_artifact]


def test_network(
    case: Case, deliverable: Deliverable, subject: Subject, save_evidence: SaveEvidence, judge: Judge
) -> None:
    with fail_without_traceback():
        evidence = measure.golden.compare(subject)
    save_evidence(f"golden-{case}", evidence)
    judge(gates.network.network(evidence, deliverable))
