"""Questions that need no hypothesis: whose result a row is, and which constants an ONNX has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from enet.deliverable import IoFormat, Preprocessing
from enet.diagnosis import constants, questions
from enet.diagnosis.outputs import Output
from enet.model import export
from tests.unit import recipes


@pytest.mark.parametrize(("order", "moved"), [([0, 1, 2], {}), ([2, 0, 1], {0: 2, 1: 0, 2: 1}), ([1, 1, 2], {0: 1})])
def test_results_that_belong_to_other_images(order: list[int], moved: dict[int, int]) -> None:
    right = [Output(np.full((4, 4), number, np.uint8)) for number in range(3)]
    assert questions.moved_results([right[number] for number in order], right) == moved


@pytest.mark.parametrize(
    ("found", "name"), [({"a": 0.0, "b": 0.8}, "a"), ({"a": 0.05, "b": 0.06}, ""), ({"a": 0.3, "b": 0.9}, ""), ({}, "")]
)
def test_only_a_close_explanation_of_an_input_is_named(found: dict[str, float], name: str) -> None:
    assert questions.closest(found) == name


@pytest.mark.parametrize(
    ("wrong", "nearest", "is_full", "cause"),
    [
        ([0, 1, 2, 3], [3, 0, 1, 2], True, "rows permuted"),
        ([1, 2, 3], [0, 0, 0, 0], True, "first row repeated"),
        ([3], [0, 1, 2, 3], True, "last row of a batch"),
        ([1, 2], [0, 1, 2, 3], True, "rows of a batch"),
        ([1], [0, 0, 0], False, "tail rows"),
    ],
)
def test_rows_of_a_batch(wrong: list[int], nearest: list[int], is_full: bool, cause: str) -> None:
    rows = list(range(len(nearest)))
    assert questions.name_rows(rows, wrong, nearest, is_full=is_full) == cause


def test_constants_of_an_onnx_file(tmp_path: Path) -> None:
    network, path = recipes.seeded("ascend", 3), tmp_path / "enet.onnx"
    model = export.to_onnx(network, Preprocessing(size=(32, 32)), IoFormat())
    onnx.save(model, path)
    assert constants.compare(path, network) is None

    weight = next(each for each in model.graph.initializer if each.name == "bottleneck1_0.conv1.0.weight")
    value = numpy_helper.to_array(weight).copy()
    value[0, 0, 0, 0] += 1
    weight.CopyFrom(numpy_helper.from_array(value, weight.name))
    onnx.save(model, path)
    found = constants.compare(path, network)
    assert found is not None
    assert found.cause == "weights changed in the export"
    assert f"{weight.name} (1 values)" in found.sentence

    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    found = constants.compare(path, network)
    assert found is not None
    assert found.cause == "another checkpoint"
    assert "another epoch" in found.sentence
