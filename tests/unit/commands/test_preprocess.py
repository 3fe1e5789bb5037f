"""Options of the guide."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.unit import recipes
from tests.unit.recipes import enet


def test_preprocess_accepts_the_guides_spelling_and_a_limit(folder: Path, work: Path) -> None:
    arguments = [f"--src_path={folder / 'data'}", "--deliverable", folder / "tiny.toml", "--limit", 2]
    before = os.umask(0o002)
    try:
        assert enet("preprocess", *arguments, "--save_path", "prep") == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((work / "prep").stat().st_mode) == 0o755  # ais_bench refuses what others may write
    assert recipes.files(work / "prep") == [
        "alpha_000001_leftImg8bit.bin",
        "alpha_000003_leftImg8bit.bin",
        "preprocessed.json",
    ]
