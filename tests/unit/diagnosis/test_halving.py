"""Halving: how many compilations it takes, and what it says of a fault, of none, and of one that comes and goes."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from enet.backends import InnerValue
from enet.deliverable import IoFormat, load
from enet.diagnosis import evaluation, halving, traces
from enet.diagnosis.layers import Known
from enet.model import export
from tests.unit import recipes

#: Rows of a compiled batch.
BATCH = 2


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    spec = replace(load("scenes").preprocessing, size=(64, 48))
    return halving.with_names(export.to_onnx(recipes.seeded("ascend", 19), spec, IoFormat()))


@pytest.fixture(scope="module")
def image() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(1, 3, 48, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def known(model: onnx.ModelProto, image: NDArray[np.float32]) -> dict[str, Known]:
    return halving.known_values(model, image, "float32")


def spoiled(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The model with other weights in one node."""
    other = copy.deepcopy(model)
    read = {each for node in other.graph.node if node.name == name for each in node.input}
    tensor = next(tensor for tensor in other.graph.initializer if tensor.name in read)
    tensor.CopyFrom(numpy_helper.from_array(1.5 * numpy_helper.to_array(tensor), tensor.name))
    return other


@pytest.mark.parametrize("name", ["initial.bn_filled", "fullconv.phases"])
def test_faulty_node_is_found_in_few_compilations(
    name: str, model: onnx.ModelProto, known: dict[str, Known], image: NDArray[np.float32]
) -> None:
    faulty, asked = spoiled(model, name), []

    def run(wanted: Sequence[InnerValue]) -> list[NDArray[np.float32]]:
        asked.append([value.name for value in wanted])
        return traces.fetch(faulty, np.repeat(image, BATCH, axis=0), asked[-1])

    found = halving.halve(model, known, BATCH, run)
    assert found.node is not None
    assert found.node.name == name
    assert found.seen is not None
    assert found.seen.shape == known[found.node.output[0]].shape
    assert found.runs == len(asked) <= math.ceil(math.log2(len(known))) + 1
    assert {*found.node.input} & {*known} <= {*asked[-1]}  # its inputs were compared, too
    assert max(map(len, asked)) <= 4


def test_sound_compiler_accuses_no_node(
    model: onnx.ModelProto, known: dict[str, Known], image: NDArray[np.float32]
) -> None:
    found = halving.halve(model, known, 1, lambda wanted: traces.fetch(model, image, [value.name for value in wanted]))
    assert (found.node, found.between) == (None, None)


def test_fault_that_is_gone_when_its_inputs_are_outputs_accuses_no_node(
    model: onnx.ModelProto, known: dict[str, Known], image: NDArray[np.float32]
) -> None:
    faulty, calls = spoiled(model, "bottleneck2_3.conv2.0"), []

    def run(wanted: Sequence[InnerValue]) -> list[NDArray[np.float32]]:
        calls.append(wanted)
        is_last = len(calls) > math.log2(len(known))
        return traces.fetch(model if is_last else faulty, image, [value.name for value in wanted])

    assert halving.halve(model, known, 1, run).node is None


def test_time_that_runs_out_leaves_a_range(
    model: onnx.ModelProto, known: dict[str, Known], image: NDArray[np.float32]
) -> None:
    faulty, calls = spoiled(model, "bottleneck2_3.conv2.0"), []

    def run(wanted: Sequence[InnerValue]) -> list[NDArray[np.float32]] | None:
        calls.append(wanted)
        return None if len(calls) > 3 else traces.fetch(faulty, image, [value.name for value in wanted])

    found = halving.halve(model, known, 1, run)
    assert (found.node, found.runs) == (None, 3)
    assert found.between is not None
    order = [node.output[0] for node in model.graph.node]
    first, last = (order.index(name) for name in found.between)
    assert first < order.index("bottleneck2_3.conv2.0") <= last
    assert last - first <= len(known) / 8 + 1


def test_float64_is_nearer_to_the_truth_than_float32(model: onnx.ModelProto, image: NDArray[np.float32]) -> None:
    by_type = {name: list(evaluation.evaluate(model, image, name)) for name in ("float64", "float32", "float16")}
    exact, single, half = ([values[0] for _, values in steps] for steps in by_type.values())
    (ours,) = traces.fetch(model, image, [model.graph.output[0].name])
    spread = np.abs(exact[-1]).max()
    assert exact[-1].dtype == np.float64
    assert np.abs(ours - exact[-1]).max() <= 1e-5 * spread
    assert 0 < np.abs(single[-1] - exact[-1]).max() <= 1e-5 * spread
    assert 1e-4 * spread < np.abs(half[-1] - exact[-1]).max() < 0.1 * spread
    assert all((value == value.astype(np.float16)).all() for value in half)


def test_operator_that_cannot_be_computed_is_named(model: onnx.ModelProto, image: NDArray[np.float32]) -> None:
    other = copy.deepcopy(model)
    other.graph.node[1].op_type = "Unheard"
    with pytest.raises(evaluation.NotComputed, match="Unheard"):
        list(evaluation.evaluate(other, image, "float64"))


def test_nodes_get_names_that_a_list_can_hold() -> None:
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"], name=name) for name in ("", "a", "a", "b;c", "d:0")]
    graph = onnx.helper.make_graph(nodes, "names", [], [])
    named = halving.with_names(onnx.helper.make_model(graph))
    assert [node.name for node in named.graph.node] == ["Relu_0", "a", "Relu_2", "Relu_3", "Relu_4"]
