"""Races that were never run, by their times. No fixture, no test."""

from __future__ import annotations

import dataclasses
from typing import Any

from enet import deliverable
from enet.evidence import RecordedSpeed, Speed, TimedOutputs
from enet.metrics.latency import Rate, Ratio, Times
from tests.unit import recipes

#: The embedded deliverable, for weights of any name.
SPEC = deliverable.load("scenes")
SPEC = dataclasses.replace(SPEC, network=dataclasses.replace(SPEC.network, sha256=None))
OUTPUTS = TimedOutputs(seed=0, executions=9, compared=9, agreement=1.0, repeated=3, repeat_agreement=1.0)
CONDITIONS: dict[str, Any] = {
    "waited_artifact": 0.0,
    "waited_reference": 0.0,
    "limits_reference": [],
    "vector_flags": ["avx2"],
    "reference_engine": {"cpu_capability": "AVX2", "onednn": True},
}


def times(rounds: list[float], executions: list[float] | None = None) -> Times:
    """Seconds of rounds of one image."""
    return Times(images=1, rounds=tuple(rounds), executions=tuple(executions or rounds))


def raced(ours: list[float], theirs: list[float], conditions: dict[str, Any] | None = None, **where: Any) -> Speed:
    """A race at batch 2 on an idle machine, by the seconds of each round of one image.

    Args:
        where: changes to the artifact's provenance.
    """
    known: dict[str, Any] = {"deliverable": "scenes", "batch_size": 2}
    return Speed(
        provenance=recipes.provenance(**{**known, **where}),
        reference=recipes.provenance(**known, backend="pytorch", onnx_sha256="", artifact_sha256="r"),
        batch_size=2,
        times=times(ours),
        reference_times=times(theirs),
        conditions=CONDITIONS | (conditions or {}),
        outputs=OUTPUTS,
    )


def recorded(ratio: Ratio, reference: float = 1.0) -> RecordedSpeed:
    """A speed that was recorded while the reference gave so many images/s."""

    def exact(value: float) -> Rate:
        return Rate(value, value, value)

    return RecordedSpeed(ratio=ratio, artifact=exact(reference * ratio.value), reference=exact(reference))
