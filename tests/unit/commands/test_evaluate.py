"""mIoU, compared with a slow and separate computation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enet.measure.subject import Subject
from tests.unit import recipes, tiny
from tests.unit.recipes import enet


@pytest.mark.parametrize("backend", ["onnxruntime", "pytorch"])
def test_evaluate_equals_slow_computation(
    backend: str, folder: Path, work: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--deliverable", folder / "tiny.toml", "--data-root", folder / "data", "--backend", backend]
    assert enet("evaluate", *arguments, "--json", "e.json") == 0
    table = json.loads((work / "e.json").read_text())
    assert set(table) >= {
        "miou",
        "pixel_accuracy",
        "iou_per_class",
        "confusion_matrix",
        "images",
        "images_expected",
        "seconds",
        "images_per_second",
        "provenance",
    }
    matrix = tiny.slow_matrices(subject).sum(axis=0)
    hits = np.diagonal(matrix)
    iou = hits / (matrix.sum(axis=0) + matrix.sum(axis=1) - hits)
    assert table["confusion_matrix"] == matrix.tolist()
    assert table["miou"] == pytest.approx(iou.mean())
    assert table["pixel_accuracy"] == pytest.approx(hits.sum() / matrix.sum())
    assert list(table["iou_per_class"].values()) == pytest.approx(iou.tolist())
    assert list(table["iou_per_class"])[:2] == ["road", "sidewalk"]
    assert (table["images"], table["images_expected"]) == (tiny.IMAGES, tiny.IMAGES)
    assert table["images_per_second"] == pytest.approx(tiny.IMAGES / table["seconds"])
    assert (table["provenance"]["backend"], table["provenance"]["simulated"]) == (backend, False)
    output, errors = capsys.readouterr()
    assert f"mIoU             {100 * iou.mean():9.4f} %   (absent classes: zero; 5 images)" in output
    assert errors == ""
    assert recipes.files(work) == ["e.json"]


def test_evaluate_limit_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--deliverable", folder / "tiny.toml", "--data-root", folder / "data"]
    assert enet("evaluate", *arguments, "--limit", 2) == 0
    assert "2 of 5 images" in capsys.readouterr().out


def test_evaluate_duplicate_images_are_counted(
    folder: Path, tmp_path: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny.data_set(tmp_path / "data")
    first, second = sorted(root.glob("leftImg8bit/val/alpha/*"))
    second.write_bytes(first.read_bytes())
    assert enet("evaluate", "--deliverable", folder / "tiny.toml", "--data-root", root, "--json", "e.json") == 0
    assert "1 of these images are copies of others" in capsys.readouterr().out
    assert json.loads((work / "e.json").read_text())["duplicate_images"] == 1


def test_evaluate_overlays_are_the_worst_images(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Worst first; every picture has four panels in a row, and the legend below them."""
    overlays = tmp_path / "overlays"
    arguments = ["--deliverable", folder / "tiny.toml", "--data-root", folder / "data"]
    assert enet("evaluate", *arguments, "--save-overlays", overlays, "--worst", 2) == 0
    assert f"Wrote the 2 worst images to {overlays}" in capsys.readouterr().out
    files = sorted(overlays.iterdir())
    assert [path.name[:3] for path in files] == ["00-", "01-"]
    for path in files:
        with Image.open(path) as picture:
            assert picture.width == 4 * tiny.SIDE + 3 * 8
            assert picture.height > tiny.SIDE + 24 * 22 / max(1, picture.width // 150)
