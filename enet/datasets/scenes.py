"""Generated street scenes in the Cityscapes layout: a data set with no download and no licence.

A scene depends only on (seed, split, index, size). Only integer and plain float arithmetic, uniform random numbers and
bit-exact OpenCV calls are used, so that the same arguments give the same pixels on every machine.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from enet.datasets.scenery.camera import hood, open_canvas, rim
from enet.datasets.scenery.landscape import ground, sky, skyline
from enet.datasets.scenery.light import add_grain, expose, shadows
from enet.datasets.scenery.plan import lay_out
from enet.datasets.scenery.street import Street
from enet.deliverable import SCENE_SPLITS
from enet.errors import EnetError
from enet.host import cores
from enet.progress import bar
from enet.storage.files import make_folder, write_bytes

CITIES = {
    "train": ("lindenau", "marksee", "torhaven"),
    "val": ("ostermoor", "velbruck"),
    "test": ("grauhafen", "silbertal"),
}
#: A split's number in the seed of a scene: 0 train, 1 val, 2 test.
SPLIT_CODE = {split: code for code, split in enumerate(SCENE_SPLITS)}
SIZE = (2048, 1024)  # width and height of Cityscapes

#: An image, shape (H, W, 3), uint8 RGB, and its raw Cityscapes label ids, shape (H, W), uint8 in 0..33.
Scene = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def render(seed: int, split: str, index: int, size: tuple[int, int] = SIZE) -> Scene:
    """Draw one scene.

    Args:
        seed: the data set's seed, at least 0.
        split: "train", "val" or "test"; the splits share no scene.
        index: number of the scene in the split, at least 0.
        size: (width, height) in pixels; at another size the street is the same, the noise is not.
    Raises:
        ValueError: split is unknown.
    """
    check_split(split)
    # All steps draw from one generator, so their order is part of the data set.
    rng = np.random.default_rng([seed, SPLIT_CODE[split], index])
    canvas = open_canvas(rng, size)
    sky(canvas, rng)
    skyline(canvas, rng)
    street = Street(canvas, rng)
    ground(street)
    lay_out(street)
    shadows(street)
    street.paint()
    hood(canvas, rng)
    canvas.image = expose(add_grain(canvas.image, canvas.labels, rng), rng)
    rim(canvas)
    return canvas.image, canvas.labels


def check_split(split: str) -> None:
    """Raise ValueError if the split is unknown."""
    if split not in SPLIT_CODE:
        raise ValueError(f"split={split!r}, expected one of {sorted(SPLIT_CODE)}")


def scene_paths(root: Path, split: str, index: int) -> tuple[Path, Path]:
    """Paths of a scene's image and label map under ``root``."""
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
    """Write scenes 0..images-1 of a split under root in the Cityscapes layout, except pairs that exist already.

    Args:
        root: the data set's folder; it need not exist. The content of existing pairs is not checked.
        images: number of scenes, at least 0.
        seed: the data set's seed, at least 0.
        split: "train", "val" or "test".
        size: (width, height) in pixels.
        workers: number of processes that draw in parallel; None: one per core that may be used.
        progress: show a progress bar.
    Returns:
        The image paths, in the order of their index.
    Raises:
        ValueError: split is unknown, or images is negative.
        InputError: a file cannot be written.
        EnetError: a worker process died.
    """
    check_split(split)
    if images < 0:
        raise ValueError(f"images={images}, expected at least 0")
    count = min(workers or cores(), max(images, 1))
    task = partial(write_one, Path(root), seed, split, size)
    show = partial(bar, title="scenes", total=images, unit="scene", shown=progress)
    if count == 1:
        return list(show(map(task, range(images))))
    # One thread of OpenCV per worker, because the scenes are what is drawn in parallel.
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            return list(show(pool.map(task, range(images))))
        except BrokenProcessPool as error:
            raise EnetError("scenes: a worker process died. Read its message above; check free memory") from error


def write_one(root: Path, seed: int, split: str, size: tuple[int, int], index: int) -> Path:
    """Write one scene unless both of its files exist; return the path of its image."""
    image_path, label_path = scene_paths(root, split, index)
    if not (image_path.exists() and label_path.exists()):
        image, labels = render(seed, split, index, size)
        save(label_path, labels)
        save(image_path, np.ascontiguousarray(image[:, :, ::-1]))  # OpenCV writes blue first
    return image_path


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG, completely or not at all; ``picture`` is uint8, (H, W) or (H, W, 3) in blue, green, red."""
    make_folder(path.parent)
    # Settings for speed; newer versions of OpenCV can also be limited to one row filter.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
    done, data = cv2.imencode(".png", picture, options)
    if not done:
        raise ValueError(f"{path}: OpenCV cannot encode a picture of shape {picture.shape}")
    write_bytes(path, data.tobytes())
