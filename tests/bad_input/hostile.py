"""Files that were made to do harm: to run code, to lead out of their folder, to fill memory. All are refused."""

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
from onnx import TensorProto, helper

from enet.selftest.tiny import SIDE
from tests.bad_input.base import cases, evaluating, exporting, file_with, over, preparing, scoring, toml_with
from tests.bad_input.models import identity, inferring, prepared, saved
from tests.bad_input.results import first, results, summary_with

case = cases("hostile")

#: What a file that runs code would make, were it let.
PROOF = "code-has-run"


class Runs:
    """Pickled, it makes a file where it is read."""

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (PROOF, os.O_CREAT)


@case
def checkpoint_that_runs_code(here: Path, bad: Path) -> tuple[list[object], str]:
    torch.save({"initial.conv.weight": Runs()}, bad / "code.pth")
    return exporting(bad / "code.pth", here), "reading it could run code"


@case
def old_checkpoint_that_runs_code(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", file_with(bad / "old.pth", pickle.dumps(Runs(), protocol=2))), (
        "reading it could run code"
    )


@case
def checkpoint_that_unpacks_to_gigabytes(here: Path, bad: Path) -> tuple[list[object], str]:
    with zipfile.ZipFile(here / "tiny.pth") as sound, zipfile.ZipFile(bad / "bomb.pth", "w") as bomb:
        for name in sound.namelist():
            content = bytes(50_000_000) if name.endswith("data/0") else sound.read(name)
            bomb.writestr(name, content, zipfile.ZIP_DEFLATED)
    return exporting(bad / "bomb.pth", here), "bomb.pth"


@case
def checkpoint_that_is_a_pipe(here: Path, bad: Path) -> tuple[list[object], str]:
    os.mkfifo(bad / "pipe.pth")
    return exporting(bad / "pipe.pth", here), "pipe.pth: not a plain file"


@case
def checkpoint_that_is_a_password_file(here: Path, bad: Path) -> tuple[list[object], str]:
    toml = toml_with(here, bad, 'weights = "tiny.pth"', 'weights = "/etc/passwd"')
    return ["evaluate", "--deliverable", toml, "--data-root", here / "data"], "/etc/passwd: not a torch checkpoint"


@case
def data_set_in_the_system_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, Path("/etc")), "no images: expected"


def external(bad: Path, location: str) -> Path:
    """A model whose constant is kept in another file."""
    made = identity(["batch", 3, SIDE, SIDE])
    constant = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    constant.external_data.add(key="location", value=location)
    made.graph.initializer.append(constant)
    made.graph.node.append(helper.make_node("Mul", ["y", "w"], ["z"]))
    made.graph.output[0].name = "z"
    return file_with(bad / "model" / "external.onnx", made.SerializeToString())


@case
def model_with_data_outside_its_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    file_with(bad / "secret", bytes(4))
    return inferring(external(bad, "../secret"), prepared(bad)), "keeps its constants in other files"


@case
def model_with_data_in_the_system(here: Path, bad: Path) -> tuple[list[object], str]:
    return inferring(external(bad, "/etc/passwd"), prepared(bad)), "keeps its constants in other files"


@case
def model_of_gigabytes_of_zeros(here: Path, bad: Path) -> tuple[list[object], str]:
    made = identity(["batch", 3, SIDE, SIDE])
    shape = onnx.numpy_helper.from_array(np.array([1 << 31], np.int64), "shape")
    made.graph.initializer.append(shape)
    made.graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["zeros"]))
    made.graph.node.append(helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0))
    made.graph.node.append(helper.make_node("Add", ["y", "sum"], ["z"]))
    made.graph.output[0].name = "z"
    return inferring(saved(made, bad), prepared(bad)), "would fill memory"


@case
def model_of_gigabytes_by_a_node(here: Path, bad: Path) -> tuple[list[object], str]:
    """The shape is no initializer, but what a node gives."""
    made = identity(["batch", 3, SIDE, SIDE])
    shape = onnx.numpy_helper.from_array(np.array([1 << 31], np.int64))
    made.graph.node.append(helper.make_node("Constant", [], ["shape"], value=shape))
    made.graph.node.append(helper.make_node("Expand", ["y", "shape"], ["z"]))
    made.graph.output[0].name = "z"
    return inferring(saved(made, bad), prepared(bad)), "would fill memory"


@case
def output_with_a_pickle(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad, "npy")
    np.save(first(summary, "npy"), np.array([Runs()], object), allow_pickle=True)
    return scoring(summary, here), "npy"


@case
def output_that_claims_terabytes(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad, "npy")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (19, 1 << 20, 1 << 20)}
    )
    first(summary, "npy").write_bytes(header.getvalue() + bytes(100))
    return scoring(summary, here), "npy"


@case
def output_that_is_a_pipe(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad)
    first(summary).unlink()
    os.mkfifo(first(summary))
    return scoring(summary, here), "1 listed outputs are absent"


@case
def output_that_is_a_link(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad)
    first(summary).unlink()
    first(summary).symlink_to("/etc/passwd")
    return scoring(summary, here), "a symbolic link"


@case
def summary_that_leads_out(here: Path, bad: Path) -> tuple[list[object], str]:
    listed = {"0": {"infiles": ["prep/a.bin"], "outfiles": ["results/../../../etc/passwd"]}}
    return scoring(summary_with(bad, filesinfo=listed), here), "leads out of the results"


@case
def summary_that_names_the_system(here: Path, bad: Path) -> tuple[list[object], str]:
    listed = {"0": {"infiles": ["prep/a.bin"], "outfiles": ["/etc/passwd"]}}
    return scoring(summary_with(bad, filesinfo=listed), here), "none of the 1 listed outputs is here"


@case
def summary_that_is_endless(here: Path, bad: Path) -> tuple[list[object], str]:
    (bad / "sumary.json").symlink_to("/dev/zero")
    return scoring(bad / "sumary.json", here), "not a plain file"


@cases("hostile", code=0)
def manifest_that_deletes(here: Path, bad: Path) -> tuple[list[object], str]:
    """What was preprocessed before is deleted when settings change: only ever in the folder itself."""
    kept = file_with(bad / "kept.bin", b"mine")
    names = {f"../{kept.name}": "", str(kept): "", "../prep/../kept.bin": ""}
    file_with(bad / "prep" / "preprocessed.json", json.dumps({"files": names}).encode())
    return preparing(here, bad / "prep"), "5 files"
