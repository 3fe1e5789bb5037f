"""Generated scenes as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit import recipes
from tests.unit.recipes import enet


def test_scenes_writes_the_requested_split(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scenes", "--save-path", "scenes", "--images", 1, "--seed", 3, "--split", "train", "--json", "s.json"]
    assert enet(*words) == 0
    values = json.loads((work / "s.json").read_text())
    assert values == {"folder": "scenes", "images": 1, "split": "train", "seed": 3}
    assert capsys.readouterr().out == "scenes: 1 scenes, split train, seed 3\n"
    files = [name for name in recipes.files(work / "scenes") if name.endswith(".png")]
    assert [name.split("/")[:2] for name in files] == [["gtFine", "train"], ["leftImg8bit", "train"]]
