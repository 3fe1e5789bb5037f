"""The deliverable's file: the included ones load, and a wrong one gives an error with file, key and rule."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable, model
from enet.deliverable import BUILTIN, LAYOUT_FACTS, Preprocessing, load
from enet.errors import InputError
from enet.storage.files import hash_file
from tests.unit import recipes

#: A whole file, every key given.
WHOLE = """
name = "mine"
summary = "a test"
batch_sizes = [1, 16]

[network]
variant = "paper"
outputs = 20
weights = "weights/mine.pth"

[dataset]
layout = "cityscapes"
split = "val"
images = 500
seed = 0

[preprocessing]
resize = "short-side"
size = [480, 480]
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]

[artifact]
input = "uint8"
output = "labels"

[reference]
miou_percent = 54.627
source = "a guide"
absent_classes = "skip"

[tolerances]
miou_relative = 0.01
class_iou = 0.05
label_agreement = 0.9999
batch_miou = 1e-4
logits = 1e-4
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) == 1, f"{old!r} is to be found once"
    return WHOLE.replace(old, new)


def refused(path: Path | str) -> str:
    """The one line with which ``load`` refuses a file; it names the file."""
    with pytest.raises(InputError) as caught:
        load(str(path))
    message = str(caught.value)
    assert recipes.is_plain(message), message
    assert str(path) in message
    return message


def test_builtin_names_are_complete() -> None:
    assert deliverable.builtin_names() == ["camvid", "camvid-paper", "cityscapes", "cityscapes-aipp", "scenes"]


@pytest.mark.parametrize("name", deliverable.builtin_names())
def test_load_every_builtin(name: str) -> None:
    loaded = load(name)
    assert loaded.name == name
    assert loaded.path == BUILTIN / f"{name}.toml"
    assert loaded.scored_classes == len(LAYOUT_FACTS[loaded.dataset.layout].names)
    assert loaded.reference.source
    assert load(str(loaded.path)) == loaded


@pytest.mark.parametrize("name", ["camvid", "camvid-paper", "scenes"])
def test_builtin_with_weights_is_pinned(name: str) -> None:
    """Weights, data, inputs and logits, as ``enet deliverables pin`` writes them."""
    loaded = load(name)
    assert loaded.is_pinned
    assert loaded.dataset.inputs_sha256
    assert loaded.weights is not None
    assert loaded.golden is not None
    assert model.golden.load(loaded.golden).weights_sha256 == loaded.network.sha256 == hash_file(loaded.weights)


def test_cityscapes_equals_the_guide() -> None:
    guide = load("cityscapes")
    assert (guide.network.variant, guide.network.outputs, guide.weights) == ("ascend", 19, None)
    assert (guide.dataset.split, guide.dataset.images) == ("val", 500)
    assert guide.preprocessing == Preprocessing()
    assert (guide.reference.miou_percent, guide.reference.absent_classes) == (54.627, "zero")
    assert guide.tolerances.miou_relative == 0.01
    assert guide.batch_sizes == (1, 16)


def test_load_reads_every_key(tmp_path: Path) -> None:
    mine = load(str(written(tmp_path, WHOLE)))
    assert (mine.name, mine.summary, mine.batch_sizes) == ("mine", "a test", (1, 16))
    assert (mine.network.variant, mine.network.outputs) == ("paper", 20)
    assert mine.weights == tmp_path / "weights" / "mine.pth"
    assert (mine.artifact.input, mine.artifact.output) == ("uint8", "labels")
    assert mine.reference.absent_classes == "skip"
    assert mine.preprocessing.size == (480, 480)


def test_load_whole_number_becomes_float(tmp_path: Path) -> None:
    mine = load(str(written(tmp_path, changed("std = [0.229, 0.224, 0.225]", "std = [1, 1, 1]"))))
    assert mine.preprocessing.std == (1.0, 1.0, 1.0)
    assert all(isinstance(value, float) for value in mine.preprocessing.std)


def test_load_short_file_has_defaults(tmp_path: Path) -> None:
    short = """name = "n"\nsummary = "s"\n[network]\nvariant = "ascend"\n[dataset]\nlayout = "scenes"\nimages = 1
    [reference]\nmiou_percent = 1\nsource = "s"\n"""
    mine = load(str(written(tmp_path, short)))
    assert (mine.batch_sizes, mine.weights, mine.network.outputs) == ((1, 16), None, 19)
    assert (mine.artifact.input, mine.artifact.output) == ("float", "logits")


def test_deliverable_is_frozen() -> None:
    with pytest.raises(AttributeError):
        load("scenes").name = "other"  # type: ignore[misc]


#: What is replaced in a whole file, by what, and what the message must hold.
WRONG: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "unknown key": ('summary = "a test"', 'sumary = "a test"', ("'sumary'", "did you mean 'summary'?")),
    "unknown table": ("[tolerances]", "[tolerance]", ("'tolerance'", "did you mean 'tolerances'?")),
    "unknown key in a table": ("outputs = 20", "output = 20", ("[network]", "'output'", "did you mean 'outputs'?")),
    "unknown tolerance": ("miou_relative", "miou_relativ", ("[tolerances]", "did you mean 'miou_relative'?")),
    "a key far from all": ("seed = 0", "qqq = 0", ("[dataset]", "'qqq'", "Known: layout, split, images, seed")),
    "path is not a key": ('name = "mine"', 'name = "mine"\npath = "a"', ("'path'", "Known: name")),
    "missing key": ("images = 500\n", "", ("[dataset]", "images missing. Give every key")),
    "missing keys": (
        'layout = "cityscapes"\nsplit = "val"\nimages = 500\n',
        "",
        ("[dataset]", "layout, images missing"),
    ),
    "missing name": ('name = "mine"\n', "", ("name missing",)),
    "text for a number": ("images = 500", 'images = "500"', ("[images]", "'500'", "type int")),
    "float for a whole number": ("outputs = 20", "outputs = 20.0", ("[outputs]", "20.0", "type int")),
    "bool for a whole number": ("images = 500", "images = true", ("[images]", "True", "type int")),
    "bool for a float": ("class_iou = 0.05", "class_iou = true", ("[class_iou]", "True", "type float")),
    "bool in a list": ("batch_sizes = [1, 16]", "batch_sizes = [true, 16]", ("[batch_sizes]", "True", "type int")),
    "number for text": ('name = "mine"', "name = 5", ("[name]", "5", "type str")),
    "number for a path": ('weights = "weights/mine.pth"', "weights = 5", ("[weights]", "5", "type str")),
    "text for a list": ("size = [480, 480]", 'size = "480"', ("[size]", "list of 2 values")),
    "list too long": ("size = [480, 480]", "size = [480, 480, 3]", ("[size]", "list of 2 values")),
    "list too short": ("mean = [0.485, 0.456, 0.406]", "mean = [0.5]", ("[mean]", "list of 3 values")),
    "number for a table": ("[artifact]\n", "[artifact.input]\n", ("[artifact] [input]",)),
    "unknown variant": ('variant = "paper"', 'variant = "papers"', ("[variant]", "did you mean 'paper'?")),
    "unknown layout": (
        'layout = "cityscapes"',
        'layout = "cityscape"',
        ("[dataset]", "layout='cityscape'", "did you mean 'cityscapes'?"),
    ),
    "unknown resize": ('resize = "short-side"', 'resize = "short"', ("[resize]", "'short-side'")),
    "list for a name": ('input = "uint8"', 'input = ["uint8"]', ("[input]", "Known: float, uint8")),
    "NaN mIoU": (
        "miou_percent = 54.627",
        "miou_percent = nan",
        ("[reference]", "miou_percent=nan", "above 0 and at most 100"),
    ),
    "infinite mIoU": ("miou_percent = 54.627", "miou_percent = inf", ("miou_percent=inf", "above 0 and at most 100")),
    "mIoU above 100": ("miou_percent = 54.627", "miou_percent = 546.27", ("546.27", "above 0 and at most 100")),
    "negative mIoU": ("miou_percent = 54.627", "miou_percent = -1", ("-1", "above 0 and at most 100")),
    "mIoU of 0": ("miou_percent = 54.627", "miou_percent = 0", ("miou_percent=0", "above 0 and at most 100")),
    "no source": ('source = "a guide"', 'source = " "', ("source=' '", "says where")),
    "NaN tolerance": ("miou_relative = 0.01", "miou_relative = nan", ("[tolerances]", "miou_relative=nan")),
    "negative tolerance": (
        "miou_relative = 0.01",
        "miou_relative = -0.01",
        ("miou_relative=-0.01", "above 0 and at most 0.05"),
    ),
    "loose tolerance": ("class_iou = 0.05", "class_iou = 0.3", ("class_iou=0.3", "above 0 and at most 0.2")),
    "tolerance in percent": (
        "miou_relative = 0.01",
        "miou_relative = 1",
        ("miou_relative=1.0", "above 0 and at most 0.05"),
    ),
    "NaN agreement": ("label_agreement = 0.9999", "label_agreement = nan", ("label_agreement=nan", "0.995..1")),
    "agreement in percent": ("label_agreement = 0.9999", "label_agreement = 99.99", ("99.99", "0.995..1")),
    "NaN mean": ("mean = [0.485, 0.456, 0.406]", "mean = [nan, 0.4, 0.4]", ("[preprocessing]", "mean=", "finite")),
    "std of 0": ("std = [0.229, 0.224, 0.225]", "std = [0.0, 1, 1]", ("std=", "above 0")),
    "negative std": ("std = [0.229, 0.224, 0.225]", "std = [-1, 1, 1]", ("std=", "above 0")),
    "NaN std": ("std = [0.229, 0.224, 0.225]", "std = [nan, 1, 1]", ("std=", "above 0")),
    "size not divisible by 8": ("size = [480, 480]", "size = [484, 484]", ("size=[484, 484]", "multiples of 8")),
    "size of 0": ("size = [480, 480]", "size = [0, 0]", ("size=[0, 0]", "multiples of 8")),
    "negative size": ("size = [480, 480]", "size = [-480, -480]", ("size=[-480, -480]", "multiples of 8")),
    "huge size": ("size = [480, 480]", "size = [80000, 80000]", ("size=[80000, 80000]", "8..8192")),
    "photograph's size with a crop": (
        "size = [480, 480]",
        'size = [480, 360]\nlabel_grid = "photograph"',
        ("label_grid='photograph'", "short-side"),
    ),
    "no images": ("images = 500", "images = 0", ("[dataset]", "images=0", "at least 1")),
    "negative images": ("images = 500", "images = -5", ("images=-5", "at least 1")),
    "negative seed": ("seed = 0", "seed = -1", ("seed=-1", "at least 0")),
    "split outside the folder": ('split = "val"', 'split = "../val"', ("split='../val'", "plain name")),
    "no outputs": ("outputs = 20", "outputs = 0", ("[network]", "outputs=0", "1..255")),
    "too many outputs": ("outputs = 20", "outputs = 256", ("outputs=256", "1..255")),
    "fewer outputs than classes": ("outputs = 20", "outputs = 18", ("outputs=18", "at least 19")),
    "no batch sizes": ("batch_sizes = [1, 16]", "batch_sizes = []", ("batch_sizes=[]",)),
    "equal batch sizes": ("batch_sizes = [1, 16]", "batch_sizes = [4, 4]", ("batch_sizes=[4, 4]", "distinct")),
    "batch size of 0": ("batch_sizes = [1, 16]", "batch_sizes = [0]", ("batch_sizes=[0]", "1..1024")),
    "huge batch size": ("batch_sizes = [1, 16]", "batch_sizes = [4096]", ("batch_sizes=[4096]", "1..1024")),
    "no TOML": ("[network]", "[network", ("not valid TOML", "line")),
    "key given twice": ("outputs = 20", "outputs = 20\noutputs = 19", ("not valid TOML",)),
    "number too large for a float": ("class_iou = 0.05", f"class_iou = 1{'0' * 400}", ("class_iou",)),
    "number too large to read": ("images = 500", f"images = 1{'0' * 5000}", ()),
    "lists in lists in lists": ("size = [480, 480]", f"size = {'[' * 5000}{']' * 5000}", ()),
}


@pytest.mark.parametrize("case", WRONG)
def test_load_wrong_file_names_key_and_rule(tmp_path: Path, case: str) -> None:
    old, new, parts = WRONG[case]
    message = refused(written(tmp_path, changed(old, new)))
    assert not [part for part in parts if part not in message], message


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n"], ids=["empty", "comment"])
def test_load_empty_file_names_missing_keys(tmp_path: Path, content: bytes) -> None:
    assert "name, summary, network, dataset, reference missing" in refused(written(tmp_path, content))


def test_load_value_for_table_is_refused(tmp_path: Path) -> None:
    table = '[network]\nvariant = "paper"\noutputs = 20\nweights = "weights/mine.pth"\n'
    text = "network = 5\n" + changed(table, "")
    assert "[network]: 5, expected a table" in refused(written(tmp_path, text))


def test_load_other_encoding_names_the_byte(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "größe"'.encode("latin-1"))
    assert "not UTF-8 at byte 10. Save it as UTF-8" in refused(path)


def test_load_binary_file_is_refused(tmp_path: Path) -> None:
    assert "not valid TOML" in refused(written(tmp_path, b"PK\x03\x04\x00\x00"))


def test_load_missing_file_lists_builtin_names(tmp_path: Path) -> None:
    assert "No such file or directory. Give a .toml file or one of" in refused(tmp_path / "none.toml")


def test_load_directory_is_refused(tmp_path: Path) -> None:
    assert "Is a directory" in refused(tmp_path)


def test_load_unknown_name_names_the_nearest() -> None:
    with pytest.raises(InputError, match="deliverable='cityscape' is not known: did you mean 'cityscapes'") as caught:
        load("cityscape")
    assert "or the path of a .toml file" in str(caught.value)


def test_template_has_every_key_and_default(tmp_path: Path) -> None:
    """With everything in it uncommented it is a deliverable, too, with every key that there is."""
    load(str(written(tmp_path, deliverable.template())))
    keys = [line for line in deliverable.template().splitlines() if re.match(r"# (\w+ = |\[)", line)]
    plain = [line for line in deliverable.template().splitlines() if not line.startswith("#")]
    every: dict[str, list[str]] = {"": []}
    table = ""
    for line in deliverable.template().splitlines():
        text = line.removeprefix("# ") if line in keys else line
        if line not in keys and line not in plain:
            continue
        if text.startswith("["):
            table = text
            every.setdefault(table, [])
        elif "=" in text:
            every[table].append(text)
    every["[dataset]"].remove('layout = "cityscapes"')
    every["[dataset]"].append('layout = "folders"')
    every["[dataset]"].remove(of_cityscapes := 'label_ids = "labelIds"')
    whole = "\n".join("\n".join([name, *lines]) for name, lines in every.items())
    read = load(str(written(tmp_path, whole.replace('variant = "paper"\n', ""))))  # module stands in its place
    stated = {f"{name}{line.split()[0]}" for name, lines in every.items() for line in lines}
    for field in dataclasses.fields(deliverable.Deliverable):
        value = getattr(read, field.name)
        if dataclasses.is_dataclass(value):
            stated -= {f"[{field.name}]{each.name}" for each in dataclasses.fields(value)}
            stated_here = f"{whole}\n{of_cityscapes}"
            assert not [e.name for e in dataclasses.fields(value) if f"{e.name} = " not in stated_here], field.name
        else:
            stated -= {each for each in stated if re.match(rf"\[?{field.name}\b", each)}
    assert not stated
    defaults = load(str(written(tmp_path, deliverable.template())))
    assert dataclasses.replace(read.reference, class_iou_percent={}) == defaults.reference
    for name in ("tolerances", "preprocessing"):
        assert getattr(read, name) == getattr(defaults, name), name
    without_default = dataclasses.replace(read.artifact, onnx=(), om=(), input_name=None, output_name=None, layout=None)
    assert without_default == defaults.artifact
    own: dict[str, Any] = {
        "sha256": None,
        "inputs_sha256": None,
        "layout": "cityscapes",
        "image_files": None,
        "label_files": None,
    }
    own |= {"list": None, "classes": (), "colours": (), "labels": {}}
    assert dataclasses.replace(read.dataset, **own) == defaults.dataset


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("outputs = 20", "outputs = 0", 8),
        ("outputs = 20", 'outputs = "many"', 8),
        ("outputs = 20", "outputs = 10", 8),
        ("images = 500", "imges = 500", 14),
        ('resize = "short-side"', 'resize = "long-side"', 18),
        ("size = [480, 480]", "size = [480, 481]", 19),
        ("size = [480, 480]", 'size = [480, "a"]', 19),
        ("batch_sizes = [1, 16]", "batch_sizes = [0]", 4),
        ("miou_percent = 54.627", "", 27),
        ("logits = 1e-4", "logits = 2", 37),
        ('summary = "a test"', "summary 1", 3),
        ('source = "a guide"', 'source = ""', 29),
        ("outputs = 20", '"outputs" = 0', 8),
        ("outputs = 20", "out-puts = 20", 8),
        ("outputs = 20", '"it\'s" = 20', 8),
        ("images = 500", "images = 0xff" + 1000 * "f", 14),
        ('variant = "paper"', "variant = 0xff" + 1000 * "f", 7),
        ('summary = "a test"', 'summary = "a\u2028test"\npath = "x"', 4),
        ('summary = "a test"', 'summary = "a test"\nthroughput = {chip=5, baseline="310", at_least=1, source="x"}', 4),
    ],
)
def test_load_errors_name_the_line(old: str, new: str, line: int, tmp_path: Path) -> None:
    assert old in WHOLE
    path = written(tmp_path, WHOLE.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load(str(path))
    message = str(caught.value)
    assert f"{path}:{line}" in message or f"at line {line}" in message, message
    assert message.count("\n") == 0
