"""Recorded figures of others, by the same gate: it accepts the tuned 310P3 and stops the untuned one.

They stand in a part of their own and are no part of the deliverable's conclusion.
"""

from __future__ import annotations

import pytest

from enet import gates
from enet.deliverable import Deliverable, baselines
from enet.deliverable.baselines import BatchKey
from fixtures.verdicts import Judge

pytestmark = pytest.mark.perf


def test_recorded_tuned(recorded_batch: BatchKey, deliverable: Deliverable, judge: Judge) -> None:
    """310P3, tuned by aoe, over 310: at least 1.2x at every batch size that has a baseline, and at the best."""
    if deliverable.throughput is None:
        pytest.skip("no recorded baseline is of this network")
    verdict = gates.throughput.recorded("310P3(aoe)", recorded_batch, deliverable.throughput, baselines.load())
    judge(verdict, in_words=f"310P3(aoe), {baselines.title(recorded_batch)}")


def test_recorded_untuned(recorded_batch: BatchKey, deliverable: Deliverable) -> None:
    """310P3 as atc compiles it: the gate must say FAIL at every batch size that has a baseline."""
    if deliverable.throughput is None:
        pytest.skip("no recorded baseline is of this network")
    verdict = gates.throughput.recorded("310P3", recorded_batch, deliverable.throughput, baselines.load())
    if verdict.outcome is gates.Outcome.INFO:
        pytest.skip(verdict.sentence)
    assert verdict.outcome is gates.Outcome.FAIL, verdict.sentence


def test_recorded_directory(deliverable: Deliverable) -> None:
    """The guide files the tuned model under Benchmark/cv/segmentation, for batch 1 and 16, and not the untuned one."""
    table = baselines.load()
    assert table.filed_under(table.column("310P3(aoe)").by_batch) == table.directory.name
    assert table.filed_under(table.column("310P3").by_batch) is None
