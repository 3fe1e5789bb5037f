"""The command line: every command does its work, and every mistake gets one clear line, exit code 2 and no litter."""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from enet import __version__, cli, command_line
from enet.deliverable import shipped
from tests.lazy import lazily

if TYPE_CHECKING:
    import onnx
    import torch

    from enet.subject import Subject
    from tests.unit import recipes
    from tests.unit import tiny as data
else:
    onnx, torch, recipes, data = lazily("onnx", "torch", "recipes", "tiny")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.toml``, ``tiny.pth``, ``data/`` and ``cache/``; nobody writes to it but to the cache."""
    folder = tmp_path_factory.mktemp("tiny")
    data.tiny(folder)
    return folder


@pytest.fixture(scope="module")
def subject(here: Path) -> Subject:
    from enet.deliverable import load
    from enet.store import Store
    from enet.subject import Subject

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
        ["pytorch", "ready"], ["onnxruntime", "ready"], ["openvino", extra],
        ["cuda", "ready" if torch.cuda.is_available() else "missing"], ["ascend", "missing"],
    ]  # fmt: skip
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
    assert enet(*evaluating(here, "--save-overlays", folder, "--worst", 2)) == 0
    assert f"{folder}: the 2 worst images" in capsys.readouterr().out
    files = sorted(folder.iterdir())
    assert [path.name[:3] for path in files] == ["00-", "01-"]
    for path in files:
        with Image.open(path) as picture:
            assert picture.width == 4 * data.SIDE + 3 * 8
            assert picture.height > data.SIDE + 24 * 22 / max(1, picture.width // 150)


def test_deliverables(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert enet("deliverables") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == shipped()
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
    assert enet("pth2onnx", *arguments, "--variant", variant) == 0
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
        ["preprocess", "--src-path", here / "data", "--save-path", "prep", *shared, "--input", kind],
        ["infer", "--model", "enet.onnx", "--input", "prep", "--output", "out/bs2", "--batch-size", 2],
        ["postprocess", "--src-path", here / "data", "--result-dir", "out/bs2_summary.json", *shared, "--json", "p"],
        ["evaluate", *shared, "--data-root", here / "data", "--batch-size", 2, "--input", kind, "--json", "e"],
    ]
    for step in steps:
        assert enet(*step) == 0, step
    assert "prep: 5 files, preprocessed.json" in capsys.readouterr().out
    by_steps, at_once = (json.loads((work / name).read_text()) for name in ("p", "e"))
    expected = data.slow_matrices(subject).sum(axis=0)
    assert by_steps["confusion_matrix"] == at_once["confusion_matrix"] == expected.tolist()
    assert by_steps["miou"] == at_once["miou"]
    assert by_steps["provenance"]["dataset_sha256"] == at_once["provenance"]["dataset_sha256"]


def test_preprocess_takes_the_guides_spelling_and_a_limit(here: Path, tmp_path: Path) -> None:
    arguments = ["--src-path", here / "data", "--deliverable", here / "tiny.toml", "--limit", 2]
    assert enet("preprocess", *arguments, "--save_path", "prep") == 0
    assert recipes.files(tmp_path / "work" / "prep") == [
        "alpha_000001_leftImg8bit.bin", "alpha_000003_leftImg8bit.bin", "preprocessed.json",
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["onnxruntime", "pytorch"])
def test_evaluate(
    backend: str, here: Path, tmp_path: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--deliverable", here / "tiny.toml", "--data-root", here / "data", "--backend", backend]
    assert enet("evaluate", *arguments, "--json", "e.json") == 0
    table = json.loads((tmp_path / "work" / "e.json").read_text())
    assert set(table) >= {
        "miou", "pixel_accuracy", "iou_per_class", "confusion_matrix", "images", "images_expected", "seconds",
        "images_per_second", "provenance",
    }  # fmt: skip
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


def test_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enet("scenes", "--save-path", "scenes", "--images", 1, "--seed", 3, "--split", "train") == 0
    assert capsys.readouterr().out == "scenes: 1 scenes, split train, seed 3\n"
    files = [name for name in recipes.files(tmp_path / "work" / "scenes") if name.endswith(".png")]
    assert [name.split("/")[:2] for name in files] == [["gtFine", "train"], ["leftImg8bit", "train"]]


# What it says to mistakes. Each case: arguments, and what the message must hold.

Case = Callable[[Path, Path], tuple[list[object], str]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """A mistake; the function takes the tiny folder and an empty one to put bad files into."""
    CASES[function.__name__] = function
    return function


def evaluating(here: Path, *arguments: object) -> list[object]:
    return ["evaluate", "--deliverable", here / "tiny.toml", "--data-root", here / "data", *arguments]


def over(here: Path, data_root: Path) -> list[object]:
    return [*evaluating(here)[:-1], data_root]


def exporting(weights: Path, here: Path, *arguments: object) -> list[object]:
    return [
        "pth2onnx", "--input-file", weights, "--output-file", "enet.onnx", "--deliverable", here / "tiny.toml",
        *arguments,
    ]  # fmt: skip


def scoring(summary: Path, here: Path) -> list[object]:
    return ["postprocess", "--src-path", here / "data", "--result-dir", summary, "--deliverable", here / "tiny.toml"]


def file_with(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def toml_with(here: Path, bad: Path, old: str, new: str) -> Path:
    text = (here / "tiny.toml").read_text()
    assert old in text
    return file_with(bad / "bad.toml", text.replace(old, new).encode())


@case
def no_command(here: Path, bad: Path) -> tuple[list[object], str]:
    return [], "required"


@case
def unknown_command(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evalute"], "evalute"


@case
def unknown_option(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--wieghts", "x"), "--wieghts"


@case
def missing_option(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["pth2onnx", "--input-file", here / "tiny.pth"], "--output-file"


@case
def show_without_a_name(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "show"], "camvid, cityscapes, cityscapes-aipp, scenes"


@case
def show_unknown(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "show", "citiscapes"], "did you mean 'cityscapes'?"


@case
def other_action(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["deliverables", "print"], "print"


@case
def unknown_deliverable(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", "scene"], "did you mean 'scenes'?"


@case
def missing_deliverable(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", bad / "none.toml"], "none.toml: No such file"


@case
def deliverable_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", f"{bad}/"], "directory"


@case
def broken_toml(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", file_with(bad / "bad.toml", b"name = [")], "bad.toml: not valid TOML"


@case
def toml_of_another_encoding(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", file_with(bad / "bad.toml", b'name = "\xe4"')], "not UTF-8 at byte 8"


@case
def misspelt_key(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "size =", "sise =")], "did you mean 'size'?"


@case
def misspelt_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, '"ascend"', '"asend"')], "did you mean 'ascend'?"


@case
def size_no_multiple_of_8(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "[32, 32]", "[33, 33]")], "multiples of 8"


@case
def too_few_outputs(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", toml_with(here, bad, "outputs = 19", "outputs = 11")], "19 classes"


@case
def unknown_backend(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "onnxrt"), "did you mean 'onnxruntime'? Known: pytorch, onnxruntime"


@case
def a_precision_the_backend_lacks(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--precision", "int8"), "backend onnxruntime: has no --precision int8. Those that have:"


@case
def a_form_the_reference_lacks(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--backend", "pytorch", "--input", "uint8"), "backend pytorch: takes float images"


@case
def batch_size_zero(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size", 0), "argument --batch-size: '0', but should be a whole number in 1..1024"


@case
def batch_size_negative(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size=-1"), "--batch-size"


@case
def batch_size_fraction(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--batch-size", "1.5"), "'1.5', but should be a whole number"


@case
def limit_endless(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--limit", "9" * 5000), "--limit"


@case
def limit_no_number(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--limit", "all"), "'all', but should be a whole number"


@case
def no_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["evaluate", "--deliverable", here / "tiny.toml"], "give the data set's folder with --data-root"


@case
def missing_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, bad / "none"), "none: no such folder"


@case
def file_as_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, here / "tiny.pth"), "tiny.pth: no such folder"


@case
def empty_data_root(here: Path, bad: Path) -> tuple[list[object], str]:
    return over(here, bad), "no images: expected"


@case
def image_without_label(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data.data_set(bad / "data", images=2)
    next(root.glob("gtFine/val/alpha/*")).unlink()
    return over(here, root), "1 image without label"


@case
def damaged_images(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data.data_set(bad / "data", images=3)
    for path in root.glob("leftImg8bit/val/beta/*"):
        path.write_bytes(path.read_bytes()[:300])
    return over(here, root), "2 unreadable"


@case
def no_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    toml = toml_with(here, bad, 'weights = "tiny.pth"', "")
    return ["evaluate", "--deliverable", toml, "--data-root", here / "data"], "brings no weights"


@case
def missing_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", bad / "none.pth"), "none.pth: no such file"


@case
def folder_as_weights(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--weights", bad), "no such file"


@case
def weights_of_another_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    torch.save(recipes.seeded("paper").state_dict(), bad / "paper.pth")
    return evaluating(here, "--weights", bad / "paper.pth"), "it seems to be 'paper' with 19 outputs"


@case
def cache_is_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", file_with(bad / "cache", b"mine")), "bad/cache"


@case
def cache_below_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--artifact-cache", file_with(bad / "file", b"mine") / "cache"), "bad/file"


@case
def json_into_no_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--json", bad / "none" / "e.json"), "e.json: can't be written"


@case
def json_is_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--json", bad), "can't be written"


@case
def export_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(bad / "none.pth", here), "none.pth: No such file"


@case
def export_of_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(bad, here), "directory"


@case
def export_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(file_with(bad / "notes.pth", b"my notes\n"), here), "notes.pth"


@case
def export_of_code(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(file_with(bad / "code.pth", pickle.dumps(print, protocol=2)), here), "could run code"


@case
def export_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    whole = (here / "tiny.pth").read_bytes()
    return exporting(file_with(bad / "cut.pth", whole[: len(whole) // 2]), here), "cut.pth: not a torch checkpoint"


@case
def export_as_another_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--variant", "tramac"), "do not fit 'tramac' with 19 outputs"


@case
def export_as_an_unknown_variant(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--variant", "enet"), "ascend"


@case
def export_into_no_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--output-file", bad / "none" / "e.onnx"), "none: no such folder"


@case
def export_onto_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return exporting(here / "tiny.pth", here, "--output-file", bad), "can't be written"


@case
def preprocess_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    arguments = ["--save-path", "prep", "--deliverable", here / "tiny.toml"]
    return ["preprocess", "--src-path", bad / "none", *arguments], "none: no such folder"


@case
def preprocess_onto_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    file = file_with(bad / "mine", b"mine")
    arguments = ["--src-path", here / "data", "--deliverable", here / "tiny.toml"]
    return ["preprocess", *arguments, "--save-path", file], "Choose another"


@case
def infer_of_no_model(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", bad / "none.onnx", "--input", bad, "--output", "out"], "none.onnx: No such file"


@case
def infer_of_a_checkpoint(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", here / "tiny.pth", "--input", bad, "--output", "out"], "not an ONNX file"


@case
def infer_as_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["infer", "--model", "m", "--input", "i", "--output", "o", "--outfmt", "TXT"], "BIN"


@case
def postprocess_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(bad / "sumary.json", here), "sumary.json: No such file"


@case
def postprocess_of_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(bad, here), "a folder, but should be ais_bench's summary, sumary.json or *_summary.json"


@case
def postprocess_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(file_with(bad / "sumary.json", b"throughput 12"), here), "not valid JSON"


@case
def postprocess_without_outputs(here: Path, bad: Path) -> tuple[list[object], str]:
    listed = {"filesinfo": {"0": {"infiles": ["a.bin"], "outfiles": ["a_0.bin"]}}}
    return scoring(
        file_with(bad / "sumary.json", json.dumps(listed).encode()), here
    ), "none of the 1 listed outputs is here"


def compiling(model: Path, *arguments: object) -> list[object]:
    return ["om", "--model", model, "--output", "enet", "--soc-version", "Ascend310P3", *arguments]


@case
def om_of_an_absent_model(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "absent.onnx"), "absent.onnx: No such file or directory"


@case
def om_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(file_with(bad / "enet.onnx", b"not a model")), "enet.onnx"


@case
def om_of_no_batch_size(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--batch-size", "0"), "'0', but should be a whole number in 1.."


@case
def om_of_a_batch_size_twice(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--batch-size", "4,4"), "'4,4' names a batch size twice"


@case
def om_for_a_chip_by_its_short_name(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--soc-version", "310P3"), "'310P3', but should be such as Ascend310P3"


@case
def aoe_of_another_job(here: Path, bad: Path) -> tuple[list[object], str]:
    return compiling(bad / "enet.onnx", "--aoe", "3"), "'3', but should be 1 (subgraphs), 2 (operators) or 1,2"


@case
def a_device_twice(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--device", "1,1"), "'1,1' names a device twice"


@case
def a_device_that_is_no_number(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--device", "npu0"), "'npu0', but should be numbers in 0..255"


@case
def no_scenes(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--images", 0], "'0', but should be a whole number of at least 1"


@case
def scenes_of_a_negative_seed(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--seed=-1"], "--seed"


@case
def scenes_of_an_unknown_split(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--save-path", "scenes", "--split", "vall"], "val"


@case
def scenes_onto_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["scenes", "--images", 1, "--save-path", file_with(bad / "mine", b"mine")], "mine"


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_gets_one_line(name: str, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").mkdir()
    arguments, wanted = CASES[name](here, tmp_path / "bad")
    before = recipes.files(tmp_path)
    tiny_before = [file for file in recipes.files(here) if not file.startswith("cache")]
    try:
        code: object = enet(*arguments)
    except SystemExit as stopped:
        code = stopped.code
    output, errors = capsys.readouterr()
    assert code == 2
    assert output == "" or name.startswith("json_")  # the figures are told, if they can't be written
    assert "Traceback" not in errors
    assert wanted in errors
    lines = errors.splitlines()
    if lines[0].startswith("usage: enet"):
        assert ": error: " in lines[-1]
        assert sum(": error: " in line for line in lines) == 1
    else:
        assert lines[0].startswith("enet: ")
        assert len(lines) <= (6 if "do not fit" in errors else 1)
    assert recipes.files(tmp_path) == before
    assert [file for file in recipes.files(here) if not file.startswith("cache")] == tiny_before
    assert not [file for file in recipes.files(here / "cache") if "/." in file and not file.endswith(".lock")]


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
