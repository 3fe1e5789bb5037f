"""The images of a deliverable, and the way from a photograph to the network's input."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from enet.deliverable.folders import check_folders
from enet.deliverable.layouts import LAYOUT_FACTS
from enet.deliverable.toml_reader import expect, expect_digest
from enet.errors import unknown_name_error


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """The images that are scored: layout on disk, split, and their number."""

    #: A name in ``LAYOUT_FACTS``.
    layout: str
    split: str = "val"
    images: int
    #: Seed of the generator; only for generated layouts.
    seed: int = 0
    #: SHA-256 of the promised pixels and labels, see ``enet.datasets.check.digest``; None: any.
    sha256: str | None = None
    #: SHA-256 of what preprocessing makes of them, see ``enet.evidence.Digests.inputs_sha256``; None: any.
    inputs_sha256: str | None = None
    #: Which of Cityscapes' ids the label maps hold; None: label ids. For ``folders`` without ``classes`` it gives them.
    label_ids: Literal["labelIds", "trainIds"] | None = None
    #: For ``folders``: patterns of files relative to the data set's folder, with ``{split}``, ``{stem}`` and ``*``.
    image_files: str | None = None
    label_files: str | None = None
    #: For ``folders``: a text file of stems, or, without the two patterns, of "image label" a line.
    list: str | None = None
    #: For ``folders``: names of the classes, and their colours in pictures; none: colours of a palette.
    classes: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    #: For ``folders``: class name or "ignore" by label value, by colour of an RGB mask, or by "*" for all others.
    #: Empty: value i is class i, and 255 is ignored.
    labels: dict[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.layout not in LAYOUT_FACTS:
            raise ValueError(str(unknown_name_error("layout", self.layout, LAYOUT_FACTS)))
        expect(self, "images", self.images >= 1, "at least 1")
        expect(self, "split", re.fullmatch(r"\w[\w.-]*", self.split), "a plain name such as 'val'")
        splits = LAYOUT_FACTS[self.layout].generated_splits
        expect(self, "split", not splits or self.split in splits, f"for {self.layout} one of {', '.join(splits)}")
        expect(self, "seed", self.seed >= 0, "at least 0")
        expect_digest(self, "sha256")
        expect_digest(self, "inputs_sha256")
        check_folders(self)

    @property
    def scored_classes(self) -> int:
        """Number of classes."""
        return len(self.classes) or LAYOUT_FACTS[self.layout].classes

    @property
    def has_splits(self) -> bool:
        """Whether there may be another split than the one that is scored."""
        patterns = (self.image_files, self.label_files, self.list)
        return self.layout != "folders" or any("{split}" in pattern for pattern in patterns if pattern)

    @property
    def is_generated(self) -> bool:
        """Whether the images are generated, so that the user need not have the data set."""
        return bool(LAYOUT_FACTS[self.layout].generated_splits)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The way from a photograph to the network's input. Pillow's BILINEAR for images, NEAREST for labels."""

    #: "short-side": scale to the smallest picture that covers ``size``, so that one side fits (of a square the shorter
    #: one), then crop the centre; "exact": scale to ``size``, whatever the aspect ratio.
    resize: Literal["short-side", "exact"] = "short-side"
    #: Width and height of the network's input in pixels; both divisible by 8.
    size: tuple[int, int] = (480, 480)
    #: Of the channels R, G, B: the input is ``(x / 255 - mean) / std``.
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    #: Resolution at which predictions are compared. "network": label maps are resized to the network's, by NEAREST;
    #: "photograph": predictions are resized to the photograph's, as official evaluators do it.
    label_grid: Literal["network", "photograph"] = "network"

    def __post_init__(self) -> None:
        fits = all(8 <= side <= 8192 and side % 8 == 0 for side in self.size)
        expect(self, "size", fits, "multiples of 8 in 8..8192")
        if self.resize == "short-side":
            rule = "'network' for resize='short-side', which crops. Use resize='exact'"
            expect(self, "label_grid", self.label_grid == "network", rule)
        expect(self, "mean", all(math.isfinite(m) for m in self.mean), "finite numbers")
        expect(self, "std", all(math.isfinite(s) and s > 0 for s in self.std), "finite numbers above 0")

    @property
    def of_images(self) -> dict[str, Any]:
        """The fields that decide the network's input, as JSON; ``label_grid`` does not."""
        return {"resize": self.resize, "size": self.size, "mean": self.mean, "std": self.std}
