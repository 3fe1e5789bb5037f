"""The ways in which teams make an ONNX file of a network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

Recipe = Callable[[nn.Module, int, Path], None]


def by_torch(
    network: nn.Module, image: Tensor, path: Path, *, opset: int = 11, dynamo: bool = False, is_fixed: bool = False
) -> None:
    """torch's exporters, as ModelZoo's recipes for this network call them."""
    options: dict[str, Any] = {"input_names": ["image"], "output_names": ["class"], "opset_version": opset}
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's newer exporter needs onnxscript")
        options |= {} if is_fixed else {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        options |= {"external_data": False, "verbose": False}
    elif not is_fixed:
        options |= {"dynamic_axes": {"image": {0: "-1"}, "class": {0: "-1"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (image,), path, dynamo=dynamo, **options)


def zeros(side: int, count: int = 1) -> Tensor:
    return torch.zeros(count, 3, side, side)


def torchscript(opset: int) -> Recipe:
    def make(network: nn.Module, side: int, path: Path) -> None:
        by_torch(network, zeros(side), path, opset=opset)

    return make


def dynamo(opset: int) -> Recipe:
    def make(network: nn.Module, side: int, path: Path) -> None:
        by_torch(network, zeros(side, 2), path, opset=opset, dynamo=True)

    return make


def fixed(network: nn.Module, side: int, path: Path) -> None:
    by_torch(network, zeros(side), path, is_fixed=True)


def simplified(library: str) -> Recipe:
    def make(network: nn.Module, side: int, path: Path) -> None:
        by_torch(network, zeros(side), path, opset=13)
        simplify = pytest.importorskip(library).slim if library == "onnxslim" else pytest.importorskip(library).simplify
        found = simplify(onnx.load(path))
        onnx.save(found if library == "onnxslim" else found[0], path)

    return make


def half(network: nn.Module, side: int, path: Path) -> None:
    """Weights, images and logits in float16."""
    by_torch(network, zeros(side), path)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and not tensor.name.endswith(("roi", "scales")):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.value_info[:]
    onnx.save(model, path)


class Wrapped(nn.Module):
    """A network with something before and behind it."""

    def __init__(self, network: nn.Module, before: Callable[[Tensor], Tensor], behind: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.before, self.behind = network, before, behind

    def forward(self, x: Tensor) -> Any:
        return self.behind(self.network(self.before(x)))


def same(x: Tensor) -> Tensor:
    return x


def wrapped(
    before: Callable[[Tensor], Tensor] = same,
    behind: Callable[[Tensor], Any] = same,
    image: Callable[[int], Tensor] = zeros,
) -> Recipe:
    def make(network: nn.Module, side: int, path: Path) -> None:
        by_torch(Wrapped(network, before, behind), image(side), path, opset=13)

    return make


def normalised(x: Tensor) -> Tensor:
    """From uint8, (N, H, W, 3)."""
    mean, std = (torch.tensor(side) for side in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return ((x.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def external(network: nn.Module, side: int, path: Path) -> None:
    by_torch(network, zeros(side), path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)


def nhwc(side: int) -> Tensor:
    return torch.zeros(1, side, side, 3)


RECIPES: dict[str, Recipe] = {
    **{f"torchscript, opset {opset}": torchscript(opset) for opset in (11, 13, 16, 18, 20)},
    **{f"dynamo, opset {opset}": dynamo(opset) for opset in (18, 20)},
    "one batch size": fixed,
    "onnxslim": simplified("onnxslim"),
    "onnxsim": simplified("onnxsim"),
    "float16": half,
    "constants in another file": external,
    "int64 labels": wrapped(behind=lambda x: x.argmax(1)),
    "int64 labels, one channel": wrapped(behind=lambda x: x.argmax(1, keepdim=True)),
    "int32 labels": wrapped(behind=lambda x: x.argmax(1).int()),
    "uint8 labels": wrapped(behind=lambda x: x.argmax(1).byte()),
    "labels as float32": wrapped(behind=lambda x: x.argmax(1).float()),
    "softmax": wrapped(behind=lambda x: x.softmax(1)),
    "channels last": wrapped(lambda x: x.permute(0, 3, 1, 2), lambda x: x.permute(0, 2, 3, 1), nhwc),
    "uint8 images": wrapped(normalised, image=lambda side: nhwc(side).byte()),
    "uint8 images, channels first": wrapped(
        lambda x: normalised(x.permute(0, 2, 3, 1)), image=lambda side: zeros(side).byte()
    ),
}
