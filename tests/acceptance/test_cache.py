"""What the artifact cache holds is what is built now."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from enet import gates, measure
from enet.gates.catalogue import Case
from fixtures.accuracy_runs import SaveEvidence
from fixtures.options import Options
from fixtures.subject import fail_without_traceback
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.measure import Subject

pytestmark = [pytest.mark.accuracy, pytest.mark.needs_artifact]


def test_cached_files(
    case: Case, subject: Subject, options: Options, save_evidence: SaveEvidence, judge: Judge
) -> None:
    with fail_without_traceback():
        for each in options.plan.artifacts():  # another worker may have asked for them
            subject.artifact(each.backend, each.batch_size)
        evidence = measure.rebuilt.compare(subject, secrets.randbelow(1 << 32))
    save_evidence(f"cached-files-{case}", evidence)
    judge(gates.cache.cached_files(evidence))
