"""Gates of speed: contests, and the comparison with an earlier run."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from enet import gates
from enet.deliverable import Deliverable
from enet.gates import Outcome
from enet.metrics.latency import Ratio
from tests.unit.gates.races import CONDITIONS, OUTPUTS, SPEC, raced, recorded


@pytest.fixture
def spec() -> Deliverable:
    return SPEC


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ([1.0] * 5, [1.3] * 5, Outcome.PASS),
        ([1.0] * 5, [1.2] * 5, Outcome.PASS),
        ([1.0] * 5, [1.1999] * 5, Outcome.FAIL),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [1.3] * 5, Outcome.NO_EVIDENCE),
        # The lower end of the interval decides, and it may be the limit itself.
        ([1.0] * 5, [1.2, 1.2, 1.2, 1.3, 1.3], Outcome.PASS),
        ([1.0] * 5, [1.1, 1.1, 1.1, 1.2, 1.2], Outcome.NO_EVIDENCE),
        ([1.0] * 3, [9.0] * 3, Outcome.PASS),
        ([1.0] * 2, [9.0] * 2, Outcome.NO_EVIDENCE),
        ([1.0] * 3, [9.0] * 2, Outcome.NO_EVIDENCE),
        ([1.0] * 2, [9.0] * 3, Outcome.NO_EVIDENCE),
    ],
)
def test_speedup_outcomes(ours: list[float], theirs: list[float], outcome: Outcome, spec: Deliverable) -> None:
    verdict = gates.speed.speedup(raced(ours, theirs), spec)
    assert verdict.outcome is outcome, verdict
    few = min(len(ours), len(theirs)) < 3
    assert ("rounds, expected at least 3" in verdict.sentence) == few
    assert ("too noisy" in verdict.sentence) == (outcome is Outcome.NO_EVIDENCE and not few)


def test_speedup_says_that_no_recorded_speed_holds(spec: Deliverable) -> None:
    fast = raced([1.0] * 5, [3.0] * 5)
    assert gates.speed.NOT_HELD in gates.speed.speedup(fast, spec, held=False).notes
    assert gates.speed.NOT_HELD not in gates.speed.speedup(fast, spec).notes


@pytest.mark.parametrize(
    ("precision", "found", "words"),
    [
        ("fp32", {}, ""),
        ("fp32", {"repeat_agreement": 0.999, "agreement": 0.99}, ""),
        ("fp32", {"repeat_agreement": 0.9989}, "other labels than the artifact untimed (99.89 %"),
        ("fp32", {"agreement": 0.9899}, "labels of another input than pytorch's (98.99 %"),
        ("int8", {"repeat_agreement": 0.9989}, "other labels than the artifact untimed"),
        ("int8", {"agreement": 0.8}, ""),
        ("int8", {"agreement": 0.7999}, "labels of another input"),
        ("fp32", {"repeated": 0}, "were not checked"),
        ("fp32", {"compared": 0}, "were not checked"),
        ("fp32", None, "were not checked"),
    ],
)
def test_speedup_outputs_of_timed_executions(
    precision: str, found: dict[str, float] | None, words: str, spec: Deliverable
) -> None:
    """Times of executions that gave something else are no evidence of speed, however fast."""
    sound = dataclasses.replace(OUTPUTS, **found or {})  # type: ignore[arg-type]
    timed = raced([1.0] * 5, [9.0] * 5, precision=precision)
    verdict = gates.speed.speedup(dataclasses.replace(timed, outputs=None if found is None else sound), spec)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if words else Outcome.PASS), verdict
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"limits_reference": ["ONEDNN_MAX_CPU_ISA"]}, "ONEDNN_MAX_CPU_ISA may slow pytorch down: unset it"),
        ({"vector_flags": ["avx2"], "reference_engine": {"cpu_capability": "DEFAULT"}}, "does not use this CPU's AVX2"),
        ({"reference_engine": {"onednn": False}}, "without oneDNN"),
        ({"reference_engine": {"hooks": ["_global_forward_hooks"]}}, "_global_forward_hooks of PyTorch's modules run"),
        ({"reference_engine": {"hooks": [], "deterministic": False}}, ""),
        ({"reference_engine": {"deterministic": True}}, "only use deterministic algorithms"),
        ({"idle_reference": 0.31}, "pytorch slept 31 % of its time"),
        ({"idle_reference": 0.3}, ""),
        ({"idle_reference": None}, ""),
        ({"vector_flags": ["asimd"], "reference_engine": {"cpu_capability": "DEFAULT", "onednn": True}}, ""),
        ({"vector_flags": ["avx2"], "reference_engine": {"cpu_capability": "AVX2"}}, ""),
        ({"vector_flags": None, "reference_engine": None, "limits_reference": None}, ""),
    ],
)
def test_speedup_over_a_limited_reference_is_no_evidence(
    conditions: dict[str, Any], words: str, spec: Deliverable
) -> None:
    timed = raced([1.0] * 5, [9.0] * 5)
    verdict = gates.speed.speedup(dataclasses.replace(timed, conditions=CONDITIONS | conditions), spec)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if words else Outcome.PASS), verdict
    assert words in verdict.sentence


def test_speedup_names_preloaded_libraries(spec: Deliverable) -> None:
    """Many preload an allocator that is faster, so this is said and not refused."""
    timed = raced([1.0] * 5, [9.0] * 5, {"environment": {"LD_PRELOAD": "libjemalloc.so"}})
    verdict = gates.speed.speedup(timed, spec)
    assert verdict.outcome is Outcome.PASS
    assert "LD_PRELOAD=libjemalloc.so may change either side's speed" in verdict.notes


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"deliverable": "camvid"}, "evidence for 'camvid'"),
        ({"weights_sha256": "other"}, "different weights"),
        ({"batch_size": 9}, "different batch sizes"),
        ({"simulated": True}, "simulated device"),
    ],
)
def test_speedup_unrelated_evidence_is_no_evidence(where: dict[str, Any], words: str, spec: Deliverable) -> None:
    verdict = gates.speed.speedup(raced([1.0] * 5, [9.0] * 5, **where), spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("earlier", "outcome", "shipped"),
    [
        (Ratio(3.0, 2.95, 3.05), Outcome.PASS, Outcome.PASS),
        (Ratio(3.2, 3.15, 3.25), Outcome.PASS, Outcome.PASS),
        (Ratio(4.0, 3.9, 4.1), Outcome.FAIL, Outcome.PASS),
        (Ratio(3.3, 2.0, 5.0), Outcome.NO_EVIDENCE, Outcome.PASS),
        (Ratio(4.99, 4.9, 5.0), Outcome.FAIL, Outcome.PASS),
        (Ratio(5.0, 4.9, 5.1), Outcome.FAIL, Outcome.NO_EVIDENCE),
        (Ratio(6.0, 5.8, 6.2), Outcome.FAIL, Outcome.FAIL),
    ],
)
def test_regression_outcomes(earlier: Ratio, outcome: Outcome, shipped: Outcome, spec: Deliverable) -> None:
    """Three times PyTorch now. An artifact that does everything twice (6x before) fails on any machine of the kind."""
    now = raced([1 / 3] * 5, [1.0] * 5)
    for is_shipped, expected in ((False, outcome), (True, shipped)):
        verdict = gates.speed.regression(now, recorded(earlier), spec, shipped=is_shipped)
        assert verdict.outcome is expected, verdict


@pytest.mark.parametrize(("workers", "outcome"), [(None, Outcome.PASS), (1, Outcome.PASS), (2, Outcome.NO_EVIDENCE)])
def test_regression_of_workers_that_share_the_cores_is_no_evidence(
    workers: int | None, outcome: Outcome, spec: Deliverable
) -> None:
    """One worker has the machine to itself."""
    now = raced([1 / 3] * 5, [1.0] * 5, {"workers": workers})
    verdict = gates.speed.regression(now, recorded(Ratio(3.0, 3.0, 3.0)), spec)
    assert verdict.outcome is outcome, verdict
    assert ("2 workers share the cores" in verdict.sentence) == (workers == 2)


def test_regression_without_a_figure_is_no_evidence(spec: Deliverable) -> None:
    verdict = gates.speed.regression(raced([1 / 3] * 5, [1.0] * 5), None, spec)
    assert (verdict.outcome, verdict.check) == (Outcome.NO_EVIDENCE, None)
    assert "no figure for this case" in verdict.sentence


@pytest.mark.parametrize(
    ("ours", "theirs", "busy", "outcome", "notes"),
    [
        (1 / 3, 1.0, 0.0, Outcome.PASS, []),
        # The reference lost speed, which makes the factor larger.
        (1 / 3, 1.6, 0.0, Outcome.PASS, ["pytorch at 0.625x"]),
        (1 / 3, 1.7, 0.0, Outcome.NO_EVIDENCE, ["pytorch at 0.5882x"]),
        # Both lost the same: the factor alone would pass.
        (2 / 3, 2.0, 0.0, Outcome.NO_EVIDENCE, ["pytorch at 0.5x", "the artifact (onnxruntime) at 0.5x"]),
        (0.36, 1.08, 0.0, Outcome.PASS, []),
        (0.38, 1.14, 0.0, Outcome.PASS, ["pytorch at 0.8772x", "the artifact (onnxruntime) at 0.8772x"]),
        # Others used half of the CPU, which explains it.
        (2 / 3, 2.0, 0.5, Outcome.PASS, []),
        (2 / 3, 3.5, 0.5, Outcome.NO_EVIDENCE, ["pytorch at 0.5714x"]),
        # The artifact alone is slower: a regression, unless the machine was busy.
        (1 / 2, 1.0, 0.0, Outcome.FAIL, ["the artifact (onnxruntime) at 0.6667x"]),
        (1 / 2, 1.0, 0.1, Outcome.FAIL, ["the artifact (onnxruntime) at 0.7407x"]),
        (1 / 2, 1.0, 0.2, Outcome.NO_EVIDENCE, ["the artifact (onnxruntime) at 0.8333x", "threads waited 20 %"]),
    ],
)
def test_regression_holds_both_sides_to_their_recorded_speed(
    ours: float, theirs: float, busy: float, outcome: Outcome, notes: list[str], spec: Deliverable
) -> None:
    """Recorded: 1 image/s of PyTorch, 3 of the artifact."""
    now = raced([ours] * 5, [theirs] * 5)
    load = {"waited_artifact": busy, "waited_reference": busy}
    now = dataclasses.replace(now, conditions=now.conditions | load)
    verdict = gates.speed.regression(now, recorded(Ratio(3.0, 3.0, 3.0)), spec)
    assert verdict.outcome is outcome, verdict
    said = "; ".join(verdict.notes)
    assert all(note in said for note in notes), said
    assert said.count("recorded images/s") == sum("at 0." in note for note in notes)


@pytest.mark.parametrize(
    ("theirs", "where", "outcome", "words"),
    [
        (1.6, {"precision": "int8"}, Outcome.PASS, "in INT8 is 1.6x"),
        (1.4, {"precision": "int8"}, Outcome.FAIL, "expected at least 1.5x"),
        (1.6, {}, Outcome.NO_EVIDENCE, "not INT8 against float32"),
        (1.6, {"precision": "int8", "simulated": True}, Outcome.NO_EVIDENCE, "simulated device"),
    ],
)
def test_int8_speedup_outcomes(
    theirs: float, where: dict[str, Any], outcome: Outcome, words: str, spec: Deliverable
) -> None:
    verdict = gates.speed.int8_speedup(raced([1.0] * 5, [theirs] * 5, **where), spec)
    assert verdict.outcome is outcome, verdict
    assert words in verdict.sentence


@pytest.mark.parametrize(("has", "is_noted"), [([], True), (["avx512_vnni"], False), (None, False)])
def test_int8_speedup_failure_names_missing_instructions(
    has: list[str] | None, is_noted: bool, spec: Deliverable
) -> None:
    """It fails in any case; the note is there only if the host's instructions are recorded."""
    slow = raced([1.0] * 5, [1.1] * 5, precision="int8")
    conditions = {key: value for key, value in slow.conditions.items() if key != "int8_instructions"}
    if has is not None:
        conditions["int8_instructions"] = has
    verdict = gates.speed.int8_speedup(dataclasses.replace(slow, conditions=conditions), spec)
    assert verdict.outcome is Outcome.FAIL
    assert any("no instructions for INT8" in note for note in verdict.notes) == is_noted
