"""Speed on this machine: the artifact and the checkpoint in PyTorch, timed alternately in one run."""

from __future__ import annotations

from typing import Any

import pytest

from enet import gates
from enet.deliverable import Deliverable
from enet.gates.catalogue import Case
from fixtures.options import Options
from fixtures.race import MeasureSpeed
from fixtures.verdicts import Judge

pytestmark = [pytest.mark.perf, pytest.mark.needs_artifact]


def test_speedup(
    case: Case, deliverable: Deliverable, options: Options, measure_speed: MeasureSpeed, judge: Judge, benchmark: Any
) -> None:
    """From the artifact's input to labels."""
    evidence = measure_speed(case, benchmark)
    verdict = gates.speed.speedup(evidence, deliverable, held=str(case) in options.earlier)
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


def test_regression(
    case: Case, deliverable: Deliverable, options: Options, measure_speed: MeasureSpeed, judge: Judge
) -> None:
    earlier, shipped = options.earlier.get(str(case)), not options.plan.has_baseline
    judge(gates.speed.regression(measure_speed(case), earlier, deliverable, shipped=shipped))


def test_int8_speedup(case: Case, deliverable: Deliverable, measure_speed: MeasureSpeed, judge: Judge) -> None:
    judge(gates.speed.int8_speedup(measure_speed(case), deliverable))
