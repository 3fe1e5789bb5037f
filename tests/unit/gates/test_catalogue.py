"""The catalogue of gates, and everything that must agree with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable, evidence
from enet.deliverable import IoFormat, baselines
from enet.gates.catalogue import ASPECTS, CATALOGUE, GATES, Case, Gate, Plan

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
    assert found["int8_miou"] == found["miou"] == ["scenes-openvino-int8-bs1"]
    assert found["speedup"] == found["regression"]
    assert found["speedup"] == [f"scenes-openvino-int8-bs{size}" for size in baselines.load().batch_sizes]
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
        has_reference=False,
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


#: By gate: aspect, title, kinds of evidence that it decides by, whether records can answer it.
RECORDS = {
    "reference_miou": ("accuracy", "reference mIoU", ("accuracy",), False),
    "network": ("accuracy", "network source", ("golden",), False),
    "preprocessing": ("accuracy", "preprocessing", ("digests",), False),
    "onnx_logits": ("accuracy", "ONNX logits", ("difference",), False),
    "io_formats": ("accuracy", "I/O format", ("parity",), False),
    "miou": ("accuracy", "mIoU", ("accuracy",), True),
    "agreement": ("accuracy", "agreement", ("agreement",), True),
    "class_iou": ("accuracy", "class IoU", ("accuracy",), True),
    "int8_miou": ("accuracy", "INT8 mIoU", ("accuracy",), False),
    "batch_parity": ("accuracy", "batch parity", ("parity",), True),
    "padded_tail": ("accuracy", "padded tail", ("parity",), True),
    "equal_rows": ("accuracy", "equal rows", ("parity",), False),
    "cached_files": ("accuracy", "cached files", ("rebuilt",), False),
    "throughput": ("perf", "throughput", ("throughput",), True),
    "best_batch": ("perf", "best batch", ("throughput",), True),
    "speedup": ("perf", "speedup", ("speed",), False),
    "int8_speedup": ("perf", "INT8 speedup", ("speed",), False),
    "regression": ("perf", "regression", ("speed",), False),
}


@pytest.mark.parametrize("name", RECORDS)
def test_gate_is_in_the_catalogue_as_documented(name: str) -> None:
    gate = GATES[name]
    assert (gate.aspect, gate.title, gate.needs, gate.of_records) == RECORDS[name]
    assert gate in CATALOGUE


def test_aspects_are_pytests_markers() -> None:
    assert ASPECTS == {"accuracy": "accuracy", "perf": "performance"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "scenes"),
        ({"backend": "onnxruntime"}, "scenes-onnxruntime"),
        ({"batch_size": 16}, "scenes-bs16"),
        ({"backend": "openvino", "batch_size": 1}, "scenes-openvino-bs1"),
        ({"backend": "openvino", "batch_size": 1, "precision": "int8"}, "scenes-openvino-int8-bs1"),
        ({"backend": "openvino", "precision": "fp16"}, "scenes-openvino"),
        ({"io_format": IoFormat(input="uint8", output="labels")}, "scenes-uint8-labels"),
        (
            {"backend": "a", "io_format": IoFormat(), "batch_size": 2, "reference": "b"},
            "scenes-a-float-logits-bs2-over-b",
        ),
        ({"reference": "b"}, "scenes-over-b"),
    ],
)
def test_case_is_named_by_what_it_has(fields: dict[str, Any], text: str) -> None:
    """Coverage matches verdicts by these names."""
    assert str(Case(deliverable="scenes", **fields)) == text


def test_plan_of_nothing_has_no_case_of_an_artifact() -> None:
    plan = Plan(deliverable=SCENES, backends=())
    assert (plan.recorded, plan.has_baseline) == (False, False)
    for cases_of in (Plan.artifacts, Plan.batched, Plan.logits, Plan.int8, Plan.raced, Plan.timed, Plan.devices):
        assert cases_of(plan) == []
    assert [str(case) for case in plan.whole()] == ["scenes"]
    assert (plan.has_reference, plan.shipped_speeds) == (True, frozenset())


#: A run of everything: two engines here, one of them in INT8, and a device.
FULL = Plan(
    deliverable=SCENES,
    backends=("openvino", "ascend"),
    host_backends=("openvino",),
    device_backends=("ascend",),
    int8_backends=("openvino",),
    float_engines=("onnxruntime", "openvino"),
    batch_sizes=(1, 3, 16),
    timed_sizes=(1, 2),
    has_baseline=True,
)


@pytest.mark.parametrize(
    ("cases_of", "texts"),
    [
        (Plan.whole, [""]),
        (Plan.logits, ["bs1", "bs3", "bs16"]),
        (Plan.other_formats, ["float-labels", "uint8-logits", "uint8-labels"]),
        (Plan.artifacts, [f"{name}-bs{size}" for name in ("openvino-int8", "ascend") for size in (1, 3, 16)]),
        (Plan.compared, [f"{name}-bs{size}" for name in ("openvino-int8", "ascend") for size in (1, 3, 16)]),
        (Plan.batched, ["openvino-int8-bs3", "openvino-int8-bs16", "ascend-bs3", "ascend-bs16"]),
        (Plan.partly_filled, ["openvino-int8-bs3", "openvino-int8-bs16", "ascend-bs3", "ascend-bs16"]),
        (Plan.int8, ["openvino-int8-bs1", "openvino-int8-bs3", "openvino-int8-bs16"]),
        (
            Plan.int8_over_float,
            [f"openvino-int8-bs{size}-over-{name}" for size in (1, 3, 16) for name in ("onnxruntime", "openvino")],
        ),
        (Plan.raced, ["openvino-int8-bs1", "openvino-int8-bs2"]),
        (Plan.since_baseline, ["openvino-int8-bs1", "openvino-int8-bs2"]),
        (Plan.timed, ["ascend-bs1", "ascend-bs2"]),
        (Plan.devices, ["ascend"]),
    ],
)
def test_plan_has_these_cases(cases_of: Callable[[Plan], Iterable[Case]], texts: list[str]) -> None:
    found = [str(case).removeprefix("scenes").removeprefix("-") for case in cases_of(FULL)]
    assert found == texts
    assert all(case.deliverable == "scenes" for case in cases_of(FULL))


TABLE_SIZES = [1, 4, 8, 16, 32]  # of the recorded baselines


@pytest.mark.parametrize(
    ("changes", "cases_of", "sizes"),
    [
        ({"timed_sizes": ()}, Plan.raced, TABLE_SIZES),
        ({"timed_sizes": ()}, Plan.timed, TABLE_SIZES),
        ({"recorded": True}, Plan.timed, [1, 3, 16]),
        ({"timed_sizes": (), "recorded": True}, Plan.timed, [1, 3, 16]),
        ({"has_baseline": False}, Plan.since_baseline, []),
    ],
)
def test_plan_times_these_batch_sizes(
    changes: dict[str, Any], cases_of: Callable[[Plan], Iterable[Case]], sizes: list[int]
) -> None:
    assert [case.batch_size for case in cases_of(replace(FULL, **changes))] == sizes


@pytest.mark.parametrize(("images", "sizes"), [(48, []), (50, [3, 16]), (45, [16]), (16, [3])])
def test_recorded_batches_have_a_padded_tail_only_if_images_do_not_fill_them(images: int, sizes: list[int]) -> None:
    spec = replace(SCENES, dataset=replace(SCENES.dataset, images=images))
    plan = replace(FULL, deliverable=spec, backends=("recorded",), recorded=True)
    assert [case.batch_size for case in plan.partly_filled()] == sizes


def test_complete_plan_has_all_batch_sizes_of_the_deliverable() -> None:
    assert SCENES.batch_sizes == (1, 16)
    plan = replace(FULL, batch_sizes=(3,), timed_sizes=(32, 2)).complete
    assert plan.batch_sizes == (1, 3, 16)
    assert plan.timed_sizes == (1, 2, 3, 4, 8, 16, 32)  # what is timed by default cannot be left out
    assert replace(FULL, timed_sizes=()).complete.timed_sizes == ()
    assert replace(FULL, batch_sizes=()).complete.batch_sizes == (1, 16)


@pytest.mark.parametrize(
    ("name", "batch_size", "gate", "has_limit"),
    [
        ("cityscapes", 1, "throughput", True),
        ("cityscapes", 16, "throughput", True),
        ("cityscapes", 32, "throughput", False),  # the table has no figure of the 310 there
        ("cityscapes", 0, "best_batch", True),
        ("camvid", 1, "throughput", True),  # no recorded baseline is of this network: it cannot be accepted
        ("camvid", 0, "best_batch", True),
        ("camvid", 32, "speedup", True),
        ("cityscapes", 32, "miou", True),
    ],
)
def test_cases_without_a_recorded_baseline_are_information(
    name: str, batch_size: int, gate: str, has_limit: bool
) -> None:
    spec = deliverable.load(name)
    plan = Plan(deliverable=spec, backends=("ascend",), device_backends=("ascend",), batch_sizes=(1,))
    assert plan.has_limit(GATES[gate], plan.case("ascend", batch_size)) == has_limit


def test_required_cases_are_in_the_catalogues_order() -> None:
    names = [gate.name for gate, _ in FULL.required() if gate.name in RECORDS]
    assert list(dict.fromkeys(names)) == list(RECORDS)
    recorded = replace(FULL, deliverable=deliverable.load("cityscapes"), recorded=True)
    assert {gate.name for gate, _ in recorded.required()} & set(RECORDS) == {
        name for name, (*_, of_records) in RECORDS.items() if of_records
    }


def test_batches_are_of_two_and_more_and_a_live_run_always_makes_a_tail() -> None:
    filled = replace(SCENES, dataset=replace(SCENES.dataset, images=48))
    plan = replace(FULL, deliverable=filled, batch_sizes=(1, 2, 16))
    assert [case.batch_size for case in plan.batched()] == [2, 16, 2, 16]
    assert plan.partly_filled() == plan.batched()
    assert (Case(deliverable="scenes").precision, plan.case("ascend").precision) == ("fp32", "fp32")


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
