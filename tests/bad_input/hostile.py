"""Files that are made to do harm: to run code, to lead out of their folder, to fill memory. All are refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch

from tests.bad_input.case import (
    BAD_TOML,
    EVALUATE,
    EXPORT,
    INFER,
    OVER,
    PREPROCESS,
    Folders,
    Setup,
    case,
    file,
    toml,
    write,
)
from tests.bad_input.models import BAD_MODEL, IMAGES, add, identity, model, preprocessed
from tests.bad_input.results import SCORE_ALL, SCORE_SUMMARY, output, summary

EXTERNAL = INFER + "{bad}/model/external.onnx"


class RunsCode:
    """When it is unpickled, it makes a file in the working folder, which counts as left behind."""

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, ("code-has-run", os.O_CREAT)


def checkpoint_bomb(folders: Folders) -> None:
    with zipfile.ZipFile(folders.tiny / "tiny.pth") as sound, zipfile.ZipFile(folders.bad / "bomb.pth", "w") as bomb:
        for name in sound.namelist():
            content = bytes(50_000_000) if name.endswith("data/0") else sound.read(name)
            bomb.writestr(name, content, zipfile.ZIP_DEFLATED)


def external_data(location: str) -> Setup:
    """A model that keeps a constant in another file."""

    def make(folders: Folders) -> None:
        made = identity(IMAGES)
        tensor = onnx.TensorProto
        constant = tensor(name="w", data_type=tensor.FLOAT, dims=[1], data_location=tensor.EXTERNAL)
        constant.external_data.add(key="location", value=location)
        made.graph.initializer.append(constant)
        add(made, "Mul", ["y", "w"], ["z"])
        made.graph.output[0].name = "z"
        write(folders.bad / "model" / "external.onnx", made.SerializeToString())
        write(folders.bad / "secret", bytes(4))
        preprocessed(folders)

    return make


def zeros_of_gigabytes() -> onnx.ModelProto:
    made = identity(IMAGES)
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1 << 31], np.int64), "shape"))
    add(made, "ConstantOfShape", ["shape"], ["zeros"])
    add(made, "ReduceSum", ["zeros"], ["sum"], keepdims=0)
    add(made, "Add", ["y", "sum"], ["z"])
    made.graph.output[0].name = "z"
    return made


def shape_from_a_node() -> onnx.ModelProto:
    """The large shape is not an initializer but the output of a node."""
    made = identity(IMAGES)
    add(made, "Constant", [], ["shape"], value=onnx.numpy_helper.from_array(np.array([1 << 31], np.int64)))
    add(made, "Expand", ["y", "shape"], ["z"])
    made.graph.output[0].name = "z"
    return made


def claim_terabytes(path: Path) -> None:
    claim = {"descr": "<f4", "fortran_order": False, "shape": (19, 1 << 20, 1 << 20)}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, claim)
    path.write_bytes(header.getvalue() + bytes(100))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def listed(output_file: str) -> Setup:
    return summary(filesinfo={"0": {"infiles": ["prep/a.bin"], "outfiles": [output_file]}})


def manifest_that_deletes(folders: Folders) -> None:
    """A change of settings deletes files preprocessed before: it must never delete outside the folder."""
    kept = write(folders.bad / "kept.bin", b"mine")
    names = {f"../{kept.name}": "", str(kept): "", "../prep/../kept.bin": ""}
    write(folders.bad / "prep" / "preprocessed.json", json.dumps({"files": names}).encode())


#: What a constant in a file elsewhere is refused with.
BESIDE = "expected a file beside the model"

CASES = [
    case(
        "checkpoint that runs code",
        EXPORT + "{bad}/code.pth",
        "reading it could run code",
        lambda folders: torch.save({"initial.conv.weight": RunsCode()}, folders.bad / "code.pth"),
    ),
    case(
        "old checkpoint that runs code",
        EVALUATE + "--weights {bad}/old.pth",
        "reading it could run code",
        file("old.pth", pickle.dumps(RunsCode(), protocol=2)),
    ),
    case("checkpoint that unpacks to gigabytes", EXPORT + "{bad}/bomb.pth", "bomb.pth", checkpoint_bomb),
    case(
        "checkpoint that is a pipe",
        EXPORT + "{bad}/pipe.pth",
        "pipe.pth: not a plain file",
        lambda folders: os.mkfifo(folders.bad / "pipe.pth"),
    ),
    case(
        "checkpoint that is a password file",
        BAD_TOML,
        "/etc/passwd: not a torch checkpoint",
        toml('weights = "tiny.pth"', 'weights = "/etc/passwd"'),
    ),
    case("data set in the system folder", OVER + "/etc", "no images: expected"),
    case("model with data outside its folder", EXTERNAL, BESIDE, external_data("../secret")),
    case("model with data in the system folder", EXTERNAL, BESIDE, external_data("/etc/passwd")),
    case("model of gigabytes of zeros", BAD_MODEL, "would fill memory", model(zeros_of_gigabytes)),
    case("model of gigabytes by a computed shape", BAD_MODEL, "would fill memory", model(shape_from_a_node)),
    case(
        "output with a pickle",
        SCORE_ALL,
        "npy",
        output(lambda path: np.save(path, np.array([RunsCode()], object), allow_pickle=True), "npy"),
    ),
    case("output that claims terabytes", SCORE_ALL, "npy", output(claim_terabytes, "npy")),
    case("output that is a pipe", SCORE_ALL, "1 listed outputs are absent", output(pipe)),
    case("output that is a link", SCORE_ALL, "a symbolic link", output(link)),
    case(
        "summary that leads out of its folder",
        SCORE_ALL,
        "leads out of the results",
        listed("results/../../../etc/passwd"),
    ),
    case("summary that names a system file", SCORE_ALL, "none of the 1 listed outputs is here", listed("/etc/passwd")),
    case(
        "endless summary",
        SCORE_SUMMARY,
        "not a plain file",
        lambda folders: (folders.bad / "sumary.json").symlink_to("/dev/zero"),
    ),
    case("manifest that deletes", PREPROCESS + "{bad}/prep", "5 files", manifest_that_deletes, code=0),
]
