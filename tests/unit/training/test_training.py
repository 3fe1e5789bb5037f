"""Training: seeded, exact resume, files that are always complete."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from enet import datasets, deliverable, training
from enet.datasets import image_source
from enet.errors import InputError, run_command

DELIVERABLE = """
name = "tiny"
summary = "for tests"
[network]
variant = "ascend"
outputs = 11
[dataset]
layout = "camvid"
images = 2
[preprocessing]
resize = "exact"
size = [32, 32]
[reference]
miou_percent = 50
source = "none"
"""


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training and two validation pictures, in two colours."""
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for folder in (root / split, root / f"{split}annot"):
            folder.mkdir()
        for i in range(count):
            label = np.kron(rng.integers(0, 2, (4, 4)), np.ones((10, 10))).astype(np.uint8)
            image = np.stack([label * 200, label * 50, 255 - label * 255], axis=-1).astype(np.uint8)
            Image.fromarray(image).save(root / split / f"{i}.png")
            Image.fromarray(label).save(root / f"{split}annot" / f"{i}.png")
    (root / "tiny.toml").write_text(DELIVERABLE)
    return root


def train(camvid: Path, output: Path, *more: str) -> dict[str, Any]:
    words = ["--deliverable", str(camvid / "tiny.toml"), "--data-root", str(camvid), "--output", str(output), "--quiet"]
    words += ["--batch-size", "2", "--crop", "32", "32", "--validate-every", "1", "--device", "cpu", *more]
    training.__main__.main(words)
    state: dict[str, Any] = torch.load(output / "state.pth", weights_only=True)
    return state


@pytest.mark.parametrize("recipe", [[], ["--precision", "bfloat16", "--optimiser", "adamw", "--iou-loss", "1"]])
def test_resumed_run_equals_uninterrupted_run(
    recipe: list[str], camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(camvid, tmp_path / "whole", "--epochs", "3", *recipe)

    class StoppedError(Exception):
        pass

    save = training.loop.Trainer.save

    def save_and_stop(self: Any, path: Path) -> None:
        save(self, path)
        if self.epoch == 2:
            raise StoppedError

    monkeypatch.setattr("enet.training.loop.Trainer.save", save_and_stop)
    with pytest.raises(StoppedError):
        train(camvid, tmp_path / "parts", "--epochs", "3", *recipe)
    monkeypatch.undo()
    parts = train(camvid, tmp_path / "parts", "--epochs", "3", *recipe)
    for name in ("network", "averaged"):
        for key, value in whole[name].items():
            assert torch.equal(value, parts[name][key]), key
    rows = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", "1", "2", "3"]
    best = torch.load(tmp_path / "whole" / "best.pth", weights_only=True)
    assert set(best["state_dict"]) == set(whole["network"])
    last = torch.load(tmp_path / "whole" / "last.pth", weights_only=True)
    assert all(torch.equal(value, whole["averaged"][key]) for key, value in last["state_dict"].items())
    assert {p.name for p in (tmp_path / "whole").iterdir()} == {
        "state.pth",
        "best.pth",
        "last.pth",
        "log.csv",
        "curves.png",
    }
    assert "epoch 3: mIoU" in capsys.readouterr().out


def test_resume_other_recipe_is_an_error(camvid: Path, tmp_path: Path) -> None:
    train(camvid, tmp_path, "--epochs", "1")
    with pytest.raises(InputError, match=r"state\.pth: trained with epochs=1\. Give the same, or another --output"):
        train(camvid, tmp_path, "--epochs", "2")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("outputs = 11", "outputs = 12", "outputs=11"),
        ('variant = "ascend"', 'variant = "paper"', "variant=ascend"),
        ("[reference]", "mean = [0, 0, 0]\n[reference]", r"mean=\(0.485, 0.456, 0.406\)"),
    ],
)
def test_resume_other_network_or_preprocessing_is_an_error(
    old: str, new: str, message: str, camvid: Path, tmp_path: Path
) -> None:
    train(camvid, tmp_path, "--epochs", "1")
    (tmp_path / "other.toml").write_text(DELIVERABLE.replace(old, new))
    with pytest.raises(InputError, match=rf"state\.pth: trained with {message}\. Give the same"):
        train(camvid, tmp_path, "--epochs", "1", "--deliverable", str(tmp_path / "other.toml"))


def test_resume_other_images_is_an_error(camvid: Path, tmp_path: Path) -> None:
    train(camvid, tmp_path / "out", "--epochs", "1")
    shutil.copytree(camvid, tmp_path / "camvid")
    Image.new("RGB", (40, 40)).save(tmp_path / "camvid" / "train" / "0.png")
    with pytest.raises(InputError, match=r"state\.pth: trained with other photographs\. Give the same"):
        train(tmp_path / "camvid", tmp_path / "out", "--epochs", "1")


def test_run_without_state_starts_again(camvid: Path, tmp_path: Path) -> None:
    """Rows of the log and best weights of an earlier run are not used."""
    train(camvid, tmp_path, "--epochs", "2")
    (tmp_path / "state.pth").unlink()
    torch.save({"miou": 2.0, "state_dict": {}}, tmp_path / "best.pth")
    train(camvid, tmp_path, "--epochs", "1")
    assert [line.partition(",")[0] for line in (tmp_path / "log.csv").read_text().splitlines()] == ["epoch", "1"]
    assert torch.load(tmp_path / "best.pth", weights_only=True)["miou"] <= 1


def test_complete_run_trains_no_more(camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = train(camvid, tmp_path, "--epochs", "1")
    assert train(camvid, tmp_path, "--epochs", "1")["best"] == first["best"]
    assert "state.pth: all 1 epochs are complete" in capsys.readouterr().out


def test_void_outputs_are_never_predicted(camvid: Path, tmp_path: Path) -> None:
    """The template's network has one output more than there are classes."""
    (tmp_path / "void.toml").write_text(DELIVERABLE.replace("outputs = 11", "outputs = 12"))
    more = ["--epochs", "1", "--deliverable", str(tmp_path / "void.toml")]
    state = train(camvid, tmp_path / "out", *more)
    assert state["averaged"]["fullconv.weight"].shape[1] == 12
    spec = deliverable.load(str(tmp_path / "void.toml"))
    pair = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    trainer = training.loop.Trainer(spec, [pair] * 4, training.loop.Recipe())
    trainer.average_network.get_parameter("fullconv.weight").data[:, 11] = 1e3
    held_out = image_source.ImageFiles(datasets.find("camvid", camvid, "val"), spec.preprocessing)
    found = training.__main__.validate(trainer, held_out, 11)
    assert found.shape == (11, 11)
    assert found.sum() == 2 * 32 * 32


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "recipe: epochs=0, expected at least 1"),
        (["--crop", "33", "32"], "recipe: crop=(33, 32), expected multiples of 8"),
        (["--scales", "2", "1"], "recipe: scales=(2.0, 1.0), expected two numbers in 0..100"),
        (["--learning-rate", "nan"], "recipe: learning_rate=nan, expected a number in 0..1"),
        (["--weighting", "1"], "recipe: weighting=1.0, expected a number in 1..1e6, above 1"),
        (["--optimiser", "adam"], "recipe: optimiser='adam', expected one of muon, adamw"),
        (["--precision", "half"], "recipe: precision='half', expected one of float32, bfloat16"),
        (["--dropout", "-1"], "recipe: dropout=-1.0, expected a number in 0..5"),
        (["--batch-size", "5"], "recipe: batch_size=5, expected at most the number of training images, 4"),
        (["--device", "gpu"], "--device gpu: "),
        (["--device", "cuda:99"], "--device cuda:99: "),
        (["--data-root", "absent"], "data set absent: no such folder"),
        (["--train-split", "trian"], "trian"),
        (["--deliverable", "camvit"], "did you mean 'camvid'?"),
        (["--output", "{camvid}/tiny.toml"], "tiny.toml: cannot be created (File exists)"),
    ],
)
def test_wrong_argument_gives_one_line_error(
    words: list[str], message: str, camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [word.format(camvid=camvid) for word in words]
    assert run_command("enet.training", lambda: int(bool(train(camvid, tmp_path / "out", *more)))) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("enet.training: ")
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("content", [b"", b"not a state", None], ids=["empty", "text", "another dict"])
def test_resume_damaged_state_is_an_error(content: bytes | None, camvid: Path, tmp_path: Path) -> None:
    if content is None:
        torch.save({"epoch": 3}, tmp_path / "state.pth")
    else:
        (tmp_path / "state.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"state\.pth: damaged \(\w+\)\. Remove it to start again"):
        train(camvid, tmp_path, "--epochs", "1")


def test_remove_rows_keeps_saved_epochs(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("")
    for epoch in (1, 2, 3):
        training.log.append_row(path, {"epoch": epoch, "loss": 0.5})
    with path.open("a") as file:
        file.write("4,0.")  # cut short
    training.log.remove_rows(path, after=2)
    assert path.read_text().split() == ["epoch,loss", "1,0.5", "2,0.5"]


def test_random_view_is_seeded_and_keeps_labels_aligned() -> None:
    label = np.kron(np.arange(16).reshape(4, 4) % 5, np.ones((16, 16))).astype(np.uint8)
    image = np.repeat(label[..., None] * 50, 3, axis=2)
    rngs = (np.random.default_rng(3) for _ in range(2))
    first, second = (training.augment.random_view(image, label, (32, 24), rng, scales=(0.5, 2.0)) for rng in rngs)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    view, target = first
    assert view.shape == (24, 32, 3)
    # Colours are changed by one increasing curve, so classes keep their order of brightness.
    means = [view[target == i].mean() for i in range(5) if np.count_nonzero(target == i) > 20]
    assert means == sorted(means)


def test_soft_iou_of_certain_logits_equals_iou() -> None:
    """Probabilities of 0 and 1: the definition, over the classes that are there; what is ignored counts nowhere."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (2, 6, 5))  # of 5 classes, one is in no label
    predicted = rng.integers(0, 5, labels.shape)
    labels[0, 0, :3] = 255
    logits = torch.from_numpy(np.moveaxis(np.eye(5)[predicted] * 100, -1, 1).astype(np.float32)).requires_grad_()
    known = labels != 255
    expected = [
        np.count_nonzero((predicted == i) & (labels == i))
        / np.count_nonzero(((predicted == i) | (labels == i)) & known)
        for i in range(4)
    ]
    found = training.loss.soft_iou(logits.softmax(1), torch.from_numpy(labels))
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-6)
    assert training.loss.soft_iou(logits.softmax(1), torch.full((2, 6, 5), 255)).item() == 0


def test_soft_iou_gradient_increases_it() -> None:
    labels = torch.tensor([[[0, 1], [1, 255]]])
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(1 - training.loss.soft_iou(logits.softmax(1), labels), logits)
    better = logits - 10 * gradient
    assert training.loss.soft_iou(better.softmax(1), labels) > training.loss.soft_iou(logits.softmax(1), labels)
    assert not gradient[..., 1, 1].any()


def test_loss_is_weighted_cross_entropy_plus_soft_iou_loss() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=rng)
    labels = torch.randint(0, 3, (2, 4, 5), generator=rng)
    labels[0, 0] = 255
    weights = torch.tensor([1.0, 2.0, 0.5])
    expected = torch.nn.functional.cross_entropy(logits, labels, weights, ignore_index=255)
    torch.testing.assert_close(training.loss.Loss(weights, 0.0)(logits, labels), expected)
    missing = 1 - training.loss.soft_iou(logits.softmax(1), labels)
    torch.testing.assert_close(training.loss.Loss(weights, 2.0)(logits, labels), expected + 2 * missing)
    assert training.loss.Loss(weights, 2.0)(logits, torch.full_like(labels, 255)).item() == 0


def test_class_weights_follow_the_formula() -> None:
    labels = [np.array([[0] * 9 + [1], [255] * 10], np.uint8)]
    expected = 1 / np.log(1.1 + np.array([0.9, 0.1, 0.0]))
    np.testing.assert_allclose(training.loss.class_weights(labels, 3, 1.1), expected / expected.mean(), rtol=1e-6)
    with pytest.raises(InputError, match="no class at all"):
        training.loss.class_weights([np.full((2, 2), 255, np.uint8)], 3, 1.1)


def test_quick_prelu_equals_prelu() -> None:
    """Values and both gradients, and the state dict."""
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.PReLU(), torch.nn.PReLU(4))
    quick = copy.deepcopy(plain)
    training.prelu.use_quick_prelus(quick)
    assert [type(module) for module in quick] == [torch.nn.Conv2d, training.prelu.QuickPReLU, torch.nn.PReLU]
    assert list(quick.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for network in (plain, quick):
        (network(x) ** 2).sum().backward()
    for mine, other in zip(quick.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
    torch.testing.assert_close(quick(x), plain(x))


@pytest.mark.parametrize("with_muon", [True, False])
def test_optimiser_updates_and_restores_every_parameter(with_muon: bool) -> None:
    """Also those that Muon sees through another view; a state that was saved and loaded steps to the same."""

    def steps(network: torch.nn.Module, optimise: training.optimiser.Optimiser) -> None:
        x = torch.ones(2, 3, 4, 4)
        network(x).square().mean().backward()
        optimise.step()
        assert all(p.grad is None for p in network.parameters())

    def made() -> tuple[torch.nn.Module, training.optimiser.Optimiser]:
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.PReLU())
        return network, training.optimiser.Optimiser(network, 1e-2, 0.1, with_muon=with_muon)

    (network, optimise), (_, other) = made(), made()
    before = copy.deepcopy(network.state_dict())
    optimise.set_learning_rate(1e-3)
    steps(network, optimise)
    assert all(not torch.equal(value, before[name]) for name, value in network.state_dict().items())
    resumed, _ = made()
    resumed.load_state_dict(network.state_dict())
    other = training.optimiser.Optimiser(resumed, 1e-2, 0.1, with_muon=with_muon)
    other.load_state_dict(copy.deepcopy(optimise.state_dict()))
    for one in ((network, optimise), (resumed, other)):
        steps(*one)
    for name, value in network.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_weights_option_starts_training(camvid: Path, tmp_path: Path) -> None:
    train(camvid, tmp_path / "first", "--epochs", "1")
    best = tmp_path / "first" / "best.pth"
    more = ["--epochs", "1", "--iou-loss", "1", "--learning-rate", "1e-9", "--weights", str(best)]
    state = train(camvid, tmp_path / "second", *more)
    for name, value in torch.load(best, weights_only=True)["state_dict"].items():
        if name.endswith(".weight"):
            torch.testing.assert_close(state["network"][name], value, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"state\.pth: trained with other weights"):
        train(camvid, tmp_path / "second", *more[:-2])
    with pytest.raises(InputError, match=r"weights .*absent\.pth: No such file"):
        train(camvid, tmp_path / "third", "--weights", str(tmp_path / "absent.pth"))
