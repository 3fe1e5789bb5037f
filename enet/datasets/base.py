"""One interface for every data set: named pairs of an image and its label map, and what the label ids mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The train id of a pixel that is not scored.
IGNORE = 255


@dataclass(frozen=True)
class Sample:
    """One image and its label map; ``name`` is the image's file name without its suffix, unique in the data set."""

    name: str
    image: Path
    label: Path


@dataclass(frozen=True)
class Classes:
    """The scored classes and how label files number them.

    ``train_ids`` maps every id that a label file may hold to its class number, or to ``IGNORE``. An id that is
    not in it is an error in the file. ``colours`` are RGB, one per class.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    train_ids: Mapping[int, int] = field(repr=False)

    def lookup(self) -> NDArray[np.uint8]:
        """Train id by label id, shape (256,), uint8; ids that don't exist map to ``IGNORE``."""
        import numpy as np

        table = np.full(256, IGNORE, np.uint8)
        for label_id, train_id in self.train_ids.items():
            table[label_id] = train_id
        return table


@dataclass(frozen=True)
class Dataset:
    """A split that was found on disk; samples are sorted by name."""

    layout: str
    root: Path
    split: str
    classes: Classes
    samples: tuple[Sample, ...] = field(repr=False)

    def first(self, count: int | None) -> Dataset:
        """The same data set cut to its first ``count`` samples; all of them for None."""
        return self if count is None else replace(self, samples=self.samples[:count])

    def spread(self, count: int) -> Dataset:
        """``count`` of the samples, evenly over the split, whose neighbours are often frames of one drive."""
        total = len(self.samples)
        return (
            replace(self, samples=tuple(self.samples[k * total // count] for k in range(count)))
            if total > count
            else self
        )
