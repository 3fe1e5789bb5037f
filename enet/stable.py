"""One form for equal graphs: ONNX Runtime orders and names some nodes by addresses in memory, new in every process."""

from __future__ import annotations

import heapq
from collections import defaultdict

import onnx


def stable(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, its nodes in an order and its inner values under names that follow from the graph alone.

    Of the nodes whose inputs are known, the one with the first-made inputs is next; equal ones by operator and
    attributes. Names of inputs, outputs and constants stay.
    """
    graph = model.graph
    fixed = {value.name for value in (*graph.input, *graph.output)} | {tensor.name for tensor in graph.initializer}
    rank = {name: position for position, name in enumerate(sorted(fixed | {""}))}
    names = {name: name for name in fixed | {""}}
    readers: dict[str, list[int]] = defaultdict(list)
    results = {value.name for value in graph.output}  # made by a node, though their names are fixed
    missing = []
    for number, node in enumerate(graph.node):
        unknown = {name for name in node.input if name not in names or name in results}
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
    ordered: list[onnx.NodeProto] = []
    while ready:
        *_, number = heapq.heappop(ready)
        node = onnx.NodeProto()
        node.CopyFrom(graph.node[number])
        node.name = f"node{len(ordered)}"
        ordered.append(node)
        for position, name in enumerate(node.output):
            rank.setdefault(name, len(rank))
            names.setdefault(name, f"{node.name}.{position}")
            for reader in readers[name]:
                missing[reader] -= 1
                if missing[reader] == 0:
                    heapq.heappush(ready, key(reader))
    if len(ordered) != len(graph.node):
        raise ValueError(f"{len(graph.node) - len(ordered)} nodes have inputs that nothing makes")
    for node in ordered:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(ordered)
    return model
