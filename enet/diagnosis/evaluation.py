"""An ONNX, computed node by node in float64, or in float32 or float16 with the same implementation.

ONNX Runtime's CPU has no float64 for convolutions. So operators that take long are computed by PyTorch, the others by
the reference implementation that comes with ONNX. Each value is freed behind its last reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor
from torch.nn import functional

Array = NDArray[Any]
Attributes = Mapping[str, Any]

FLOATS = ("float16", "float32", "float64")


class NotComputed(Exception):
    """An operator that cannot be computed here, in a few words."""


def evaluate(model: onnx.ModelProto, image: Array, dtype: str) -> Iterator[tuple[onnx.NodeProto, list[Array]]]:
    """Compute all nodes.

    Args:
        image: the input, as the model takes it.
        dtype: "float64"; "float32"; "float16", which is computed in float32: constants and results are rounded.
    Yields:
        Each node with what it gives.
    Raises:
        NotComputed: it has an operator that cannot be computed here.
    """
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (name,) = (value.name for value in graph.input if value.name not in constants)
    values = {key: converted(value, dtype) for key, value in ({"": np.zeros(0)} | constants | {name: image}).items()}
    readers = Counter(each for node in graph.node for each in node.input)
    for node in graph.node:
        inputs = [values[each] for each in node.input]
        results = [converted(np.asarray(result), dtype) for result in compute(model, node, inputs)]
        values |= dict(zip(node.output, results, strict=False))
        for each in node.input:
            readers[each] -= 1
            if each and not readers[each]:
                del values[each]
        yield node, results


def converted(value: Array, dtype: str) -> Array:
    """Values of floating point in the working type, rounded to half precision first if that is asked for."""
    if value.dtype.name not in FLOATS:
        return value
    if dtype == "float16":
        with np.errstate(over="ignore"):
            return value.astype(np.float16).astype(np.float32)
    return value.astype(dtype)


def compute(model: onnx.ModelProto, node: onnx.NodeProto, inputs: list[Array]) -> list[Array]:
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    try:
        if node.op_type in BY_TORCH:
            tensors = [torch.from_numpy(np.array(value)) for value in inputs]
            with torch.inference_mode():
                return [BY_TORCH[node.op_type](attributes, *tensors).numpy()]
        single = single_node(model, node)
        named = dict(zip(node.input, inputs, strict=True))
        feeds = {name: value for name, value in named.items() if name}
        if node.op_type in BY_PARTS:
            return by_parts(single, feeds, node)
        return list(ReferenceEvaluator(single).run(None, feeds))
    except NotComputed:
        raise
    except Exception as error:  # of three libraries, whose exceptions share no base class
        raise NotComputed(f"{node.op_type} {node.name or node.output[0]} ({type(error).__name__})") from error


def single_node(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.ModelProto:
    """A model of one node; types and shapes are those of the values that it gets."""
    names = [name for name in dict.fromkeys(node.input) if name]
    inputs, outputs = ([onnx.ValueInfoProto(name=name) for name in each if name] for each in (names, node.output))
    graph = helper.make_graph([node], "node", inputs, outputs)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def by_parts(single: onnx.ModelProto, feeds: dict[str, Array], node: onnx.NodeProto) -> list[Array]:
    """A linear operator that ONNX Runtime has for float32 alone: of the value in float32 and of what this leaves."""
    main, whole = node.input[0], feeds[node.input[0]]
    near = whole.astype(np.float32)
    for value in single.graph.input:
        dtype = np.float32 if value.name == main else stored(feeds[value.name]).dtype
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    session = onnxruntime.InferenceSession(single.SerializeToString(), providers=["CPUExecutionProvider"])
    rest = {name: stored(value) for name, value in feeds.items() if name != main}
    parts = [near] if whole.dtype == np.float32 else [near, (whole - near).astype(np.float32)]
    results = [session.run(None, {main: part, **rest})[0].astype(whole.dtype) for part in parts]
    return [sum(results[1:], results[0])]


def stored(value: Array) -> Array:
    """Scales and regions, in the type that operators take them in."""
    return value.astype(np.float32) if value.dtype.kind == "f" else value


def sides(attributes: Attributes, count: int = 2) -> tuple[list[int], list[int]]:
    """Padding at the beginning and at the end of each axis."""
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NotComputed("auto_pad")
    pads = list(attributes.get("pads", [0] * 2 * count))
    return pads[:count], pads[count:]


def padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> Tensor:
    before, after = sides(attributes)
    return functional.pad(x, (before[1], after[1], before[0], after[0]), value=value)


def conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    steps = {"stride": attributes.get("strides", [1, 1]), "dilation": attributes.get("dilations", [1, 1])}
    return functional.conv2d(padded(x, attributes), weight, bias, groups=attributes.get("group", 1), **steps)


def conv_transpose(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if "output_shape" in attributes:
        raise NotComputed("output_shape")
    before, after = sides(attributes)
    steps = {"stride": attributes.get("strides", [1, 1]), "dilation": attributes.get("dilations", [1, 1])}
    more = {"groups": attributes.get("group", 1), "output_padding": attributes.get("output_padding", [0, 0])}
    whole = functional.conv_transpose2d(x, weight, bias, **steps, **more)
    height, width = whole.shape[2:]
    return whole[:, :, before[0] : height - after[0], before[1] : width - after[1]]


def max_pool(attributes: Attributes, x: Tensor) -> Tensor:
    if attributes.get("ceil_mode", 0):
        raise NotComputed("ceil_mode")
    steps = {"stride": attributes.get("strides", [1, 1]), "dilation": attributes.get("dilations", [1, 1])}
    return functional.max_pool2d(padded(x, attributes, -torch.inf), attributes["kernel_shape"], **steps)


def batch_norm(attributes: Attributes, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return functional.batch_norm(x, mean, var, scale, shift, eps=attributes.get("epsilon", 1e-5))


BY_TORCH: dict[str, Callable[..., Tensor]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "BatchNormalization": batch_norm,
    "Relu": lambda _, x: functional.relu(x),
    "PRelu": lambda _, x, slope: torch.where(x >= 0, x, x * slope),
}
BY_PARTS = ("AveragePool", "Resize", "Upsample")
