"""``enet deliverables pin``: it writes hashes and golden logits, keeps what is named, and refuses what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from enet import deliverable, gates, measure
from enet.backends.pytorch import PyTorchModel
from enet.datasets.preprocess import Window
from enet.gates import Outcome
from enet.measure import reference_preprocessing
from enet.measure.subject import Subject
from enet.storage.files import hash_file
from enet.storage.store import Store
from tests.unit.recipes import enet, files
from tests.unit.tiny import tiny


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``tiny.toml``, its weights and images."""
    tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENET_CACHE", str(tmp_path / "cache"))
    return tmp_path


def pin(*more: object) -> int:
    return enet("deliverables", "pin", "tiny.toml", "--data-root", "data", *more)


def again(folder: Path) -> Subject:
    return Subject(deliverable.load("tiny.toml"), Store(folder / "cache"), data_root=folder / "data")


def test_pin_names_weights_data_and_logits(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (made / "tiny.toml").read_text()
    assert pin() == 0
    output, subject = capsys.readouterr().out, again(made)
    spec = subject.deliverable
    assert spec.is_pinned
    assert spec.network.sha256 == hash_file(made / "tiny.pth")
    assert spec.dataset.sha256 == subject.dataset_sha256
    assert spec.network.golden == "tiny.golden.json"
    for value in (spec.network.sha256, spec.dataset.sha256, spec.dataset.inputs_sha256, "tiny.golden.json: 512 logits"):
        assert str(value) in output
    assert [
        line for line in (made / "tiny.toml").read_text().splitlines() if line in before.splitlines()
    ] == before.splitlines()
    golden = measure.golden.compare(subject)
    assert [each.name for each in golden.comparisons] == ["variant ascend", "tiny.golden.json"]
    assert gates.network.network(golden, spec).outcome is Outcome.PASS
    compared = reference_preprocessing.compare(subject, subject.prepared())
    assert gates.parity.preprocessing(compared, spec).outcome is Outcome.PASS
    written = (made / "tiny.toml").read_bytes()
    assert pin() == 0
    assert "names everything already" in capsys.readouterr().out
    assert (made / "tiny.toml").read_bytes() == written
    assert enet("deliverables", "check", "tiny.toml") == 0
    (made / "tiny.golden.json").unlink()
    assert enet("deliverables", "check", "tiny.toml") == 2
    assert "golden='tiny.golden.json', expected a file at tiny.golden.json" in capsys.readouterr().err


def test_pin_without_weights_names_the_data(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made / "tiny.toml"
    path.write_text(path.read_text().replace('weights = "tiny.pth"\n', ""))
    assert pin() == 0
    assert capsys.readouterr().out.endswith("The weights are not named: give them with --weights FILE\n")
    assert pin("--weights", "tiny.pth") == 0
    assert deliverable.load("tiny.toml").is_pinned


def darker(folder: Path) -> None:
    path = next((folder / "data" / "leftImg8bit").rglob("*.png"))
    Image.fromarray(np.asarray(Image.open(path)) // 2).save(path)


def other_weights(folder: Path) -> None:
    state = torch.load(folder / "tiny.pth", weights_only=True)
    state["fullconv.weight"] *= 1.1
    torch.save(state, folder / "tiny.pth")


def copied(folder: Path) -> None:
    first, second, *_ = sorted((folder / "data" / "leftImg8bit").rglob("*.png"))
    Image.open(first).save(second, compress_level=1)


def fewer(folder: Path) -> None:
    first, *_ = sorted((folder / "data" / "leftImg8bit").rglob("*.png"))
    first.unlink()
    Path(str(first).replace("leftImg8bit", "gtFine", 1).replace("_leftImg8bit", "_gtFine_labelIds")).unlink()


WRONG: dict[str, tuple[bool, Callable[[Path], None], str]] = {
    "a darker image": (True, darker, "tiny.toml:14 [dataset] [sha256]: "),
    "other weights": (True, other_weights, "tiny.toml:9 [network] [sha256]: "),
    "a copy of an image, encoded anew": (False, copied, "1 images are copies of others. Remove them"),
    "an image missing": (False, fewer, "4 images in the split val, expected 5 of tiny.toml"),
    "no weights": (False, lambda folder: (folder / "tiny.pth").unlink(), "no such file"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_pin_refuses_what_is_wrong(wrong: str, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    is_pinned, change, message = WRONG[wrong]
    assert not is_pinned or pin() == 0
    before = {path.name: path.read_bytes() for path in made.glob("tiny.*.json")} | {
        "": (made / "tiny.toml").read_bytes()
    }
    change(made)
    assert pin() == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert before == {path.name: path.read_bytes() for path in made.glob("tiny.*.json")} | {
        "": (made / "tiny.toml").read_bytes()
    }


def test_pin_refuses_a_faulty_recipe_or_network(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shifted(self: Window, scaled: Image.Image) -> Image.Image:
        return scaled.crop((1, 0, 1 + self.size[0], self.size[1]))

    before = files(made)
    with mock.patch.object(Window, "cut", shifted):
        assert pin("--artifact-cache", "cache-2") == 2
    assert "images differ from the reference recipe, expected none" in capsys.readouterr().err
    with mock.patch.object(PyTorchModel, "infer", return_value=np.zeros((1, 19, 144, 160), np.float32)):
        assert pin() == 2
    assert "FAIL network: largest difference" in capsys.readouterr().err
    assert [name for name in files(made) if not name.startswith("cache")] == [
        name for name in before if not name.startswith("cache")
    ]


def test_dataset_sha256_is_of_pixels_labels_and_pairs(made: Path) -> None:
    """Encoding, names and order make no difference; pixels, labels, pairs and copies do."""
    subject = again(made)
    images, labels = zip(*((sample.image, sample.label) for sample in subject.dataset.samples), strict=True)
    first = subject.dataset_sha256
    parts = []
    for image, label in zip(images, labels, strict=True):
        sides = (np.asarray(Image.open(path)) for path in (image, label))
        parts.append(" ".join(hashlib.sha256(f"{side.shape}".encode() + side.tobytes()).hexdigest() for side in sides))
    assert first == hashlib.sha256("".join(f"{part}\n" for part in sorted(parts)).encode()).hexdigest()
    for path in (*images, *labels):
        Image.open(path).save(path, compress_level=1)
    same = again(made)
    assert same.dataset_sha256 == first
    content = [path.read_bytes() for path in (images[0], labels[0], images[1], labels[1])]
    for path, data in zip((images[1], labels[1], images[0], labels[0]), content, strict=True):
        path.write_bytes(data)
    renamed = again(made)
    assert renamed.dataset_sha256 == first
    assert renamed.files_sha256 != same.files_sha256
    images[0].write_bytes(content[0])
    assert again(made).dataset_sha256 != first  # its label map is that of the other image
    assert again(made).duplicate_images == 1
    assert replace(again(made), limit=2).dataset_sha256 != first
