"""Whole diagnoses of a small deliverable: who is accused, who is not, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from enet.deliverable import IoFormat
from enet.diagnosis import Diagnosis, diagnose
from enet.measure import measure_split
from enet.measure.subject import Subject
from enet.model import checkpoint, export
from enet.selftest import acceptance
from tests.unit.tiny import tiny


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return acceptance.small(tmp_path_factory.mktemp("small"), images=2, side=192, scene=(768, 384))


def deliver(subject: Subject, path: Path, change: Callable[[nn.Module], object] = lambda _: None) -> onnx.ModelProto:
    """Write the network as somebody else's ONNX, perhaps changed."""
    network = checkpoint.load(subject.weights, "ascend", 19)
    with torch.no_grad():
        change(network)
    model = export.to_onnx(network, subject.deliverable.preprocessing, IoFormat())
    onnx.save(model, path)
    return model


def exchange_channels(model: onnx.ModelProto, path: Path) -> None:
    """Let the model take BGR, with mean and std in this order, too."""
    for node in model.graph.node:
        node.input[:] = ["swapped" if name == "image" else name for name in node.input]
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "order"))
    model.graph.node.insert(0, helper.make_node("Gather", ["image", "order"], ["swapped"], axis=1))
    onnx.save(model, path)


def diagnosed(subject: Subject) -> Diagnosis:
    artifact, source = subject.artifact("onnxruntime", 1), subject.prepared()
    return diagnose(subject, artifact, source, measure_split(subject, artifact, source))


def without_checkpoint(subject: Subject) -> Subject:
    network = replace(subject.deliverable.network, weights=None)
    return replace(subject, deliverable=replace(subject.deliverable, network=network))


def test_sound_artifact_accuses_nobody(subject: Subject) -> None:
    found = diagnosed(subject)
    assert found.cause == ""
    assert found.sentence.startswith("nothing to explain: mIoU")
    assert any("the port is exact: 100.0000 %" in fact for fact in found.facts)
    assert found.rows == ()
    assert found.layers is None


def test_delivered_onnx_for_bgr_is_named_without_a_checkpoint(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "enet.onnx"
    exchange_channels(deliver(subject, path), path)
    found = diagnosed(replace(without_checkpoint(subject), onnx=(path,)))
    assert found.cause == "the normalised channels swapped (BGR)"
    assert found.sentence.startswith(f"with {found.cause} mIoU is ")
    assert found.sentence.endswith(f"the artifact was built for {found.cause}")
    before, after = found.rows[0].miou
    assert f"{100 * after:.2f} % instead of {100 * before:.2f} % on these 2 images" in found.sentence
    assert after > before + 0.1
    assert all(len(line) <= 80 for line in found.lines())
    assert found.cause in " ".join(found.lines())
    assert found.to_json()["cause"] == found.cause
    assert "PyTorch is not compared: no checkpoint is here" in found.facts


def disturb(network: nn.Module) -> None:
    """Add noise to one layer."""
    weight = network.get_submodule("bottleneck2_3.conv2.0").get_parameter("weight")
    weight.add_(2 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))


def test_fault_that_no_hypothesis_has_accuses_nobody(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "enet.onnx"
    deliver(subject, path, disturb)
    found = diagnosed(replace(without_checkpoint(subject), onnx=(path,)))
    assert found.cause == ""
    assert "hypotheses repairs mIoU" in found.sentence
    assert len(found.rows) > 40


def test_weights_of_the_onnx_that_are_not_the_checkpoints_are_named(tmp_path: Path) -> None:
    subject, path = tiny(tmp_path), tmp_path / "enet.onnx"
    deliver(subject, path, disturb)
    found = diagnosed(replace(subject, onnx=(path,)))
    assert found.cause == "weights changed in the export"
    assert "1 of 89 weights of the ONNX are not the checkpoint's: bottleneck2_3.conv2.0.weight" in found.sentence
    assert found.layers is not None
    assert f"layers: {found.layers.sentence}" in " ".join(found.lines())
    assert found.to_json()["layers"]["first"]["name"] == "bottleneck2_3.conv2.0"


def test_time_that_runs_out_is_said(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "enet.onnx"
    exchange_channels(deliver(subject, path), path)
    late = replace(without_checkpoint(subject), onnx=(path,))
    artifact, source = late.artifact("onnxruntime", 1), late.prepared()
    found = diagnose(late, artifact, source, measure_split(late, artifact, source), seconds=0)
    assert found.cause == ""
    assert len(found.left_out) > 40
    assert "not tried, as time ran out: " in " ".join(found.lines())
