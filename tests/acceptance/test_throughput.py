"""A device's throughput, timed now or recorded, against the recorded baselines, by the baselines' own formula."""

from __future__ import annotations

import pytest

from enet.deliverable import Deliverable, baselines
from enet.records.device_timing import RecordedTiming as Log
from fixtures.device_throughput import Timed
from fixtures.options import Case, Device, Options
from fixtures.verdicts import Judge

pytestmark = pytest.mark.perf


def test_throughput(timed_case: Case, judged: Deliverable, timed: Timed, judge: Judge) -> None:
    """At a batch size: at least so many times the baseline's there, and the record's figures agree."""
    from enet import gates

    judge(gates.throughput(timed(timed_case), judged, baselines.load()))


def test_best_batch(device: Device, judged: Deliverable, timed: Timed, judge: Judge) -> None:
    """The best of all batch sizes over the baseline's best."""
    from enet import gates

    judge(gates.best_batch([timed(case) for case in device.cases], judged, baselines.load()))


def test_directory(device: Device, judged: Deliverable, timed: Timed, judge: Judge) -> None:
    """Where the model is filed, as the guide derives it; told, not judged."""
    from enet import gates

    judge(gates.directory([timed(case) for case in device.cases], judged, baselines.load()))


def test_log(log: Log, options: Options, judge: Judge) -> None:
    """What trtexec said, among the results; told, and judged only if its figures deny each other."""
    from enet import gates
    from enet.records.throughput import of_log

    judge(gates.throughput(of_log(log, options.deliverable), options.deliverable, baselines.load()))
