"""Delivered files: what the plan asks of them, and what gates say of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enet import deliverable, gates
from enet.gates import Outcome
from enet.gates.catalogue import Plan
from enet.gates.conclusion import conclude
from tests.unit.gates.accuracies import GUIDE, SOUND, accuracy

SCENES = deliverable.load("scenes")
ONNX = Plan(
    deliverable=SCENES, backends=("onnxruntime",), host_backends=("onnxruntime",), batch_sizes=(1, 16), delivered=True
)
#: The ONNX and what was compiled from it, which takes batches of 1 or 16.
BOTH = replace(
    ONNX, backends=("onnxruntime", "ascend"), device_backends=("ascend",), served={"ascend": frozenset({1, 16})}
)


def required(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for gate, case in plan.required():
        if gate.aspect == "accuracy":
            found.setdefault(gate.name, []).append(str(case).removeprefix("scenes-"))
    return found


def test_with_its_checkpoint_all_is_asked_but_other_formats() -> None:
    whole = required(replace(ONNX, delivered=False))
    del whole["io_formats"]
    assert required(ONNX) == whole
    assert ONNX.unasked(["accuracy", "perf"]) == {}
    labels = replace(ONNX, gives_logits=False)
    assert "onnx_logits" not in required(labels)
    assert labels.unasked(["accuracy"]) == {"the file gives no float32 logits": ["ONNX logits"]}


def test_without_its_checkpoint_the_conclusion_names_what_is_not_asked() -> None:
    plan = replace(ONNX, has_reference=False)
    assert [*required(plan)] == [
        *("preprocessing", "miou", "batch_parity", "padded_tail", "equal_rows", "cached_files")
    ]
    left_out = ["reference mIoU", "network source", "ONNX logits", "agreement", "class IoU"]
    assert plan.unasked(["accuracy"]) == {"the checkpoint is not here": left_out}
    assert plan.unasked(["perf"]) == {"the checkpoint is not here": ["speedup"]}
    pairs = [((gate.name, str(case)), Outcome.PASS) for gate, case in plan.required() if gate.aspect == "accuracy"]
    conclusion = conclude(plan, pairs, asked=["accuracy"])
    assert conclusion.accepted
    assert f"not asked, as the checkpoint is not here: {', '.join(left_out)}" in str(conclusion)


def test_speed_without_checkpoint_and_baseline_is_told_but_never_accepted() -> None:
    plan = replace(ONNX, has_reference=False)
    assert [str(case) for case in plan.raced()] == [f"scenes-onnxruntime-bs{n}" for n in (1, 4, 8, 16, 32)]
    assert not conclude(plan, [], asked=["perf"]).accepted
    with_baseline = replace(plan, has_baseline=True)
    assert {gate.name for gate, _ in with_baseline.required() if gate.aspect == "perf"} == {"regression"}


@pytest.mark.parametrize(("sizes", "is_accepted"), [((1,), True), ((1, 16), False), ((16,), False)])
def test_a_file_fixed_to_batch_1_is_accepted_only_where_no_other_is_asked_for(
    sizes: tuple[int, ...], is_accepted: bool
) -> None:
    plan = replace(
        ONNX, deliverable=replace(SCENES, batch_sizes=sizes), batch_sizes=sizes, served={"onnxruntime": frozenset({1})}
    )
    assert {case.batch_size for case in plan.artifacts()} <= {1}
    assert {case.batch_size for case in plan.raced()} == {1}
    ran = [gate.cases(plan) for gate in gates.CATALOGUE if gate.aspect == "accuracy"]
    pairs = [
        ((gate.name, str(case)), Outcome.PASS)
        for gate, cases in zip([g for g in gates.CATALOGUE if g.aspect == "accuracy"], ran, strict=True)
        for case in cases
    ]
    assert conclude(plan, pairs, asked=["accuracy"]).accepted == is_accepted


def test_files_without_batch_1_are_compared_with_their_smallest() -> None:
    plan = replace(
        ONNX,
        deliverable=replace(SCENES, batch_sizes=(4, 8)),
        batch_sizes=(4, 8),
        served={"onnxruntime": frozenset({4, 8})},
    )
    assert plan.smallest("onnxruntime") == plan.first("onnxruntime") == 4
    assert required(plan)["batch_parity"] == ["onnxruntime-bs8"]


def test_what_was_compiled_from_a_delivered_onnx_is_compared_with_it() -> None:
    assert BOTH.reference_of("ascend") == "onnxruntime"
    assert BOTH.reference_of("onnxruntime") == "pytorch"
    alone = replace(BOTH, has_reference=False)
    assert alone.reference_of("onnxruntime") == ""
    assert required(alone)["agreement"] == ["ascend-bs1", "ascend-bs16"]


def test_stated_figures_of_the_classes_stand_in_for_the_checkpoint() -> None:
    names = SOUND.classes
    theirs = dict.fromkeys(names, 100.0)
    reference = replace(SCENES.reference, class_iou_percent=theirs)
    plan = replace(ONNX, has_reference=False, deliverable=replace(SCENES, reference=reference))
    assert required(plan)["class_iou"] == ["onnxruntime-bs1", "onnxruntime-bs16"]


def test_class_iou_of_stated_figures() -> None:
    measured = accuracy(54.627, delivered="0" * 64 + "  mine.onnx", weights_sha256="")
    ours = dict(zip(measured.classes, measured.summary()["iou_per_class"].values(), strict=True))
    stated = {name: 100 * (iou or 0.0) for name, iou in ours.items()}

    def said(table: dict[str, float]) -> gates.Verdict:
        own = replace(GUIDE, reference=replace(GUIDE.reference, class_iou_percent=table))
        return gates.accuracy.class_iou(measured, None, own)

    assert said(stated).outcome is Outcome.PASS
    lost = said(stated | {"car": min(100.0, stated["car"] + 5.1)})
    assert (lost.outcome, "car" in lost.sentence) == (Outcome.FAIL, True)
    fewer = {name: iou for name, iou in stated.items() if name != "car"}
    assert said(fewer).outcome is said({}).outcome is Outcome.NO_EVIDENCE


def test_miou_of_a_delivered_file_has_a_caveat_unless_pytorch_ran() -> None:
    onnx = accuracy(54.627, delivered="0" * 64 + "  mine.onnx", weights_sha256="")
    om = accuracy(54.627, delivered="1" * 64 + "  mine.om", weights_sha256="", backend="ascend")
    caveat = "not compared with PyTorch: no weights"
    assert gates.accuracy.miou(onnx, GUIDE).caveats == (caveat,)
    beside = gates.accuracy.miou(om, GUIDE, onnx)
    assert (beside.outcome, beside.caveats) == (Outcome.PASS, (caveat,))
    assert "to the delivered ONNX" in beside.notes[0]
    assert gates.accuracy.miou(onnx, GUIDE, SOUND).caveats == ()
