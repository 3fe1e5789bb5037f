"""The command line: every command does its work, and every mistake gets one clear line, exit code 2 and no litter."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from enet import __version__, cli, command_line
from enet.deliverable import PLACEHOLDER, builtin_names, load, template
from enet.measure.subject import Subject
from enet.storage.files import hash_file
from enet.storage.store import Store
from tests.unit import recipes, tiny as data

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.toml``, ``tiny.pth``, ``data/`` and ``cache/``; nobody writes to it but to the cache."""
    folder = tmp_path_factory.mktemp("tiny")
    data.tiny(folder)
    return folder


@pytest.fixture(scope="module")
def subject(here: Path) -> Subject:

    return Subject(load(str(here / "tiny.toml")), Store(here / "cache"), data_root=here / "data")


@pytest.fixture(autouse=True)
def apart(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty folder; their cache is the module's."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("ENET_CACHE", str(here / "cache"))


def enet(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


# What each command does.


def test_help_and_version_import_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "enet.cli", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"doctor", "evaluate", "pth2onnx", "preprocess", "infer", "postprocess"} <= set(done.stdout.split())
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "enet.deliverable" in imported
    assert not {"torch", "onnx", "onnxruntime", "cv2", "numpy", "PIL"} & imported


def test_every_command_has_an_example_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    grammar = command_line.parser(cli.COMMANDS)
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as done:
            enet(name, "--help")
        assert done.value.code == 0
        example = capsys.readouterr().out.partition("example:\n  enet ")[2].strip()
        assert example.startswith(name)
        for words in example.removeprefix("enet ").split(" && enet "):
            assert grammar.parse_args(words.split()).run is cli.COMMANDS[name]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        enet("--print-completion", shell)
    assert done.value.code == 0
    script = capsys.readouterr().out
    assert all(name in script for name in (*cli.COMMANDS, "--artifact-cache"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        enet("--version")
    assert done.value.code == 0
    assert capsys.readouterr().out == f"enet {__version__}\n"


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # without CANN
    assert enet("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    extra = "ready" if importlib.util.find_spec("openvino") else "missing"
    assert [line.split()[:2] for line in lines] == [
        ["pytorch", "ready"],
        ["onnxruntime", "ready"],
        ["openvino", extra],
        ["cuda", "ready" if torch.cuda.is_available() else "missing"],
        ["ascend", "missing"],
    ]
    assert f"torch {torch.__version__}" in lines[0]
    assert "set_env.sh" in lines[4]
    assert enet("doctor", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert table["pytorch"]["versions"]["torch"] == torch.__version__
    assert "set_env.sh" in table["ascend"]["missing"]
    monkeypatch.delitem(sys.modules, "enet.backends.onnxruntime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert enet("doctor") == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:2] == ["onnxruntime", "missing"]
    assert "pip install onnxruntime" in line


def test_overlays(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as are asked for, worst first, whole: four panels in a row, and the legend below."""
    folder = tmp_path / "overlays"
    assert (
        enet(
            "evaluate",
            "--deliverable",
            here / "tiny.toml",
            "--data-root",
            here / "data",
            "--save-overlays",
            folder,
            "--worst",
            2,
        )
        == 0
    )
    assert f"{folder}: the 2 worst images" in capsys.readouterr().out
    files = sorted(folder.iterdir())
    assert [path.name[:3] for path in files] == ["00-", "01-"]
    for path in files:
        with Image.open(path) as picture:
            assert picture.width == 4 * data.SIDE + 3 * 8
            assert picture.height > data.SIDE + 24 * 22 / max(1, picture.width // 150)


def test_deliverables(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert enet("deliverables") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == builtin_names()
    assert enet("deliverables", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == builtin_names()
    for name in ("cityscapes", here / "tiny.toml"):
        assert enet("deliverables", "show", name) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["name"] == Path(name).stem
    assert shown["preprocessing"]["size"] == [32, 32]


@pytest.mark.parametrize("variant", ["ascend", "paper"])
def test_pth2onnx(variant: str, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = here / "tiny.pth"
    if variant == "paper":  # twenty outputs, which no deliverable declares
        weights = tmp_path / "paper.pth"
        torch.save(recipes.seeded("paper", 20).state_dict(), weights)
    output = tmp_path / "work" / "enet.onnx"
    arguments = ["--input-file", weights, "--output-file", output, "--deliverable", here / "tiny.toml"]
    assert enet("pth2onnx", *arguments, "--variant", variant, "--json", tmp_path / "told.json") == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["variant"], told["opset"], told["sha256"]) == (variant, 11, hash_file(output))
    outputs = 20 if variant == "paper" else 19
    said = capsys.readouterr().out
    assert f"{output}: {variant}, opset 11, image float32 batch x 3 x 32 x 32, class float32 batch x {outputs}" in said
    onnx.checker.check_model(onnx.load(output), full_check=True)
    assert enet("pth2onnx", *arguments, "--variant", variant, "--input", "uint8", "--output", "labels") == 0
    assert "image uint8 batch x 32 x 32 x 3, class uint8 batch x 32 x 32" in capsys.readouterr().out
    assert recipes.files(tmp_path / "work") == ["enet.onnx"]


@pytest.mark.parametrize("kind", ["float", "uint8"])
def test_the_guides_steps_give_what_evaluate_gives(
    kind: str, here: Path, tmp_path: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    shared = ["--deliverable", here / "tiny.toml"]
    steps: list[list[object]] = [
        ["pth2onnx", "--input-file", here / "tiny.pth", "--output-file", "enet.onnx", *shared, "--input", kind],
        ["preprocess", "--src-path", here / "data", "--save-path", "prep", *shared, "--input", kind, "--json", "f"],
        ["infer", "--model", "enet.onnx", "--input", "prep", "--output", "out/bs2", "--batch-size", 2, "--json", "i"],
        ["postprocess", "--src-path", here / "data", "--result-dir", "out/bs2_summary.json", *shared, "--json", "p"],
        ["evaluate", *shared, "--data-root", here / "data", "--batch-size", 2, "--input", kind, "--json", "e"],
    ]
    for step in steps:
        assert enet(*step) == 0, step
    assert "prep: 5 files, preprocessed.json" in capsys.readouterr().out
    files, inferred, by_steps, at_once = (json.loads((work / name).read_text()) for name in "fipe")
    assert (files["folder"], len(files["files"])) == ("prep", 5)
    assert files["dataset_sha256"] == by_steps["provenance"]["dataset_sha256"]
    assert (inferred["summaries"], inferred["batch_size"]) == (["out/bs2_summary.json"], 2)
    assert inferred["model_sha256"] == hash_file(work / "enet.onnx")
    expected = data.slow_matrices(subject).sum(axis=0)
    assert by_steps["confusion_matrix"] == at_once["confusion_matrix"] == expected.tolist()
    assert by_steps["miou"] == at_once["miou"]
    assert by_steps["provenance"]["dataset_sha256"] == at_once["provenance"]["dataset_sha256"]


def test_preprocess_takes_the_guides_spelling_and_a_limit(here: Path, tmp_path: Path) -> None:
    arguments = ["--src-path", here / "data", "--deliverable", here / "tiny.toml", "--limit", 2]
    assert enet("preprocess", *arguments, "--save_path", "prep") == 0
    assert recipes.files(tmp_path / "work" / "prep") == [
        "alpha_000001_leftImg8bit.bin",
        "alpha_000003_leftImg8bit.bin",
        "preprocessed.json",
    ]


@pytest.mark.parametrize("backend", ["onnxruntime", "pytorch"])
def test_evaluate(
    backend: str, here: Path, tmp_path: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--deliverable", here / "tiny.toml", "--data-root", here / "data", "--backend", backend]
    assert enet("evaluate", *arguments, "--json", "e.json") == 0
    table = json.loads((tmp_path / "work" / "e.json").read_text())
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
    matrix = data.slow_matrices(subject).sum(axis=0)
    hits = np.diagonal(matrix)
    iou = hits / (matrix.sum(axis=0) + matrix.sum(axis=1) - hits)
    assert table["confusion_matrix"] == matrix.tolist()
    assert table["miou"] == pytest.approx(iou.mean())
    assert table["pixel_accuracy"] == pytest.approx(hits.sum() / matrix.sum())
    assert list(table["iou_per_class"].values()) == pytest.approx(iou.tolist())
    assert list(table["iou_per_class"])[:2] == ["road", "sidewalk"]
    assert (table["images"], table["images_expected"]) == (data.IMAGES, data.IMAGES)
    assert table["images_per_second"] == pytest.approx(data.IMAGES / table["seconds"])
    assert (table["provenance"]["backend"], table["provenance"]["simulated"]) == (backend, False)
    output, errors = capsys.readouterr()
    assert f"mIoU             {100 * iou.mean():9.4f} %   (absent classes: zero; 5 images)" in output
    assert errors == ""
    assert recipes.files(tmp_path / "work") == ["e.json"]


def test_evaluate_says_that_images_were_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--deliverable", here / "tiny.toml", "--data-root", here / "data"]
    assert enet("evaluate", *arguments, "--limit", 2) == 0
    assert "2 images of 5 expected" in capsys.readouterr().out


def test_evaluate_says_that_images_are_copies(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = data.data_set(tmp_path / "data")
    first, second = sorted(root.glob("leftImg8bit/val/alpha/*"))
    second.write_bytes(first.read_bytes())
    assert enet("evaluate", "--deliverable", here / "tiny.toml", "--data-root", root, "--json", "e.json") == 0
    assert "1 of these images are copies of others" in capsys.readouterr().out
    assert json.loads((tmp_path / "work" / "e.json").read_text())["duplicate_images"] == 1


def test_a_new_deliverable_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the template can't know is asked for, until it is there."""
    assert enet("deliverables", "new", "mine.toml") == enet("deliverables", "check", "mine.toml") == 0
    assert capsys.readouterr().out.endswith(
        "mine.toml: mine: nothing is wrong with it, but miou_percent=50 has no source: fill both in\n"
    )
    path = tmp_path / "work" / "mine.toml"
    path.write_text(path.read_text().replace(PLACEHOLDER, "our paper, table 2"))
    assert enet("deliverables", "check", "mine.toml") == 0
    assert capsys.readouterr().out == "mine.toml: mine: nothing is wrong with it\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('# weights = "mine.pth"', 'weights = "none.pth"', "[network]: weights='none.pth', but none.pth is no file"),
        ('# weights = "mine.pth"', 'weights = ""', "[network]: weights='', but . is no file"),
        (
            "# [throughput]",
            '[throughput]\nchip = "310P3"\nbaseline = "311"\nat_least = 1.2\nsource = "x"\n#',
            "[throughput]: baseline='311' is not known: did you mean '310'?",
        ),
    ],
)
def test_what_a_deliverable_names_must_be_there(
    old: str, new: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = template()
    assert text.count(old) == 1
    path = tmp_path / "work" / "mine.toml"
    path.write_text(text.replace(old, new))
    assert enet("deliverables", "check", "mine.toml") == 2
    words = new.split("\n")[2 if "baseline" in new else 0]
    line = path.read_text().splitlines().index(words) + 1
    told = capsys.readouterr().err
    assert told.startswith(f"enet: mine.toml:{line} {message}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_offers_its_output_as_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        enet(name, "--help")
    assert stopped.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scenes", "--save-path", "scenes", "--images", 1, "--seed", 3, "--split", "train", "--json", "s.json"]
    assert enet(*words) == 0
    told = json.loads((tmp_path / "work" / "s.json").read_text())
    assert told == {"folder": "scenes", "images": 1, "split": "train", "seed": 3}
    assert capsys.readouterr().out == "scenes: 1 scenes, split train, seed 3\n"
    files = [name for name in recipes.files(tmp_path / "work" / "scenes") if name.endswith(".png")]
    assert [name.split("/")[:2] for name in files] == [["gtFine", "train"], ["leftImg8bit", "train"]]


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "doctor", interrupted)
    assert enet("doctor") == 130
    assert capsys.readouterr().err == "enet: interrupted\n"


def test_a_reader_that_has_gone_is_no_mistake() -> None:
    command = f"{sys.executable} -m enet.cli deliverables show cityscapes | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{", "")
