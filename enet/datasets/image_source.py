"""Where the pipeline gets images and label maps at the network's grid: from photographs, or prepared ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.datasets import Dataset
from enet.datasets.preprocess import load_image, load_label
from enet.deliverable import Preprocessing
from enet.errors import InputError
from enet.host import cores
from enet.storage.memmap import create_memmap

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class ImageSource(Protocol):
    """Numbered pairs of image and label map; ``load`` may be called from several threads at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images, sorted."""

    def load(self, index: int) -> Pair:
        """RGB image (H, W, 3) at the network's grid; train ids (H, W) at the one they are compared at; both uint8."""


class ImageFiles:
    """Image files, decoded and preprocessed when asked for."""

    def __init__(self, dataset: Dataset, spec: Preprocessing) -> None:
        self.samples, self.spec = dataset.samples, spec
        self.lookup = dataset.classes.lookup()
        self.names = tuple(sample.name for sample in dataset.samples)

    def load(self, index: int) -> Pair:
        """As ``Source.load``.

        Raises:
            InputError: a file can't be read any more.
        """
        return self.image(index), load_label(self.samples[index].label, self.spec, self.lookup)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image alone."""
        return load_image(self.samples[index].image, self.spec)


class PreparedImages:
    """A folder with ``images.npy`` (N, H, W, 3) and ``labels.npy`` (N, H, W), uint8, mapped into memory; the label maps
    perhaps at another grid."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.images = np.load(folder / "images.npy", mmap_mode="r")
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")
        self.folder, self.names = folder, names
        if not len(names) == len(self.images) == len(self.labels):
            raise ValueError(f"{folder} holds {len(self.images)} images, but should hold {len(names)}")

    def __reduce__(self) -> tuple[type[PreparedImages], tuple[Path, tuple[str, ...]]]:
        return PreparedImages, (self.folder, self.names)  # another process maps the files itself

    def load(self, index: int) -> Pair:
        return self.images[index], self.labels[index]

    @staticmethod
    def write(photographs: ImageFiles, folder: Path, progress: bool) -> None:
        """Preprocess every photograph into ``folder``, on all cores.

        Raises:
            InputError: a file can't be read; or label maps are kept at the photographs' sizes, and these differ.
        """
        width, height = photographs.spec.size
        count = len(photographs.names)
        images = create_memmap(folder / "images.npy", (count, height, width, 3))
        labels = create_memmap(folder / "labels.npy", (count, *photographs.load(0)[1].shape))

        def prepare(index: int) -> None:
            image, label = photographs.load(index)
            if label.shape != labels.shape[1:]:
                found = photographs.samples[index].label
                raise InputError(f"{found}: of another size than the first, so label_grid should be 'network'")
            images[index], labels[index] = image, label

        with ThreadPoolExecutor(cores()) as pool:
            done = pool.map(prepare, range(count))
            for _ in tqdm(done, "preprocessing", count, disable=None if progress else True, leave=False):
                pass


class ImageRange:
    """A run of images of a source, ``start`` up to ``stop``."""

    def __init__(self, source: ImageSource, start: int, stop: int) -> None:
        self.source, self.start, self.names = source, start, source.names[start:stop]

    def load(self, index: int) -> Pair:
        return self.source.load(self.start + index)
