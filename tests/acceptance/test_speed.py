"""Speed on this machine: the artifact against the checkpoint in PyTorch, timed in turn in one run."""

from __future__ import annotations

from typing import Any

import pytest

from enet.deliverable import Deliverable
from fixtures.options import Case, Options, Quantised
from fixtures.race import Raced
from fixtures.verdicts import Judge

pytestmark = [pytest.mark.perf, pytest.mark.built]


def test_speedup(speed_case: Case, judged: Deliverable, raced: Raced, judge: Judge, benchmark: Any) -> None:
    """At a batch size, from what the artifact takes to labels: at least so many times PyTorch's images/s."""
    from enet import gates

    evidence = raced(speed_case, benchmark)
    verdict = gates.speedup(evidence, judged)
    benchmark.extra_info.update(
        batch_size=evidence.batch_size,
        images_per_round=evidence.times.images,
        images_per_second=evidence.images_per_second,
        p99_ms=1000 * evidence.times.latency(99),
        ratio_over_pytorch=evidence.ratio.value,
        verdict=verdict.outcome.value,
        weights_sha256=evidence.provenance.weights_sha256,
        artifact_sha256=evidence.provenance.artifact_sha256,
    )
    judge(verdict)


def test_regression(baseline_case: Case, judged: Deliverable, options: Options, raced: Raced, judge: Judge) -> None:
    """Not slower than in the run that ``--baseline`` names."""
    from enet import gates

    judge(gates.regression(raced(baseline_case), options.baseline[str(baseline_case)], judged))


def test_int8_speedup(quantised_speed: Quantised, judged: Deliverable, raced: Raced, judge: Judge) -> None:
    """In INT8: so many times as fast as each engine of this processor in float32."""
    from enet import gates

    judge(gates.int8_speedup(raced(quantised_speed.case, baseline=quantised_speed.baseline), judged))
