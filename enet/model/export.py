"""From a network to ONNX: opset 11, standard operators, the same bytes for the same weights.

The graph is what the network computes, read off by ``torch.fx`` and written operator by operator, so there is no
second description of the network to keep in step. On the way:

* Batch normalisation is folded into the convolution before it (in float64).
* The first block's concatenation of convolution and pooled image, and the normalisation behind it, become a sum of two
  convolutions, each of which fills its own channels: runtimes fuse that, and need not leave their layout for it.
* The classifier, a transposed convolution of stride 2, becomes an ordinary one that computes the four phases of each
  2x2 output block as channels, and a depth-to-space that lays them out: the same sums, with no scatter.
* Max-unpool, for which opset 11's own operator is seldom supported, becomes four exact masks: phase k of a block
  gets the value where the input equals the maximum and no phase before it does, which is how PyTorch breaks ties.
* With ``labels`` the argmax is taken on the phases, before they are laid out: on (N, 4, outputs, H/2, W/2).
"""

from __future__ import annotations

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
#: The IR version that came with opset 11 (onnx 1.6), so that old converters read the file.
IR_VERSION = 6
INPUT, OUTPUT = "image", "class"


def to_onnx(
    network: nn.Module, preprocessing: Preprocessing, form: IoFormat, *, classes: int | None = None
) -> onnx.ModelProto:
    """Write a network in evaluation mode as ONNX.

    Args:
        network: from ``enet.model.architectures.build``, with its weights.
        preprocessing: gives height and width, and mean and std where ``form.input`` is "uint8".
        form: what goes in and out: ``image`` is float32 (N, 3, H, W), normalised, or uint8 (N, H, W, 3), RGB;
            ``class`` is float32 logits (N, outputs, H, W) or uint8 labels (N, H, W). N is free.
        classes: labels are the argmax of this many first outputs; of all for None.
    Raises:
        NotImplementedError: the network holds a layer that isn't known here.
    """
    if network.training:
        raise ValueError("network.training=True, but should be in evaluation mode: call network.eval()")
    traced = fold_batch_norms(fx.symbolic_trace(network))
    graph = Graph()
    width, height = preprocessing.size
    if form.input == "uint8":
        image = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", height, width, 3])
        start = normalised(graph, preprocessing)
    else:
        image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, height, width])
        start = INPUT
    phases, outputs = emit(traced, graph, start)
    if form.output == "labels":
        labels(graph, phases, outputs, classes or outputs, height, width)
        result = helper.make_tensor_value_info(OUTPUT, TensorProto.UINT8, ["batch", height, width])
    else:
        graph.add("DepthToSpace", [phases], name=OUTPUT, blocksize=2, mode="DCR")
        result = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", outputs, height, width])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "enet", [image], [result], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="enet",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the model, whole or not at all: equal models give equal bytes."""
    write_bytes(path, model.SerializeToString(deterministic=True))


class Graph:
    """ONNX nodes and constants in the making. A tensor is its name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], *, name: str, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name, which is the node's."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def split(self, x: str, parts: int, *, name: str) -> list[str]:
        """Split channels into equal parts; returns their names."""
        names = [f"{name}.{i}" for i in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], names, name=name, axis=1))
        return names

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add an array; returns its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


@dataclass(frozen=True)
class Pooled:
    """What max-unpool needs instead of indices: the pool's input and output."""

    source: str
    maximum: str


def emit(traced: fx.GraphModule, graph: Graph, start: str) -> tuple[str, int]:
    """Write all nodes up to and with the classifier, as phases (N, 4 * outputs, H/2, W/2); also its outputs."""
    modules = dict(traced.named_modules())
    values: dict[fx.Node, Any] = {}
    outputs = 0
    for node in traced.graph.nodes:
        arguments = fx.node.map_arg(node.args, values.__getitem__)
        if node.op == "placeholder":
            values[node] = start
        elif node.op == "call_module":
            module = modules[node.target]
            writer = WRITERS.get(type(module))
            if writer is None:
                raise NotImplementedError(f"{node.target}: {type(module).__name__} has no ONNX form here")
            is_classifier = any(user.op == "output" for user in node.users)
            if is_classifier:
                outputs = module.out_channels
                values[node] = transposed_phases(graph, node.target, module, *arguments)
            else:
                values[node] = writer(graph, node.target, module, *arguments)
        elif node.op == "call_function":
            values[node] = write_function(graph, node, arguments)
        elif node.op == "output":
            return arguments[0], outputs
    raise ValueError("the traced network has no output")


def write_function(graph: Graph, node: fx.Node, arguments: tuple[Any, ...]) -> Any:
    """Concatenation, addition, element of a tuple, channel padding."""
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
    raise NotImplementedError(f"{node.name}: {name} has no ONNX form here")


def float32(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().to(torch.float32).numpy()


def write_conv(graph: Graph, name: str, module: nn.Conv2d, x: str) -> str:
    inputs = [x, graph.constant(f"{name}.weight", float32(module.weight))]
    if module.bias is not None:
        inputs.append(graph.constant(f"{name}.bias", float32(module.bias)))
    vertical, horizontal = (int(side) for side in module.padding)
    return graph.add(
        "Conv",
        inputs,
        name=name,
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        dilations=list(module.dilation),
        pads=[vertical, horizontal, vertical, horizontal],
    )


def transposed_phases(graph: Graph, name: str, module: nn.ConvTranspose2d, x: str) -> str:
    """A transposed convolution that doubles the size, as a convolution to (N, 4 * C, H, W), phase-major.

    Output row 2m + i takes input row m + shift through kernel row k where ``2m + i + padding = 2(m + shift) + k``,
    so every phase is a small convolution over rows m and, for a 3x3 kernel, m + 1.
    """
    if module.stride != (2, 2):
        raise NotImplementedError(f"{name}: stride {module.stride} has no ONNX form here, only (2, 2)")
    shape = (module.kernel_size, module.padding, module.output_padding, module.dilation, module.groups)
    if shape not in (((2, 2), (0, 0), (0, 0), (1, 1), 1), ((3, 3), (1, 1), (1, 1), (1, 1), 1)):
        raise NotImplementedError(f"{name}: {module} has no ONNX form here, only 2x2, and 3x3 with padding 1")
    weight = float32(module.weight)  # (channels in, channels out, kernel height, kernel width)
    channels_in, channels_out, kernel, _ = weight.shape
    padding = module.padding[0]
    taps = 1 + (kernel - 1) // 2
    phases = np.zeros((2, 2, channels_out, channels_in, taps, taps), np.float32)
    for i, j, y, x_shift in np.ndindex(2, 2, taps, taps):
        row, column = i + padding - 2 * y, j + padding - 2 * x_shift
        if 0 <= row < kernel and 0 <= column < kernel:
            phases[i, j, :, :, y, x_shift] = weight[:, :, row, column].T
    inputs = [x, graph.constant(f"{name}.weight", phases.reshape(4 * channels_out, channels_in, taps, taps))]
    if module.bias is not None:
        inputs.append(graph.constant(f"{name}.bias", np.tile(float32(module.bias), 4)))
    return graph.add("Conv", inputs, name=f"{name}.phases", kernel_shape=[taps, taps], pads=[0, 0, taps - 1, taps - 1])


def write_transposed(graph: Graph, name: str, module: nn.ConvTranspose2d, x: str) -> str:
    inputs = [x, graph.constant(f"{name}.weight", float32(module.weight))]
    if module.bias is not None:
        inputs.append(graph.constant(f"{name}.bias", float32(module.bias)))
    vertical, horizontal = (int(side) for side in module.padding)
    return graph.add(
        "ConvTranspose",
        inputs,
        name=name,
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        dilations=list(module.dilation),
        pads=[vertical, horizontal, vertical, horizontal],
        output_padding=list(module.output_padding),
    )


def write_batch_norm(graph: Graph, name: str, module: nn.BatchNorm2d, x: str) -> str:
    parts = {"scale": module.weight, "bias": module.bias, "mean": module.running_mean, "variance": module.running_var}
    inputs = [graph.constant(f"{name}.{part}", float32(value)) for part, value in parts.items() if value is not None]
    return graph.add("BatchNormalization", [x, *inputs], name=name, epsilon=module.eps)


def write_prelu(graph: Graph, name: str, module: nn.PReLU, x: str) -> str:
    slope = float32(module.weight).reshape(-1, 1, 1)
    return graph.add("PRelu", [x, graph.constant(f"{name}.slope", slope)], name=name)


def write_relu(graph: Graph, name: str, module: nn.ReLU, x: str) -> str:
    return graph.add("Relu", [x], name=name)


def pool_attributes(module: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    kernel, stride, padding = (
        [v, v] if isinstance(v, int) else list(v) for v in (module.kernel_size, module.stride, module.padding)
    )
    return {"kernel_shape": kernel, "strides": stride, "pads": padding * 2}


def write_max_pool(graph: Graph, name: str, module: nn.MaxPool2d, x: str) -> str | tuple[str, Pooled]:
    maximum = graph.add("MaxPool", [x], name=name, **pool_attributes(module))
    return (maximum, Pooled(x, maximum)) if module.return_indices else maximum


def write_average_pool(graph: Graph, name: str, module: nn.AvgPool2d, x: str) -> str:
    return graph.add("AveragePool", [x], name=name, **pool_attributes(module))


def write_max_unpool(graph: Graph, name: str, module: nn.MaxUnpool2d, x: str, pooled: Pooled) -> str:
    """Value to the first phase of each block that equals the maximum; ``rest`` is what no phase has taken yet."""
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
    return graph.add(
        "Resize",
        [x, roi, scales],
        name=name,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


WRITERS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Conv2d: write_conv,
    nn.ConvTranspose2d: write_transposed,
    nn.BatchNorm2d: write_batch_norm,
    nn.PReLU: write_prelu,
    nn.ReLU: write_relu,
    nn.MaxPool2d: write_max_pool,
    nn.AvgPool2d: write_average_pool,
    nn.MaxUnpool2d: write_max_unpool,
    nn.Upsample: write_upsample,
}


def normalised(graph: Graph, preprocessing: Preprocessing) -> str:
    """``(x / 255 - mean) / std`` of a uint8 image, as one multiplication and one addition, channels first."""
    mean, std = np.array(preprocessing.mean).reshape(-1, 1, 1), np.array(preprocessing.std).reshape(-1, 1, 1)
    scale = graph.constant("normalise.scale", (1 / (255 * std)).astype(np.float32))
    shift = graph.constant("normalise.shift", (-mean / std).astype(np.float32))
    channels_first = graph.add("Transpose", [INPUT], name="normalise.channels_first", perm=[0, 3, 1, 2])
    pixels = graph.add("Cast", [channels_first], name="normalise.pixels", to=TensorProto.FLOAT)
    scaled = graph.add("Mul", [pixels, scale], name="normalise.scaled")
    return graph.add("Add", [scaled, shift], name="normalise")


def labels(graph: Graph, phases: str, outputs: int, classes: int, height: int, width: int) -> None:
    """Argmax of each phase, first of equals, then the 2x2 layout: uint8, (N, H, W)."""

    def reshaped(x: str, name: str, shape: list[int]) -> str:
        return graph.add("Reshape", [x, graph.constant(f"{name}.shape", np.array(shape, np.int64))], name=name)

    h, w = height // 2, width // 2
    apart = reshaped(phases, "labels.apart", [0, 4, outputs, h, w])
    if classes < outputs:
        bounds = {"starts": 0, "ends": classes, "axes": 2}
        slices = [graph.constant(f"labels.{name}", np.array([value], np.int64)) for name, value in bounds.items()]
        apart = graph.add("Slice", [apart, *slices], name="labels.scored")
    best = graph.add("ArgMax", [apart], name="labels.argmax", axis=2, keepdims=0)
    small = graph.add("Cast", [best], name="labels.uint8", to=TensorProto.UINT8)
    blocks = reshaped(small, "labels.blocks", [0, 2, 2, h, w])
    laid = graph.add("Transpose", [blocks], name="labels.laid", perm=[0, 3, 1, 4, 2])
    reshaped(laid, OUTPUT, [0, height, width])


def describe(model: onnx.ModelProto) -> str:
    """Inputs and outputs in one line, such as ``image float32 batch x 3 x 480 x 480``."""
    words = []
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        sides = [dim.dim_param or str(dim.dim_value) for dim in tensor.shape.dim]
        words.append(f"{value.name} {dtype} {' x '.join(sides)}")
    return ", ".join(words)
