"""Agreement of an artifact's label maps with PyTorch's, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.metrics.agreement import FEWEST_IMAGES, ImageAgreement, SplitAgreement, line_share

#: Counts of ``SplitAgreement`` that have one value for each class.
BY_CLASS = ("class_pixels", "gained", "lost", "class_edges", "class_moved")


@dataclass(frozen=True, kw_only=True)
class Agreement(Evidence):
    """Pixels on which an artifact and PyTorch give different labels, and where they lie.

    Attributes:
        first, second: of the artifact's run, and of PyTorch's.
        classes: names of the scored classes.
        images: names of the compared images.
        pixels_per_image: number of compared pixels of each image.
        counts: of each image, in the order of ``images``.
        split: of all images, by place and by class.
    """

    kind: ClassVar[str] = "agreement"
    first: Provenance
    second: Provenance
    classes: tuple[str, ...]
    images: tuple[str, ...]
    images_expected: int
    pixels_per_image: int
    counts: tuple[ImageAgreement, ...]
    split: SplitAgreement

    def __post_init__(self) -> None:
        of_classes = (getattr(self.split, name) for name in BY_CLASS)
        if any(len(each) != len(self.classes) for each in of_classes):
            raise ValueError(f"counts of other than {len(self.classes)} classes")
        if len(self.counts) != len(self.images):
            raise ValueError(f"{len(self.counts)} counts, expected {len(self.images)}")

    def shares(self, *, over_all: bool = False) -> dict[str, NDArray[np.float64]]:
        """Figures by name, of every image or, as one value, over all of them.

        Returns:
            "far": pixels with a label that PyTorch gives nowhere within one pixel, as a fraction of all pixels.
            "border": differing ones of PyTorch's border pixels, as a fraction.
            "moved": distance that the borders moved in one direction on average, in pixels, along x or y.
            "lost": differing pixels of the class that lost most, as a fraction; only of images.
            "certain": differing pixels of those that PyTorch is certain of, as a fraction of all pixels; if known.
            Only over all images:
            "pixel": images that differ at one same place, as a fraction.
            "line": edges between two neighbouring rows or columns at which one of them has the other's label, as a
                fraction.
            "gain": pixels by which a class has grown or shrunk, as a fraction of its pixels; of each class.
            "class moved": as "moved", of each class.
        """

        def count(name: str) -> NDArray[np.float64]:
            values = np.array([getattr(each, name) for each in self.counts], np.float64)
            return values.sum(axis=0, keepdims=True) if over_all else values

        images = len(self.images) if over_all else 1
        # Of fewer pixels than a line across the image has, no share is taken.
        least = images * np.sqrt(self.pixels_per_image)
        distances = np.abs(count("moved")) / 2 / np.maximum(count("edges"), least)
        shares = {
            "far": count("far_differing") / (images * self.pixels_per_image),
            "border": count("border_differing") / np.maximum(count("border"), least),
            "moved": distances.max(axis=1),
        }
        if over_all:
            shares |= self.split_shares(float(least))
        else:
            shares["lost"] = count("lost_class_differing") / np.maximum(count("lost_class_pixels"), 1)
        if self.has_certain:
            shares["certain"] = count("certain_differing") / (images * self.pixels_per_image)
        return shares

    def split_shares(self, least: float) -> dict[str, NDArray[np.float64]]:
        """Figures of ``split``, as in ``shares``; of fewer pixels or edges of a class than ``least``, no share."""
        split, images = self.split, len(self.images)
        pixels, gained, lost, edges, moved = (np.array(getattr(split, name), np.float64) for name in BY_CLASS)
        return {
            "pixel": np.array([split.pixel / max(images, FEWEST_IMAGES)]),
            "line": np.array([line_share(*split.line, images)]),
            "gain": np.abs(gained - lost) / np.maximum(pixels, least),
            "class moved": (np.abs(moved) / np.maximum(edges, least)).max(axis=1),
        }

    @property
    def has_certain(self) -> bool:
        """Whether it is known of every image which pixels PyTorch is certain of."""
        return all(each.certain_differing is not None for each in self.counts)

    @property
    def pixel_agreement(self) -> float:
        """Fraction of all compared pixels with equal labels, in 0..1; NaN if none were compared."""
        compared = self.pixels_per_image * len(self.images)
        return 1 - sum(each.differing for each in self.counts) / compared if compared else float("nan")

    def summary(self) -> dict[str, Any]:
        return {"pixel_agreement": self.pixel_agreement}
