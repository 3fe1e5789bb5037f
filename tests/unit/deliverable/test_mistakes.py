"""Mistakes in a deliverable's file: all of them at once, each with its line; and slips that are warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enet import deliverable
from enet.deliverable import LAYOUT_FACTS, load
from enet.errors import InputError
from tests.unit import recipes
from tests.unit.deliverable.test_spec import WHOLE, changed, refused, written


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = WHOLE
    for old, new in (
        ('name = "mine"', 'name = "my enet"'),
        ("outputs = 20", "outputs = 0"),
        ('weights = "weights/mine.pth"', "weihgts = 5"),
        ("images = 500", 'images = "all"'),
        ("size = [480, 480]", "size = [481, 480]"),
        ("std = [0.229, 0.224, 0.225]", "std = [0, 0, 0]"),
        ('absent_classes = "skip"', 'absent_classes = "ignore"'),
        ("class_iou = 0.05", "class_iou = 5"),
    ):
        text = text.replace(old, new)
    path = written(tmp_path, text + "\n[throughput]\nchip = 5\n")
    with pytest.raises(InputError) as caught:
        load(str(path))
    lines = str(caught.value).split("\n")
    found = [int(line.removeprefix(f"{path}:").split()[0].rstrip(":")) for line in lines]
    assert found == [2, 8, 9, 14, 19, 21, 30, 34, 39, 40], lines
    assert "did you mean 'weights'?" in lines[2]
    assert "baseline, at_least, source missing" in lines[8]
    assert all(recipes.is_plain(line) for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mean = [0.485, 0.456, 0.406]", "mean = [123.7, 116.3, 103.5]", ":20 [preprocessing]: mean="),
        ("std = [0.229, 0.224, 0.225]", "std = [58.4, 57.1, 57.4]", ":21 [preprocessing]: std="),
        ("mean = [0.485, 0.456, 0.406]", "mean = [0.229, 0.224, 0.225]", ":20 [preprocessing]: mean="),
        ("miou_percent = 54.627", "miou_percent = 0.54627", ":28 [reference]: miou_percent="),
        ('absent_classes = "skip"', "class_iou_percent = {road = 0.97}", ":30 [reference]: class_iou_percent="),
        ('split = "val"', 'split = "train"', ":13 [dataset]: split="),
    ],
)
def test_what_is_surely_a_slip_is_a_warning_with_its_line(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, changed(old, new))
    (warning,) = load(str(path)).slips()
    assert f"{path}{words}" in warning
    assert recipes.is_plain(warning)


def test_included_files_have_no_slips() -> None:
    assert [load(name).slips() for name in deliverable.builtin_names()] == 5 * [[]]


@pytest.mark.parametrize("text", ["\ufeff" + WHOLE, WHOLE.replace("\n", "\r\n")], ids=["BOM", "CRLF"])
def test_files_of_other_editors(text: str, tmp_path: Path) -> None:
    assert load(str(written(tmp_path, text))).name == "mine"
    wrong = refused(written(tmp_path, text.replace("outputs = 20", "outputs = 0")))
    assert ":8 [network]: outputs=0" in wrong


def test_every_wrong_item_of_a_table_is_told(tmp_path: Path) -> None:
    path = written(
        tmp_path, changed('absent_classes = "skip"', 'class_iou_percent = {road = "a", car = 5, sky = true}')
    )
    with pytest.raises(InputError) as caught:
        load(str(path))
    assert [re.search(r"\[(\w+)\]: ", line)[1] for line in str(caught.value).split("\n")] == ["road", "sky"]  # type: ignore[index]


def test_order_names_what_is_missing_and_what_may_be_meant(tmp_path: Path) -> None:
    names = ["void", *LAYOUT_FACTS["cityscapes"].names]
    names[-2] = "motorcyle"
    path = written(tmp_path, changed("outputs = 20", f"outputs = 20\norder = {names}"))
    assert "expected once each: motorcycle (for 'motorcyle'?)" in refused(path)
