"""Procedural street scenes in the Cityscapes layout: a data set with no download and no licence.

A scene is a function of (seed, split, index, size) alone. Only integer and plain float arithmetic, uniform random
numbers and bit-exact OpenCV calls are used, so that the same numbers give the same pixels on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.datasets.scenery.backdrop import sky, skyline
from enet.datasets.scenery.camera import hood, looking_out, rim
from enet.datasets.scenery.ground import ground
from enet.datasets.scenery.light import exposed, grained, shadows
from enet.datasets.scenery.plan import lay_out
from enet.datasets.scenery.street import Street
from enet.errors import EnetError
from enet.storage.files import make_folder, write_bytes

SCENES_VERSION = 1  # raise it whenever a pixel changes

CITIES = {
    "train": ("lindenau", "marksee", "torhaven"),
    "val": ("ostermoor", "velbruck"),
    "test": ("grauhafen", "silbertal"),
}
SPLIT_CODE = {"train": 0, "val": 1, "test": 2}
SIZE = (2048, 1024)  # width and height of Cityscapes


def render(
    seed: int, split: str, index: int, size: tuple[int, int] = SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Paint one scene.

    Args:
        seed: the data set's seed, at least 0.
        split: "train", "val" or "test"; the splits share no scene.
        index: which scene of the split, at least 0.
        size: (width, height) in pixels; another size shows the same street with other noise.
    Returns:
        The image, shape (H, W, 3), uint8 RGB, and its raw Cityscapes label ids, shape (H, W), uint8 in 0..33.
    Raises:
        ValueError: split is unknown.
    """
    check_split(split)
    # One stream feeds every step, so their order is part of the data set.
    rng = np.random.default_rng([seed, SPLIT_CODE[split], index])
    canvas = looking_out(rng, size)
    sky(canvas, rng)
    skyline(canvas, rng)
    street = Street(canvas, rng)
    ground(street)
    lay_out(street)
    shadows(street)
    street.paint()
    hood(canvas, rng)
    canvas.image = exposed(grained(canvas.image, canvas.labels, rng), rng)
    rim(canvas)
    return canvas.image, canvas.labels


def check_split(split: str) -> None:
    """Raises ValueError when split is unknown."""
    if split not in SPLIT_CODE:
        raise ValueError(f"split is {split!r}, but should be one of {sorted(SPLIT_CODE)}")


def names(root: Path, split: str, index: int) -> tuple[Path, Path]:
    """Where scene index of split goes under root: its image and its labels."""
    cities = CITIES[split]
    city, number = cities[index % len(cities)], index // len(cities)
    stem = f"{city}_{number:06d}_000019"
    image = root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png"
    return image, root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png"


def write(
    root: Path,
    *,
    images: int,
    seed: int = 0,
    split: str = "val",
    size: tuple[int, int] = SIZE,
    workers: int | None = None,
    progress: bool = False,
) -> list[Path]:
    """Write scenes 0..images-1 of a split under root in the Cityscapes layout, leaving finished pairs alone.

    Args:
        root: the data set's folder; it need not exist. Whatever wrote its finished pairs is not looked at.
        images: how many scenes, at least 0.
        seed: the data set's seed, at least 0.
        split: "train", "val" or "test".
        size: (width, height) in pixels.
        workers: processes that render side by side; None takes one per processor.
        progress: show a progress bar.
    Returns:
        The image paths, in the order of their index.
    Raises:
        ValueError: split is unknown, or images is negative.
        InputError: a file can't be written.
        EnetError: a worker process died.
    """
    check_split(split)
    if images < 0:
        raise ValueError(f"images is {images}, but should be at least 0")
    count = min(workers or os.cpu_count() or 1, max(images, 1))
    task = partial(write_one, Path(root), seed, split, size)
    if count == 1:
        return collect(map(task, range(images)), images, progress)
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        try:
            return collect(pool.map(task, range(images)), images, progress)
        except BrokenProcessPool as error:
            raise EnetError("drawing scenes: a worker process died. Look above for why, and at free memory") from error


def write_one(root: Path, seed: int, split: str, size: tuple[int, int], index: int) -> Path:
    """Write one scene unless both of its files are there; the path of its image."""
    image_path, label_path = names(root, split, index)
    if not (image_path.exists() and label_path.exists()):
        image, labels = render(seed, split, index, size)
        save(label_path, labels)
        save(image_path, np.ascontiguousarray(image[:, :, ::-1]))  # OpenCV writes blue first
    return image_path


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: the file, in a folder that need not exist.
        picture: shape (H, W) or (H, W, 3) in blue, green, red; uint8.
    """
    make_folder(path.parent)
    done, data = cv2.imencode(".png", picture, png_options())
    if not done:
        raise ValueError(f"{path}: OpenCV could not encode a picture of shape {picture.shape}")
    write_bytes(path, data.tobytes())


def png_options() -> list[int]:
    """Encoder settings that favour speed; newer OpenCV can also be told to try one row filter only."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    return options


def one_thread() -> None:
    """Keep OpenCV to one thread in a worker: the scenes are what runs side by side."""
    cv2.setNumThreads(1)


def collect(paths: Iterable[Path], total: int, progress: bool) -> list[Path]:
    """The paths as they are finished, behind a progress bar if asked for."""
    return list(tqdm(paths, total=total, desc="scenes", unit="scene", disable=not progress))
