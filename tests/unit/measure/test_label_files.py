"""Label files at full size: scored as Cityscapes' own evaluator scores them, and written as it reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enet import cli, selftest
from enet.deliverable import Preprocessing, load
from enet.measure import label_files
from enet.measure.subject import Subject
from enet.storage.store import Store
from tests.unit import recipes, tiny

#: Label ids of the 19 classes, by Cityscapes' own scripts.
SCORED_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


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


def test_evaluate_at_full_size_equals_the_official_evaluator(
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


def test_evaluate_at_network_resolution_counts_a_quarter(here: Path, tmp_path: Path) -> None:
    counts = []
    for grid in ("network", "photograph"):
        assert evaluate(here, "--label-grid", grid, "--json", tmp_path / "e.json") == 0
        counts.append(np.sum(json.loads((tmp_path / "e.json").read_text())["confusion_matrix"]))
    assert counts[1] == 4 * counts[0] > 0  # the tiny data set's blocks are of 4x4 pixels


def test_full_size_labels_outside_the_window_are_ignored() -> None:
    """64x32, scaled to 32x16 and cut to the 16x16 in the middle: a quarter of the width is lost on each side."""
    spec = Preprocessing(size=(16, 16))
    full = label_files.full_size_labels(np.full((16, 16), 3, np.uint8), (64, 32), spec)
    assert full.shape == (32, 64)
    assert (full[:, 16:48] == 3).all()
    assert (full[:, :16] == 255).all()
    assert (full[:, 48:] == 255).all()


def test_save_writes_label_ids_at_full_size(here: Path, tmp_path: Path) -> None:
    assert evaluate(here, "--save-predictions", tmp_path / "out", "--save-overlays", tmp_path / "overlays") == 0
    files = sorted((tmp_path / "out").iterdir())
    names = [path.name.replace("leftImg8bit", "pred_labelIds") for path in (here / "data").rglob("*_leftImg8bit.png")]
    assert [path.name for path in files] == sorted(names)
    for path in files:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (64, 32))
            assert {*np.unique(np.asarray(picture))} <= {*SCORED_IDS}


def test_evaluate_of_a_crop_at_full_size_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path
    tiny.tiny(here)
    assert evaluate(here, "--label-grid", "photograph") == 2
    assert "expected 'network' for resize='short-side', which crops" in capsys.readouterr().err


def test_acceptance_at_full_size_passes_every_gate(here: Path, tmp_path: Path) -> None:
    """Every gate runs; all pass but those of the invented reference."""

    path = here / "full.toml"
    path.write_text((here / "tiny.toml").read_text().replace("size = [32", 'label_grid = "photograph"\nsize = [32'))
    subject: Subject = Subject(load(str(path)), Store(tmp_path / "cache"), data_root=here / "data")
    outcomes = {verdict.gate: verdict.outcome.value for verdict in selftest.acceptance.verdicts(subject)}
    assert {gate for gate, outcome in outcomes.items() if outcome != "PASS"} == {"reference_miou", "miou"}
    assert subject.prepared().load(0)[1].shape == (32, 64)


def test_evaluate_of_another_split_scores_all_its_images(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many images are expected as the split has; an unknown name is refused in one line."""
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
        message = capsys.readouterr().err
        assert message.startswith(f"enet: --split {name}: ")
        assert message.count("\n") == 1


def test_evaluate_of_the_own_split_keeps_its_count(here: Path, tmp_path: Path) -> None:
    assert evaluate(here, "--split", "val", "--limit", 2, "--json", tmp_path / "e.json") == 0
    table = json.loads((tmp_path / "e.json").read_text())
    assert (table["images"], table["images_expected"]) == (2, tiny.IMAGES)


def test_evaluate_of_a_split_without_labels_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cityscapes' public test labels are all void."""
    for kind in ("leftImg8bit", "gtFine"):
        shutil.copytree(here / "data" / kind / "val", here / "data" / kind / "void", dirs_exist_ok=True)
    for path in (here / "data" / "gtFine" / "void").rglob("*_labelIds.png"):
        Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    assert evaluate(here, "--split", "void") == 2
    assert "split void: all pixels of its label maps are void" in capsys.readouterr().err


def test_overlays_of_an_earlier_run_are_replaced(here: Path, tmp_path: Path) -> None:
    """Other files stay."""
    (tmp_path / "notes.png").touch()
    for worst in (3, 1):
        assert evaluate(here, "--save-overlays", tmp_path, "--worst", worst) == 0
        found = sorted(path.name[:3] for path in tmp_path.iterdir())
        assert found == [*(f"{place:02d}-" for place in range(worst)), "not"]
