"""Label maps in another encoding are found by the values of a split; sound ones are left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.datasets import Classes, Dataset, camvid, cityscapes
from enet.datasets.encoding import encoding_note, encoding_problem

#: Pixels by label id, in thousands, of a small part of a street; and the same by train id.
STREET = {7: 320, 8: 50, 11: 200, 17: 10, 21: 140, 23: 30, 26: 60, 1: 40, 3: 50, 4: 10}
TRAIN_IDS = {0: 320, 1: 50, 2: 200, 5: 10, 8: 140, 10: 30, 13: 60}


def counts(pixels: dict[int, int]) -> NDArray[np.int64]:
    found = np.zeros(256, np.int64)
    found[[*pixels]] = [*pixels.values()]
    return found


def dataset(classes: Classes, layout: str = "cityscapes") -> Dataset:
    return Dataset(layout, Path("data"), "val", classes, ())


DEFAULT = Classes(("a", "b"), ((0, 0, 0),) * 2, {0: 0, 1: 1, 255: 255}, is_default=True)
PROBLEMS: dict[str, tuple[Dataset, dict[int, int], str | None]] = {
    "label ids": (dataset(cityscapes.CLASSES), STREET, None),
    "train ids": (dataset(cityscapes.CLASSES), TRAIN_IDS, 'label_ids = "trainIds"'),
    "train ids with 255": (dataset(cityscapes.CLASSES), TRAIN_IDS | {255: 90}, "0..13 and 255 alone: train ids"),
    "train ids of few classes": (dataset(cityscapes.CLASSES), {0: 90, 2: 80, 8: 30}, "0..8 alone: train ids"),
    "train ids in own folders": (
        dataset(cityscapes.CLASSES, "folders"),
        TRAIN_IDS,
        'give [dataset] label_ids = "trainIds"',
    ),
    "train ids as such": (dataset(cityscapes.BY_TRAIN_ID), TRAIN_IDS | {255: 90}, None),
    "label ids as train ids": (dataset(cityscapes.BY_TRAIN_ID), STREET, 'label_ids = "labelIds"'),
    "an unlabeled border": (dataset(cityscapes.CLASSES), {0: 30, 7: 100, 11: 90}, None),
    "road alone": (dataset(cityscapes.CLASSES), {7: 100, 1: 20}, None),
    "label maps of a test split": (dataset(cityscapes.CLASSES), {1: 40, 2: 5, 3: 955}, None),
    "CamVid": (dataset(camvid.CLASSES, "camvid"), {0: 10, 3: 5, 11: 1}, None),
    "0 and 255, undeclared": (dataset(DEFAULT, "folders"), {0: 90, 255: 10}, '255 = "b"'),
    "0 and 255, declared": (dataset(replace(DEFAULT, is_default=False), "folders"), {0: 90, 255: 10}, None),
    "0, 1 and 255, undeclared": (dataset(DEFAULT, "folders"), {0: 90, 1: 1, 255: 10}, None),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_encoding_problem(case: str) -> None:
    data, pixels, words = PROBLEMS[case]
    found = encoding_problem(data, counts(pixels))
    assert (found is None) == (words is None)
    assert (words or "") in (found or "")


@pytest.mark.parametrize(
    ("pixels", "note"),
    [
        (STREET, None),
        ({0: 96, 7: 3, 8: 1}, "4 % of the label maps' pixels are scored"),
        ({0: 94, 7: 3, 8: 3}, None),
        ({0: 1, 7: 99}, "the label maps have no class but road"),
        ({0: 100}, None),  # mIoU cannot be computed, which is told where it is
    ],
)
def test_encoding_note(pixels: dict[int, int], note: str | None) -> None:
    assert encoding_note(dataset(cityscapes.CLASSES), counts(pixels)) == note
