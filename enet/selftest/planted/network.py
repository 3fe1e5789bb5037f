"""Faults in weights, export and compiled file: another network than the promised one."""

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
from enet.selftest.planted.base import add_change, add_patch, record
from enet.storage.files import hash_file

State = dict[str, Tensor]


def zero_channel(state: State) -> None:
    """Zero one channel of the first bottleneck's output."""
    for part in ("conv3.1", "conv_down.1"):
        for name in ("weight", "bias"):
            state[f"bottleneck1_0.{part}.{name}"][0] = 0


def ignore_red(state: State) -> None:
    state["initial.conv.weight"][:, 0] = 0


def enlarge_variance(state: State) -> None:
    """Make the first block's running variances four times too large."""
    state["initial.bn.running_var"] *= 4


def swap_classes(weight: Tensor) -> None:
    """Exchange road and sidewalk in the classifier."""
    weight[:, [0, 1]] = weight[:, [1, 0]]


def disturb(state: State) -> None:
    """Shift each weight by 10 % of its tensor's spread, as some training steps do."""
    generator = torch.Generator().manual_seed(0)
    for key, value in state.items():
        if key.endswith("weight") and value.ndim == 4:
            value += 0.1 * value.std() * torch.randn(value.shape, generator=generator)


def round_to_half(state: State) -> None:
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = value.half().float()


def set_nan(state: State) -> None:
    state["initial.conv.weight"][0, 0, 0, 0] = torch.nan


def name_checkpoint(subject: Subject) -> Subject:
    """The deliverable states its checkpoint's hash. The others do not, to show what the figures alone catch."""
    spec = subject.deliverable
    return replace(subject, deliverable=replace(spec, network=replace(spec.network, sha256=hash_file(subject.weights))))


def change_weights(change: Callable[[State], None], *, named: bool = False) -> Callable[[Subject, Path], Subject]:
    """The subject with a changed checkpoint, whose hash the deliverable may name."""

    def changed(subject: Subject, folder: Path) -> Subject:
        state = checkpoint.read(subject.weights)
        change(state)
        torch.save(state, folder / "changed.pth")
        return replace(name_checkpoint(subject) if named else subject, weights_path=folder / "changed.pth")

    return changed


def other_weights(subject: Subject, folder: Path) -> Subject:
    """CamVid's checkpoint, of 11 classes."""
    return replace(subject, weights_path=deliverable.load("camvid").weights)


def pool_by_maximum() -> Any:
    """Pool shortcuts by maximum where the deliverable averages; the keys are the same."""
    original = architectures.build

    def faulty(variant: str, outputs: int = 19) -> nn.Module:
        built = original(variant, outputs)
        for name, module in list(built.named_modules()):
            if isinstance(module, nn.AvgPool2d):
                parent, _, last = name.rpartition(".")
                setattr(built.get_submodule(parent), last, nn.MaxPool2d(2, 2))
        return built

    return mock.patch.object(checkpoint, "build", faulty)


#: Name, gates that must notice, changed subject, reason why no gate needs to.
WEIGHTS: list[tuple[str, str, Callable[[Subject, Path], Subject], str]] = [
    ("channel zeroed", "", change_weights(zero_channel), "one of 64 channels carries little"),
    (
        "channel zeroed in a checkpoint named by hash",
        "reference_miou miou",
        change_weights(zero_channel, named=True),
        "",
    ),
    ("channel of the image zeroed", "reference_miou miou", change_weights(ignore_red), ""),
    ("wrong running variance", "reference_miou miou", change_weights(enlarge_variance), ""),
    (
        "classes swapped in the checkpoint",
        "reference_miou miou",
        change_weights(lambda state: swap_classes(state["fullconv.weight"])),
        "",
    ),
    ("stale checkpoint", "reference_miou miou", change_weights(disturb), ""),
    (
        "checkpoint rounded to fp16",
        "",
        change_weights(round_to_half),
        "rounding a checkpoint to half precision moves hardly a pixel",
    ),
    ("checkpoint named by hash rounded to fp16", "reference_miou miou", change_weights(round_to_half, named=True), ""),
    ("one weight NaN", "refused", change_weights(set_nan), ""),
    ("weights of another data set", "refused", other_weights, ""),
]

for name, noticed_by, change, reason in WEIGHTS:
    add_change("weights", name, noticed_by, change, reason)
add_patch("weights", "pooling of another variant", "reference_miou miou", lambda _: pool_by_maximum())


def export_network(change: Callable[[nn.Module], None]) -> Any:
    """Export another network than the one in memory."""
    original = export.to_onnx

    def faulty(given: nn.Module, *arguments: Any, **options: Any) -> ModelProto:
        with torch.no_grad():
            change(given)
        return original(given, *arguments, **options)

    return mock.patch.object(export, "to_onnx", faulty)


def export_model(change: Callable[[ModelProto], None]) -> Any:
    """Change the exported model before it is written."""
    original = export.to_onnx

    def faulty(*arguments: Any, **options: Any) -> ModelProto:
        model = original(*arguments, **options)
        change(model)
        return model

    return mock.patch.object(export, "to_onnx", faulty)


def change_constants(model: ModelProto, change: Callable[[np.ndarray], np.ndarray], ending: str = ".weight") -> None:
    """Change the constants whose names have this ending."""
    for tensor in model.graph.initializer:
        if tensor.name.endswith(ending):
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))


def set_attribute(model: ModelProto, operator: str, name: str, value: Any, *, first: bool = False) -> None:
    """Set an attribute of all nodes of an operator, or of the first."""
    for node in [node for node in model.graph.node if node.op_type == operator][: 1 if first else None]:
        for item in node.attribute:
            if item.name == name and isinstance(value, bytes):
                item.s = value
            elif item.name == name:
                del item.ints[:]
                item.ints.extend(value)


def set_epsilon(epsilon: float) -> Any:
    """Export batch normalisation with another epsilon than 1e-5."""

    def change(built: nn.Module) -> None:
        for module in built.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = epsilon

    return export_network(change)


def swap_exported_classes() -> Any:
    return export_network(lambda built: swap_classes(built.get_submodule("fullconv").get_parameter("weight")))


def flip_bit(value: np.ndarray) -> np.ndarray:
    """Flip a bit of the first value's exponent."""
    value.view(np.uint32).reshape(-1)[0] ^= 1 << 29
    return value


def remove_dilation(model: ModelProto) -> None:
    for node in model.graph.node:
        values = {item.name: item for item in node.attribute}
        if node.op_type == "Conv" and "dilations" in values and list(values["dilations"].ints) != [1, 1]:
            for name, value in (("dilations", [1, 1]), ("pads", [1, 1, 1, 1])):
                del values[name].ints[:]
                values[name].ints.extend(value)


def add_one_to_labels(model: ModelProto) -> None:
    """Count classes from 1 in the argmax inside the graph."""
    for node in model.graph.node:
        if node.name == "labels.argmax":
            cast = next(other for other in model.graph.node if node.output[0] in other.input)
            one = numpy_helper.from_array(np.array(1, np.int64), "off.by")
            shifted = type(node)(op_type="Add", name="off", input=[node.output[0], "off.by"], output=["off"])
            model.graph.initializer.append(one)
            cast.input[0] = "off"
            model.graph.node.insert(list(model.graph.node).index(cast), shifted)


def export_constants(change: Callable[[np.ndarray], np.ndarray], ending: str = ".weight") -> Any:
    return export_model(lambda model: change_constants(model, change, ending))


def export_attribute(operator: str, name: str, value: Any, *, first: bool = False) -> Any:
    return export_model(lambda model: set_attribute(model, operator, name, value, first=first))


#: Name, gates that must notice, patch.
EXPORT: list[tuple[str, str, Callable[[], Any]]] = [
    ("wrong epsilon", "onnx_logits miou", lambda: set_epsilon(0.1)),
    ("tensorflow epsilon", "onnx_logits", lambda: set_epsilon(1e-3)),
    ("classes swapped in the export", "onnx_logits miou class_iou", swap_exported_classes),
    (
        "weights rounded to fp16",
        "onnx_logits",
        lambda: export_constants(lambda value: value.astype(np.float16).astype(np.float32)),
    ),
    ("one bit flipped", "onnx_logits", lambda: export_constants(flip_bit, "fullconv.weight")),
    # Each output pixel takes the next source pixel.
    ("half pixels rounded up", "onnx_logits", lambda: export_attribute("Resize", "nearest_mode", b"ceil")),
    (
        "align corners",
        "onnx_logits",
        lambda: export_attribute("Resize", "coordinate_transformation_mode", b"align_corners"),
    ),
    # At bottom and right only, as TensorFlow pads.
    ("padding on the other side", "onnx_logits", lambda: export_attribute("Conv", "pads", [0, 0, 2, 2], first=True)),
    ("dilation lost", "onnx_logits", lambda: export_model(remove_dilation)),
    ("labels off by one", "io_formats", lambda: export_model(add_one_to_labels)),
    # The graph that takes uint8 divides by 255 alone.
    (
        "normalisation in the graph without std",
        "io_formats",
        lambda: export_constants(lambda value: np.full_like(value, 1 / 255), "normalise.scale"),
    ),
]


def ignore_subject(patch: Callable[[], Any]) -> Callable[[Subject], Any]:
    return lambda _: patch()


for name, noticed_by, patch in EXPORT:
    add_patch("export", name, noticed_by, ignore_subject(patch))


def with_statistics(variant: str, subject: Subject) -> State:
    """Untrained weights with the images' batch statistics, so that values are as large as in a trained network."""
    torch.manual_seed(0)
    built = architectures.build(variant, subject.deliverable.network.outputs).train()
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
    images = np.stack([subject.prepared().load(index)[0] for index in range(4)])
    with torch.no_grad():
        built(torch.from_numpy(Normalise(subject.deliverable.preprocessing)(images)))
    return built.eval().state_dict()


@record("export", "onnx_logits")
def unpool_tie(subject: Subject, folder: Path) -> Iterator[Verdict]:
    """In a network with max-unpooling, the last of equal values is the maximum, not the first."""

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
        yield gates.parity.onnx_logits(parity.compare_onnx_logits(unpooling, 1, unpooling.prepared()), spec)
