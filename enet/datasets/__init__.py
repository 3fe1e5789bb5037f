"""Data sets: ``find`` lists one by its layout's name."""

from __future__ import annotations

from pathlib import Path

from enet.datasets import camvid, cityscapes
from enet.datasets.base import IGNORE, Classes, Dataset, Sample
from enet.errors import InputError

__all__ = ["IGNORE", "Classes", "Dataset", "Sample", "classes", "find", "require_folder"]


def classes(layout: str) -> Classes:
    """The scored classes of a layout, and how its label files number them."""
    return camvid.CLASSES if layout == "camvid" else cityscapes.CLASSES


def find(layout: str, root: Path, split: str, problems: list[str] | None = None) -> Dataset:
    """List a split on disk. Generated scenes lie in the Cityscapes layout.

    Args:
        problems: images and labels that don't pair up are added here instead of raised, for ``check.inspect`` to tell
            together with what is wrong inside of the files.
    Raises:
        InputError: no such folder, no image in it, or images and labels that don't pair up.
    """
    require_folder(layout, root)
    return (camvid if layout == "camvid" else cityscapes).find(root, split, problems)


def require_folder(layout: str, root: Path) -> None:
    """Refuse a data set's folder that isn't there.

    Raises:
        InputError: no such folder.
    """
    if not root.is_dir():
        raise InputError(f"data set {root}: no such folder. Give the {layout} data set's folder with --data-root")
