"""The gate of the artifact cache: every file must be the one that is built now."""

from __future__ import annotations

from typing import Any

import pytest

from enet import gates
from enet.evidence import Rebuilt
from enet.gates import Outcome

FILES = {"onnx: a": "1", "prepared: b": "2"}
SAME = "0 of 2 cached files, chosen by seed 7, differ from what is built now"
NOTHING = "no cached file, or not the same ones, were built again"


@pytest.mark.parametrize(
    ("changes", "outcome", "sentence", "wrong"),
    [
        ({}, Outcome.PASS, SAME, 0),
        ({"built": {"prepared: b": "2", "onnx: a": "1"}}, Outcome.PASS, SAME, 0),
        ({"limited": True}, Outcome.NO_EVIDENCE, f"{SAME}; only some images were requested", 0),
        (
            {"built": {**FILES, "prepared: b": "3"}},
            Outcome.NO_EVIDENCE,
            f"{SAME.replace('0 of', '1 of')}: prepared: b. Delete /cache and run again",
            1,
        ),
        ({"cached": {}, "built": {}}, Outcome.NO_EVIDENCE, NOTHING, None),
        ({"built": {"onnx: a": "1"}}, Outcome.NO_EVIDENCE, NOTHING, None),
        ({"cached": {"onnx: a": "1"}}, Outcome.NO_EVIDENCE, NOTHING, None),
    ],
)
def test_cached_files_outcomes(changes: dict[str, Any], outcome: Outcome, sentence: str, wrong: int | None) -> None:
    known: dict[str, Any] = {"cache": "/cache", "seed": 7, "limited": False, "cached": FILES, "built": FILES}
    verdict = gates.cache.cached_files(Rebuilt(**{**known, **changes}))
    assert (verdict.gate, verdict.outcome, verdict.sentence) == ("cached_files", outcome, sentence)
    assert verdict.measured == wrong
    if verdict.check:
        assert (verdict.check.unit, verdict.check.low, verdict.check.high) == ("of 2", None, 0)
