"""A network whose outputs are in another order than the classes, void first, declared by ``[network] order``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from enet.deliverable import IoFormat
from enet.measure import measure_split
from enet.measure.subject import Subject
from enet.model import checkpoint
from enet.selftest import acceptance
from tests.suite.foreign_onnx import RECIPES

SIDE = 64


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return acceptance.small(tmp_path_factory.mktemp("order"), images=3, side=SIDE, scene=(256, 128))


@pytest.fixture(scope="module")
def shuffled(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The same network with void first and the classes from the last to the first."""
    path = tmp_path_factory.mktemp("shuffled") / "shuffled.pth"
    state = checkpoint.read(subject.weights)
    kernels = state["fullconv.weight"]
    void = 100 * kernels[:, :1].abs()  # it would win everywhere
    torch.save({**state, "fullconv.weight": torch.cat([void, kernels.flip(1)], 1)}, path)
    names = subject.deliverable.dataset.class_names
    network = replace(subject.deliverable.network, outputs=20, order=("void", *reversed(names)), weights=str(path))
    return replace(subject, deliverable=replace(subject.deliverable, network=network))


def miou(subject: Subject, backend: str = "pytorch", io_format: IoFormat | None = None) -> float:
    artifact = subject.artifact(backend, 1, io_format)
    return measure_split(subject, artifact, subject.prepared()).miou


@pytest.fixture(scope="module")
def expected(subject: Subject) -> float:
    return miou(subject)


@pytest.mark.parametrize("backend", ["pytorch", "onnxruntime", "openvino"])
def test_every_backend_gives_classes_in_their_order(backend: str, shuffled: Subject, expected: float) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    assert miou(shuffled, backend) == pytest.approx(expected, abs=1e-4)


def test_labels_of_an_export_are_classes(shuffled: Subject, expected: float) -> None:
    assert miou(shuffled, "onnxruntime", IoFormat(output="labels")) == pytest.approx(expected, abs=1e-4)


def delivered(shuffled: Subject, recipe: str, folder: Path) -> Subject:
    """The network as its team exports it, outputs in its own order."""
    network = checkpoint.load(shuffled.weights, "ascend", 20)
    RECIPES[recipe](network, SIDE, folder / "enet.onnx")
    return replace(shuffled, onnx=(folder / "enet.onnx",))


def test_delivered_logits_are_put_in_order(shuffled: Subject, expected: float, tmp_path: Path) -> None:
    found = delivered(shuffled, "torchscript, opset 11", tmp_path)
    assert miou(found, "onnxruntime") == pytest.approx(expected, abs=1e-4)


def test_delivered_labels_of_void_are_refused_in_one_line(shuffled: Subject, tmp_path: Path) -> None:
    found = delivered(shuffled, "int64 labels", tmp_path)
    with pytest.raises(Exception, match=r"pixels have label 0, which is no class\. Deliver logits"):
        miou(found, "onnxruntime")


def test_without_the_order_a_hint_names_it(tmp_path: Path) -> None:
    whole = acceptance.small(tmp_path, images=2, side=480)
    state = checkpoint.read(whole.weights)
    torch.save({**state, "fullconv.weight": state["fullconv.weight"].roll(1, 1)}, tmp_path / "shifted.pth")
    shifted = replace(whole, weights_path=tmp_path / "shifted.pth")
    measured = measure_split(shifted, shifted.artifact("pytorch", 1), shifted.prepared())
    assert measured.order_hint.startswith("the classes look shifted: class i is in output i + 1: mIoU")
    assert measure_split(whole, whole.artifact("pytorch", 1), whole.prepared()).order_hint == ""
