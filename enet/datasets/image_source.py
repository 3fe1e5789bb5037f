"""Sources of images and label maps for the pipeline: image files, or images that were preprocessed before."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from enet.datasets.base import Dataset
from enet.datasets.preprocess import load_image, load_label
from enet.datasets.workers import map_on_all_cores
from enet.deliverable import Preprocessing
from enet.errors import InputError
from enet.storage.memmap import create_memmap

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class ImageSource(Protocol):
    """Numbered pairs of image and label map; ``load`` may be called from several threads at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """The images' names, sorted."""

    def load(self, index: int) -> Pair:
        """RGB image (H, W, 3) at the network's resolution; train ids (H, W) at the one of comparison; both uint8."""


class ImageFiles:
    """Image files, decoded and preprocessed on each ``load``."""

    def __init__(self, dataset: Dataset, spec: Preprocessing) -> None:
        self.samples, self.spec = dataset.samples, spec
        self.lookup, self.mask_colours = dataset.classes.lookup(), dataset.classes.mask_colours
        self.names = tuple(sample.name for sample in dataset.samples)

    def load(self, index: int) -> Pair:
        """See ``ImageSource.load``.

        Raises:
            InputError: a file cannot be read any more.
        """
        label = load_label(self.samples[index].label, self.spec, self.lookup, self.mask_colours)
        return self.image(index), label

    def image(self, index: int) -> NDArray[np.uint8]:
        """The image without its label map."""
        return load_image(self.samples[index].image, self.spec)


class PreparedImages:
    """A folder with ``images.npy`` (N, H, W, 3) and ``labels.npy`` (N, H, W), uint8, mapped into memory. The label
    maps may have another resolution."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.images = np.load(folder / "images.npy", mmap_mode="r")
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")
        self.folder, self.names = folder, names
        if not len(names) == len(self.images) == len(self.labels):
            raise ValueError(f"{folder}: {len(self.images)} images, expected {len(names)}")

    def __reduce__(self) -> tuple[type[PreparedImages], tuple[Path, tuple[str, ...]]]:
        return PreparedImages, (self.folder, self.names)  # another process maps the files, too

    def load(self, index: int) -> Pair:
        return self.images[index], self.labels[index]

    @staticmethod
    def write(files: ImageFiles, folder: Path, progress: bool) -> None:
        """Preprocess all images into ``folder``, on all cores.

        Raises:
            InputError: a file cannot be read; or label maps keep the photographs' sizes, and these differ.
        """
        width, height = files.spec.size
        count = len(files.names)
        images = create_memmap(folder / "images.npy", (count, height, width, 3))
        labels = create_memmap(folder / "labels.npy", (count, *files.load(0)[1].shape))

        def prepare(index: int) -> None:
            image, label = files.load(index)
            if label.shape != labels.shape[1:]:
                place = files.samples[index].label
                raise InputError(f"{place}: size differs from that of the first label map. Use label_grid='network'")
            images[index], labels[index] = image, label

        map_on_all_cores(prepare, range(count), "preprocessing", progress=progress)


class ImageRange:
    """The images of a source from ``start`` up to, not including, ``stop``."""

    def __init__(self, source: ImageSource, start: int, stop: int) -> None:
        self.source, self.start, self.names = source, start, source.names[start:stop]

    def load(self, index: int) -> Pair:
        return self.source.load(self.start + index)
