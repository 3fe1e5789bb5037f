"""Folders of one's own: which files pair, what their values mean, and what is refused in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enet import datasets
from enet.datasets import IGNORE, Dataset, check
from enet.datasets.preprocess import load_label
from enet.deliverable import DatasetSpec, Preprocessing
from enet.errors import InputError
from enet.measure import reference_folders, reference_preprocessing
from tests.unit import recipes

#: Patterns, files (images, then label maps; the same number of them), and the names of the samples.
FILES: dict[str, tuple[dict[str, str], list[str], list[str], list[str]]] = {
    "two flat folders": (
        {"image_files": "rgb/{stem}.png", "label_files": "gt/{stem}.png"},
        ["rgb/b.png", "rgb/a.png"],
        ["gt/b.png", "gt/a.png"],
        ["b", "a"],
    ),
    "Cityscapes": (
        {
            "image_files": "leftImg8bit/{split}/*/{stem}_leftImg8bit.png",
            "label_files": "gtFine/{split}/*/{stem}_gtFine_labelIds.png",
        },
        ["leftImg8bit/val/ulm/ulm_1_leftImg8bit.png"],
        ["gtFine/val/ulm/ulm_1_gtFine_labelIds.png"],
        ["ulm_ulm_1"],
    ),
    "equal names in two folders": (
        {"image_files": "{split}/*/rgb/{stem}.jpg", "label_files": "{split}/*/gt/{stem}.png"},
        ["val/one/rgb/0.jpg", "val/two/rgb/0.jpg"],
        ["val/one/gt/0.png", "val/two/gt/0.png"],
        ["one_0", "two_0"],
    ),
    "a stem that spans folders": (
        {"image_files": "rgb/{stem}.png", "label_files": "gt/{stem}_id.png"},
        ["rgb/one/x/0.png", "rgb/1.png"],
        ["gt/one/x/0_id.png", "gt/1_id.png"],
        ["one_x_0", "1"],
    ),
    "a folder a sample": (
        {"image_files": "{stem}/rgb.png", "label_files": "{stem}/label.png"},
        ["s1/rgb.png", "s2/rgb.png"],
        ["s1/label.png", "s2/label.png"],
        ["s1", "s2"],
    ),
    "side by side": (
        {"image_files": "{stem}.png", "label_files": "{stem}_mask.png"},
        ["a.png", "b.png"],
        ["a_mask.png", "b_mask.png"],
        ["a", "b"],
    ),
    "any suffix, any case": (
        {"image_files": "{stem}.*", "label_files": "gt/{stem}.png"},
        ["a.JPG", "b.tiff", "c.bmp", "d.e.jpeg"],
        ["gt/a.PNG", "gt/b.png", "gt/c.png", "gt/d.e.png"],
        ["a", "b", "c", "d.e"],
    ),
    "stars in one of them": (
        {"image_files": "*/{stem}.png", "label_files": "gt/{stem}.png"},
        ["cam0/a.png", "cam1/b.png"],
        ["gt/a.png", "gt/b.png"],
        ["cam0_a", "cam1_b"],
    ),
    "signs in names": (
        {"image_files": "rgb [x]/{stem}.png", "label_files": "gt+/{stem}.png"},
        ["rgb [x]/a[1] (2).png"],
        ["gt+/a[1] (2).png"],
        ["a[1] (2)"],
    ),
    "a line break in a name": (
        {"image_files": "rgb/{stem}.png", "label_files": "gt/{stem}.png"},
        ["rgb/two\nlines.png"],
        ["gt/two\nlines.png"],
        ["two\nlines"],
    ),
    "a list of stems": (
        {"image_files": "rgb/{stem}.png", "label_files": "gt/{stem}.png", "list": "sets/{split}.txt"},
        ["rgb/a b.png", "rgb/c.png", "rgb/seq/d.png"],
        ["gt/a b.png", "gt/c.png", "gt/seq/d.png"],
        ["a b", "c", "seq_d"],
    ),
    "a list of pairs": (
        {"list": "{split}.txt"},
        ["val/a.png", "val/b.png"],
        ["valannot/a.png", "valannot/b.png"],
        ["val_a", "val_b"],
    ),
}
LISTS = {
    "a list of stems": ("sets/val.txt", "\ufeffa b\nc.png\n\nseq/d\n"),
    "a list of pairs": (
        "val.txt",
        "/SegNet/CamVid/val/a.png /SegNet/CamVid/valannot/a.png\r\nval/b.png,valannot/b.png\r\n",
    ),
}


def spec_of(**more: Any) -> DatasetSpec:
    return DatasetSpec(**{"layout": "folders", "images": 1, "classes": ("road", "car"), **more})


def find(root: Path, **more: Any) -> Dataset:
    spec = spec_of(**more)
    return datasets.find(datasets.declared_layout(spec), root, spec.split)


def write(root: Path, *places: str, value: int = 0) -> None:
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), value).save(root / place)


@pytest.mark.parametrize("case", FILES)
def test_find_pairs_files(case: str, tmp_path: Path) -> None:
    keys, images, labels, names = FILES[case]
    write(tmp_path, *images, *labels)
    for path in [*tmp_path.rglob("*.*")]:
        (path.parent / f"._{path.name}").write_bytes(b"Mac OS X")
    if case in LISTS:
        (tmp_path / LISTS[case][0]).parent.mkdir(exist_ok=True)
        (tmp_path / LISTS[case][0]).write_text(LISTS[case][1], encoding="utf-8", newline="")
    found = find(tmp_path, **keys)
    expected = sorted(
        (name, tmp_path / image, tmp_path / label) for name, image, label in zip(names, images, labels, strict=True)
    )
    assert found.problems == ()
    assert [(sample.name, sample.image, sample.label) for sample in found.samples] == expected
    assert reference_folders.list_files(tmp_path, spec_of(**keys), "val") == expected


def test_find_goes_through_links_but_not_round(tmp_path: Path) -> None:
    write(tmp_path / "disk", "a.png")
    write(tmp_path, "gt/deep/a.png")
    (tmp_path / "rgb").mkdir()
    (tmp_path / "rgb/deep").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/again").symlink_to(tmp_path / "disk")
    found = find(tmp_path, image_files="rgb/{stem}.png", label_files="gt/{stem}.png")
    assert ([sample.name for sample in found.samples], found.problems) == (["deep_a"], ())


FLAT = {"image_files": "rgb/{stem}.*", "label_files": "gt/{stem}.png"}
#: Files, keys, the list, and what the one line says.
UNSOUND: dict[str, tuple[list[str], dict[str, str], str, list[str]]] = {
    "image without label": (["rgb/a.png", "rgb/b.png", "gt/b.png"], FLAT, "", ["1 image without label: ", "rgb/a.png"]),
    "label without image": (["rgb/b.png", "gt/a.png", "gt/b.png"], FLAT, "", ["1 label without image: ", "gt/a.png"]),
    "two images of a label": (
        ["rgb/a.png", "rgb/a.jpg", "gt/a.png"],
        FLAT,
        "",
        ["2 images for one label: ", "a.jpg", "a.png"],
    ),
    "no image": (["gt/a.png"], FLAT, "", ["no images: expected ", "rgb/{stem}.*", "[dataset] image_files"]),
    "no list": (["rgb/a.png"], FLAT | {"list": "no.txt"}, "", ["no.txt: No such file", "[dataset] list"]),
    "an empty list": (["rgb/a.png"], FLAT | {"list": "l.txt"}, "\n", ["l.txt: no line"]),
    "a listed image is not there": (
        ["rgb/a.png", "gt/a.png"],
        FLAT | {"list": "l.txt"},
        "a\nb\n",
        ["1 images of the list that do not exist: b"],
    ),
    "listed twice": (
        ["rgb/a.png", "gt/a.png"],
        FLAT | {"list": "l.txt"},
        "a\na\n",
        ["1 images that the list has twice"],
    ),
    "a listed pair is not there": (["a.png"], {"list": "l.txt"}, "a.png b.png", ["1 files of the list", "b.png"]),
    "no pair in a line": (
        ["a.png"],
        {"list": "l.txt"},
        "a.png",
        ["1 lines of the list that are not 'image label': a.png"],
    ),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_find_refuses_in_one_line(case: str, tmp_path: Path) -> None:
    files, keys, lines, words = UNSOUND[case]
    write(tmp_path, *files)
    if lines:
        (tmp_path / "l.txt").write_text(lines)
    with pytest.raises(InputError) as caught:
        find(tmp_path, **keys).require_sound()
    assert recipes.is_plain(str(caught.value))
    for word in words:
        assert word in str(caught.value)


#: Table of labels, the train id of some values or colours, the mode of the file.
TABLES: dict[str, tuple[dict[str, str], dict[Any, int], str]] = {
    "none": ({}, {0: 0, 1: 1, 255: 255}, "L"),
    "values": ({"7": "car", "1": "road", "0": "ignore"}, {7: 1, 1: 0, 0: 255}, "L"),
    "values of a palette": ({"7": "car", "1": "road", "0": "ignore"}, {7: 1, 1: 0, 0: 255}, "P"),
    "all others": ({"7": "car", "1": "road", "*": "ignore"}, {7: 1, 1: 0, 0: 255, 200: 255}, "L"),
    "all others are a class": ({"7": "car", "*": "road"}, {7: 1, 1: 0, 0: 0, 200: 0}, "L"),
    "colours": (
        {"#804080": "road", "0,0,142": "car", "0, 0, 70": "car", "#000000": "ignore"},
        {(128, 64, 128): 0, (0, 0, 142): 1, (0, 0, 70): 1, (0, 0, 0): 255},
        "RGB",
    ),
    "colours, opaque": (
        {"#804080": "road", "0,0,142": "car", "*": "ignore"},
        {(128, 64, 128): 0, (0, 0, 142): 1, (1, 2, 3): 255},
        "RGBA",
    ),
    "colours of a palette": ({"#ffffff": "road", "#000000": "car"}, {(255, 255, 255): 0, (0, 0, 0): 1}, "P of colours"),
}


def mask(path: Path, values: Mapping[Any, int], mode: str, size: tuple[int, int] = (23, 17)) -> np.ndarray[Any, Any]:
    """Write a label map of random values; returns its train ids."""
    keys, chosen = [*values], np.random.default_rng(5).integers(0, len(values), size[::-1])
    image = Image.fromarray(np.array(keys, np.uint8)[chosen])
    if mode == "P of colours":
        image = image.quantize(4)
    elif mode == "P":
        image.putpalette([255 - value for value in range(256) for _ in range(3)])
    else:
        image = image.convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return np.array([values[key] for key in keys], np.uint8)[chosen]


@pytest.mark.parametrize("case", TABLES)
def test_labels_mean_what_the_table_says(case: str, tmp_path: Path) -> None:
    table, values, mode = TABLES[case]
    truth = mask(tmp_path / "gt/a.png", values, mode)
    Image.new("RGB", (23, 17)).save(tmp_path / "a.png")
    spec = spec_of(image_files="{stem}.png", label_files="gt/{stem}.png", labels=table)
    found = datasets.find(datasets.declared_layout(spec), tmp_path, "val")
    assert check.inspect(found)["samples"][0]["name"] == "a"
    path, classes, ids = tmp_path / "gt/a.png", found.classes, reference_folders.train_id_table(spec)
    exact = Preprocessing(resize="exact", size=(16, 8), label_grid="photograph")
    for preprocessing in (exact, Preprocessing(size=(8, 8)), Preprocessing(size=(24, 8))):
        ours = load_label(path, preprocessing, classes.lookup(), classes.mask_colours)
        assert np.array_equal(ours, reference_preprocessing.train_ids(path, preprocessing, ids))
        if preprocessing is exact:
            assert np.array_equal(ours, truth)
        else:  # as the train ids themselves are scaled
            Image.fromarray(truth).save(tmp_path / "truth.png")
            assert np.array_equal(
                ours, load_label(tmp_path / "truth.png", preprocessing, np.arange(256, dtype=np.uint8))
            )


def inspected(root: Path, picture: Image.Image, **more: Any) -> str:
    """The one line with which a label map is refused; empty if it is not."""
    (root / "gt").mkdir()
    picture.save(root / "gt/a.png")
    Image.new("RGB", picture.size).save(root / "a.png")
    try:
        check.inspect(find(root, image_files="{stem}.png", label_files="gt/{stem}.png", **more))
    except InputError as error:
        return str(error)
    return ""


def two(first: int, second: int) -> Image.Image:
    return Image.fromarray(np.array([[first, second]] * 8, np.uint8).repeat(4, 1))


COLOURS = {"#804080": "road", "#00008e": "car"}
REFUSED: dict[str, tuple[Image.Image, dict[str, Any], list[str]]] = {
    "unlisted value": (two(0, 9), {}, ["(id 9)", '255 = "ignore"', '"*" = "ignore"']),
    "unlisted colour": (
        Image.new("RGB", (8, 8), (1, 2, 3)),
        {"labels": COLOURS},
        ["(#010203)", '"*" = "ignore"', "smooth edges"],
    ),
    "colours without a table": (Image.new("RGB", (8, 8)), {}, ["(RGB)", 'such as "#804080" = "road"']),
    "transparent mask": (Image.new("RGBA", (8, 8), (128, 64, 128, 9)), {"labels": COLOURS}, ["RGBA", "opaque RGB"]),
    "16 bits": (Image.fromarray(np.ones((8, 8), np.uint16)), {}, ["(I;16)", "8 bits"]),
    "1 bit": (Image.new("1", (8, 8)), {}, ["(1)", "8 bits"]),
    "0 and 255": (two(0, 255), {}, ["0 and 255 alone", '255 = "car"']),
    "train ids with 255": (
        two(0, 255),
        {"classes": (), "label_ids": "labelIds"},
        ["(id 255)", "0 and 255 alone: train ids", 'label_ids = "trainIds"'],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inspect_refuses_in_one_line(case: str, tmp_path: Path) -> None:
    picture, keys, words = REFUSED[case]
    message = inspected(tmp_path, picture, **keys)
    assert recipes.is_plain(message)
    for word in [str(tmp_path), *words]:
        assert word in message


@pytest.mark.parametrize("labels", [{}, COLOURS, {**COLOURS, "*": "ignore"}])
def test_inspect_refuses_jpeg_label_maps(labels: dict[str, str], tmp_path: Path) -> None:
    for name in ("a.jpg", "gt/a.jpg"):
        (tmp_path / "gt").mkdir(exist_ok=True)
        Image.new("RGB" if labels else "L", (8, 8)).save(tmp_path / name)
    with pytest.raises(InputError, match=r"1 unreadable: .*gt/a\.jpg: JPEG changes the values of label maps"):
        check.inspect(find(tmp_path, image_files="{stem}.jpg", label_files="gt/{stem}.jpg", labels=labels))


def test_declared_values_of_0_and_255_are_scored(tmp_path: Path) -> None:
    assert inspected(tmp_path, two(0, 255), labels={"0": "road", "255": "car"}) == ""


#: Changes of sound keys, and the rule.
KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "no files": ({"image_files": None, "label_files": None}, "image_files and label_files"),
    "one pattern": ({"label_files": None}, "image_files and label_files"),
    "no stem": ({"image_files": "rgb/*.png"}, "{stem} in it"),
    "unknown braces": ({"image_files": "rgb/{name}/{stem}.png"}, "no other braces than {split} and {stem}"),
    "outside": ({"image_files": "../{stem}.png"}, "below --data-root"),
    "absolute": ({"image_files": "/data/{stem}.png"}, "below --data-root"),
    "both the same": ({"image_files": "{stem}.png", "label_files": "{stem}.png"}, "other files"),
    "a list of lists": ({"list": "*.txt"}, "one text file"),
    "no classes": ({"classes": ()}, "expected classes = [names]"),
    "one class": ({"classes": ("road",)}, "2..255 distinct names"),
    "a class twice": ({"classes": ("road", "road")}, "2..255 distinct names"),
    "ignore is no class": ({"classes": ("road", "ignore")}, "not 'ignore'"),
    "too few colours": ({"colours": ((1, 2, 3),)}, "one for each of classes"),
    "no colour": ({"colours": ((1, 2, 3), (1, 2, 256))}, "0..255"),
    "no value": ({"labels": {"road": "road"}}, "label 'road', expected a value such as 7"),
    "value too large": ({"labels": {"256": "road"}}, "label '256', expected a value such as 7"),
    "unknown class": ({"labels": {"0": "raod"}}, "did you mean 'road'?"),
    "class without value": ({"labels": {"0": "road", "1": "ignore"}}, "labels has no line for car"),
    "values and colours": ({"labels": {"0": "road", "#000000": "car"}}, "both values and colours"),
    "a colour twice": ({"labels": {"0,0,0": "road", "#000000": "car"}}, "occurs twice"),
    "another layout": ({"layout": "camvid"}, "it is for layout='folders' alone"),
    "ids of Cityscapes and classes": ({"label_ids": "trainIds"}, "it names the classes of Cityscapes"),
}


@pytest.mark.parametrize("case", KEYS)
def test_spec_refuses(case: str) -> None:
    change, rule = KEYS[case]
    with pytest.raises(ValueError, match=re.escape(rule)):
        spec_of(**{**FLAT, **change})


def test_colours_of_pictures(tmp_path: Path) -> None:
    palette, of_masks, given = (
        datasets.declared_layout(spec_of(**FLAT, **more)).classes.colours
        for more in ({}, {"labels": COLOURS}, {"labels": COLOURS, "colours": ((1, 2, 3), (4, 5, 6))})
    )
    assert (palette, of_masks) == (((128, 0, 0), (0, 128, 0)), ((128, 64, 128), (0, 0, 142)))
    assert given == ((1, 2, 3), (4, 5, 6))
    many = datasets.declared_layout(spec_of(**FLAT, classes=tuple(f"c{i}" for i in range(255)))).classes
    assert len({*many.colours}) == 255
    assert many.train_ids[254] == 254
    assert many.train_ids[255] == IGNORE


def test_comments_in_a_list_are_no_images_for_the_pipeline_and_the_oracle(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        (tmp_path / kind).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / kind / "x.png")
    (tmp_path / "val.txt").write_text("# image label\na/x.png b/x.png\n")
    spec = DatasetSpec(layout="folders", images=1, list="{split}.txt", classes=("p", "q"))
    found = datasets.find(datasets.declared_layout(spec), tmp_path, "val")
    assert [sample.image for sample in found.samples] == [tmp_path / "a" / "x.png"]
    assert [image for _, image, _ in reference_folders.list_files(tmp_path, spec, "val")] == [tmp_path / "a" / "x.png"]
