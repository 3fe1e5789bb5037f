"""The conclusion: accepted only if every required (gate, case) passed and nothing else went wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enet import deliverable
from enet.gates import Outcome, conclude
from enet.gates.catalogue import GATES, Plan
from enet.gates.conclusion import Conclusion, Key

SCENES = deliverable.load("scenes")
PLAN = Plan(deliverable=SCENES, backends=("onnxruntime",), host_backends=("onnxruntime",), batch_sizes=(1, 16))
KEYS = [(gate.name, str(case)) for gate, case in PLAN.required()]
ACCURACY = [
    (key, Outcome.PASS) for key, (gate, _) in zip(KEYS, PLAN.required(), strict=True) if gate.aspect == "accuracy"
]
TOTAL = len(ACCURACY)


def without(*left: Key) -> list[tuple[Key, Outcome]]:
    return [(key, outcome) for key, outcome in ACCURACY if key not in left]


def said(conclusion: Conclusion) -> tuple[bool, str]:
    return conclusion.accepted, str(conclusion)


def test_all_passed_is_accepted() -> None:
    found = conclude(PLAN, ACCURACY)
    assert said(found) == (True, f"ACCEPTED (accuracy): all {TOTAL} gates passed")
    assert found.to_json() == {
        "accepted": True,
        "conclusion": f"ACCEPTED (accuracy): all {TOTAL} gates passed",
        "aspects": ["accuracy"],
        "scope": "accuracy",
        "recorded": False,
        "counts": {"PASS": TOTAL, "FAIL": 0, "NO EVIDENCE": 0, "INFO": 0},
        "not_run": [],
        "broken": [],
        "caveats": [],
        "stopped": "",
    }


def test_both_aspects_are_named() -> None:
    found = conclude(PLAN, [(key, Outcome.PASS) for key in KEYS])
    assert said(found) == (True, f"ACCEPTED (accuracy and performance): all {len(KEYS)} gates passed")


@pytest.mark.parametrize("key", [key for key, _ in ACCURACY], ids=" ".join)
def test_one_case_not_run_is_not_accepted(key: Key) -> None:
    found = conclude(PLAN, without(key))
    assert said(found) == (False, f"NOT ACCEPTED: {TOTAL - 1} gates passed, not run: {key[0]} [{key[1]}]")
    assert found.not_run == (key,)


@pytest.mark.parametrize("key", [key for key, _ in ACCURACY], ids=" ".join)
@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.NO_EVIDENCE, Outcome.INFO])
def test_one_case_that_did_not_pass_is_not_accepted(key: Key, outcome: Outcome) -> None:
    assert not conclude(PLAN, [*without(key), (key, outcome)]).accepted


def test_batch_16_never_run_is_not_accepted_although_every_gate_has_a_pass() -> None:
    single = Plan(deliverable=SCENES, backends=("onnxruntime",), batch_sizes=(1,))
    verdicts = [(key, outcome) for key, outcome in ACCURACY if "bs16" not in key[1]]
    assert ("batch_parity", "scenes-onnxruntime-bs16") in conclude(single, verdicts).not_run
    assert not conclude(single, verdicts).accepted


def test_several_verdicts_on_one_case_must_all_pass() -> None:
    """As after a rerun: the pass does not undo the failure."""
    key = KEYS[0]
    assert not conclude(PLAN, [*ACCURACY, (key, Outcome.FAIL)]).accepted
    assert conclude(PLAN, [*ACCURACY, (key, Outcome.PASS)]).accepted


def test_broken_test_is_not_accepted() -> None:
    found = conclude(PLAN, ACCURACY, broken=["test_miou[scenes-onnxruntime-bs1]"])
    assert said(found) == (
        False,
        f"NOT ACCEPTED: 1 gate without evidence, {TOTAL} passed, ended in an error: test_miou[scenes-onnxruntime-bs1]",
    )


def test_failure_is_named_before_missing_evidence() -> None:
    key, other = KEYS[0], KEYS[1]
    found = conclude(PLAN, [*without(key, other), (key, Outcome.FAIL), (other, Outcome.NO_EVIDENCE)])
    assert said(found) == (False, f"NOT ACCEPTED: 1 gate failed, 1 without evidence, {TOTAL - 2} passed")
    assert found.counts == {"PASS": TOTAL - 2, "FAIL": 1, "NO EVIDENCE": 1, "INFO": 0}


def test_information_alone_is_not_accepted() -> None:
    assert said(conclude(PLAN, [(KEYS[0], Outcome.INFO)])) == (False, "NOT ACCEPTED: nothing was checked")
    assert not conclude(PLAN, []).accepted


def test_unrequired_failure_is_not_accepted() -> None:
    """Such as of a log among the results, whose figures contradict each other."""
    assert not conclude(PLAN, [*ACCURACY, (("throughput", ""), Outcome.FAIL)]).accepted


def test_records_are_named_as_such() -> None:
    plan = replace(PLAN, backends=("recorded",), host_backends=(), recorded=True)
    verdicts = [((gate.name, str(case)), Outcome.PASS) for gate, case in plan.required()]
    assert str(conclude(plan, verdicts)).startswith("ACCEPTED (accuracy of recorded results): all ")


def test_what_stays_unproven_stands_in_the_headline() -> None:
    found = conclude(PLAN, ACCURACY, caveats=["model not proven", "model not proven"])
    assert said(found) == (True, f"ACCEPTED (accuracy; model not proven): all {TOTAL} gates passed")


def test_information_does_not_count() -> None:
    found = conclude(PLAN, [*ACCURACY, (("throughput", "scenes-onnxruntime-bs32"), Outcome.INFO)])
    assert said(found) == (True, f"ACCEPTED (accuracy): all {TOTAL} gates passed")


def test_four_of_those_that_did_not_run_are_named() -> None:
    found = conclude(PLAN, without(*KEYS[:6]))
    named = ", ".join(f"{gate} [{case}]" for gate, case in KEYS[:4])
    assert said(found) == (False, f"NOT ACCEPTED: {TOTAL - 6} gates passed, not run: {named} and 2 more")
    assert found.to_json()["not_run"] == [{"gate": gate, "case": case} for gate, case in KEYS[:6]]


def test_records_of_which_nothing_was_checked_have_no_scope() -> None:
    assert conclude(replace(PLAN, recorded=True), []).scope == ""


@pytest.mark.parametrize("stopped", ["interrupted", "the run has not ended"])
def test_what_ended_early_is_not_accepted(stopped: str) -> None:
    found = conclude(PLAN, ACCURACY, stopped=stopped)
    assert said(found) == (False, f"NOT ACCEPTED: {stopped}; all {TOTAL} gates passed")


def test_an_aspect_that_was_asked_for_and_not_checked_is_not_accepted() -> None:
    found = conclude(PLAN, ACCURACY, asked=("accuracy", "perf"))
    assert not found.accepted
    assert {GATES[gate].aspect for gate, _ in found.not_run} == {"perf"}
    pytorch = replace(PLAN, backends=("pytorch",), host_backends=())
    accuracy = [((gate.name, str(case)), Outcome.PASS) for gate, case in pytorch.required()]
    assert conclude(pytorch, accuracy, asked=("accuracy",)).accepted
    assert not conclude(pytorch, accuracy, asked=("accuracy", "perf")).accepted  # no gate of speed has a case


def test_looser_rules_stand_in_the_headline() -> None:
    looser = replace(SCENES, tolerances=replace(SCENES.tolerances, class_iou=0.1, label_agreement=0.99995))
    found = conclude(replace(PLAN, deliverable=looser), ACCURACY)
    assert str(found).startswith("ACCEPTED (accuracy; by the deliverable's own, looser rules: class_iou): ")
    assert SCENES.throughput is not None
    slower = replace(SCENES, throughput=replace(SCENES.throughput, at_least=1.1))
    assert conclude(replace(PLAN, deliverable=slower), ACCURACY).caveats == (
        "by the deliverable's own, looser rules: throughput.at_least",
    )


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"PASS": 1}, "1 gate passed"),
        ({"PASS": 2}, "all 2 gates passed"),
        ({"PASS": 1, "FAIL": 1}, "1 gate failed, 1 passed"),
        ({"PASS": 2, "NO EVIDENCE": 1}, "1 gate without evidence, 2 passed"),
        ({"PASS": 5, "NO EVIDENCE": 3, "FAIL": 2}, "2 gates failed, 3 without evidence, 5 passed"),
        ({"PASS": 0, "INFO": 1}, "nothing was checked"),
    ],
)
def test_gates_are_counted_in_words(counts: dict[str, int], words: str) -> None:
    none = {"PASS": 0, "FAIL": 0, "NO EVIDENCE": 0, "INFO": 0}
    found = replace(conclude(PLAN, ACCURACY), counts=none | counts)
    assert (found.found, Conclusion.stopped) == (words, "")
