"""Throughput of a device, timed now or recorded, against recorded baselines by their own formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enet import gates, records
from enet.deliverable import Deliverable, baselines
from enet.gates.catalogue import Case
from fixtures.device_throughput import MeasureThroughput
from fixtures.options import Options
from fixtures.verdicts import Judge

if TYPE_CHECKING:
    from enet.evidence import Throughput
    from enet.records.device_timing import RecordedTiming

pytestmark = pytest.mark.perf


@pytest.fixture
def all_batch_sizes(case: Case, options: Options, measure_throughput: MeasureThroughput) -> list[Throughput]:
    """The backend's throughput at every batch size that is timed."""
    return [
        measure_throughput(timed.backend, timed.batch_size)
        for timed in options.plan.timed()
        if timed.backend == case.backend
    ]


def test_throughput(case: Case, deliverable: Deliverable, measure_throughput: MeasureThroughput, judge: Judge) -> None:
    judge(gates.throughput.throughput(measure_throughput(case.backend, case.batch_size), deliverable, baselines.load()))


def test_best_batch(case: Case, deliverable: Deliverable, all_batch_sizes: list[Throughput], judge: Judge) -> None:
    judge(gates.throughput.best_batch(all_batch_sizes, deliverable, baselines.load()))


def test_model_directory(case: Case, deliverable: Deliverable, all_batch_sizes: list[Throughput], judge: Judge) -> None:
    """Where the guide files such a model; information without a limit."""
    judge(gates.throughput.model_directory(all_batch_sizes, deliverable, baselines.load()))


def test_trtexec_log(log: tuple[str, RecordedTiming], options: Options, judge: Judge) -> None:
    """What trtexec printed, among the results; information, but a FAIL if its figures contradict each other."""
    title, timing = log
    evidence = records.throughput_from_log(timing, options.deliverable)
    judge(gates.throughput.throughput(evidence, options.deliverable, baselines.load()), in_words=title)
