"""Faults in weights, export and compiled file: another network than the one that was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

from enet import deliverable, gates
from enet.datasets.preprocess import Normalise
from enet.gates import Verdict
from enet.measure import parity
from enet.measure.subject import Subject
from enet.model import architectures, checkpoint, export
from enet.selftest.acceptance import with_own_cache
from enet.selftest.planted.base import planted, recorded
from enet.storage.files import hash_file

State = dict[str, Tensor]


def with_weights(subject: Subject, folder: Path, change: Callable[[State], None]) -> Subject:
    """The subject with a changed checkpoint."""
    state = checkpoint.read(subject.weights)
    change(state)
    torch.save(state, folder / "changed.pth")
    return replace(subject, weights_path=folder / "changed.pth")


def named(subject: Subject) -> Subject:
    """The subject with a deliverable that names its checkpoint's hash; the others don't, to show what figures catch."""
    spec = subject.deliverable
    return replace(subject, deliverable=replace(spec, network=replace(spec.network, sha256=hash_file(subject.weights))))


@planted("weights", below="one of 64 channels carries little")
def channel_zeroed(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One channel of the first bottleneck's output is zero."""
    yield with_weights(subject, folder, without_a_channel)


@planted("weights", "reference", "miou")
def channel_zeroed_in_a_checkpoint_named_by_hash(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The same, where the deliverable names its checkpoint."""
    yield with_weights(named(subject), folder, without_a_channel)


def without_a_channel(state: State) -> None:
    for part in ("conv3.1", "conv_down.1"):
        for name in ("weight", "bias"):
            state[f"bottleneck1_0.{part}.{name}"][0] = 0


@planted("weights", "reference", "miou")
def channel_of_the_image_zeroed(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The network doesn't see red in its first convolution."""

    def change(state: State) -> None:
        state["initial.conv.weight"][:, 0] = 0

    yield with_weights(subject, folder, change)


@planted("weights", "reference", "miou")
def statistic_off(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The first block's running variances are four times too large."""

    def change(state: State) -> None:
        state["initial.bn.running_var"] *= 4

    yield with_weights(subject, folder, change)


@planted("weights", "reference", "miou")
def classes_swapped_in_the_checkpoint(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Road and sidewalk have each other's place in the classifier."""

    def change(state: State) -> None:
        state["fullconv.weight"][:, [0, 1]] = state["fullconv.weight"][:, [1, 0]]

    yield with_weights(subject, folder, change)


@planted("weights", "reference", "miou")
def stale_checkpoint(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Weights as they are some way from those that were judged: each off by 10 % of its tensor's spread."""

    def change(state: State) -> None:
        generator = torch.Generator().manual_seed(0)
        for key, value in state.items():
            if key.endswith("weight") and value.ndim == 4:
                value += 0.1 * value.std() * torch.randn(value.shape, generator=generator)

    yield with_weights(subject, folder, change)


@planted("weights", below="rounding a checkpoint to half precision moves hardly a pixel")
def checkpoint_rounded_to_fp16(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The checkpoint went through half precision."""
    yield with_weights(subject, folder, rounded)


@planted("weights", "reference", "miou")
def checkpoint_named_by_hash_rounded_to_fp16(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The same, where the deliverable names its checkpoint."""
    yield with_weights(named(subject), folder, rounded)


def rounded(state: State) -> None:
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = value.half().float()


@planted("weights", "refused")
def weight_not_a_number(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One weight is NaN."""

    def change(state: State) -> None:
        state["initial.conv.weight"][0, 0, 0, 0] = torch.nan

    yield with_weights(subject, folder, change)


@planted("weights", "refused")
def weights_of_another_data_set(subject: Subject, folder: Path) -> Iterator[Subject]:
    """CamVid's checkpoint, of 11 classes."""
    yield replace(subject, weights_path=deliverable.load("camvid").weights)


@planted("weights", "reference", "miou")
def pooling_of_another_variant(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Shortcuts are pooled by maximum where the deliverable averages; the keys are the same."""
    original = architectures.build

    def faulty(variant: str, outputs: int = 19) -> nn.Module:
        built = original(variant, outputs)
        for name, module in list(built.named_modules()):
            if isinstance(module, nn.AvgPool2d):
                parent, _, last = name.rpartition(".")
                setattr(built.get_submodule(parent), last, nn.MaxPool2d(2, 2))
        return built

    with mock.patch.object(checkpoint, "build", faulty):
        yield subject


def exporting(change: Callable[[nn.Module], None]) -> Any:
    """While this lasts, what is exported is another network than the one in memory."""
    original = export.to_onnx

    def faulty(given: nn.Module, *arguments: Any, **options: Any) -> ModelProto:
        with torch.no_grad():
            change(given)
        return original(given, *arguments, **options)

    return mock.patch.object(export, "to_onnx", faulty)


def exported(change: Callable[[ModelProto], None]) -> Any:
    """While this lasts, the exported model is changed before it is written."""
    original = export.to_onnx

    def faulty(*arguments: Any, **options: Any) -> ModelProto:
        model = original(*arguments, **options)
        change(model)
        return model

    return mock.patch.object(export, "to_onnx", faulty)


def constants(model: ModelProto, change: Callable[[np.ndarray], np.ndarray], ending: str = ".weight") -> None:
    """Change the model's constants of a name's ending."""
    for tensor in model.graph.initializer:
        if tensor.name.endswith(ending):
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))


def attribute(model: ModelProto, operator: str, name: str, value: Any, *, first: bool = False) -> None:
    """Set an attribute of all nodes of an operator, or of the first."""
    for node in [node for node in model.graph.node if node.op_type == operator][: 1 if first else None]:
        for item in node.attribute:
            if item.name == name and isinstance(value, bytes):
                item.s = value
            elif item.name == name:
                del item.ints[:]
                item.ints.extend(value)


@planted("export", "logits", "miou")
def wrong_epsilon(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Batch normalisation is exported with epsilon 0.1 in place of 1e-5."""

    def change(built: nn.Module) -> None:
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.1

    with exporting(change):
        yield subject


@planted("export", "logits")
def tensorflow_epsilon(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Batch normalisation is exported with epsilon 1e-3, as TensorFlow has it."""

    def change(built: nn.Module) -> None:
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3

    with exporting(change):
        yield subject


@planted("export", "logits", "miou", "class_floor")
def classes_swapped_in_the_export(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The exported classifier has road and sidewalk exchanged."""

    def change(built: nn.Module) -> None:
        classifier = built.get_submodule("fullconv").get_parameter("weight")
        classifier[:, [0, 1]] = classifier[:, [1, 0]]

    with exporting(change):
        yield subject


@planted("export", "logits")
def weights_rounded_to_fp16(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The ONNX holds weights that went through half precision."""
    with exported(lambda model: constants(model, lambda value: value.astype(np.float16).astype(np.float32))):
        yield subject


@planted("export", "logits")
def one_bit_flipped(subject: Subject, folder: Path) -> Iterator[Subject]:
    """One bit of the exponent of one weight of the classifier has flipped."""

    def change(value: np.ndarray) -> np.ndarray:
        value.view(np.uint32).reshape(-1)[0] ^= 1 << 29
        return value

    with exported(lambda model: constants(model, change, "fullconv.weight")):
        yield subject


@planted("export", "logits")
def half_pixel(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Upsampling is exported to round half pixels up: each output pixel takes the next source pixel."""
    with exported(lambda model: attribute(model, "Resize", "nearest_mode", b"ceil")):
        yield subject


@planted("export", "logits")
def align_corners(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Upsampling is exported to align corners."""
    with exported(lambda model: attribute(model, "Resize", "coordinate_transformation_mode", b"align_corners")):
        yield subject


@planted("export", "logits")
def padding_on_the_other_side(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The first convolution is padded at bottom and right only, as TensorFlow pads."""
    with exported(lambda model: attribute(model, "Conv", "pads", [0, 0, 2, 2], first=True)):
        yield subject


@planted("export", "logits")
def dilation_lost(subject: Subject, folder: Path) -> Iterator[Subject]:
    """Dilated convolutions are exported without dilation."""

    def change(model: ModelProto) -> None:
        for node in model.graph.node:
            values = {item.name: item for item in node.attribute}
            if node.op_type == "Conv" and "dilations" in values and list(values["dilations"].ints) != [1, 1]:
                for name, value in (("dilations", [1, 1]), ("pads", [1, 1, 1, 1])):
                    del values[name].ints[:]
                    values[name].ints.extend(value)

    with exported(change):
        yield subject


@planted("export", "forms")
def labels_off_by_one(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The argmax inside the graph counts classes from 1."""

    def change(model: ModelProto) -> None:
        for node in model.graph.node:
            if node.name == "labels.argmax":
                cast = next(other for other in model.graph.node if node.output[0] in other.input)
                one = numpy_helper.from_array(np.array(1, np.int64), "off.by")
                shifted = type(node)(op_type="Add", name="off", input=[node.output[0], "off.by"], output=["off"])
                model.graph.initializer.append(one)
                cast.input[0] = "off"
                model.graph.node.insert(list(model.graph.node).index(cast), shifted)

    with exported(change):
        yield subject


@planted("export", "forms")
def normalisation_in_the_graph_without_std(subject: Subject, folder: Path) -> Iterator[Subject]:
    """The form that takes uint8 divides by 255 alone."""
    with exported(lambda model: constants(model, lambda value: np.full_like(value, 1 / 255), "normalise.scale")):
        yield subject


def with_statistics(variant: str, subject: Subject) -> State:
    """Untrained weights whose batch normalisation knows the images, so that values are as large as in a trained one."""
    torch.manual_seed(0)
    built = architectures.build(variant, subject.deliverable.network.outputs).train()
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
    images = np.stack([subject.prepared().load(index)[0] for index in range(4)])
    with torch.no_grad():
        built(torch.from_numpy(Normalise(subject.deliverable.preprocessing)(images)))
    return built.eval().state_dict()


@recorded("export", "logits")
def unpool_tie(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """In a network with max-unpooling, the last of equal values is taken for the maximum, not the first."""

    def faulty(graph: export.Graph, name: str, module: nn.MaxUnpool2d, x: str, pooled: export.Pooled) -> str:
        mirrored = graph.add("SpaceToDepth", [pooled.source], name=f"{name}.blocks", blocksize=2)
        phases = graph.split(mirrored, 4, name=f"{name}.phase")
        zero = graph.constant(f"{name}.zero", np.zeros((), np.float32))
        rest, placed = x, list[str]()
        for i, phase in reversed(list(enumerate(phases[1:], start=1))):
            is_maximum = graph.add("Equal", [phase, pooled.maximum], name=f"{name}.is_maximum{i}")
            placed.insert(0, graph.add("Where", [is_maximum, rest, zero], name=f"{name}.placed{i}"))
            rest = graph.add("Where", [is_maximum, zero, rest], name=f"{name}.rest{i}")
        stacked = graph.add("Concat", [rest, *placed], name=f"{name}.stacked", axis=1)
        return graph.add("DepthToSpace", [stacked], name=name, blocksize=2, mode="DCR")

    spec = subject.deliverable
    torch.save(with_statistics("tramac", subject), folder / "tramac.pth")
    unpooling = replace(
        with_own_cache(subject, folder / "cache", replace(spec, network=replace(spec.network, variant="tramac"))),
        weights_path=folder / "tramac.pth",
    )
    with mock.patch.dict(export.WRITERS, {nn.MaxUnpool2d: faulty}):
        yield gates.onnx_logits(parity.compare_onnx_logits(unpooling, 1, unpooling.prepared()), spec)
