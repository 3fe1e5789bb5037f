"""Predictions at the photographs' size: scored as Cityscapes' own evaluator scores them, and kept as it reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enet import cli
from enet.deliverable import Preprocessing, load
from enet.measure import label_files as predictions
from enet.measure.subject import Subject
from enet.selftest import acceptance
from enet.storage.store import Store
from tests.unit import recipes, tiny


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 20-output ``paper`` network that scales photographs of 64x32 to 32x16, whatever the aspect."""
    folder = tmp_path_factory.mktemp("predictions")
    torch.save(recipes.seeded("paper", 20).state_dict(), folder / "tiny.pth")
    text = tiny.TOML.format(variant="paper", outputs=20, images=tiny.IMAGES, side=32)
    (folder / "tiny.toml").write_text(text.replace("size = [32, 32]", 'resize = "exact"\nsize = [32, 16]'))
    tiny.data_set(folder / "data")
    return folder


def evaluate(here: Path, *more: object) -> int:
    words = ["evaluate", "--deliverable", here / "tiny.toml", "--data-root", here / "data", *more]
    return cli.main([str(word) for word in (*words, "--artifact-cache", here / "cache")])


def test_as_the_official_evaluator_scores_them(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("CITYSCAPES_DATASET", "CITYSCAPES_EXPORT_DIR", "CITYSCAPES_RESULTS"):
        monkeypatch.delenv(variable, raising=False)
    more = ["--label-grid", "photograph", "--save-predictions", tmp_path / "out", "--json", tmp_path / "e.json"]
    assert evaluate(here, *more) == 0
    assert "at the photographs' size" in capsys.readouterr().out
    table = json.loads((tmp_path / "e.json").read_text())
    assert table["label_grid"] == "photograph"
    assert np.sum(table["confusion_matrix"]) > 0
    truths = sorted((here / "data" / "gtFine").rglob("*_labelIds.png"), key=lambda path: path.name)
    found = [tmp_path / "out" / path.name.replace("_gtFine_labelIds", "_pred_labelIds") for path in truths]
    theirs = recipes.official(found, truths)
    ours = [np.nan if iou is None else iou for iou in table["iou_per_class"].values()]
    np.testing.assert_allclose(
        ours, [theirs["classScores"][name] for name in table["iou_per_class"]], rtol=0, atol=1e-9
    )
    assert table["miou_absent_skip"] == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)


def test_at_the_networks_grid_a_quarter_of_the_pixels_count(here: Path, tmp_path: Path) -> None:
    counts = []
    for grid in ("network", "photograph"):
        assert evaluate(here, "--label-grid", grid, "--json", tmp_path / "e.json") == 0
        counts.append(np.sum(json.loads((tmp_path / "e.json").read_text())["confusion_matrix"]))
    assert counts[1] == 4 * counts[0] > 0  # the tiny data set's blocks are of 4x4 pixels


def test_what_the_network_does_not_see_is_no_class() -> None:
    """64x32, scaled to 32x16 and cut to the 16x16 in the middle: a quarter of the width is lost on each side."""
    spec = Preprocessing(size=(16, 16))
    full = predictions.at_full_size(np.full((16, 16), 3, np.uint8), (64, 32), spec)
    assert full.shape == (32, 64)
    assert (full[:, 16:48] == 3).all()
    assert (full[:, :16] == 255).all()
    assert (full[:, 48:] == 255).all()


def test_files_hold_ids_at_the_photographs_size(here: Path, tmp_path: Path) -> None:
    assert evaluate(here, "--save-predictions", tmp_path / "out", "--save-overlays", tmp_path / "overlays") == 0
    files = sorted((tmp_path / "out").iterdir())
    names = [path.name.replace("leftImg8bit", "pred_labelIds") for path in (here / "data").rglob("*_leftImg8bit.png")]
    assert [path.name for path in files] == sorted(names)
    for path in files:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (64, 32))
            assert {*np.unique(np.asarray(picture))} <= {
                7,
                8,
                11,
                12,
                13,
                17,
                19,
                20,
                21,
                22,
                23,
                24,
                25,
                26,
                27,
                28,
                31,
                32,
                33,
            }


def test_a_crop_cannot_be_compared_at_full_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path
    tiny.tiny(here)
    assert evaluate(here, "--label-grid", "photograph") == 2
    assert "cuts off sides that nothing predicts" in capsys.readouterr().err


def test_accepted_at_the_photographs_grid(here: Path, tmp_path: Path) -> None:
    """Every gate is asked of a deliverable that compares there; all but its made-up reference pass."""

    path = here / "full.toml"
    path.write_text((here / "tiny.toml").read_text().replace("size = [32", 'label_grid = "photograph"\nsize = [32'))
    subject: Subject = Subject(load(str(path)), Store(tmp_path / "cache"), data_root=here / "data")
    outcomes = {verdict.gate: verdict.outcome.value for verdict in acceptance.verdicts(subject)}
    assert {gate for gate, outcome in outcomes.items() if outcome != "PASS"} == {"reference", "miou"}
    assert subject.prepared().load(0)[1].shape == (32, 64)


def test_another_split(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scored whole, and as many images are expected as there are; a name that is none is one line."""
    for kind in ("leftImg8bit", "gtFine"):
        shutil.copytree(here / "data" / kind / "val", here / "data" / kind / "test", dirs_exist_ok=True)
    first = next((here / "data" / "leftImg8bit" / "test").rglob("*.png"))
    first.unlink()
    next((here / "data" / "gtFine" / "test").rglob(first.name.replace("leftImg8bit", "gtFine_labelIds"))).unlink()
    assert evaluate(here, "--split", "test", "--json", tmp_path / "e.json") == 0
    table = json.loads((tmp_path / "e.json").read_text())
    assert table["images"] == table["images_expected"] == tiny.IMAGES - 1
    assert table["split"] == "test"
    assert "split test" in capsys.readouterr().out
    for name in ("tset", ""):
        assert evaluate(here, "--split", name) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"enet: --split {name}: ")
        assert told.count("\n") == 1


def test_the_deliverables_own_split_keeps_its_count(here: Path, tmp_path: Path) -> None:
    assert evaluate(here, "--split", "val", "--limit", 2, "--json", tmp_path / "e.json") == 0
    table = json.loads((tmp_path / "e.json").read_text())
    assert (table["images"], table["images_expected"]) == (2, tiny.IMAGES)


def test_a_split_without_labels(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cityscapes' public test labels are all void."""
    for kind in ("leftImg8bit", "gtFine"):
        shutil.copytree(here / "data" / kind / "val", here / "data" / kind / "void", dirs_exist_ok=True)
    for path in (here / "data" / "gtFine" / "void").rglob("*_labelIds.png"):
        Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    assert evaluate(here, "--split", "void") == 2
    assert "split void: every pixel of its label maps is void" in capsys.readouterr().err


def test_overlays_are_of_one_run(here: Path, tmp_path: Path) -> None:
    """Those of an earlier run are replaced; other files stay."""
    (tmp_path / "notes.png").touch()
    for worst in (3, 1):
        assert evaluate(here, "--save-overlays", tmp_path, "--worst", worst) == 0
        found = sorted(path.name[:3] for path in tmp_path.iterdir())
        assert found == [*(f"{place:02d}-" for place in range(worst)), "not"]
