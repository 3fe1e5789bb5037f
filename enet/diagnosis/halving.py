"""Find the first layer that a compiler gets wrong by halving: each compilation has a few inner values as outputs.

At a place in the order of nodes, the values that nodes up to there give and later ones read are compared. If one
differs, the fault is at this place or before it: what once differs is assumed to stay different. At the end the inputs
and the output of the found node are compared, in one compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from enet.backends import InnerValue
from enet.diagnosis.evaluation import Array, evaluate
from enet.diagnosis.layers import Known, sample

#: Compiles and runs with these values as outputs, and gives them; None: no time is left.
Run = Callable[[Sequence[InnerValue]], "list[Array] | None"]


def known_values(model: onnx.ModelProto, image: Array, arithmetic: str) -> dict[str, Known]:
    """The values of floating point that depend on the image, by name: in float64, and what an arithmetic allows.

    Args:
        arithmetic: "float32" or "float16".
    Raises:
        NotComputed: the model has an operator that cannot be computed here.
    """
    dependent = {each.name for each in model.graph.input}
    epsilon = float(np.finfo(arithmetic).eps)
    found = {}
    pairs = zip(evaluate(model, image, "float64"), evaluate(model, image, arithmetic), strict=True)
    for (node, exact), (_, rounded) in pairs:
        if dependent.isdisjoint(node.input):
            continue
        dependent |= set(node.output)
        for name, truth, other in zip(node.output, exact, rounded, strict=False):
            if name and truth.dtype.kind == "f":
                truth_row, other_row = first_row(truth, len(image)), first_row(other, len(image))
                values = sample(truth_row), sample(other_row)
                found[name] = Known.measured(name, node.op_type, truth_row.shape, *values, epsilon)
    return found


def first_row(value: Array, batch: int) -> Array:
    """The first image's part of a value."""
    return value[:1] if value.ndim and value.shape[0] == batch else value


@dataclass(frozen=True, eq=False)
class Halved:
    """What halving found.

    Attributes:
        node: the first one that differs, as verified; None: there is none.
        seen: its output.
        between: nodes between which the first one is, if time ran out: the last that agrees, the first that differs.
        runs: number of compilations.
    """

    runs: int
    node: onnx.NodeProto | None = None
    seen: NDArray[np.float64] | None = None
    between: tuple[str, str] | None = None


def halve(model: onnx.ModelProto, known: Mapping[str, Known], batch: int, run: Run) -> Halved:
    """Find the first node that differs in at most ceil(log2(n)) + 1 compilations of n nodes.

    Args:
        known: from ``known_values``.
        batch: number of rows of what ``run`` gives.
    """
    nodes = list(model.graph.node)
    places = [place for place, node in enumerate(nodes) if node.output[0] in known]
    agreeing, differing, runs = -1, len(places) - 1, 0

    def is_met(value: InnerValue, array: Array) -> bool:
        row, truth = first_row(array, batch), known[value.name]
        return row.size != np.prod(truth.shape) or truth.is_met(sample(row))  # of another size, it can't be compared

    while differing - agreeing > 1:
        middle = (agreeing + differing) // 2
        wanted = live_values(model, known, places[middle])
        if (found := run(wanted)) is None:
            words = [nodes[places[place]].output[0] if place >= 0 else "the input" for place in (agreeing, differing)]
            return Halved(runs, between=(words[0], words[1]))
        runs += 1
        if all(map(is_met, wanted, found)):
            agreeing = middle
        else:
            differing = middle
    node = nodes[places[differing]]
    inputs = [value for value in inner_values(nodes[: places[differing]], known) if value.name in node.input]
    wanted = [*inputs, *inner_values([node], known)]
    if (found := run(wanted)) is None:
        return Halved(runs, between=("its inputs", node.output[0]))
    is_right = [is_met(*pair) for pair in zip(wanted, found, strict=True)]
    at = len(inputs) + next((at for at, right in enumerate(is_right[len(inputs) :]) if not right), 0)
    if is_right[at] or not all(is_right[: len(inputs)]):
        return Halved(runs + 1)
    return Halved(runs + 1, node, first_row(found[at], batch))


def inner_values(nodes: Sequence[onnx.NodeProto], known: Mapping[str, Known]) -> list[InnerValue]:
    """What nodes give, as far as it is known."""
    pairs = [(node, place, name) for node in nodes for place, name in enumerate(node.output)]
    return [InnerValue(node.name, place, name) for node, place, name in pairs if name in known]


def live_values(model: onnx.ModelProto, known: Mapping[str, Known], place: int) -> list[InnerValue]:
    """What the nodes up to a place give, and later ones, or the user, read."""
    nodes = model.graph.node
    read = {name for node in nodes[place + 1 :] for name in node.input} | {each.name for each in model.graph.output}
    return [value for value in inner_values(nodes[: place + 1], known) if value.name in read]


def with_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a name for each node, which no other has, and which a list divided by ";" and ":" can hold."""
    taken: set[str] = set()
    for place, node in enumerate(model.graph.node):
        if not node.name or node.name in taken or set(node.name) & set(";: "):
            node.name = f"{node.op_type}_{place}"
        taken.add(node.name)
    return model
