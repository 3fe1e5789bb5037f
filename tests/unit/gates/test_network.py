"""The gate of the network's source: what it decides by, and what is no evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enet import deliverable, gates
from enet.evidence import GoldenComparison, GoldenLogits
from enet.gates import Outcome

SCENES = deliverable.load("scenes")
WEIGHTS = str(SCENES.network.sha256)
VARIANT = GoldenComparison(
    name="variant ascend", weights_sha256="", golden_weights_sha256="", values=512, largest=1e-6, over_limit=0
)
OWN = replace(VARIANT, name="scenes.golden.json", weights_sha256=WEIGHTS, golden_weights_sha256=WEIGHTS)


def evidence(*comparisons: GoldenComparison, **changes: Any) -> GoldenLogits:
    known: dict[str, Any] = {"deliverable": "scenes", "variant": "ascend", "limit": 1e-4, "relative": 1.3e-6}
    return GoldenLogits(**{**known, **changes}, comparisons=comparisons)


def test_network_passes_and_fails() -> None:
    verdict = gates.network.network(evidence(VARIANT, OWN), SCENES)
    assert verdict.outcome is Outcome.PASS
    assert verdict.sentence == (
        "largest difference 1e-06 to the recorded logits of variant ascend and scenes.golden.json, 0 of 1024 values "
        "beyond 0.0001 (or 1.3e-06 of the largest), expected none"
    )
    assert (verdict.gate, verdict.numbers) == ("network", {"largest": 1e-6})
    assert verdict.check == gates.Check(measured=0, unit="values", high=0)
    worse = gates.network.network(evidence(VARIANT, replace(OWN, largest=2e-6)), SCENES)
    assert worse.numbers == {"largest": 2e-6}
    for pair in ((replace(VARIANT, over_limit=1), OWN), (VARIANT, replace(OWN, over_limit=1))):
        assert gates.network.network(evidence(*pair), SCENES).outcome is Outcome.FAIL
    without = replace(SCENES, network=replace(SCENES.network, golden=None))
    assert gates.network.network(evidence(VARIANT), without).outcome is Outcome.PASS


NOTHING = {
    "another deliverable": (evidence(VARIANT, OWN, deliverable="camvid"), "evidence for 'camvid'"),
    "another variant": (evidence(VARIANT, OWN, variant="paper"), "evidence for the network 'paper'"),
    "looser limits": (evidence(VARIANT, OWN, limit=1e-3), "counted beyond 0.001"),
    "looser relative limit": (evidence(VARIANT, OWN, relative=1e-3), "counted beyond 0.0001"),
    "nothing compared": (evidence(), "0 logits were compared, expected at least 512"),
    "too few": (evidence(VARIANT, replace(OWN, values=511)), "511 logits were compared, expected at least 512"),
    "checkpoint left out": (evidence(VARIANT), "scenes.golden.json was not compared"),
    "other weights": (
        evidence(VARIANT, replace(OWN, weights_sha256="b" * 64)),
        f"scenes.golden.json is of the weights {WEIGHTS[:12]}, but run were bbbbbbbbbbbb",
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_network_unusable_evidence_is_no_evidence(name: str) -> None:
    unusable, sentence = NOTHING[name]
    verdict = gates.network.network(unusable, SCENES)
    assert (verdict.gate, verdict.outcome, verdict.sentence) == ("network", Outcome.NO_EVIDENCE, sentence)
