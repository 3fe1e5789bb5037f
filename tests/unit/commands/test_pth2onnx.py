"""Exported ONNX files."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch

from enet.storage.files import hash_file
from tests.unit import recipes
from tests.unit.recipes import enet


@pytest.mark.parametrize("variant", ["ascend", "paper"])
def test_pth2onnx_writes_valid_onnx(
    variant: str, folder: Path, tmp_path: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = folder / "tiny.pth"
    if variant == "paper":  # twenty outputs, which no deliverable declares
        weights = tmp_path / "paper.pth"
        torch.save(recipes.seeded("paper", 20).state_dict(), weights)
    output = work / "enet.onnx"
    arguments = ["--input-file", weights, "--output-file", output, "--deliverable", folder / "tiny.toml"]
    assert enet("pth2onnx", *arguments, "--variant", variant, "--json", tmp_path / "values.json") == 0
    values = json.loads((tmp_path / "values.json").read_text())
    assert (values["variant"], values["opset"], values["sha256"]) == (variant, 11, hash_file(output))
    outputs = 20 if variant == "paper" else 19
    said = capsys.readouterr().out
    assert f"{output}: {variant}, opset 11, image float32 batch x 3 x 32 x 32, class float32 batch x {outputs}" in said
    onnx.checker.check_model(onnx.load(output), full_check=True)
    assert enet("pth2onnx", *arguments, "--variant", variant, "--input", "uint8", "--output", "labels") == 0
    assert "image uint8 batch x 32 x 32 x 3, class uint8 batch x 32 x 32" in capsys.readouterr().out
    assert recipes.files(work) == ["enet.onnx"]
