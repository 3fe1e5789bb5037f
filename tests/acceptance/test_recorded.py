"""The recorded figures of others, by the same gate: it lets the tuned 310P3 pass and stops the untuned one."""

from __future__ import annotations

import pytest

from enet.deliverable import Deliverable, baselines
from enet.deliverable.baselines import BatchKey
from fixtures.verdicts import Judge

pytestmark = pytest.mark.perf


def test_tuned(recorded_batch: BatchKey, judged: Deliverable, judge: Judge) -> None:
    """310P3, tuned by aoe, over 310: at least 1.2 times at every batch size that has a baseline, and at the best."""
    from enet import gates

    if judged.throughput is None:
        pytest.skip("no recorded baseline is of this network")
    judge(gates.recorded("310P3(aoe)", recorded_batch, judged.throughput, baselines.load()))


def test_untuned_falls_short(recorded_batch: BatchKey, judged: Deliverable) -> None:
    """310P3 as atc compiles it: the gate must say FAIL wherever there is a baseline."""
    from enet import gates

    if judged.throughput is None:
        pytest.skip("no recorded baseline is of this network")
    verdict = gates.recorded("310P3", recorded_batch, judged.throughput, baselines.load())
    if verdict.reported:
        pytest.skip(verdict.sentence)
    assert verdict.outcome is gates.Outcome.FAIL, verdict.sentence


def test_directory(judged: Deliverable) -> None:
    """The guide files the tuned model under Benchmark/cv/segmentation, for batch 1 and 16; the untuned one not."""
    table = baselines.load()
    assert table.filed_under(table.column("310P3(aoe)").by_batch) == table.directory.name
    assert table.filed_under(table.column("310P3").by_batch) is None
