"""A network of the user's own code, from TOML file to verdict: accepted, refused without trust, faults noticed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from enet import cli
from enet.storage.user_code import code_sha256
from tests.suite.acceptance import run_pytest
from tests.unit import own_enet, tiny

#: A fault of the export alone: what is traced has its classes moved by one.
FAULT = "logits = logits.roll(1, 1) if torch._C._get_tracing_state() else logits"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deliverable, its mIoU measured by the command that the template names."""
    folder = tmp_path_factory.mktemp("own")
    toml = own_enet.write(folder)
    own_enet.write_weights(toml)
    data, score = tiny.data_set(folder / "data"), folder / "score.json"
    command = ["evaluate", "--deliverable", toml, "--data-root", data, "--backend", "pytorch", "--json", score]
    assert cli.main([*map(str, command), "--artifact-cache", str(folder / "cache"), "--trust-code"]) == 0
    return own_enet.write(folder, miou=100 * json.loads(score.read_text())["miou"])


def accept(toml: Path, data: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    inputs = ["--deliverable", toml, "--data-root", data, "--artifact-cache", folder / "cache"]
    return run_pytest("-m", "accuracy", "tests/acceptance", *inputs, "--evidence", folder / "evidence", *more)


def test_accepted_and_named_in_the_evidence(own: Path, tmp_path: Path) -> None:
    done = accept(own, own.parent / "data", tmp_path, "--trust-code")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "own: ACCEPTED (accuracy): all" in done.stdout
    found = json.loads((tmp_path / "evidence" / "accuracy-own-onnxruntime-bs1.json").read_text())
    assert found["provenance"]["code_sha256"] == code_sha256(own.parent / "my_enet.py")


def test_refused_without_trust(own: Path, tmp_path: Path) -> None:
    done = accept(own, own.parent / "data", tmp_path)
    assert done.returncode == 2
    assert "my_enet.py, which would be run. Read it, and allow it with --trust-code" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_fault_of_the_export_is_noticed(own: Path, tmp_path: Path) -> None:
    toml = own_enet.write(tmp_path, code=own_enet.NETWORK.replace("# FAULT", FAULT))
    weights = ["--weights", own.parent / "tiny.pth"]
    done = accept(
        toml, own.parent / "data", tmp_path, *weights, "--trust-code", "-k", "onnx_logits or test_miou or agreement"
    )
    assert done.returncode == 1
    for gate in ("ONNX logits, bs1", "agreement, onnxruntime, bs1", "mIoU, onnxruntime, bs1"):
        assert f"FAIL        {gate}" in done.stdout
