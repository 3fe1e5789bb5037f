"""Rewriting of ONNX graphs: a fixed batch size for compilers, and a canonical order of nodes."""

from __future__ import annotations

import heapq
from collections import defaultdict
from pathlib import Path

import onnx

#: The exported output's name; a model that outputs phases has another.
OUTPUT = "class"
#: Attributes that hold graphs: branches and loops.
INNER = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def fix_batch_size(exported: Path, batch_size: int, *, phases: bool) -> onnx.ModelProto:
    """Load the model and fix its batch axis.

    Args:
        phases: remove a depth-to-space at the end: ``labels_from_phases`` gets the labels without it.
    """
    model = onnx.load(exported)
    if phases and model.graph.node[-1].op_type == "DepthToSpace":
        drop_depth_to_space(model)
    for value in (*model.graph.input, *model.graph.output):
        for batch in value.type.tensor_type.shape.dim[:1]:  # an output may have no shape
            batch.dim_value = batch_size
    return model


def drop_depth_to_space(model: onnx.ModelProto) -> None:
    """Make the input of the last node, a depth-to-space, the output of the model."""
    last, (result,) = model.graph.node.pop(), model.graph.output
    _, channels, *sides = result.type.tensor_type.shape.dim
    channels.dim_value *= 4
    for side in sides:
        side.dim_value //= 2
    result.name = last.input[0]


def outer_names(graph: onnx.GraphProto) -> set[str]:
    """Names of inputs and constants, which no node computes."""
    given = (*graph.input, *graph.initializer, *(tensor.values for tensor in graph.sparse_initializer))
    return {value.name for value in given}


def canonicalise_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Sort nodes and rename inner values, so that equal graphs become equal models; return the model itself.

    Names of inputs, outputs and constants stay. A graph with a nested graph, whose nodes read outer values by name, is
    not changed: no ENet has one.

    Raises:
        ValueError: nodes have inputs that nothing computes.
    """
    graph = model.graph
    if any(item.type in INNER for node in graph.node for item in node.attribute):
        return model
    names = {name: name for name in ("", *outer_names(graph), *(value.name for value in graph.output))}
    ordered = []
    for position, number in enumerate(topological_order(graph)):
        node = onnx.NodeProto()
        node.CopyFrom(graph.node[number])
        node.name = f"node{position}"
        for place, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}.{place}")
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        ordered.append(node)
    if len(ordered) != len(graph.node):
        raise ValueError(f"{len(graph.node) - len(ordered)} nodes have inputs that nothing computes")
    del graph.node[:], graph.value_info[:]
    graph.node.extend(ordered)
    return model


def topological_order(graph: onnx.GraphProto) -> list[int]:
    """Positions of the nodes, each after those it reads from, in an order that does not depend on inner names.

    Of the nodes whose inputs are known, the one with the earliest inputs is next, then by operator and attributes; only
    nodes that compute the same keep their order. Nodes with inputs that nothing computes are left out.
    """
    given = outer_names(graph)
    rank = {name: position for position, name in enumerate(sorted(given))}
    readers: dict[str, list[int]] = defaultdict(list)
    missing = []
    for number, node in enumerate(graph.node):
        unknown = {name for name in node.input if name and name not in given}
        for name in unknown:
            readers[name].append(number)
        missing.append(len(unknown))

    def key(number: int) -> tuple[list[int], str, bytes, int]:
        node = graph.node[number]
        attributes = b"".join(item.SerializeToString(deterministic=True) for item in node.attribute)
        inputs = sorted((rank[name] for name in node.input if name), reverse=True)
        return inputs, node.op_type, attributes, number

    ready = [key(number) for number, count in enumerate(missing) if count == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        *_, number = heapq.heappop(ready)
        order.append(number)
        for name in graph.node[number].output:
            rank.setdefault(name, len(rank))
            for reader in readers[name]:
                missing[reader] -= 1
                if missing[reader] == 0:
                    heapq.heappush(ready, key(reader))
    return order
