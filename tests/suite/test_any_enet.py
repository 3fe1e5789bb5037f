"""A network that nobody here knows, declared in one file: the paper's, 20 outputs, no mean and std, another size."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from enet import cli, deliverable
from tests.suite.acceptance import run_pytest
from tests.unit import recipes


@pytest.fixture(scope="module")
def mine(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template filled in, with its reference measured by the command that it names."""
    folder = tmp_path_factory.mktemp("any")
    torch.save(recipes.seeded("paper", 20).state_dict(), folder / "mine.pth")
    text = deliverable.template()
    for old, new in (
        ("batch_sizes = [1, 16]", "batch_sizes = [1, 4]"),
        ("images = 500", "images = 10"),
        (deliverable.PLACEHOLDER, "measured by enet evaluate"),
        ("size = [1024, 512]", "size = [256, 128]"),
        ('# weights = "mine.pth"', 'weights = "mine.pth"'),
        ("# mean = [0.485, 0.456, 0.406]", "mean = [0, 0, 0]"),
        ("# std = [0.229, 0.224, 0.225]", "std = [1, 1, 1]"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "mine.toml"
    path.write_text(text)
    command = ["evaluate", "--deliverable", path, "--data-root", scenes, "--backend", "pytorch"]
    score = folder / "score.json"
    assert cli.main([*map(str, command), "--artifact-cache", str(folder / "cache"), "--json", str(score)]) == 0
    measured = 100 * json.loads(score.read_text())["miou"]
    path.write_text(text.replace("miou_percent = 50.0", f"miou_percent = {measured:.6f}"))
    return path


def accept(mine: Path, scenes: Path, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    inputs = ["--deliverable", mine, "--data-root", scenes, "--artifact-cache", mine.parent / "cache"]
    return run_pytest("-m", "accuracy", "tests/acceptance", *inputs, "--evidence", folder / "evidence", *more)


def test_accepted(mine: Path, scenes: Path, tmp_path: Path) -> None:
    done = accept(mine, scenes, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine: ACCEPTED (accuracy): all" in done.stdout


def test_rejected_with_two_classes_exchanged(mine: Path, scenes: Path, tmp_path: Path) -> None:
    state = torch.load(mine.parent / "mine.pth", weights_only=True)
    weight = state["transposed_conv.weight"]
    weight[:, [0, 1]] = weight[:, [1, 0]]
    torch.save(state, tmp_path / "exchanged.pth")
    done = accept(mine, scenes, tmp_path, "--weights", tmp_path / "exchanged.pth", "-k", "reference or miou")
    assert done.returncode == 1
    assert "mine: NOT ACCEPTED: " in done.stdout
    assert "FAIL        reference mIoU " in done.stdout


def test_a_checkpoint_of_another_network_is_one_clear_line(mine: Path, scenes: Path, tmp_path: Path) -> None:
    torch.save(recipes.seeded("ascend", 20).state_dict(), tmp_path / "other.pth")
    done = accept(mine, scenes, tmp_path, "--weights", tmp_path / "other.pth", "-k", "test_reference")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "it is another ENet, 'ascend' with 20 outputs" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
