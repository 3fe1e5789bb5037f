"""Families of faults in weights and export."""

from __future__ import annotations

import torch
from numpy.random import Generator
from onnx import ModelProto, numpy_helper

from enet.measure.subject import Subject
from enet.model import checkpoint
from enet.selftest.drawn.base import Drawn, changing, patching, pick, small_logit_change, small_miou_change
from enet.selftest.planted.network import State, change_weights, export_model


def scale_weight(rng: Generator, subject: Subject) -> Drawn:
    """One weight of any layer, in a checkpoint that the deliverable names by its hash."""
    state = checkpoint.read(subject.weights)
    key = pick(rng, [name for name, value in state.items() if value.is_floating_point()])
    index, factor = int(rng.integers(state[key].numel())), float(rng.choice([-1.0, 0.99, 1.01, 3.0]))

    def change(values: State) -> None:
        flat = values[key].reshape(-1)
        flat[index] = flat[index] * factor if flat[index] != 0 else 1.0

    return Drawn(words=f"{key}[{index}] times {factor:g}", inject=changing(change_weights(change, named=True)))


def disturb_layer(rng: Generator, subject: Subject) -> Drawn:
    """The weights of one layer, in a checkpoint without a name."""
    state = checkpoint.read(subject.weights)
    key = pick(rng, [name for name, value in state.items() if value.ndim == 4])
    share, seed = float(rng.uniform(0.5, 2.0)), int(rng.integers(1 << 30))

    def change(values: State) -> None:
        noise = torch.randn(values[key].shape, generator=torch.Generator().manual_seed(seed))
        values[key] += share * values[key].std() * noise

    words = f"{key} with noise of {100 * share:.0f} % of its spread"
    return Drawn(words=words, inject=changing(change_weights(change)), too_small=small_miou_change)


def change_channel(rng: Generator, _: Subject) -> Drawn:
    """One output channel of any constant of the exported ONNX, in each of its forms."""
    place, kind = float(rng.random()), pick(rng, ("negated", "zero", "doubled", "swapped with the next"))
    channel = float(rng.random())

    def change(model: ModelProto) -> None:
        tensors = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4 and tensor.dims[0] > 1]
        tensor = tensors[int(place * len(tensors))]
        value = numpy_helper.to_array(tensor).copy()
        row = int(channel * len(value))
        other = (row + 1) % len(value)
        if kind == "swapped with the next":
            value[[row, other]] = value[[other, row]]
        else:
            value[row] *= {"negated": -1, "zero": 0, "doubled": 2}[kind]
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))

    words = f"channel {100 * channel:.0f} % of constant {100 * place:.0f} % {kind}"
    return Drawn(words=words, inject=patching(lambda _: export_model(change)), too_small=small_logit_change)
