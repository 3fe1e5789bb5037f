"""The catalogue of gates, and everything that must agree with it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from enet import deliverable, evidence
from enet.gates.catalogue import ASPECTS, CATALOGUE, GATES, Gate, Plan

ROOT = Path(__file__).resolve().parents[3]
SCENES = deliverable.load("scenes")


@pytest.fixture(scope="module")
def acceptance_tests() -> dict[str, str]:
    """Source of the acceptance tests' modules, by the names of the tests in it."""
    modules = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "acceptance").glob("test_*.py")]
    return {name: text for text in modules for name in re.findall(r"^def test_(\w+)\(", text, flags=re.MULTILINE)}


def test_gate_names_are_unique() -> None:
    assert len(GATES) == len(CATALOGUE)


@pytest.mark.parametrize("gate", CATALOGUE, ids=lambda gate: gate.name)
def test_gate_has_an_acceptance_test_with_its_marker(gate: Gate, acceptance_tests: dict[str, str]) -> None:
    source = acceptance_tests[gate.name]
    assert f"pytest.mark.{gate.aspect}" in source
    (decorators,) = re.findall(rf"((?:^@.*\n)*)^def test_{gate.name}\(", source, flags=re.MULTILINE)
    needs_artifact = "needs_artifact" in decorators or "needs_artifact" in source.partition("pytestmark")[2][:90]
    assert needs_artifact != gate.of_records


def test_gate_needs_known_kinds_of_evidence() -> None:
    assert {kind for gate in CATALOGUE for kind in gate.needs} <= set(evidence.KINDS)


def test_readme_has_a_row_for_every_gate_in_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [row for row in rows if row[0] in GATES] == [(gate.name, gate.sentence) for gate in CATALOGUE]


def test_self_test_runs_every_accuracy_gate() -> None:
    source = (ROOT / "enet" / "selftest" / "acceptance.py").read_text(encoding="utf-8")
    function = {"batch_parity": "batch parity", "padded_tail": "padded tail"}
    function |= {"equal_rows": "compare_rows", "io_formats": "io formats"}
    named = {gate.name for gate in CATALOGUE if function.get(gate.name, f".{gate.name}(") in source}
    assert named == {gate.name for gate in CATALOGUE if gate.aspect == "accuracy"} - {"int8_miou"}


def cases(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for gate, case in plan.required():
        found.setdefault(gate.name, []).append(str(case))
    return found


def test_plan_of_the_default_run() -> None:
    plan = Plan(deliverable=SCENES, backends=("onnxruntime",), host_backends=("onnxruntime",), batch_sizes=(1, 16))
    both = ["scenes-onnxruntime-bs1", "scenes-onnxruntime-bs16"]
    expected = {
        "reference_miou": ["scenes"],
        "network": ["scenes"],
        "preprocessing": ["scenes"],
        "onnx_logits": ["scenes-bs1", "scenes-bs16"],
        "io_formats": ["scenes-float-labels", "scenes-uint8-logits", "scenes-uint8-labels"],
        "miou": both,
        "agreement": both,
        "class_iou": both,
        "batch_parity": both[1:],
        "padded_tail": both[1:],
        "equal_rows": both,
        "speedup": [f"scenes-onnxruntime-bs{size}" for size in (1, 4, 8, 16, 32)],
    }
    assert cases(plan).items() >= expected.items()


def test_plan_requires_all_batch_sizes_of_the_deliverable_whatever_was_requested() -> None:
    plan = Plan(deliverable=SCENES, backends=("onnxruntime",), batch_sizes=(1,), timed_sizes=(1,))
    assert [str(case) for case in plan.artifacts()] == ["scenes-onnxruntime-bs1"]
    assert cases(plan)["miou"] == ["scenes-onnxruntime-bs1", "scenes-onnxruntime-bs16"]
    one = replace(SCENES, batch_sizes=(1,))
    assert "batch_parity" not in cases(replace(plan, deliverable=one))


def test_plan_with_int8() -> None:
    plan = Plan(
        deliverable=SCENES,
        backends=("openvino",),
        host_backends=("openvino",),
        int8_backends=("openvino",),
        float_engines=("onnxruntime", "openvino"),
        batch_sizes=(1,),
        timed_sizes=(1,),
        has_baseline=True,
    )
    found = cases(replace(plan, deliverable=replace(SCENES, batch_sizes=(1,))))
    assert (
        found["int8_miou"] == found["miou"] == found["speedup"] == found["regression"] == ["scenes-openvino-int8-bs1"]
    )
    assert found["int8_speedup"] == [
        "scenes-openvino-int8-bs1-over-onnxruntime",
        "scenes-openvino-int8-bs1-over-openvino",
    ]


def test_plan_of_records_requires_what_records_can_answer() -> None:
    cityscapes = deliverable.load("cityscapes")
    plan = Plan(
        deliverable=cityscapes,
        backends=("recorded",),
        device_backends=("recorded",),
        batch_sizes=(1, 16),
        recorded=True,
    )
    found = cases(plan)
    assert list(found) == ["miou", "batch_parity", "padded_tail", "throughput", "best_batch"]
    assert found["throughput"] == ["cityscapes-recorded-bs1", "cityscapes-recorded-bs16"]
    assert found["best_batch"] == ["cityscapes-recorded"]
    with_weights = cases(replace(plan, has_reference=True))
    assert list(with_weights) == ["miou", "agreement", "class_iou", *list(found)[1:]]
    assert with_weights["agreement"] == with_weights["class_iou"] == found["miou"]
    full = replace(cityscapes, dataset=replace(cityscapes.dataset, images=496))
    assert "padded_tail" not in cases(replace(plan, deliverable=full))
    two = replace(plan, batch_sizes=(1, 2, 16))  # no recorded baseline has a figure at batch 2
    assert cases(two)["throughput"] == found["throughput"]
    undecided = cases(replace(plan, deliverable=replace(cityscapes, throughput=None)))
    assert undecided["throughput"] == found["throughput"]  # of no baseline: never answered, so never accepted


def test_every_aspect_has_a_gate() -> None:
    assert {gate.aspect for gate in CATALOGUE} == set(ASPECTS)


def test_regression_cases_are_those_with_a_stated_speed_or_all_of_an_earlier_run() -> None:
    """A file that the user names must have figures for all cases; the deliverable states what it can."""
    plan = Plan(deliverable=deliverable.load("scenes"), backends=("onnxruntime",), host_backends=("onnxruntime",))
    names = [f"scenes-onnxruntime-bs{size}" for size in (1, 4, 8, 16, 32)]
    stated = frozenset({names[0], names[3], "scenes-openvino-bs1", "camvid-onnxruntime-bs1"})

    def cases(plan: Plan) -> list[str]:
        return [str(case) for gate, case in plan.required() if gate.name == "regression"]

    assert cases(plan) == []
    assert cases(replace(plan, shipped_speeds=stated)) == [names[0], names[3]]
    assert cases(replace(plan, shipped_speeds=stated, has_baseline=True)) == names
