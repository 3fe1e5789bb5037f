"""One interface for all data sets: named pairs of an image and its label map, and the meaning of the label ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from enet.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The train id of a pixel that is not scored.
IGNORE = 255

#: Red, green and blue, each 0..255.
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Sample:
    """One image and its label map; ``name`` is unique in the data set: the image's file name without its suffix, or
    in folders of the user's own what its pattern leaves open."""

    name: str
    image: Path
    label: Path


@dataclass(frozen=True)
class Classes:
    """The scored classes, and their ids in label files.

    Attributes:
        names: one per class.
        colours: in pictures, one per class.
        train_ids: class number or ``IGNORE`` by label id; any other id in a label file is an error.
        mask_colours: if label files are RGB masks: a pixel's label id is the index of its colour here, or 255.
        is_default: nobody declared what values mean: value i is class i, and 255 is not scored.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    train_ids: Mapping[int, int] = field(repr=False)
    mask_colours: tuple[Colour, ...] = field(default=(), repr=False)
    is_default: bool = False

    def lookup(self) -> NDArray[np.uint8]:
        """Train id by label id, shape (256,), uint8; ids that do not exist map to ``IGNORE``."""
        import numpy as np  # here, so that the list of layouts loads without it

        table = np.full(256, IGNORE, np.uint8)
        table[list(self.train_ids)] = list(self.train_ids.values())
        return table


@dataclass(frozen=True)
class Dataset:
    """A split that was found on disk.

    Attributes:
        samples: sorted by name.
        problems: in words: images and label maps without a partner, image names that occur twice.
    """

    layout: str
    root: Path
    split: str
    classes: Classes
    samples: tuple[Sample, ...] = field(repr=False)
    problems: tuple[str, ...] = ()

    def require_sound(self) -> Dataset:
        """Return the data set itself.

        Raises:
            InputError: the data set has ``problems``.
        """
        if self.problems:
            raise InputError(f"data set {self.root}: {'; '.join(self.problems)}. Repair or replace these files")
        return self

    def first(self, count: int | None) -> Dataset:
        """Keep the first ``count`` samples; all of them for None."""
        return self if count is None else replace(self, samples=self.samples[:count])

    def spread(self, count: int) -> Dataset:
        """Keep ``count`` samples, evenly over the split, because neighbours are often frames of one drive."""
        total = len(self.samples)
        if total <= count:
            return self
        return replace(self, samples=tuple(self.samples[k * total // count] for k in range(count)))
