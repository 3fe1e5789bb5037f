"""The examples of docs/datasets.md, from tiny files to mIoU, compared with a plain computation."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from enet import cli, deliverable, gates
from enet.datasets.preprocess import Normalise
from enet.measure import reference_folders, reference_preprocessing
from enet.measure.subject import Subject
from enet.storage.store import Store
from tests.unit import recipes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n[^#]*?```toml\n(.*?)```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))

WIDTH, HEIGHT = 32, 16
WHOLE = """
name = "mine"
summary = "an example"
batch_sizes = [1, 2]
[network]
variant = "ascend"
outputs = 21
weights = "mine.pth"
[preprocessing]
resize = "exact"
size = [32, 16]
[reference]
miou_percent = 50.0
source = "made up"
absent_classes = "skip"
"""


@dataclass(frozen=True)
class Example:
    """Files of a data set: image and label map by a number, and some of their labels with the train ids."""

    image: str
    label: str
    ids: dict[Any, int]
    classes: int
    #: A list file and its line of an image; the page's example has one.
    listed: tuple[str, str] = ("", "")
    palette: bool = False


EXPECTED = {
    "A folder with three classes": Example(
        "photos/val/walk/{}.JPEG", "masks/val/walk/{}.png", {0: 0, 1: 1, 2: 2, 255: 255}, 3
    ),
    "KITTI": Example(
        "training/image_2/00000{}_10.png",
        "training/semantic/00000{}_10.png",
        {7: 0, 8: 1, 11: 2, 23: 10, 26: 13, 33: 18, 0: 255, 9: 255},
        19,
    ),
    "BDD100K": Example(
        "images/10k/val/7d{}-1.jpg", "labels/sem_seg/masks/val/7d{}-1.png", {0: 0, 2: 2, 10: 10, 18: 18, 255: 255}, 19
    ),
    "Mapillary Vistas": Example(
        "validation/images/q_{}.jpg",
        "validation/v1.2/labels/q_{}.png",
        {13: 0, 24: 0, 15: 1, 17: 2, 27: 4, 55: 6, 65: 255, 1: 255},
        7,
        palette=True,
    ),
    "CamVid": Example(
        "701_StillsRaw_full/0001TP_{}.png",
        "LabeledApproved_full/0001TP_{}_L.png",
        {(128, 128, 128): 0, (0, 128, 64): 1, (128, 64, 128): 3, (192, 128, 192): 8, (64, 128, 64): 9, (0, 0, 0): 255},
        11,
        listed=("val.txt", "0001TP_{}.png\n"),
    ),
    "Pascal VOC": Example(
        "JPEGImages/2007_{}.jpg",
        "SegmentationClass/2007_{}.png",
        {0: 0, 1: 1, 15: 15, 20: 20, 255: 255},
        21,
        listed=("ImageSets/Segmentation/val.txt", "2007_{}\n"),
        palette=True,
    ),
    "Cityscapes by train ids": Example(
        "leftImg8bit/val/ulm/ulm_{}_leftImg8bit.png",
        "gtFine/val/ulm/ulm_{}_gtFine_labelTrainIds.png",
        {0: 0, 2: 2, 8: 8, 18: 18, 255: 255},
        19,
    ),
}


def write(root: Path, example: Example, count: int = 3) -> list[tuple[Path, NDArray[np.uint8]]]:
    """Write a data set; returns its images with their train ids."""
    rng, truth = np.random.default_rng(7), []
    keys, trains = [*example.ids], np.array([*example.ids.values()], np.uint8)
    for number in range(count):
        image, label = (root / pattern.format(number) for pattern in (example.image, example.label))
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f"._{path.name}").write_bytes(b"Mac OS X")
            (path.parent / ".DS_Store").write_bytes(b"Mac OS X")
        Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(image)
        chosen = rng.integers(0, len(keys), (HEIGHT // 4, WIDTH // 4)).repeat(4, 0).repeat(4, 1)
        picture = Image.fromarray(np.array(keys, np.uint8)[chosen])
        if example.palette:
            picture.putpalette([(7 * value) % 256 for value in range(768)])
        picture.save(label)
        truth.append((image, trains[chosen]))
    name, line = example.listed
    if name:  # and an image that the list leaves out
        (root / example.image.format("x")).write_bytes(truth[0][0].read_bytes())
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("".join(line.format(number) for number in range(count)))
    return truth


def predict(subject: Subject, paths: list[Path], classes: int) -> NDArray[np.int64]:
    """Class of every pixel, shape (N, H, W), image by image."""
    network, normalise = recipes.seeded("ascend", 21), Normalise(subject.deliverable.preprocessing)
    images = [normalise(np.asarray(Image.open(path).convert("RGB"))[None]) for path in paths]
    return np.stack([recipes.run(network, torch.from_numpy(image))[0, :classes].argmax(0).numpy() for image in images])


def miou(found: NDArray[np.int64], true: NDArray[np.uint8]) -> float:
    """Mean IoU over the classes that occur, 0..1."""
    found, true = found[true != 255], true[true != 255]
    counts = {each: (found == each, true == each) for each in {*found.tolist(), *true.tolist()}}
    return float(np.mean([np.sum(ours & theirs) / np.sum(ours | theirs) for ours, theirs in counts.values()]))


def test_page_has_these_examples() -> None:
    assert EXAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_scored(name: str, tmp_path: Path) -> None:
    example = EXPECTED[name]
    truth = write(tmp_path / "data", example)
    torch.save(recipes.seeded("ascend", 21).state_dict(), tmp_path / "mine.pth")
    toml = tmp_path / "mine.toml"
    toml.write_text(WHOLE + re.sub(r"images = \d+", "images = 3", EXAMPLES[name]))
    score, words = tmp_path / "score.json", ["--data-root", tmp_path / "data", "--artifact-cache", tmp_path / "cache"]
    command = ["evaluate", "--deliverable", toml, *words, "--backend", "pytorch", "--json", score]
    command += ["--save-predictions", tmp_path / "out"]
    assert cli.main([*map(str, command)]) == 0
    summary = json.loads(score.read_text())
    subject = Subject(deliverable.load(str(toml)), Store(tmp_path / "cache"), data_root=tmp_path / "data")
    assert subject.deliverable.scored_classes == len(summary["iou_per_class"]) == example.classes
    found = predict(subject, [path for path, _ in truth], example.classes)
    assert summary["miou"] == pytest.approx(miou(found, np.stack([train for _, train in truth])), abs=1e-9)
    evidence = reference_preprocessing.compare(subject, subject.prepared())
    assert gates.parity.preprocessing(evidence, subject.deliverable).outcome is gates.Outcome.PASS
    ids = reference_folders.train_id_table(subject.deliverable.dataset)
    saved = sorted((tmp_path / "out").iterdir())
    written = [reference_preprocessing.train_ids(path, subject.deliverable.preprocessing, ids) for path in saved]
    assert np.array_equal(written, found)
