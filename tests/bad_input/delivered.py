"""ONNX files that were handed over and cannot be judged as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from enet.selftest.tiny import SIDE
from tests.bad_input.case import EVALUATE, Folders, Setup, case, cases_of, file, write

Sides = Sequence[int | str | None]
Change = Callable[[onnx.ModelProto], object]

JUDGE = EVALUATE + "--onnx {bad}/mine.onnx "


def pointwise(images: Sides = ("n", 3, SIDE, SIDE), logits: Sides = ("n", 19, SIDE, SIDE)) -> onnx.ModelProto:
    """A network of one 1x1 convolution, in a form that can be judged."""
    weights = np.linspace(-1, 1, 19 * 3, dtype=np.float32).reshape(19, 3, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["class"])],
        "mine",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(images))],
        [helper.make_tensor_value_info("class", TensorProto.FLOAT, list(logits))],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def save(model: onnx.ModelProto, path: Path) -> None:
    write(path, model.SerializeToString())


def given(change: Change = lambda _: None, *, name: str = "mine.onnx", batch: int | str = "n") -> Setup:
    def make(folders: Folders) -> None:
        model = pointwise((batch, 3, SIDE, SIDE), (batch, 19, SIDE, SIDE))
        change(model)
        save(model, folders.bad / name)

    return make


def both(*setups: Setup) -> Setup:
    def make(folders: Folders) -> None:
        for setup in setups:
            setup(folders)

    return make


def replace_output(
    operator: str, *constants: Sequence[int], kind: int = TensorProto.FLOAT, sides: Sides = ()
) -> Change:
    """Put an operator behind the network."""

    def change(model: onnx.ModelProto) -> None:
        names = [f"constant{position}" for position in range(len(constants))]
        for name, values in zip(names, constants, strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        model.graph.node.append(helper.make_node(operator, ["class", *names], ["result"]))
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("result", TensorProto.FLOAT, list(sides)))

    return change


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1]))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE]))


def unknown_sides(model: onnx.ModelProto) -> None:
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, ["a", "b", "c", "d"]))


def elsewhere(location: str, length: int = 19 * 3 * 4) -> Change:
    """Say that the weights are in another file."""

    def change(model: onnx.ModelProto) -> None:
        (weights,) = model.graph.initializer
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value

    return change


def link(folders: Folders) -> None:
    write(folders.bad / "real", bytes(19 * 3 * 4))
    (folders.bad / "weights").symlink_to(folders.bad / "real")


judge = cases_of(JUDGE)
in_twos = cases_of(JUDGE + "--batch-size 2")
BESIDE = "expected a file beside the model"

CASES = [
    case("delivered and sound", JUDGE, "mIoU", given(), code=0),
    case(
        "delivered with its weights beside it",
        JUDGE,
        "mIoU",
        both(given(elsewhere("weights")), file("weights", bytes(228))),
        code=0,
    ),
    judge("delivered file missing", "{bad}/mine.onnx: no such file. Give one with --onnx FILE"),
    judge("folder as a delivered file", "mine.onnx: no such file", lambda folders: (folders.bad / "mine.onnx").mkdir()),
    judge("delivered noise", "mine.onnx: not an ONNX file", file("mine.onnx", b"noise" * 99)),
    case(
        "delivered file of another ending",
        EVALUATE + "--onnx {bad}/mine.pb",
        "--onnx takes files whose names end with .onnx. Rename it",
        given(name="mine.pb"),
    ),
    case(
        "two delivered files for one batch size",
        JUDGE + "--onnx {bad}/other.onnx",
        "both are for batch size 1. Give one of them",
        both(given(batch=1), given(name="other.onnx", batch=1)),
    ),
    in_twos(
        "delivered for another batch size",
        "no delivered file for batch size 2: mine.onnx is fixed to 1",
        given(batch=1),
    ),
    in_twos(
        "delivered with one batch size inside",
        "mine.onnx: cannot run a batch of 2 images",
        given(replace_output("Reshape", [1, 19, SIDE, SIDE], sides=("n", 19, SIDE, SIDE))),
    ),
    in_twos(
        "delivered, with results of the first image only",
        "output 'result' of batch size 2: shape (1, 19, 32, 32), expected (2, 19, 32, 32)",
        given(replace_output("Slice", [0], [1], [0], sides=("n", 19, SIDE, SIDE))),
    ),
    judge("delivered with a second input", "2 inputs: image, scale; expected one, of images", given(second_input)),
    judge(
        "delivered with a second output",
        "2 outputs: class, image; which one? Set [artifact] output",
        given(second_output),
    ),
    judge(
        "delivered without sides", 'which axis has the channels? Set [artifact] layout = "NCHW"', given(unknown_sides)
    ),
    judge(
        "delivered labels that are none",
        "expected labels in 0..18",
        given(replace_output("Slice", [0], [1], [1], sides=("n", 1, SIDE, SIDE))),
    ),
    judge("delivered with weights in another folder", BESIDE, given(elsewhere("../weights"))),
    judge("delivered with weights anywhere", BESIDE, given(elsewhere("/dev/zero"))),
    judge("delivered without its weights", BESIDE, given(elsewhere("weights"))),
    judge("delivered with a link to its weights", BESIDE, both(given(elsewhere("weights")), link)),
    judge(
        "delivered with too few weights",
        "constant 'weights' needs 228 bytes of",
        both(given(elsewhere("weights")), file("weights", bytes(100))),
    ),
    case(
        "delivered for another backend",
        EVALUATE + "--om {bad}/mine.om",
        "backend onnxruntime: no delivered file for batch size 1: mine.om is not for it",
        file("mine.om"),
    ),
    case(
        "delivered and quantised",
        JUDGE + "--backend openvino --precision int8",
        "--precision int8: {bad}/mine.onnx is judged as it is",
        given(),
    ),
    case(
        "delivered, and PyTorch asked for",
        JUDGE + "--backend pytorch",
        "--onnx: backend pytorch runs the checkpoint. Give another --backend, or leave --onnx out",
        given(),
    ),
    case(
        "provider of another backend",
        EVALUATE + "--backend openvino --provider CUDA",
        "--provider: backend openvino has none. Give --backend onnxruntime",
    ),
    case("delivered in another format", JUDGE + "--input uint8", "mine.onnx is judged as it is. Leave", given()),
]
