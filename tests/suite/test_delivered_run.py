"""Whole runs over delivered files: what they are named for is what is judged."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

import onnx
import pytest

from enet import deliverable
from enet.model import checkpoint
from enet.model.files import content_hash
from tests.suite.acceptance import run_pytest, unfolded
from tests.suite.conftest import SIDE
from tests.suite.foreign_onnx import RECIPES


@pytest.fixture(scope="module")
def model(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a team hands over for the small deliverable."""
    spec = deliverable.load(str(small))
    assert spec.weights is not None
    path = tmp_path_factory.mktemp("model") / "enet.onnx"
    RECIPES["torchscript, opset 11"](checkpoint.load(spec.weights, "ascend", 19), SIDE, path)
    return path


def accept(small: Path, scenes: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", small.parent / "cache"]
    return run_pytest("-m", "accuracy", "tests/acceptance", *inputs, "--evidence", folder / "evidence", *more)


def test_delivered_file_is_accepted_and_named_first(small: Path, scenes: Path, model: Path, tmp_path: Path) -> None:
    done = accept(small, scenes, tmp_path, "--onnx", model)
    assert done.returncode == 0, done.stdout + done.stderr
    named = f"{content_hash(model)}  enet.onnx"
    assert f"delivered file: {named}" in done.stdout
    assert json.loads((tmp_path / "evidence" / "verdicts.json").read_text())["delivered"] == [named]


@pytest.mark.parametrize("option", ["--onnx", "--om"])
def test_file_that_no_gate_judges_is_refused(
    option: str, small: Path, scenes: Path, model: Path, tmp_path: Path
) -> None:
    """One for a batch size that nobody asks for; one for a backend that does not run."""
    other = tmp_path / ("other.onnx" if option == "--onnx" else "other.om")
    loaded = onnx.load(model)
    for value in (*loaded.graph.input, *loaded.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 8
    onnx.save(loaded, other)
    done = accept(small, scenes, tmp_path, "--onnx", model, option, other, "--backend", "onnxruntime")
    assert done.returncode == 2
    assert f"{other}: no gate judges this file" in done.stderr


def test_file_that_changes_during_the_run_is_not_accepted(
    small: Path, scenes: Path, model: Path, tmp_path: Path
) -> None:
    """Though its figures stay the same."""
    path = tmp_path / "enet.onnx"
    path.write_bytes(model.read_bytes())
    loaded = onnx.load(model)
    loaded.doc_string = "another file"
    changed = loaded.SerializeToString()
    evidence = tmp_path / "evidence" / "verdicts.json"

    def exchange() -> None:
        while not evidence.is_file():
            time.sleep(0.05)
        path.write_bytes(changed)

    thread = threading.Thread(target=exchange, daemon=True)
    thread.start()
    done = accept(small, scenes, tmp_path, "--onnx", path)
    assert done.returncode == 1
    assert "NOT ACCEPTED: a file changed during the run: " in unfolded(done.stdout)
