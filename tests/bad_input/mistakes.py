"""Mistakes in commands, options and what they name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import torch

from enet.selftest.tiny import data_set, untrained
from tests.bad_input.base import cases, compiling, evaluating, exporting, file_with, over, scoring, toml_with

case = cases("mistakes")


@case
def no_command(here: Path, bad: Path) -> tuple[list[object], str]:
    return [], "required"


@case
def unknown_command(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evalute"], "evalute"


@case
def unknown_option(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--wieghts", "x"), "--wieghts"


@case
def missing_option(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["pth2onnx", "--input-file", here / "tiny.pth"], "--output-file"


@case
def show_without_a_name(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "show"], "camvid, camvid-paper, cityscapes, cityscapes-aipp, scenes"


@case
def show_unknown(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "show", "citiscapes"], "did you mean 'cityscapes'?"


@case
def other_action(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "print"], "print"


@case
def unknown_deliverable(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", "scene"], "did you mean 'scenes'?"


@case
def missing_deliverable(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", bad / "none.toml"], "none.toml: No such file"


@case
def deliverable_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", f"{bad}/"], "directory"


@case
def broken_toml(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", file_with(bad / "bad.toml", b"name = [")], "bad.toml: not valid TOML"


@case
def toml_of_another_encoding(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", file_with(bad / "bad.toml", b'name = "\xe4"')], "not UTF-8 at byte 8"


@case
def misspelt_key(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "size =", "sise =")], "did you mean 'size'?"


@case
def misspelt_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, '"ascend"', '"asend"')], "did you mean 'ascend'?"


@case
def size_no_multiple_of_8(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "[32, 32]", "[33, 33]")], "multiples of 8"


@case
def too_few_outputs(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "outputs = 19", "outputs = 11")], "19 classes"


@case
def unknown_backend(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "onnxrt"), "did you mean 'onnxruntime'? Known: pytorch, onnxruntime"


@case
def a_precision_the_backend_lacks(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--precision", "int8"), "backend onnxruntime: has no --precision int8. Those that have:"


@case
def a_form_the_reference_lacks(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "pytorch", "--input", "uint8"), "backend pytorch: takes float images"


@case
def batch_size_zero(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size", 0), "argument --batch-size: '0', but should be a whole number in 1..1024"


@case
def batch_size_negative(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size=-1"), "--batch-size"


@case
def batch_size_fraction(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size", "1.5"), "'1.5', but should be a whole number"


@case
def limit_endless(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--limit", "9" * 5000), "--limit"


@case
def limit_no_number(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--limit", "all"), "'all', but should be a whole number"


@case
def no_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", here / "tiny.toml"], "give the data set's folder with --data-root"


@case
def missing_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, bad / "none"), "none: no such folder"


@case
def file_as_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, here / "tiny.pth"), "tiny.pth: no such folder"


@case
def empty_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, bad), "no images: expected"


@case
def image_without_label(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data", images=2)
    next(root.glob("gtFine/val/alpha/*")).unlink()
    return over(here, root), "1 image without label"


@case
def damaged_images(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data", images=3)
    for path in root.glob("leftImg8bit/val/beta/*"):
        path.write_bytes(path.read_bytes()[:300])
    return over(here, root), "2 unreadable"


@case
def no_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    toml = toml_with(here, bad, 'weights = "tiny.pth"', "")
    return ["evaluate", "--deliverable", toml, "--data-root", here / "data"], "brings no weights"


@case
def missing_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", bad / "none.pth"), "none.pth: no such file"


@case
def folder_as_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", bad), "no such file"


@case
def weights_of_another_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    torch.save(untrained("paper"), bad / "paper.pth")
    return evaluating(here, "--weights", bad / "paper.pth"), "it seems to be 'paper' with 19 outputs"


@case
def cache_is_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", file_with(bad / "cache", b"mine")), "bad/cache"


@case
def cache_below_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", file_with(bad / "file", b"mine") / "cache"), "bad/file"


@cases("mistakes", told=True)
def json_into_no_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--json", bad / "none" / "e.json"), "e.json: can't be written"


@cases("mistakes", told=True)
def json_is_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--json", bad), "can't be written"


@case
def export_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(bad / "none.pth", here), "none.pth: No such file"


@case
def export_of_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(bad, here), "directory"


@case
def export_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(file_with(bad / "notes.pth", b"my notes\n"), here), "notes.pth"


@case
def export_of_code(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(file_with(bad / "code.pth", pickle.dumps(print, protocol=2)), here), "could run code"


@case
def export_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    whole = (here / "tiny.pth").read_bytes()
    return exporting(file_with(bad / "cut.pth", whole[: len(whole) // 2]), here), "cut.pth: not a torch checkpoint"


@case
def export_as_another_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--variant", "tramac"), "do not fit 'tramac' with 19 outputs"


@case
def export_as_an_unknown_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--variant", "enet"), "ascend"


@case
def export_into_no_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--output-file", bad / "none" / "e.onnx"), "none: no such folder"


@case
def export_onto_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--output-file", bad), "can't be written"


@case
def preprocess_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    arguments = ["--save-path", "prep", "--deliverable", here / "tiny.toml"]
    return ["preprocess", "--src-path", bad / "none", *arguments], "none: no such folder"


@case
def preprocess_onto_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    file = file_with(bad / "mine", b"mine")
    arguments = ["--src-path", here / "data", "--deliverable", here / "tiny.toml"]
    return ["preprocess", *arguments, "--save-path", file], "Choose another"


@case
def infer_of_no_model(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", bad / "none.onnx", "--input", bad, "--output", "out"], "none.onnx: No such file"


@case
def infer_of_a_checkpoint(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", here / "tiny.pth", "--input", bad, "--output", "out"], "not an ONNX file"


@case
def infer_as_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", "m", "--input", "i", "--output", "o", "--outfmt", "TXT"], "BIN"


@case
def postprocess_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(bad / "sumary.json", here), "sumary.json: No such file"


@case
def postprocess_of_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(bad, here), "a folder, but should be ais_bench's summary, sumary.json or *_summary.json"


@case
def postprocess_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(file_with(bad / "sumary.json", b"throughput 12"), here), "not valid JSON"


@case
def postprocess_without_outputs(here: Path, bad: Path) -> tuple[list[object], str]:
    listed = {"filesinfo": {"0": {"infiles": ["a.bin"], "outfiles": ["a_0.bin"]}}}
    return scoring(
        file_with(bad / "sumary.json", json.dumps(listed).encode()), here
    ), "none of the 1 listed outputs is here"


@case
def om_of_an_absent_model(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "absent.onnx"), "absent.onnx: No such file or directory"


@case
def om_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(file_with(bad / "enet.onnx", b"not a model")), "enet.onnx"


@case
def om_of_no_batch_size(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--batch-size", "0"), "'0', but should be a whole number in 1.."


@case
def om_of_a_batch_size_twice(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--batch-size", "4,4"), "'4,4' names a batch size twice"


@case
def om_for_a_chip_by_its_short_name(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--soc-version", "310P3"), "'310P3', but should be such as Ascend310P3"


@case
def aoe_of_another_job(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--aoe", "3"), "'3', but should be 1 (subgraphs), 2 (operators) or 1,2"


@case
def a_device_twice(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--device", "1,1"), "'1,1' names a device twice"


@case
def a_device_that_is_no_number(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--device", "npu0"), "'npu0', but should be numbers in 0..255"


@case
def no_scenes(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--images", 0], "'0', but should be a whole number of at least 1"


@case
def scenes_of_a_negative_seed(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--seed=-1"], "--seed"


@case
def scenes_of_an_unknown_split(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--split", "vall"], "val"


@case
def scenes_onto_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--images", 1, "--save-path", file_with(bad / "mine", b"mine")], "mine"
