"""The bytes that the network sees are those of the reference scripts, restated here step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enet.deliverable import Deliverable
from fixtures.accuracy_runs import Keep
from fixtures.subject import reported
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.datasets.image_source import PreparedImages
    from enet.measure.subject import Subject

pytestmark = [pytest.mark.accuracy, pytest.mark.built]


def test_preprocessing(
    judged: Deliverable, subject: Subject, prepared: PreparedImages, keep: Keep, judge: Judge
) -> None:
    """Images and label maps, resized, cropped and normalised, byte for byte."""
    from enet import gates
    from enet.measure import reference_preprocessing

    with reported():
        evidence = reference_preprocessing.compare(subject, prepared)
    keep(f"preprocessing-{judged.name}", evidence)
    judge(gates.preprocessing(evidence))
