"""Runs of one image through a network, with the result of every layer: PyTorch's, and those of an ONNX file."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from enet.diagnosis.layers import Known, Step, sample, views
from enet.host import cores

#: Layers of an ONNX whose results are kept at the same time.
AT_ONCE = 12

Array = NDArray[Any]


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps what every operator gives, as it is computed.

    Args:
        rounded: round every result to half precision, as a network in float16 does.
        keep: place of the only result that is kept whole.
    """

    def __init__(self, network: nn.Module, *, rounded: bool = False, keep: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names, self.rounded, self.keep = [""], rounded, keep
        self.steps: list[tuple[str, str, Array]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.whole: Array | None = None
        self.hooks = [
            hook
            for name, module in network.named_modules()
            for hook in (
                module.register_forward_pre_hook(lambda *_, name=name: self.names.append(name)),
                module.register_forward_hook(lambda *_: self.leave()),
            )
        ]

    def leave(self) -> None:
        self.names.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if not (isinstance(first, torch.Tensor) and first.is_floating_point() and first.ndim == 4):
            return result
        if self.rounded:
            first.copy_(first.half().to(first.dtype))
        value = first.numpy()
        if len(self.steps) == self.keep:
            self.whole = value.copy()
        operator = func.overloadpacket.__name__
        self.steps.append((self.names[-1] or (operator if self.steps else "the input"), operator, sample(value)))
        self.shapes.append(value.shape)
        return result


def record(network: nn.Module, image: NDArray[np.float32], dtype: torch.dtype, keep: int | None = None) -> Recorder:
    """Run a copy of a network in evaluation mode; ``float16`` is computed in float32, and all that it keeps is rounded.

    Args:
        image: shape (1, 3, H, W).
        keep: place of a layer whose values are kept whole, as ``Recorder.whole``.
    """
    is_half = dtype is torch.float16
    working = torch.float32 if is_half else dtype
    other = copy.deepcopy(network).half() if is_half else copy.deepcopy(network)
    other = other.to(working).to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    recorder = Recorder(other, rounded=is_half, keep=keep)
    with torch.inference_mode(), recorder:
        other(torch.from_numpy(image.astype(np.float16) if is_half else image).to(working))
    return recorder


def of_pytorch(network: nn.Module, image: NDArray[np.float32], arithmetic: torch.dtype) -> list[Known]:
    """The layers of the network: their values in float64, and what an arithmetic allows.

    Args:
        arithmetic: float32 or float16.
    Raises:
        RuntimeError: the network computes something else in one of the types, or not at all.
    """
    exact, rounded = record(network, image, torch.float64), record(network, image, arithmetic)
    if exact.shapes != rounded.shapes:
        raise RuntimeError(f"PyTorch runs other layers in float64 than in {arithmetic}")
    epsilon = torch.finfo(arithmetic).eps
    pairs = zip(exact.steps, rounded.steps, exact.shapes, strict=True)
    return [Known.measured(*step[:2], shape, step[2], other[2], epsilon) for step, other, shape in pairs]


def of_onnx(model: onnx.ModelProto, image: Array, known: Sequence[Known]) -> list[Step]:
    """The layers of an ONNX, as ONNX Runtime computes them without optimisation.

    Args:
        image: the input, as the model takes it.
        known: the reference's layers, which tell what is worth to be kept.
    """
    shapes = {each.shape for each in known}
    steps = []
    for node, value in inner_values(model, image):
        row = value[:1] if value.ndim and value.shape[0] == len(image) else value
        forms = views(row, shapes) if row.dtype.kind == "f" else {}
        samples = {shape: sample(form) for shape, form in forms.items()}
        steps.append(Step(node.output[0], node.op_type, row.shape, tuple(node.input), samples))
    return steps


def inner_values(model: onnx.ModelProto, image: Array) -> Iterator[tuple[onnx.NodeProto, Array]]:
    """Every node's first output, a few at a time."""
    nodes = [node for node in model.graph.node if node.output and node.output[0]]
    for start in range(0, len(nodes), AT_ONCE):
        part = nodes[start : start + AT_ONCE]
        yield from zip(part, fetch(model, image, [node.output[0] for node in part]), strict=True)


def fetch(model: onnx.ModelProto, image: Array, names: Sequence[str]) -> list[Array]:
    """Values of an ONNX by name, without optimisation."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    del other.graph.output[:]
    other.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = cores(), 4
    session = onnxruntime.InferenceSession(other.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(list(names), {session.get_inputs()[0].name: image})
    return found
