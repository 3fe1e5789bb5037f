"""ONNX files as others make them are read and run as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from enet import gates
from enet.deliverable import VARIANTS, Variant
from enet.measure import open_predictor, parity
from enet.measure.subject import Subject
from enet.model import checkpoint
from enet.selftest import acceptance
from tests.suite.foreign_onnx import RECIPES
from tests.unit import recipes

SIDE = 96


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return acceptance.small(tmp_path_factory.mktemp("foreign"), images=3, side=SIDE, scene=(256, 128))


@pytest.fixture
def network(subject: Subject) -> nn.Module:
    return checkpoint.load(subject.weights, "ascend", 19)


@pytest.mark.parametrize("name", RECIPES)
def test_labels_are_those_of_pytorch(name: str, network: nn.Module, subject: Subject, tmp_path: Path) -> None:
    RECIPES[name](network, SIDE, tmp_path / "enet.onnx")
    delivered = replace(subject, onnx=(tmp_path / "enet.onnx",))
    source = subject.prepared()
    images = np.stack([source.load(index)[0] for index in range(3)])
    labels = []
    for artifact in (subject.artifact("pytorch", 1), delivered.artifact("onnxruntime", 1)):
        with open_predictor(subject, artifact) as predictor:
            labels.append(np.concatenate([predictor.labels(image[None])[0] for image in images]))
    agreement = (labels[0] == labels[1]).mean()
    assert agreement >= (0.995 if name == "float16" else 0.9999), agreement
    assert artifact.sha256 in artifact.delivered or "constants" in name
    assert (artifact.precision == "fp16") == (name == "float16")


@pytest.mark.parametrize("variant", VARIANTS[1:])
def test_max_unpool_as_torch_writes_it(variant: Variant, subject: Subject, tmp_path: Path) -> None:
    """By scattering to the indices of the pooling; near-ties may place a value elsewhere."""
    network = recipes.seeded(variant, 19)
    torch.save(network.state_dict(), tmp_path / "enet.pth")
    RECIPES["dynamo, opset 18"](network, SIDE, tmp_path / "enet.onnx")
    spec = replace(subject.deliverable, network=replace(subject.deliverable.network, variant=variant))
    delivered = replace(subject, deliverable=spec, onnx=(tmp_path / "enet.onnx",), weights_path=tmp_path / "enet.pth")
    evidence = parity.compare_onnx_logits(delivered, 4, subject.prepared())
    assert gates.parity.onnx_logits(evidence, spec).outcome is gates.Outcome.PASS
