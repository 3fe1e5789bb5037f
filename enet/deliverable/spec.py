"""The deliverable: everything that is fixed before anything is measured, read from one TOML file.

The shipped ones are in ``builtin/``; a user's own file is given by its path. A file is checked whole and
an unknown key is an error, so that a mistyped tolerance can't be ignored.
"""

from __future__ import annotations

import math
import re
import typing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from enet.deliverable.toml_reader import add_line_number, parse, read_toml, require
from enet.errors import InputError, unknown_name_error

BUILTIN = Path(__file__).parent / "builtin"

#: The networks that go by the name ENet; ``enet.model.architectures`` describes and builds them.
Variant = Literal["ascend", "tramac", "paper"]
VARIANTS: tuple[Variant, ...] = typing.get_args(Variant)

#: Largest batch size that is taken for meant.
MAX_BATCH = 1024


#: Splits that scenes are drawn for.
SCENE_SPLITS = ("train", "val", "test")

#: What the template says in place of a source.
PLACEHOLDER = "say where the figure is from"

#: Scored classes by data set layout.
CLASSES = {"cityscapes": 19, "scenes": 19, "camvid": 11}


@dataclass(frozen=True, kw_only=True)
class Network:
    """Which ENet, and its checkpoint; ``weights`` is relative to the TOML file, or None: given by the user.

    ``sha256`` is that of the checkpoint which is promised, hexadecimal; where it is given, no other is judged. Results
    that were brought back from a device don't tell of theirs: of these it is only noted.
    """

    variant: Variant
    outputs: int = 19
    weights: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        require(1 <= self.outputs <= 255, f"outputs={self.outputs}, but should be in 1..255")
        digest = self.sha256
        plain = digest is None or re.fullmatch(r"[0-9a-f]{64}", digest)
        require(bool(plain), f"sha256={digest!r}, but should be 64 digits of 0-9 and a-f, as sha256sum prints")


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """Which images are scored: layout on disk, split, and how many there must be."""

    layout: Literal["cityscapes", "camvid", "scenes"]
    split: str = "val"
    images: int
    #: Seed of the generator; for layout ``scenes`` only.
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.images >= 1, f"images={self.images}, but should be at least 1")
        name = self.split
        require(name.isidentifier(), f"split={name!r}, but should be a plain name such as 'val'")
        if self.layout == "scenes":
            require(name in SCENE_SPLITS, f"split={name!r}, but scenes should have one of {', '.join(SCENE_SPLITS)}")
        require(self.seed >= 0, f"seed={self.seed}, but should be at least 0")


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """From a photograph to the network's input. Pillow's BILINEAR for images, NEAREST for labels.

    ``short-side`` scales until width and height cover ``size`` exactly at the shorter relative side, then crops
    the centre; ``exact`` scales to ``size`` whatever the aspect. Then ``(x / 255 - mean) / std``, channels RGB.
    """

    resize: Literal["short-side", "exact"] = "short-side"
    #: Width and height of the network's input in pixels; both divisible by 8.
    size: tuple[int, int] = (480, 480)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    #: Where predictions are compared: at the network's grid, to which label maps are brought by NEAREST; or at the
    #: photograph's, to which predictions are, as official evaluators do it.
    label_grid: Literal["network", "photograph"] = "network"

    def __post_init__(self) -> None:
        for side in self.size:
            require(
                8 <= side <= 8192 and side % 8 == 0, f"size holds {side}, but should hold multiples of 8 in 8..8192"
            )
        if self.resize == "short-side":
            require(self.size[0] == self.size[1], f"size={list(self.size)}, but 'short-side' should have a square one")
        whole = self.label_grid == "network" or self.resize == "exact"
        require(
            whole, "label_grid='photograph', but 'short-side' cuts off sides that nothing predicts: 'exact' doesn't"
        )
        require(all(math.isfinite(m) for m in self.mean), f"mean={list(self.mean)}, but should be finite")
        require(all(math.isfinite(s) and s > 0 for s in self.std), f"std={list(self.std)}, but should be above 0")

    @property
    def of_images(self) -> dict[str, Any]:
        """What decides the network's input, as JSON; where labels are compared doesn't."""
        return {"resize": self.resize, "size": self.size, "mean": self.mean, "std": self.std}


@dataclass(frozen=True, kw_only=True)
class IoFormat:
    """What goes in and out of the artifact. The guide's form is float images in, logits out."""

    #: "float": normalised float32 (N, 3, H, W); "uint8": RGB (N, H, W, 3), normalised inside the graph.
    input: Literal["float", "uint8"] = "float"
    #: "logits": float32 (N, outputs, H, W); "labels": uint8 (N, H, W), the argmax is inside the graph.
    output: Literal["logits", "labels"] = "logits"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The mIoU that the deliverable must reproduce, in percent, and where the number is from."""

    miou_percent: float
    source: str
    #: A class in neither truth nor prediction counts as IoU 0 (the guide's scripts) or is left out of the mean
    #: (the official Cityscapes evaluator).
    absent_classes: Literal["zero", "skip"] = "zero"

    def __post_init__(self) -> None:
        require(0 < self.miou_percent <= 100, f"miou_percent={self.miou_percent}, but should be in 0..100")
        require(bool(self.source.strip()), f"source={self.source!r}, but should say where the number is from")


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """The numbers that decide; each is the limit of one gate."""

    #: mIoU of artifact against reference, relative, both sides.
    miou_relative: float = 0.01
    #: Largest loss of IoU (0..1) of a single class, artifact against PyTorch.
    class_iou: float = 0.05
    #: Least share of pixels on which two runs that should agree do, over all images.
    label_agreement: float = 0.9999
    #: The same for the worst image.
    image_agreement: float = 0.999
    #: Largest difference of mIoU (0..1) between batch sizes.
    batch_miou: float = 1e-4
    #: Largest absolute difference of logits, ONNX against PyTorch.
    logits: float = 1e-4
    #: Where that is more: the same as a share of the image's largest logit. float32 rounds what it adds up in
    #: proportion; the default is that of torch.testing.assert_close for float32.
    logits_relative: float = 1.3e-6
    #: Images/s on the machine at hand, artifact over PyTorch, in the same run.
    speedup: float = 1.2
    #: How much of that factor may be lost against an earlier run.
    slowdown: float = 0.1
    #: Images/s of an INT8 artifact over the fastest float32 one, in the same run.
    int8_speedup: float = 1.5

    def __post_init__(self) -> None:
        for name in ("miou_relative", "class_iou", "batch_miou", "logits", "logits_relative", "slowdown"):
            value = getattr(self, name)
            require(0 < value < 1, f"{name}={value}, but should be between 0 and 1")
        for name in ("label_agreement", "image_agreement"):
            value = getattr(self, name)
            require(0.5 <= value <= 1, f"{name}={value}, but should be in 0.5..1")
        for name in ("speedup", "int8_speedup"):
            value = getattr(self, name)
            require(0 < value <= 1000, f"{name}={value}, but should be above 0 and at most 1000")


@dataclass(frozen=True, kw_only=True)
class ThroughputLimit:
    """What the device must reach: so many times the recorded baseline, at every batch size and at the best one.

    ``baseline`` names a column of the recorded table (``baselines.py``), ``chip`` the device that is asked.
    """

    chip: str
    baseline: str
    at_least: float
    source: str

    def __post_init__(self) -> None:
        require(0 < self.at_least < math.inf, f"at_least={self.at_least}, but should be above 0")
        require(bool(self.source.strip()), f"source={self.source!r}, but should say where the limit is from")


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """What is judged, and against what. ``path`` is the file it was read from."""

    name: str
    summary: str
    network: Network
    dataset: DatasetSpec
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    artifact: IoFormat = field(default_factory=IoFormat)
    reference: Reference
    tolerances: Tolerances = field(default_factory=Tolerances)
    #: None: no recorded baseline is of this network and size.
    throughput: ThroughputLimit | None = None
    batch_sizes: tuple[int, ...] = (1, 16)
    path: Path

    def __post_init__(self) -> None:
        # The name becomes part of file names.
        plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name)
        require(bool(plain), f"name={self.name!r}, but should be letters, digits, '.', '_' and '-'")
        sizes = self.batch_sizes
        require(len(sizes) > 0 and len(set(sizes)) == len(sizes), f"batch_sizes={list(sizes)}, but should be distinct")
        require(
            all(1 <= n <= MAX_BATCH for n in sizes),
            f"batch_sizes={list(sizes)}, but should hold numbers in 1..{MAX_BATCH}",
        )
        outputs, classes = self.network.outputs, self.scored_classes
        require(outputs >= classes, f"outputs={outputs}, but should be at least the data set's {classes} classes")

    @property
    def scored_classes(self) -> int:
        """How many classes the data set has; the network's outputs beyond them (a void class) are not scored."""
        return CLASSES[self.dataset.layout]

    @property
    def weights(self) -> Path | None:
        """The checkpoint's path, or None where the user must give it."""
        return None if self.network.weights is None else self.path.parent / self.network.weights


def builtin_names() -> list[str]:
    """Names of the deliverables that come with the package."""
    return sorted(path.stem for path in BUILTIN.glob("*.toml"))


def load(name_or_path: str) -> Deliverable:
    """Read and check a deliverable.

    Args:
        name_or_path: a shipped name, or the path of a TOML file.
    Raises:
        InputError: no such deliverable; the file can't be read; a key is unknown, missing, or its value is wrong.
    """
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in builtin_names():
            raise unknown_name_error("deliverable", name_or_path, [*builtin_names(), "or the path of a .toml file"])
        path = BUILTIN / f"{name_or_path}.toml"
    else:
        path = Path(name_or_path)
    table = read_toml(path, "deliverable", f". Give a .toml file or one of {builtin_names()}")
    try:
        if "path" in table:
            raise unknown_name_error(
                "key", "path", [f.name for f in fields(Deliverable) if f.name != "path"], where=str(path)
            )
        deliverable: Deliverable = parse(Deliverable, {**table, "path": path}, str(path))
    except InputError as error:
        raise InputError(add_line_number(str(error), path)) from error
    return deliverable


def template() -> str:
    """A commented file to begin with, every key in it."""
    return Path(__file__).with_name("template.txt").read_text(encoding="utf-8")
