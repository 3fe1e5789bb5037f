"""Canonical graphs: equal bytes for any order and names of the nodes, and unchanged results."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from enet import model as models


def model(order: list[int], prefix: str) -> onnx.ModelProto:
    """Two branches over one constant, joined; ``order`` may hold no node before what it needs."""
    a, b, c = (f"{prefix}{name}" for name in "abc")
    nodes = [
        onnx.helper.make_node("Mul", ["x", "w"], [a], name=f"{prefix}1"),
        onnx.helper.make_node("Relu", ["x"], [b], name=f"{prefix}2"),
        onnx.helper.make_node("Neg", ["x"], [c], name=f"{prefix}3"),
        onnx.helper.make_node("Sum", [a, b, c], ["y"], name=f"{prefix}4"),
    ]
    value = {name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy"}
    constant = onnx.numpy_helper.from_array(np.array([2, 3], np.float32), "w")
    graph = onnx.helper.make_graph([nodes[i] for i in order], "g", [value["x"]], [value["y"]], [constant])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=6)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 1, 0, 3], [1, 0, 2, 3]])
def test_canonicalise_equal_graphs_have_equal_bytes(order: list[int]) -> None:
    expected = models.onnx_graph.canonicalise_graph(model([0, 1, 2, 3], "first")).SerializeToString(deterministic=True)
    found = models.onnx_graph.canonicalise_graph(model(order, "other"))
    assert found.SerializeToString(deterministic=True) == expected
    session = onnxruntime.InferenceSession(expected, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.array([1, -1], np.float32)})
    assert result.tolist() == [2, -2]


def test_canonicalise_node_without_input_raises() -> None:
    broken = model([0, 1, 3], "x")
    with pytest.raises(ValueError, match="nodes have inputs that nothing computes"):
        models.onnx_graph.canonicalise_graph(broken)


def test_canonicalise_nested_graph_is_unchanged() -> None:
    """Nodes of a branch read outer values by name."""
    made = model([0, 1, 2, 3], "x")
    value = onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [2])
    branches = {
        name: onnx.helper.make_graph([onnx.helper.make_node(operator, ["xa"], ["z"])], name, [], [value])
        for name, operator in (("then_branch", "Relu"), ("else_branch", "Neg"))
    }
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "which"))
    made.graph.node.append(onnx.helper.make_node("If", ["which"], ["end"], **branches))
    made.graph.output[0].name = "end"
    before = made.SerializeToString(deterministic=True)
    assert models.onnx_graph.canonicalise_graph(made).SerializeToString(deterministic=True) == before
    session = onnxruntime.InferenceSession(before, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array([1, -1], np.float32)})[0].tolist() == [2, 0]


def test_canonicalise_constant_output_keeps_its_name() -> None:
    made = model([0, 1, 2, 3], "x")
    made.graph.output.append(onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [2]))
    session = onnxruntime.InferenceSession(
        models.onnx_graph.canonicalise_graph(made).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [result.tolist() for result in session.run(None, {"x": np.array([1, -1], np.float32)})] == [[2, -2], [2, 3]]
