"""Mistakes in commands, options and the files that they name."""

from __future__ import annotations

import json
import pickle

import torch

from enet.selftest.tiny import data_set, untrained
from tests.bad_input.case import (
    BAD_DATA,
    BAD_TOML,
    COMPILE,
    EVALUATE,
    EXPORT,
    INFER,
    OVER,
    SCORE,
    Folders,
    case,
    file,
    toml,
    write,
)

UNLISTED = {"filesinfo": {"0": {"infiles": ["a.bin"], "outfiles": ["a_0.bin"]}}}


def image_without_label(folders: Folders) -> None:
    next(data_set(folders.bad / "data", images=2).glob("gtFine/val/alpha/*")).unlink()


def damaged_images(folders: Folders) -> None:
    for path in data_set(folders.bad / "data", images=3).glob("leftImg8bit/val/beta/*"):
        path.write_bytes(path.read_bytes()[:300])


def half_a_checkpoint(folders: Folders) -> None:
    whole = (folders.tiny / "tiny.pth").read_bytes()
    write(folders.bad / "cut.pth", whole[: len(whole) // 2])


CASES = [
    case("no command", "", "required"),
    case("unknown command", "evalute", "evalute"),
    case("unknown option", EVALUATE + "--wieghts x", "--wieghts"),
    case("missing option", "pth2onnx --input-file {tiny}/tiny.pth", "--output-file"),
    case("show without a name", "deliverables show", "camvid, camvid-paper, cityscapes, cityscapes-aipp, scenes"),
    case("show of an unknown name", "deliverables show citiscapes", "did you mean 'cityscapes'?"),
    case("unknown action", "deliverables print", "print"),
    case("unknown deliverable", "evaluate --deliverable scene", "did you mean 'scenes'?"),
    case("missing deliverable", "evaluate --deliverable {bad}/none.toml", "none.toml: No such file"),
    case("folder as deliverable", "evaluate --deliverable {bad}/", "directory"),
    case("broken TOML", BAD_TOML, "bad.toml: not valid TOML", file("bad.toml", b"name = [")),
    case("TOML in UTF-16 without its mark", BAD_TOML, "not valid TOML", file("bad.toml", b"a\0=\0001\0")),
    case("TOML of another encoding", BAD_TOML, "not UTF-8 at byte 8", file("bad.toml", b'name = "\xe4"')),
    case("misspelt key", BAD_TOML, "did you mean 'size'?", toml("size =", "sise =")),
    case("misspelt variant", BAD_TOML, "did you mean 'ascend'?", toml('"ascend"', '"asend"')),
    case("size not a multiple of 8", BAD_TOML, "multiples of 8", toml("[32, 32]", "[33, 33]")),
    case(
        "too few outputs",
        BAD_TOML,
        "outputs=11, expected at least 19, the number of classes",
        toml("outputs = 19", "outputs = 11"),
    ),
    case("unknown backend", EVALUATE + "--backend onnxrt", "did you mean 'onnxruntime'? Known: pytorch, onnxruntime"),
    case(
        "precision that the backend lacks",
        EVALUATE + "--precision int8",
        "--precision int8: not supported by backend onnxruntime. Use --backend openvino",
    ),
    case(
        "input format that the reference lacks",
        EVALUATE + "--backend pytorch --input uint8",
        "backend pytorch: input=uint8, output=logits, expected input=float, output=logits",
    ),
    case(
        "batch size of zero",
        EVALUATE + "--batch-size 0",
        "argument --batch-size: '0', expected a whole number in 1..1024",
    ),
    case("negative batch size", EVALUATE + "--batch-size=-1", "--batch-size"),
    case("fractional batch size", EVALUATE + "--batch-size 1.5", "'1.5', expected a whole number"),
    case("limit of 5000 digits", EVALUATE + f"--limit {'9' * 5000}", "--limit"),
    case("limit not a number", EVALUATE + "--limit all", "'all', expected a whole number"),
    case("no data root", "evaluate --deliverable {tiny}/tiny.toml", "give the data set's folder with --data-root"),
    case("missing data root", OVER + "{bad}/none", "none: no such folder"),
    case("file as data root", OVER + "{tiny}/tiny.pth", "tiny.pth: no such folder"),
    case("empty data root", OVER + "{bad}", "no images: expected"),
    case("image without label", BAD_DATA, "1 image without label", image_without_label),
    case("damaged images", BAD_DATA, "2 unreadable", damaged_images),
    case("no weights", BAD_TOML, "includes no weights", toml('weights = "tiny.pth"', "")),
    case("missing weights", EVALUATE + "--weights {bad}/none.pth", "none.pth: no such file"),
    case("folder as weights", EVALUATE + "--weights {bad}", "no such file"),
    case(
        "weights of another variant",
        EVALUATE + "--weights {bad}/paper.pth",
        "it is another ENet, 'paper' with 19 outputs",
        lambda folders: torch.save(untrained("paper"), folders.bad / "paper.pth"),
    ),
    case("file as cache", EVALUATE + "--artifact-cache {bad}/cache", "bad/cache", file("cache", b"mine")),
    case("cache below a file", EVALUATE + "--artifact-cache {bad}/file/cache", "bad/file", file("file", b"mine")),
    case("JSON into no folder", EVALUATE + "--json {bad}/none/e.json", "e.json: cannot be written"),
    case("JSON onto a folder", EVALUATE + "--json {bad}", "cannot be written"),
    case("report onto a folder", "report {tiny} --html {bad}", "cannot be written (Is a directory)"),
    case(
        "two files of one path",
        EXPORT + "{tiny}/tiny.pth --output-file x --json x",
        "x: is asked for with two contents",
    ),
    case("export of nothing", EXPORT + "{bad}/none.pth", "none.pth: No such file"),
    case("export of a folder", EXPORT + "{bad}", "directory"),
    case("export of text", EXPORT + "{bad}/notes.pth", "notes.pth", file("notes.pth", b"my notes\n")),
    case(
        "export of code", EXPORT + "{bad}/code.pth", "could run code", file("code.pth", pickle.dumps(print, protocol=2))
    ),
    case("export cut short", EXPORT + "{bad}/cut.pth", "cut.pth: not a torch checkpoint", half_a_checkpoint),
    case(
        "export as another variant", EXPORT + "{tiny}/tiny.pth --variant tramac", "do not fit 'tramac' with 19 outputs"
    ),
    case("export as an unknown variant", EXPORT + "{tiny}/tiny.pth --variant enet", "ascend"),
    case("export into no folder", EXPORT + "{tiny}/tiny.pth --output-file {bad}/none/e.onnx", "none: no such folder"),
    case("export onto a folder", EXPORT + "{tiny}/tiny.pth --output-file {bad}", "cannot be written"),
    case(
        "preprocess of nothing",
        "preprocess --src-path {bad}/none --save-path prep --deliverable {tiny}/tiny.toml",
        "none: no such folder",
    ),
    case(
        "preprocess onto a file",
        "preprocess --src-path {tiny}/data --deliverable {tiny}/tiny.toml --save-path {bad}/mine",
        "Choose another",
        file("mine", b"mine"),
    ),
    case("infer of no model", INFER + "{bad}/none.onnx", "none.onnx: No such file"),
    case("infer of a checkpoint", INFER + "{tiny}/tiny.pth", "not an ONNX file"),
    case("infer as text", INFER + "m --outfmt TXT", "BIN"),
    case("postprocess of nothing", SCORE + "{bad}/sumary.json", "sumary.json: No such file"),
    case(
        "postprocess of a folder",
        SCORE + "{bad}",
        "is a folder, expected an ais_bench summary. Give sumary.json or *_summary.json",
    ),
    case("postprocess of text", SCORE + "{bad}/sumary.json", "not valid JSON", file("sumary.json", b"throughput 12")),
    case(
        "postprocess without outputs",
        SCORE + "{bad}/sumary.json",
        "none of the 1 listed outputs is here",
        file("sumary.json", json.dumps(UNLISTED).encode()),
    ),
    case("om of a missing model", COMPILE + "{bad}/absent.onnx", "absent.onnx: No such file or directory"),
    case("om of text", COMPILE + "{bad}/enet.onnx", "enet.onnx", file("enet.onnx", b"not a model")),
    case("om of batch size 0", COMPILE + "{bad}/enet.onnx --batch-size 0", "'0', expected a whole number in 1..1024"),
    case(
        "om of one batch size twice",
        COMPILE + "{bad}/enet.onnx --batch-size 4,4",
        "--batch-size: '4,4', expected different numbers",
    ),
    case(
        "om for the short name of a chip",
        COMPILE + "{bad}/enet.onnx --soc-version 310P3",
        "'310P3', expected a name such as Ascend310P3",
    ),
    case(
        "om of a shape in words", COMPILE + "{bad}/enet.onnx --input_shape image", "'image', expected one input such as"
    ),
    case(
        "om of another framework",
        COMPILE + "{bad}/enet.onnx --framework 3",
        "argument --framework: invalid choice: '3'",
    ),
    case(
        "aoe of an unknown job",
        COMPILE + "{bad}/enet.onnx --aoe 3",
        "'3', expected 1 (subgraphs), 2 (operators) or 1,2",
    ),
    case("one device twice", EVALUATE + "--device 1,1", "--device: '1,1', expected different numbers"),
    case("device not a number", EVALUATE + "--device npu0", "'npu0', expected a whole number in 0..255"),
    case("zero scenes", "scenes --save-path scenes --images 0", "'0', expected a whole number in 1.."),
    case("scenes of a negative seed", "scenes --save-path scenes --seed=-1", "--seed"),
    case("scenes of an unknown split", "scenes --save-path scenes --split vall", "val"),
    case("scenes onto a file", "scenes --images 1 --save-path {bad}/mine", "mine", file("mine", b"mine")),
]
