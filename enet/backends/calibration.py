"""Images that a quantiser uses to choose its scales: of the train split, never those that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from enet.datasets.image_source import ImageSource
from enet.datasets.preprocess import Normalise
from enet.deliverable import IoFormat, Preprocessing

#: Number of images, spread over the split. From 16 on, mIoU of the included deliverables changes by less than 0.1 pp.
IMAGES = 48

SPLIT = "train"


@dataclass(frozen=True)
class Calibration:
    """Train images at the network's resolution; ``sha256`` identifies them and their preprocessing."""

    source: ImageSource
    preprocessing: Preprocessing
    sha256: str

    def inputs(self, io_format: IoFormat) -> Iterator[NDArray[Any]]:
        """Inputs of an artifact of this format, one image at a time: float32 (1, 3, H, W) or uint8 (1, H, W, 3)."""
        normalise = Normalise(self.preprocessing)
        for index in range(len(self.source.names)):
            image = self.source.load(index)[0][None]
            yield image if io_format.input == "uint8" else normalise(image)
