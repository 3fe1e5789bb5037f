"""The walks of docs/own-enet.md, from beginning to end: its files are written as they stand, its commands run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enet.datasets import scenes as generator
from tests.suite.acceptance import ROOT, run_pytest, unfolded
from tests.suite.foreign_onnx import by_torch
from tests.unit import recipes

PAGE = (ROOT / "docs" / "own-enet.md").read_text(encoding="utf-8")


def walk(title: str) -> tuple[list[str], list[str]]:
    """The TOML blocks and the commands of a section."""
    text = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [line for kind, block in blocks if kind == "bash" for line in block.splitlines()]
    return [block for kind, block in blocks if kind == "toml"], commands


def follow(toml: Path, commands: list[str], folder: Path) -> list[str]:
    """Run commands in a folder; the mIoU that ``enet evaluate`` measures is written into the file, as the page says.

    Returns:
        The conclusions of pytest's runs.
    """
    concluded = []
    for line in commands:
        program, *words = shlex.split(line)
        words = [str(folder / word) if (folder / word).exists() or word == "score.json" else word for word in words]
        if program == "enet":
            cache = [] if words[1] == "check" else ["--artifact-cache", str(folder / "cache")]
            assert recipes.enet(*words, *cache) == 0, line
            if words[0] == "evaluate":
                measured = 100 * json.loads((folder / "score.json").read_text())["miou"]
                text = toml.read_text()
                assert text.count("miou_percent = 1.0") == 1
                toml.write_text(text.replace("miou_percent = 1.0", f"miou_percent = {measured:.4f}"))
        else:
            places = ["--artifact-cache", folder / "cache", "--evidence", folder / "evidence"]
            done = run_pytest(*words, "tests/acceptance", *places)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            (found,) = re.findall(r"\w+: ACCEPTED .*?\. Evidence:", unfolded(done.stdout))
            concluded.append(found)
    return concluded


def test_walk_with_own_weights(tmp_path: Path) -> None:
    (text,), commands = walk("Your weights")
    (tmp_path / "mine.toml").write_text(text)
    torch.save(recipes.seeded("paper", 20).state_dict(), tmp_path / "mine.pth")
    generator.write(tmp_path / "citys", images=10, split="val", size=(256, 128))
    (found,) = follow(tmp_path / "mine.toml", commands, tmp_path)
    assert found.startswith("mine: ACCEPTED (accuracy): all ")


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file, three photographs with masks, weights and an ONNX by torch's exporter."""
    folder = tmp_path_factory.mktemp("lanes")
    (text,), _ = walk("Your data")
    (folder / "lanes.toml").write_text(text)
    rng = np.random.default_rng(0)
    for kind in ("photos", "masks"):
        (folder / "data" / kind).mkdir(parents=True)
    for number in range(3):
        coarse = rng.integers(0, 256, (8, 16, 3), np.uint8)
        Image.fromarray(coarse).resize((256, 128)).save(folder / "data" / "photos" / f"street {number}.jpg")
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (8, 16))
        Image.fromarray(mask).resize((256, 128), Image.Resampling.NEAREST).save(
            folder / "data" / "masks" / f"street {number}.png"
        )
    network = recipes.seeded("ascend", 3)
    torch.save({"epoch": 3, "state_dict": network.state_dict()}, folder / "lanes.pth")
    by_torch(network, torch.zeros(1, 3, 64, 128), folder / "lanes.onnx")
    return folder


def test_walk_with_own_data_and_then_own_artifact(lanes: Path) -> None:
    (found,) = follow(lanes / "lanes.toml", walk("Your data")[1], lanes)
    assert found.startswith("lanes: ACCEPTED (accuracy): all ")
    alone, beside = follow(lanes / "lanes.toml", walk("Your artifact")[1], lanes)
    assert "not asked, as the checkpoint is not here: reference mIoU" in alone
    assert beside.startswith("lanes: ACCEPTED (accuracy): all ")
