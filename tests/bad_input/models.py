"""Checkpoints, ONNX files, deliverables' files and preprocessed files that are damaged or odd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from enet.selftest.tiny import SIDE, untrained
from tests.bad_input.base import cases, evaluating, exporting, file_with, toml_with

checkpoint, model, toml = cases("checkpoints"), cases("models"), cases("deliverables")


def changed(bad: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """A checkpoint of which something was changed."""
    state = untrained("ascend")
    change(state)
    torch.save(state, bad / "bad.pth")
    return bad / "bad.pth"


@checkpoint
def empty_checkpoint(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", file_with(bad / "empty.pth", b"")), "empty.pth: not a torch checkpoint"


@checkpoint
def checkpoint_of_noise(here: Path, bad: Path) -> tuple[list[object], str]:
    noise = np.random.default_rng(0).bytes(10_000)
    return exporting(file_with(bad / "noise.pth", noise), here), "noise.pth: not a torch checkpoint"


@checkpoint
def checkpoint_with_a_byte_changed(here: Path, bad: Path) -> tuple[list[object], str]:
    content = bytearray((here / "tiny.pth").read_bytes())
    for at in range(200, 1200):
        content[at] ^= 255
    return exporting(file_with(bad / "bad.pth", bytes(content)), here), "bad.pth"


@checkpoint
def checkpoint_that_lacks_a_key(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(changed(bad, lambda state: state.pop("initial.bn.weight")), here), "1 missing: initial.bn.weight"


@checkpoint
def checkpoint_with_one_key_more(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(changed(bad, lambda state: state.update(more=torch.zeros(1))), here), "1 unexpected: more"


@checkpoint
def checkpoint_of_a_wrong_shape(here: Path, bad: Path) -> tuple[list[object], str]:
    path = changed(bad, lambda state: state.update({"initial.conv.weight": torch.zeros(13, 3, 5, 5)}))
    return exporting(path, here), "1 wrong shape"


@checkpoint
def checkpoint_with_infinity(here: Path, bad: Path) -> tuple[list[object], str]:
    path = changed(bad, lambda state: state["initial.conv.weight"].fill_(torch.inf))
    return exporting(path, here), "not finite: initial.conv.weight"


@checkpoint
def checkpoint_of_whole_numbers(here: Path, bad: Path) -> tuple[list[object], str]:
    path = changed(bad, lambda state: state.update({"initial.bn.weight": torch.ones(16, dtype=torch.int64)}))
    return exporting(path, here), "not plain tensors of floating-point numbers"


@checkpoint
def checkpoint_of_a_list(here: Path, bad: Path) -> tuple[list[object], str]:
    torch.save([torch.zeros(1)], bad / "list.pth")
    return exporting(bad / "list.pth", here), "holds a list, but should hold a state dict"


@checkpoint
def checkpoint_of_names_alone(here: Path, bad: Path) -> tuple[list[object], str]:
    torch.save({"epoch": 3, "name": "enet"}, bad / "names.pth")
    return exporting(bad / "names.pth", here), "not tensors: epoch, name"


def inferring(path: Path, inputs: Path) -> list[object]:
    return ["infer", "--model", path, "--input", inputs, "--output", "out"]


def prepared(bad: Path, size: int = 3 * SIDE * SIDE * 4) -> Path:
    """A folder with one preprocessed file."""
    return file_with(bad / "prep" / "a.bin", bytes(size)).parent


@model
def empty_model(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(file_with(bad / "empty.onnx", b""), prepared(bad)), "empty.onnx: not an ONNX file"


@model
def model_of_noise(here: Path, bad: Path) -> tuple[list[object], str]:
    noise = np.random.default_rng(0).bytes(10_000)
    return inferring(file_with(bad / "noise.onnx", noise), prepared(bad)), "noise.onnx: not an ONNX file"


def identity(*inputs: list[int | str], operator: str = "Relu") -> onnx.ModelProto:
    """A model that hands its first input on."""
    values = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, shape) for i, shape in enumerate(inputs)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, inputs[0])
    graph = helper.make_graph([helper.make_node(operator, ["x0"], ["y"])], "odd", values, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def saved(made: onnx.ModelProto, bad: Path) -> Path:
    onnx.save(made, bad / "odd.onnx")
    return bad / "odd.onnx"


@model
def model_of_two_inputs(here: Path, bad: Path) -> tuple[list[object], str]:
    path = saved(identity(["batch", 3, SIDE, SIDE], ["batch", 3, SIDE, SIDE]), bad)
    return inferring(path, prepared(bad)), "not an ONNX file with one input"


@model
def model_of_two_outputs(here: Path, bad: Path) -> tuple[list[object], str]:
    made = identity(["batch", 3, SIDE, SIDE])
    made.graph.node.append(helper.make_node("Neg", ["x0"], ["z"]))
    made.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE]))
    return inferring(saved(made, bad), prepared(bad)), "not an ONNX file with one input and one output"


@model
def model_of_a_single_number(here: Path, bad: Path) -> tuple[list[object], str]:
    made = identity(["batch", 3, SIDE, SIDE])
    made.graph.node.append(helper.make_node("ReduceSum", ["y"], ["z"], keepdims=0))
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.FLOAT, []))
    return inferring(saved(made, bad), prepared(bad)), "output of shape [], but its first axis should be 1"


@model
def model_that_says_nothing_of_its_output(here: Path, bad: Path) -> tuple[list[object], str]:
    made = identity(["batch", 3, SIDE, SIDE])
    made.graph.node.append(helper.make_node("Flatten", ["y"], ["z"], axis=4))
    made.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="z"))
    return inferring(saved(made, bad), prepared(bad)), "but its first axis should be 1"


@model
def model_that_fails_on_every_image(here: Path, bad: Path) -> tuple[list[object], str]:
    made = identity(["batch", 3, SIDE, SIDE])
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([100], np.int64), "far"))
    made.graph.node.append(helper.make_node("NonZero", ["y"], ["where"]))
    made.graph.node.append(helper.make_node("Gather", ["where", "far"], ["z"], axis=0))
    made.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="z"))
    return inferring(saved(made, bad), prepared(bad)), "ONNX Runtime can't "


@model
def model_of_any_height(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(saved(identity(["batch", 3, "h", "w"]), bad), prepared(bad)), "height and width should be fixed"


@model
def model_of_an_unknown_operator(here: Path, bad: Path) -> tuple[list[object], str]:
    path = saved(identity(["batch", 3, SIDE, SIDE], operator="Enet"), bad)
    return inferring(path, prepared(bad)), "ONNX Runtime can't load it"


@model
def model_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    content = identity(["batch", 3, SIDE, SIDE]).SerializeToString()
    return inferring(file_with(bad / "cut.onnx", content[:-20]), prepared(bad)), "cut.onnx"


@model
def nothing_to_infer(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(saved(identity(["batch", 3, SIDE, SIDE]), bad), bad), "no .bin files"


@model
def folder_to_infer_is_absent(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(saved(identity(["batch", 3, SIDE, SIDE]), bad), bad / "none"), "no .bin files"


@model
def file_to_infer_of_another_size(here: Path, bad: Path) -> tuple[list[object], str]:
    words = inferring(saved(identity(["batch", 3, SIDE, SIDE]), bad), prepared(bad, 100))
    return words, "a.bin (100)"


@model
def om_for_this_processor(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(file_with(bad / "enet.ascend.om", b"IMOD"), prepared(bad)), "enet.ascend.om: not an ONNX file"


@toml
def deliverable_of_endless_zeros(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", "/dev/zero"], "/dev/zero: not a plain file"


@toml
def deliverable_of_a_gigabyte(here: Path, bad: Path) -> tuple[list[object], str]:
    path = bad / "big.toml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return ["deliverables", "check", path], "big.toml: 1073741824 bytes"


@toml
def deliverable_nested_deeply(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "check", file_with(bad / "deep.toml", b"a = " + b"[" * 100_000)], "not valid TOML"


@toml
def negative_images(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "check", toml_with(here, bad, "images = 5", "images = -5")], "images=-5, but should be"


@toml
def endless_images(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, "images = 5", f"images = 1{'0' * 6000}")
    return ["deliverables", "check", path], "not valid TOML"


@toml
def tolerance_not_a_number(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, "[reference]", "[tolerances]\nmiou_relative = nan\n[reference]")
    return ["deliverables", "check", path], "miou_relative=nan, but should be between 0 and 1"


@toml
def tolerance_of_everything(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, "[reference]", "[tolerances]\nmiou_relative = 1e300\n[reference]")
    return ["deliverables", "check", path], "miou_relative=1e+300, but should be"


@toml
def unknown_table(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "check", toml_with(here, bad, "[reference]", "[referenz]")], "did you mean 'reference'?"


@toml
def name_that_leads_out(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, 'name = "tiny"', 'name = "../../etc"')
    return ["deliverables", "check", path], "name='../../etc', but should be letters"


@toml
def split_that_leads_out(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, "[preprocessing]", 'split = "../../etc"\n[preprocessing]')
    return ["deliverables", "check", path], "split='../../etc', but should be a plain name"


@toml
def hash_of_no_checkpoint(here: Path, bad: Path) -> tuple[list[object], str]:
    path = toml_with(here, bad, "outputs = 19", 'outputs = 19\nsha256 = "abc"')
    return ["deliverables", "check", path], "sha256='abc', but should be 64 digits"


@toml
def new_deliverable_over_another(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "new", file_with(bad / "mine.toml", b"")], "exists already"


@toml
def new_deliverable_of_another_kind(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "new", "mine.json"], "not a .toml file"
