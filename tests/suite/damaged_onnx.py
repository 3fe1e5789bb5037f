"""Faults as scripts of others make them in an ONNX file, each as a change of a sound one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Damage = Callable[[onnx.ModelProto], None]


def constant(model: onnx.ModelProto, name: str, value: NDArray[Any]) -> str:
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def rename(model: onnx.ModelProto, old: str, new: str, *, inputs: bool) -> None:
    """Let all nodes read, or write, another value."""
    for node in model.graph.node:
        names = node.input if inputs else node.output
        for place, name in enumerate(names):
            if name == old:
                names[place] = new


def at_input(model: onnx.ModelProto, operator: str, *constants: str, **attributes: Any) -> None:
    """Put an operator between the input and the network."""
    name = model.graph.input[0].name
    rename(model, name, "damaged.input", inputs=True)
    node = helper.make_node(operator, [name, *constants], ["damaged.input"], name=f"damaged.{operator}", **attributes)
    model.graph.node.insert(0, node)


def at_output(model: onnx.ModelProto, operator: str, *constants: str, **attributes: Any) -> None:
    """Put an operator between the network and the output."""
    name = model.graph.output[0].name
    inner = f"damaged.{len(model.graph.node)}"
    rename(model, name, inner, inputs=False)
    rename(model, name, inner, inputs=True)
    model.graph.node.append(helper.make_node(operator, [inner, *constants], [name], name=inner, **attributes))


def swap_classes(model: onnx.ModelProto) -> None:
    order = np.arange(19)
    order[[0, 1]] = 1, 0
    at_output(model, "Gather", constant(model, "damaged.order", order), axis=1)


def shift_classes(model: onnx.ModelProto) -> None:
    at_output(model, "Gather", constant(model, "damaged.order", np.roll(np.arange(19), 1)), axis=1)


def bake_bgr_in(model: onnx.ModelProto) -> None:
    at_input(model, "Gather", constant(model, "damaged.bgr", np.array([2, 1, 0])), axis=1)


def use_another_mean(model: onnx.ModelProto) -> None:
    """As if the network subtracted the mean once more."""
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(-1, 1, 1)
    at_input(model, "Sub", constant(model, "damaged.mean", mean))


def leave_255_out(model: onnx.ModelProto) -> None:
    at_input(model, "Mul", constant(model, "damaged.255", np.array(255, np.float32)))


def overflow_half(model: onnx.ModelProto) -> None:
    """Values beyond float16's 65504 become infinite."""
    at_output(model, "Mul", constant(model, "damaged.large", np.array(1e4, np.float32)))
    at_output(model, "Cast", to=TensorProto.FLOAT16)
    at_output(model, "Cast", to=TensorProto.FLOAT)


def interpolate_instead(model: onnx.ModelProto) -> None:
    """Enlarge shortcuts linearly, where the network repeats values."""
    nodes = [node for node in model.graph.node if node.op_type == "Resize"]
    assert nodes
    for node in nodes:
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("mode", "linear"))
        node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "half_pixel"))


def forget_dilation(model: onnx.ModelProto) -> None:
    """What converters to old opsets lose: attributes that they do not know."""
    for node in model.graph.node:
        found = {item.name: item for item in node.attribute}
        if node.op_type == "Conv" and max(found["dilations"].ints) > 1:
            found["dilations"].ints[:] = [1, 1]
            found["pads"].ints[:] = [1, 1, 1, 1]


def count_padding(model: onnx.ModelProto) -> None:
    """Average over three pixels in each direction, where the network takes two."""
    for node in model.graph.node:
        if node.op_type == "AveragePool":
            found = {item.name: item for item in node.attribute}
            found["kernel_shape"].ints[:] = [3, 3]
            found["pads"].ints[:] = [0, 0, 1, 1]
            found["count_include_pad"].i = 1


def mirror(model: onnx.ModelProto) -> None:
    bounds = {"starts": -1, "ends": -(1 << 30), "axes": 3, "steps": -1}
    at_output(model, "Slice", *(constant(model, f"damaged.{k}", np.array([v])) for k, v in bounds.items()))


def lose_a_class(model: onnx.ModelProto) -> None:
    bias = np.zeros((19, 1, 1), np.float32)
    bias[0] = -1e6
    at_output(model, "Add", constant(model, "damaged.bias", bias))


def repeat_first_row(model: onnx.ModelProto) -> None:
    """Give every row of a batch the first one's result."""
    bounds = {"starts": 0, "ends": 1, "axes": 0}
    (output,) = model.graph.output
    inner = "damaged.whole"
    rename(model, output.name, inner, inputs=False)
    zero = constant(model, "damaged.zero", np.array(0, np.float32))
    names = [constant(model, f"damaged.{k}", np.array([v])) for k, v in bounds.items()]
    model.graph.node.extend(
        [
            helper.make_node("Mul", [inner, zero], ["damaged.none"]),
            helper.make_node("Slice", [inner, *names], ["damaged.first"]),
            helper.make_node("Add", ["damaged.none", "damaged.first"], [output.name]),
        ]
    )


def round_weights(model: onnx.ModelProto) -> None:
    """Keep 5 bits of each weight's mantissa, as a careless quantisation does."""
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.ndim == 4:
            mantissa, exponent = np.frexp(value)
            rounded = np.ldexp(np.round(mantissa * 32) / 32, exponent).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))


#: What each must be refused by, with the checkpoint beside it.
DAMAGES: dict[Damage, set[str]] = {
    swap_classes: {"miou", "agreement", "class_iou", "onnx_logits"},
    shift_classes: {"miou", "agreement", "class_iou", "onnx_logits"},
    bake_bgr_in: {"miou", "agreement", "onnx_logits"},
    use_another_mean: {"miou", "agreement", "onnx_logits"},
    leave_255_out: {"miou", "agreement", "onnx_logits"},
    overflow_half: {"miou", "onnx_logits"},
    interpolate_instead: {"agreement", "onnx_logits"},
    forget_dilation: {"miou", "agreement", "onnx_logits"},
    count_padding: {"agreement", "onnx_logits"},
    mirror: {"miou", "agreement", "onnx_logits"},
    lose_a_class: {"miou", "agreement", "class_iou", "onnx_logits"},
    repeat_first_row: {"miou", "batch_parity", "equal_rows", "agreement"},
    round_weights: {"agreement", "onnx_logits"},
}
