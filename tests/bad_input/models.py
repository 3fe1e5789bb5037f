"""Checkpoints, ONNX files, deliverable files and preprocessed files that are damaged or odd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch

from enet.selftest.tiny import SIDE, untrained
from tests.bad_input.case import (
    BAD_TOML,
    CHECK,
    EVALUATE,
    EXPORT,
    INFER,
    Folders,
    Setup,
    case,
    cases_of,
    file,
    huge_file,
    toml,
    write,
)

BAD_CHECKPOINT = EXPORT + "{bad}/bad.pth"
BAD_MODEL = INFER + "{bad}/odd.onnx"
IMAGES: list[int | str] = ["batch", 3, SIDE, SIDE]
NOISE = np.random.default_rng(0).bytes(10_000)


def checkpoint(change: Callable[[dict[str, torch.Tensor]], object]) -> Setup:
    """``bad.pth``: the tiny checkpoint with one change."""

    def make(folders: Folders) -> None:
        state = untrained("ascend")
        change(state)
        torch.save(state, folders.bad / "bad.pth")

    return make


def saved(value: object) -> Setup:
    """``bad.pth``: any value."""
    return lambda folders: torch.save(value, folders.bad / "bad.pth")


def saved_list(folders: Folders) -> None:
    saved([torch.zeros(1)])(folders)


def inverted_bytes(folders: Folders) -> None:
    content = bytearray((folders.tiny / "tiny.pth").read_bytes())
    content[200:1200] = bytes(byte ^ 255 for byte in content[200:1200])
    write(folders.bad / "bad.pth", bytes(content))


def identity(*inputs: list[int | str], operator: str = "Relu") -> onnx.ModelProto:
    """A model that returns its first input."""
    kind, declare = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    values = [declare(f"x{i}", kind, shape) for i, shape in enumerate(inputs)]
    output = declare("y", kind, inputs[0])
    graph = onnx.helper.make_graph([onnx.helper.make_node(operator, ["x0"], ["y"])], "odd", values, [output])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=6)


def add(made: onnx.ModelProto, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
    made.graph.node.append(onnx.helper.make_node(operator, inputs, outputs, **attributes))


def preprocessed(folders: Folders, size: int = 3 * SIDE * SIDE * 4) -> None:
    """A folder with one preprocessed file, by default of one image."""
    write(folders.bad / "prep" / "a.bin", bytes(size))


def content(name: str, data: bytes) -> Setup:
    """A file as a model, and a preprocessed file as its input."""

    def make(folders: Folders) -> None:
        write(folders.bad / name, data)
        preprocessed(folders)

    return make


def model(build: Callable[..., onnx.ModelProto], *inputs: list[int | str], **options: str) -> Setup:
    """A model as ``build`` returns it; not built before the case runs, so that collecting tests does not load ONNX."""
    return lambda folders: content("odd.onnx", build(*inputs, **options).SerializeToString())(folders)


def model_cut_short(folders: Folders) -> None:
    content("cut.onnx", identity(IMAGES).SerializeToString()[:-20])(folders)


def two_outputs() -> onnx.ModelProto:
    made = identity(IMAGES)
    add(made, "Neg", ["x0"], ["z"])
    made.graph.output.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, IMAGES))
    return made


def single_number() -> onnx.ModelProto:
    made = identity(IMAGES)
    add(made, "ReduceSum", ["y"], ["z"], keepdims=0)
    made.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, []))
    return made


def undeclared_output() -> onnx.ModelProto:
    made = identity(IMAGES)
    add(made, "Flatten", ["y"], ["z"], axis=4)
    made.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="z"))
    return made


def failing() -> onnx.ModelProto:
    made = identity(IMAGES)
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([100], np.int64), "far"))
    add(made, "NonZero", ["y"], ["where"])
    add(made, "Gather", ["where", "far"], ["z"], axis=0)
    made.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="z"))
    return made


def sound_model(*inputs: Callable[[Folders], object]) -> Setup:
    """A sound model, and whatever else is laid out as its input."""

    def make(folders: Folders) -> None:
        write(folders.bad / "odd.onnx", identity(IMAGES).SerializeToString())
        for add_input in inputs:
            add_input(folders)

    return make


export = cases_of(BAD_CHECKPOINT)

CHECKPOINTS = [
    case(
        "empty checkpoint",
        EVALUATE + "--weights {bad}/empty.pth",
        "empty.pth: not a torch checkpoint",
        file("empty.pth"),
    ),
    case(
        "checkpoint of noise", EXPORT + "{bad}/noise.pth", "noise.pth: not a torch checkpoint", file("noise.pth", NOISE)
    ),
    export("checkpoint with bytes changed", "bad.pth", inverted_bytes),
    export(
        "checkpoint that lacks a key",
        "1 key missing (initial.bn.weight)",
        checkpoint(lambda state: state.pop("initial.bn.weight")),
    ),
    export(
        "checkpoint with an unknown key",
        "1 key unexpected (more)",
        checkpoint(lambda state: state.update(more=torch.zeros(1))),
    ),
    export(
        "checkpoint of a wrong shape",
        "1 key of a wrong shape",
        checkpoint(lambda state: state.update({"initial.conv.weight": torch.zeros(13, 3, 5, 5)})),
    ),
    export(
        "checkpoint with infinity",
        "not finite: initial.conv.weight",
        checkpoint(lambda state: state["initial.conv.weight"].fill_(torch.inf)),
    ),
    export(
        "checkpoint of integers",
        "not plain tensors of floating-point numbers",
        checkpoint(lambda state: state.update({"initial.bn.weight": torch.ones(16, dtype=torch.int64)})),
    ),
    export("checkpoint of a list", "content of type list, expected a state dict", saved_list),
    export("checkpoint of names alone", "not tensors: epoch, name", saved({"epoch": 3, "name": "enet"})),
]

infer = cases_of(BAD_MODEL)

MODELS = [
    case("empty model", INFER + "{bad}/empty.onnx", "empty.onnx: not an ONNX file", content("empty.onnx", b"")),
    case("model of noise", INFER + "{bad}/noise.onnx", "noise.onnx: not an ONNX file", content("noise.onnx", NOISE)),
    infer("model of two inputs", "not an ONNX file with one input", model(identity, IMAGES, IMAGES)),
    infer("model of two outputs", "not an ONNX file with one input and one output", model(two_outputs)),
    infer("model of a single number", "output of shape [], expected a first axis of 1", model(single_number)),
    infer(
        "model with an undeclared output shape",
        "output of shape [3072, 1], expected a first axis of 1",
        model(undeclared_output),
    ),
    infer("model that fails on every image", "inference failed ([ONNXRuntimeError]", model(failing)),
    infer("model of any height", "expected a fixed size. Export it again", model(identity, ["batch", 3, "h", "w"])),
    infer("model of an unknown operator", "ONNX Runtime cannot load it", model(identity, IMAGES, operator="Enet")),
    case("model cut short", INFER + "{bad}/cut.onnx", "cut.onnx", model_cut_short),
    infer("nothing to infer", "no .bin files", sound_model(lambda folders: (folders.bad / "prep").mkdir())),
    infer("missing folder to infer", "no .bin files", sound_model()),
    infer("file to infer of another size", "a.bin (100)", sound_model(lambda folders: preprocessed(folders, 100))),
    case(
        "om for this processor",
        INFER + "{bad}/enet.ascend.om",
        "enet.ascend.om: not an ONNX file",
        content("enet.ascend.om", b"IMOD"),
    ),
]

check = cases_of(CHECK)
RUN_BAD = BAD_TOML + "--backend pytorch --weights {tiny}/tiny.pth"
OWN_CODE = toml('variant = "ascend"', 'module = "my_enet.py:build"')

DELIVERABLES = [
    case("endless deliverable", "evaluate --deliverable /dev/zero", "/dev/zero: not a plain file"),
    check("deliverable of a gigabyte", "bad.toml: 1073741824 bytes", huge_file("bad.toml")),
    check("deliverable nested deeply", "not valid TOML", file("bad.toml", b"a = " + b"[" * 100_000)),
    check("negative number of images", "images=-5, expected at least 1", toml("images = 5", "images = -5")),
    check("number of images of 6001 digits", "not valid TOML", toml("images = 5", f"images = 1{'0' * 6000}")),
    check(
        "tolerance not a number",
        "miou_relative=nan, expected above 0 and at most 0.05",
        toml("[reference]", "[tolerances]\nmiou_relative = nan\n[reference]"),
    ),
    check(
        "tolerance too large",
        "miou_relative=1e+300, expected above 0 and at most 0.05",
        toml("[reference]", "[tolerances]\nmiou_relative = 1e300\n[reference]"),
    ),
    check("unknown table", "did you mean 'reference'?", toml("[reference]", "[referenz]")),
    check(
        "name that leads out of the folder",
        "name='../../etc', expected letters",
        toml('name = "tiny"', 'name = "../../etc"'),
    ),
    check(
        "split that leads out of the folder",
        "split='../../etc', expected a plain name",
        toml("[preprocessing]", 'split = "../../etc"\n[preprocessing]'),
    ),
    check(
        "malformed checkpoint hash",
        "sha256='abc', expected 64 digits",
        toml("outputs = 19", 'outputs = 19\nsha256 = "abc"'),
    ),
    check("malformed data hash", "sha256='ABC', expected 64 digits", toml("images = 5", 'images = 5\nsha256 = "ABC"')),
    check(
        "golden logits missing",
        "golden='none.json', expected a file",
        toml('weights = "tiny.pth"', 'golden = "none.json"'),
    ),
    check(
        "own code beside a variant",
        "bad.toml:7 [network]: module='my_enet.py:build', expected no variant beside it",
        toml("outputs = 19", 'module = "my_enet.py:build"\noutputs = 19'),
    ),
    check(
        "own code without a function",
        "module='my_enet.py', expected a file and a function in it, such as 'my_enet.py:build'",
        toml('variant = "ascend"', 'module = "my_enet.py"'),
    ),
    case("own code that is not trusted", RUN_BAD, "which would be run. Read it, and allow it with --trust", OWN_CODE),
    case(
        "own code that is not there",
        RUN_BAD + " --trust-code",
        "my_enet.py: No such file or directory. Correct",
        OWN_CODE,
    ),
    case("no network to run", RUN_BAD, "no network, expected a variant here", toml('variant = "ascend"', "")),
    case("pin nothing", "deliverables pin", "name is missing"),
    case("pin a missing file", "deliverables pin {bad}/none.toml", "none.toml: No such file"),
    case(
        "pin over too few images",
        "deliverables pin {bad}/bad.toml --data-root {tiny}/data",
        "5 images in the split val, expected 6 of",
        toml("images = 5", "images = 6"),
    ),
    case(
        "pin without weights where they should be",
        "deliverables pin {bad}/bad.toml --data-root {tiny}/data",
        "tiny.pth: no such file",
        toml("outputs = 19", "outputs = 19"),
    ),
    case("data set for another action", "deliverables check {tiny}/tiny.toml --data-root x", "options of: enet deliv"),
    case("several deliverables to show", "deliverables show scenes camvid", "show: 2 names, expected one"),
    case("new deliverable over another", "deliverables new {bad}/mine.toml", "exists already", file("mine.toml")),
    case("new deliverable of another file type", "deliverables new mine.json", "not a .toml file"),
]

CASES = [*CHECKPOINTS, *MODELS, *DELIVERABLES]
