"""Export of a network to ONNX: opset 11, standard operators, the same bytes for the same weights.

The graph is traced by ``torch.fx`` and written operator by operator, so that there is no second description of the
network. On the way:

* Batch normalisation is folded into the convolution before it (in float64).
* The first block's concatenation of convolution and pooled image, and the normalisation after it, become a sum of two
  convolutions, each of which fills its own channels: runtimes fuse these without a change of their memory layout.
* The classifier, a transposed convolution of stride 2, becomes a convolution that computes the four phases of each
  2x2 output block as channels, and a depth-to-space: the same sums, without scatter.
* Max-unpool, for which opset 11's own operator is seldom supported, becomes four exact masks: phase k of a block
  gets the value if its input equals the maximum and no earlier phase's does, which is how PyTorch breaks ties.
* With ``labels`` the argmax is taken on the phases, before depth-to-space: on (N, 4, outputs, H/2, W/2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

from enet import __version__
from enet.deliverable import IoFormat, Preprocessing
from enet.model.folding import fold_batch_norms
from enet.storage.files import write_bytes

OPSET = 11
#: The IR version of opset 11 (onnx 1.6), so that old converters can read the file.
IR_VERSION = 6
INPUT, OUTPUT = "image", "class"


def to_onnx(
    network: nn.Module, preprocessing: Preprocessing, form: IoFormat, *, classes: int | None = None
) -> onnx.ModelProto:
    """Write a network in evaluation mode as ONNX.

    Args:
        network: from ``enet.model.architectures.build``, with its weights.
        preprocessing: gives height and width, and for uint8 input mean and std.
        form: of ``image``: float32 (N, 3, H, W), normalised, or uint8 (N, H, W, 3), RGB; of ``class``: float32 logits
            (N, outputs, H, W) or uint8 labels (N, H, W). N is free.
        classes: labels are the argmax of this many first outputs; None: of all.
    Raises:
        ValueError: the network is in training mode.
        NotImplementedError: the network has a layer that is not supported.
    """
    if network.training:
        raise ValueError("network.training=True, expected evaluation mode. Call network.eval()")
    traced = fold_batch_norms(fx.symbolic_trace(network))
    graph = Graph()
    width, height = preprocessing.size
    is_uint8, is_labels = form.input == "uint8", form.output == "labels"
    phases, outputs = emit(traced, graph, write_normalisation(graph, preprocessing) if is_uint8 else INPUT)
    if is_labels:
        write_argmax(graph, phases, outputs, classes or outputs, height, width)
    else:
        graph.add("DepthToSpace", [phases], name=OUTPUT, blocksize=2, mode="DCR")
    image = value_info(INPUT, is_uint8, [height, width, 3] if is_uint8 else [3, height, width])
    result = value_info(OUTPUT, is_labels, [height, width] if is_labels else [outputs, height, width])
    content = helper.make_graph(graph.nodes, "enet", [image], [result], graph.constants)
    producer = {"producer_name": "enet", "producer_version": __version__}
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(content, opset_imports=opset, ir_version=IR_VERSION, **producer)
    onnx.checker.check_model(model, full_check=True)
    return model


def value_info(name: str, is_uint8: bool, shape: list[int]) -> onnx.ValueInfoProto:
    dtype = TensorProto.UINT8 if is_uint8 else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, dtype, ["batch", *shape])


def save(model: onnx.ModelProto, path: Path) -> str:
    """Write the model, completely or not at all, and return its SHA-256; equal models give equal bytes."""
    content = model.SerializeToString(deterministic=True)
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


class Graph:
    """ONNX nodes and constants, to be filled. Tensors are given by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], *, name: str, **attributes: Any) -> str:
        """Append a node with one output; return the output's name, which is also the node's."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def split(self, x: str, parts: int, *, name: str) -> list[str]:
        """Split channels into equal parts; return their names."""
        names = [f"{name}.{i}" for i in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, name=name, axis=1))
        return names

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add an array; return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def conv_inputs(self, name: str, x: str, weight: NDArray[Any], bias: torch.Tensor | None, tiles: int) -> list[str]:
        """Add the constants of a convolution, its bias repeated ``tiles`` times; return its inputs."""
        inputs = [x, self.constant(f"{name}.weight", weight)]
        return inputs if bias is None else [*inputs, self.constant(f"{name}.bias", np.tile(float32(bias), tiles))]


@dataclass(frozen=True)
class Pooled:
    """Input and output of a max-pool, which max-unpool needs instead of indices."""

    source: str
    maximum: str


def emit(traced: fx.GraphModule, graph: Graph, start: str) -> tuple[str, int]:
    """Write all nodes; return the classifier's phases (N, 4 * outputs, H/2, W/2) and the number of outputs."""
    modules = dict(traced.named_modules())
    values: dict[fx.Node, Any] = {}
    outputs = 0
    for node in traced.graph.nodes:
        arguments = fx.node.map_arg(node.args, values.__getitem__)
        if node.op == "placeholder":
            values[node] = start
        elif node.op == "call_module":
            module = modules[node.target]
            if type(module) not in WRITERS:
                raise NotImplementedError(f"{node.target}: {type(module).__name__} is not supported")
            if any(user.op == "output" for user in node.users):  # the classifier
                outputs = module.out_channels
                values[node] = transposed_phases(graph, node.target, module, *arguments)
            else:
                values[node] = WRITERS[type(module)](graph, node.target, module, *arguments)
        elif node.op == "call_function":
            values[node] = write_function(graph, node, arguments)
        elif node.op == "output":
            return arguments[0], outputs
    raise ValueError("the traced network has no output")


def write_function(graph: Graph, node: fx.Node, arguments: tuple[Any, ...]) -> Any:
    """Write a concatenation, an addition, an element of a tuple, or channel padding."""
    name = getattr(node.target, "__name__", str(node.target))
    if name == "cat":
        return graph.add("Concat", list(arguments[0]), name=node.name, axis=1)
    if name == "add":
        return graph.add("Add", list(arguments), name=node.name)
    if name == "getitem":
        return arguments[0][arguments[1]]
    if name == "pad":
        before, after = arguments[1][0::2][::-1], arguments[1][1::2][::-1]
        rest = [0] * (4 - len(before))
        pads = graph.constant(f"{node.name}.pads", np.array([*rest, *before, *rest, *after], np.int64))
        return graph.add("Pad", [arguments[0], pads], name=node.name)
    raise NotImplementedError(f"{node.name}: {name} is not supported")


def float32(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().to(torch.float32).numpy()


def write_conv(graph: Graph, name: str, module: nn.Conv2d | nn.ConvTranspose2d, x: str) -> str:
    inputs = graph.conv_inputs(name, x, float32(module.weight), module.bias, 1)
    padding = [int(side) for side in module.padding]
    shape = {"kernel_shape": module.kernel_size, "strides": module.stride, "dilations": module.dilation}
    if isinstance(module, nn.ConvTranspose2d):
        transposed = {"output_padding": module.output_padding}
        return graph.add("ConvTranspose", inputs, name=name, **shape, pads=padding * 2, **transposed)
    return graph.add("Conv", inputs, name=name, **shape, pads=padding * 2)


def transposed_phases(graph: Graph, name: str, module: nn.ConvTranspose2d, x: str) -> str:
    """Write a transposed convolution that doubles the size as a convolution to (N, 4 * C, H, W), phase-major.

    Output row 2m + i takes input row m + shift through kernel row k where ``2m + i + padding = 2(m + shift) + k``,
    so every phase is a small convolution over rows m and, for a 3x3 kernel, m + 1.
    """
    if module.stride != (2, 2):
        raise NotImplementedError(f"{name}: stride {module.stride} is not supported, only (2, 2)")
    shape = (module.kernel_size, module.padding, module.output_padding, module.dilation, module.groups)
    if shape not in (((2, 2), (0, 0), (0, 0), (1, 1), 1), ((3, 3), (1, 1), (1, 1), (1, 1), 1)):
        raise NotImplementedError(f"{name}: {module} is not supported, only 2x2, and 3x3 with padding 1")
    weight = float32(module.weight)  # (channels in, channels out, kernel height, kernel width)
    channels_in, channels_out, kernel, _ = weight.shape
    padding = module.padding[0]
    taps = 1 + (kernel - 1) // 2
    phases = np.zeros((2, 2, channels_out, channels_in, taps, taps), np.float32)
    for i, j, y, x_shift in np.ndindex(2, 2, taps, taps):
        row, column = i + padding - 2 * y, j + padding - 2 * x_shift
        if 0 <= row < kernel and 0 <= column < kernel:
            phases[i, j, :, :, y, x_shift] = weight[:, :, row, column].T
    kernels = phases.reshape(4 * channels_out, channels_in, taps, taps)
    inputs = graph.conv_inputs(name, x, kernels, module.bias, 4)
    return graph.add("Conv", inputs, name=f"{name}.phases", kernel_shape=[taps, taps], pads=[0, 0, taps - 1, taps - 1])


def write_prelu(graph: Graph, name: str, module: nn.PReLU, x: str) -> str:
    slope = float32(module.weight).reshape(-1, 1, 1)
    return graph.add("PRelu", [x, graph.constant(f"{name}.slope", slope)], name=name)


def pool_attributes(module: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    sides = module.kernel_size, module.stride, module.padding
    kernel, stride, padding = ([side, side] if isinstance(side, int) else list(side) for side in sides)
    return {"kernel_shape": kernel, "strides": stride, "pads": padding * 2}


def write_max_pool(graph: Graph, name: str, module: nn.MaxPool2d, x: str) -> str | tuple[str, Pooled]:
    maximum = graph.add("MaxPool", [x], name=name, **pool_attributes(module))
    return (maximum, Pooled(x, maximum)) if module.return_indices else maximum


def write_max_unpool(graph: Graph, name: str, module: nn.MaxUnpool2d, x: str, pooled: Pooled) -> str:
    """Give the value to the first phase of each block that equals the maximum; ``rest``: not yet given to a phase."""
    blocks = graph.add("SpaceToDepth", [pooled.source], name=f"{name}.blocks", blocksize=2)
    phases = graph.split(blocks, 4, name=f"{name}.phase")
    zero = graph.constant(f"{name}.zero", np.zeros((), np.float32))
    rest, placed = x, []
    for i, phase in enumerate(phases[:3]):
        is_maximum = graph.add("Equal", [phase, pooled.maximum], name=f"{name}.is_maximum{i}")
        placed.append(graph.add("Where", [is_maximum, rest, zero], name=f"{name}.placed{i}"))
        rest = graph.add("Where", [is_maximum, zero, rest], name=f"{name}.rest{i}")
    stacked = graph.add("Concat", [*placed, rest], name=f"{name}.stacked", axis=1)
    return graph.add("DepthToSpace", [stacked], name=name, blocksize=2, mode="DCR")


def write_upsample(graph: Graph, name: str, module: nn.Upsample, x: str) -> str:
    roi = graph.constant(f"{name}.roi", np.zeros(0, np.float32))
    scales = graph.constant(f"{name}.scales", np.array([1, 1, 2, 2], np.float32))
    rounding = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", [x, roi, scales], name=name, mode="nearest", **rounding)


WRITERS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Conv2d: write_conv,
    nn.ConvTranspose2d: write_conv,
    nn.PReLU: write_prelu,
    nn.ReLU: lambda graph, name, _, x: graph.add("Relu", [x], name=name),
    nn.MaxPool2d: write_max_pool,
    nn.AvgPool2d: lambda graph, name, module, x: graph.add("AveragePool", [x], name=name, **pool_attributes(module)),
    nn.MaxUnpool2d: write_max_unpool,
    nn.Upsample: write_upsample,
}


def write_normalisation(graph: Graph, preprocessing: Preprocessing) -> str:
    """Write ``(x / 255 - mean) / std`` of a uint8 image as one multiplication and one addition, channels first."""
    mean, std = np.array(preprocessing.mean).reshape(-1, 1, 1), np.array(preprocessing.std).reshape(-1, 1, 1)
    scale = graph.constant("normalise.scale", (1 / (255 * std)).astype(np.float32))
    shift = graph.constant("normalise.shift", (-mean / std).astype(np.float32))
    channels_first = graph.add("Transpose", [INPUT], name="normalise.channels_first", perm=[0, 3, 1, 2])
    pixels = graph.add("Cast", [channels_first], name="normalise.pixels", to=TensorProto.FLOAT)
    scaled = graph.add("Mul", [pixels, scale], name="normalise.scaled")
    return graph.add("Add", [scaled, shift], name="normalise")


def write_argmax(graph: Graph, phases: str, outputs: int, classes: int, height: int, width: int) -> None:
    """Write the argmax of each phase, the first of equal values, then depth-to-space: uint8, (N, H, W)."""

    def reshape(x: str, name: str, shape: list[int]) -> str:
        return graph.add("Reshape", [x, graph.constant(f"{name}.shape", np.array(shape, np.int64))], name=name)

    h, w = height // 2, width // 2
    apart = reshape(phases, "labels.apart", [0, 4, outputs, h, w])
    if classes < outputs:
        bounds = {"starts": 0, "ends": classes, "axes": 2}
        slices = [graph.constant(f"labels.{name}", np.array([value], np.int64)) for name, value in bounds.items()]
        apart = graph.add("Slice", [apart, *slices], name="labels.scored")
    best = graph.add("ArgMax", [apart], name="labels.argmax", axis=2, keepdims=0)
    small = graph.add("Cast", [best], name="labels.uint8", to=TensorProto.UINT8)
    blocks = reshape(small, "labels.blocks", [0, 2, 2, h, w])
    laid = graph.add("Transpose", [blocks], name="labels.laid", perm=[0, 3, 1, 4, 2])
    reshape(laid, OUTPUT, [0, height, width])


def describe(model: onnx.ModelProto) -> str:
    """Describe inputs and outputs in one line, such as ``image float32 batch x 3 x 480 x 480``."""
    words = []
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        sides = [dim.dim_param or str(dim.dim_value) for dim in tensor.shape.dim]
        words.append(f"{value.name} {dtype} {' x '.join(sides)}")
    return ", ".join(words)
