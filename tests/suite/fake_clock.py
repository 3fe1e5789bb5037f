"""A pytest plugin with a clock of its own for timed comparisons: ``-p tests.suite.fake_clock``.

The models run, but only their backend decides how long that takes, so a verdict on speed does not depend on the host.
The variable ``TIMES`` makes the artifact take so many times as long.
"""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any
from unittest import mock

#: Seconds of one execution, by backend.
SECONDS = {"pytorch": 0.3, "onnxruntime": 0.1 * float(os.environ.get("TIMES", "1"))}


lock = threading.Lock()
now = 0.0


def perf_counter() -> float:
    """For pytest-benchmark, too: ``--benchmark-timer tests.suite.fake_clock.perf_counter``."""
    return now


def advance(seconds: float) -> None:
    global now
    with lock:
        now += seconds


def pytest_configure() -> None:
    from enet import host
    from enet.measure import contest
    from enet.measure.predictor import Predictor

    predict = Predictor.predict_prepared

    def predict_in_fixed_time(self: Predictor, *arguments: Any) -> Any:
        result = predict(self, *arguments)
        advance(SECONDS[type(self.model).__module__.rpartition(".")[2]])
        return result

    clock = SimpleNamespace(perf_counter=perf_counter, sleep=advance)
    mock.patch.object(Predictor, "predict_prepared", predict_in_fixed_time).start()
    mock.patch.object(contest, "time", clock).start()
    mock.patch.object(host.CpuTime, "add").start()  # no other process counts either
