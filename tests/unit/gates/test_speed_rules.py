"""What gates of speed say: figures with their limits and intervals, both sides fit, notes at their limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from enet import gates
from enet.evidence import RecordedSpeed, Speed
from enet.gates import Outcome, Verdict
from enet.metrics.latency import BUSY, Rate, Ratio
from tests.unit import recipes
from tests.unit.gates.races import SPEC, raced, recorded, times

#: Three times PyTorch's speed, with a wide interval; an earlier run was as fast.
NOW = raced([1.0] * 5, [2.0, 3.0, 3.0, 3.0, 4.0], precision="int8")
EARLIER = recorded(Ratio(3.0, 3.0, 3.0), 1 / 3)
#: By gate: its verdict, the limit, words of its sentence.
GATES: dict[str, tuple[Callable[[Speed], Verdict], float, str]] = {
    "speedup": (
        lambda evidence: gates.speed.speedup(evidence, SPEC),
        1.2,
        "1 images/s at batch 2 is 3x (95 % CI 2x to 4x) pytorch's, expected at least 1.2x",
    ),
    "int8_speedup": (
        lambda evidence: gates.speed.int8_speedup(evidence, SPEC),
        1.5,
        "1 images/s at batch 2 in INT8 is 3x (95 % CI 2x to 4x) pytorch's in float32, expected at least 1.5x",
    ),
    "regression": (
        lambda evidence: gates.speed.regression(evidence, EARLIER, SPEC, shipped=True),
        0.6,
        "3x pytorch's at batch 2, earlier 3x: 1x (95 % CI 0.6667x to 1.333x) of that, expected at least 0.6x",
    ),
}


@pytest.mark.parametrize("gate", GATES)
def test_gates_of_speed_show_factor_limit_and_interval(gate: str) -> None:
    judge, limit, sentence = GATES[gate]
    verdict = judge(NOW)
    factor = 1 if gate == "regression" else 3
    assert (verdict.gate, verdict.outcome, verdict.sentence) == (gate, Outcome.PASS, sentence)
    assert verdict.check == gates.Check(measured=recipes.about(factor), unit="x", low=limit)
    assert verdict.numbers == {"ratio_low": pytest.approx(factor * 2 / 3), "ratio_high": pytest.approx(factor * 4 / 3)}
    assert verdict.notes[0] == "p99 1000 ms"


def simulated(side: str) -> Speed:
    return dataclasses.replace(NOW, **{side: dataclasses.replace(getattr(NOW, side), simulated=True)})


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("side", ["provenance", "reference"])
def test_gates_of_speed_need_both_sides_fit(gate: str, side: str) -> None:
    judge, limit, sentence = GATES[gate]
    verdict = judge(simulated(side))
    assert (verdict.gate, verdict.outcome) == (gate, Outcome.NO_EVIDENCE)
    assert verdict.sentence == f"measured on a simulated device; {sentence}"
    assert verdict.check is not None
    assert (verdict.check.low, verdict.check.unit) == (limit, "x")


def test_int8_speedup_of_other_precisions_keeps_what_was_measured() -> None:
    verdict = gates.speed.int8_speedup(raced([1.0] * 5, [3.0] * 5), SPEC)
    assert (verdict.gate, verdict.outcome, verdict.measured) == ("int8_speedup", Outcome.NO_EVIDENCE, 3)
    no_instructions = dataclasses.replace(NOW, conditions=NOW.conditions | {"int8_instructions": []})
    assert gates.speed.int8_speedup(no_instructions, SPEC).notes == ("p99 1000 ms",)  # it is fast all the same


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"repeat_agreement": 0.5},
            "other labels than the artifact untimed (50 % of an image's pixels agree, expected 99.9 %)",
        ),
        ({"agreement": 0.5}, "labels of another input than pytorch's (50 % of an image's pixels agree)"),
    ],
)  # fmt: skip
def test_outputs_of_timed_executions_are_said_in_percent(changes: dict[str, Any], words: str) -> None:
    assert NOW.outputs is not None
    verdict = gates.speed.speedup(dataclasses.replace(NOW, outputs=dataclasses.replace(NOW.outputs, **changes)), SPEC)
    assert verdict.sentence.startswith(f"a timed execution gave {words}; ")


def test_unknown_instructions_of_the_cpu_accuse_nobody() -> None:
    conditions = {"vector_flags": None, "reference_engine": {"cpu_capability": "DEFAULT"}}
    assert gates.speed.speedup(raced([1.0] * 5, [3.0] * 5, conditions), SPEC).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("waited", "rounds", "notes"),
    [
        (BUSY, [0.91, 1.09], []),
        (0.25, [0.91, 1.09], ["threads waited 25 % of their time for the CPU"]),
        (0.0, [0.89, 1.11], ["rounds vary by 11 %"]),
        (1.0, [0.01, 1.99], ["threads waited 100 % of their time for the CPU", "rounds vary by 99 %"]),
    ],
)
def test_notes_on_a_noisy_machine(waited: float, rounds: list[float], notes: list[str]) -> None:
    """And the latency that one execution of a hundred exceeds."""
    now = raced([1.0], [9.0] * 4, {"waited_artifact": waited}, precision="int8")
    now = dataclasses.replace(now, times=times(rounds * 2, [n / 1000 for n in range(1, 201)]))
    assert list(gates.speed.int8_speedup(now, SPEC).notes) == ["p99 199 ms", *notes]


def earlier(rate: Rate) -> RecordedSpeed:
    """The same factor, by other images/s of PyTorch; the artifact's are those of now."""
    return RecordedSpeed(ratio=Ratio(3.0, 3.0, 3.0), artifact=Rate(3.0, 3.0, 3.0), reference=rate)


@pytest.mark.parametrize(
    ("rate", "outcome", "noted"),
    [
        (Rate(1.0, 1.0, 1.0), Outcome.PASS, False),
        (Rate(1.11, 1.11, 1.11), Outcome.PASS, False),
        (Rate(1.12, 1.12, 1.12), Outcome.PASS, True),
        (Rate(2.0, 1.0, 4.0), Outcome.PASS, False),  # the interval reaches what was recorded
        (Rate(2.0, 1.5, 4.0), Outcome.PASS, True),
        (Rate(5 / 3, 5 / 3, 5 / 3), Outcome.PASS, True),  # 0.6 of it, exactly
        (Rate(1.67, 1.67, 1.67), Outcome.NO_EVIDENCE, True),
    ],
)
def test_regression_holds_the_upper_end_of_pytorchs_own_speed(rate: Rate, outcome: Outcome, noted: bool) -> None:
    verdict = gates.speed.regression(raced([1 / 3] * 5, [1.0] * 5), earlier(rate), SPEC)
    assert (verdict.gate, verdict.outcome) == ("regression", outcome), verdict
    assert len(verdict.notes) == 1 + noted
    words = "images/s fell below 0.6 of the recorded ones, which says nothing good of the factor; 3x pytorch's"
    assert verdict.sentence.startswith(words) == (outcome is Outcome.NO_EVIDENCE)


def test_regression_notes_less_than_what_must_be_kept() -> None:
    half = dataclasses.replace(SPEC, tolerances=dataclasses.replace(SPEC.tolerances, slowdown=0.5))
    for rate, noted in ((2.0, False), (2.001, True)):
        verdict = gates.speed.regression(raced([1 / 3] * 5, [1.0] * 5), earlier(Rate(rate, rate, rate)), half)
        assert len(verdict.notes) == 1 + noted


def test_regression_while_threads_waited_says_so() -> None:
    load = {"waited_artifact": 0.2, "waited_reference": 0.2}
    verdict = gates.speed.regression(raced([1 / 2] * 5, [1.0] * 5, load), recorded(Ratio(3.0, 3.0, 3.0)), SPEC)
    words = "threads waited 20 % of their time for the CPU, measure again on an idle machine; 2x pytorch's at batch 2"
    assert (verdict.gate, verdict.outcome) == ("regression", Outcome.NO_EVIDENCE)
    assert verdict.sentence.startswith(words)
    nothing = gates.speed.regression(NOW, None, SPEC)
    assert (nothing.gate, nothing.outcome) == ("regression", Outcome.NO_EVIDENCE)
