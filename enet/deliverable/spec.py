"""The deliverable: everything that is fixed before a measurement, read from one TOML file.

The included ones are in ``builtin/``; a user's own file is given by its path. A file is checked completely and an
unknown key is an error, so that a mistyped tolerance cannot be ignored.
"""

from __future__ import annotations

import math
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from enet.deliverable.layouts import LAYOUT_FACTS
from enet.deliverable.toml_reader import add_line_number, expect, parse, read_toml, require
from enet.errors import InputError, unknown_name_error

BUILTIN = Path(__file__).parent / "builtin"

#: The networks that are called ENet; ``enet.model.architectures`` describes and builds them.
Variant = Literal["ascend", "tramac", "paper"]
VARIANTS: tuple[Variant, ...] = typing.get_args(Variant)

#: Largest accepted batch size; a larger number is a typing error.
MAX_BATCH = 1024

#: The guide's rule of throughput, section 7.3: the factor, and the column that it is over, the fastest below the tuned.
AT_LEAST, BASELINE = 1.2, "310"

#: The template's value for a source, which the user must replace.
PLACEHOLDER = "say where the figure is from"


def expect_digest(owner: object, name: str) -> None:
    """Raise ValueError unless the field is None or a SHA-256 in hexadecimal."""
    value = getattr(owner, name)
    expect(
        owner,
        name,
        value is None or re.fullmatch(r"[0-9a-f]{64}", value),
        "64 digits of 0-9 and a-f, as sha256sum prints",
    )


@dataclass(frozen=True, kw_only=True)
class Network:
    """Variant of ENet, and its checkpoint."""

    variant: Variant
    #: Channels of the logits.
    outputs: int = 19
    #: The checkpoint's path, relative to the TOML file; None: the user gives it.
    weights: str | None = None
    #: SHA-256 of the promised checkpoint, hexadecimal; None: any. Results that were recorded on a device do not name
    #: their checkpoint, so for these it is only noted.
    sha256: str | None = None
    #: Path, relative to the TOML file, of logits that the checkpoint must give; ``enet deliverables pin`` writes it.
    golden: str | None = None

    def __post_init__(self) -> None:
        expect(self, "outputs", 1 <= self.outputs <= 255, "1..255")
        expect_digest(self, "sha256")


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

    def __post_init__(self) -> None:
        if self.layout not in LAYOUT_FACTS:
            raise ValueError(str(unknown_name_error("layout", self.layout, LAYOUT_FACTS)))
        expect(self, "images", self.images >= 1, "at least 1")
        expect(self, "split", self.split.isidentifier(), "a plain name such as 'val'")
        splits = LAYOUT_FACTS[self.layout].generated_splits
        expect(self, "split", not splits or self.split in splits, f"for {self.layout} one of {', '.join(splits)}")
        expect(self, "seed", self.seed >= 0, "at least 0")
        expect_digest(self, "sha256")
        expect_digest(self, "inputs_sha256")

    @property
    def is_generated(self) -> bool:
        """Whether the images are generated, so that the user need not have the data set."""
        return bool(LAYOUT_FACTS[self.layout].generated_splits)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The way from a photograph to the network's input. Pillow's BILINEAR for images, NEAREST for labels."""

    #: "short-side": scale until the shorter side fits ``size``, then crop the centre; "exact": scale to ``size``,
    #: whatever the aspect ratio.
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
            expect(self, "size", self.size[0] == self.size[1], "a square for resize='short-side'")
            rule = "'network' for resize='short-side', which crops. Use resize='exact'"
            expect(self, "label_grid", self.label_grid == "network", rule)
        expect(self, "mean", all(math.isfinite(m) for m in self.mean), "finite numbers")
        expect(self, "std", all(math.isfinite(s) and s > 0 for s in self.std), "finite numbers above 0")

    @property
    def of_images(self) -> dict[str, Any]:
        """The fields that decide the network's input, as JSON; ``label_grid`` does not."""
        return {"resize": self.resize, "size": self.size, "mean": self.mean, "std": self.std}


@dataclass(frozen=True, kw_only=True)
class IoFormat:
    """Input and output of the artifact. The guide's format is float images in, logits out."""

    #: "float": normalised float32 (N, 3, H, W); "uint8": RGB (N, H, W, 3), normalised inside the graph.
    input: Literal["float", "uint8"] = "float"
    #: "logits": float32 (N, outputs, H, W); "labels": uint8 (N, H, W), the argmax is inside the graph.
    output: Literal["logits", "labels"] = "logits"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The mIoU that the deliverable must reproduce, in percent, and its source."""

    miou_percent: float
    source: str
    #: A class in neither target nor prediction counts as IoU 0 (the guide's scripts) or is left out of the mean
    #: (the official Cityscapes evaluator).
    absent_classes: Literal["zero", "skip"] = "zero"

    def __post_init__(self) -> None:
        expect(self, "miou_percent", 0 < self.miou_percent <= 100, "above 0 and at most 100")
        expect(self, "source", self.source.strip(), "a text that says where the number is from")


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Limits of the gates."""

    #: mIoU of artifact against reference, relative, both sides.
    miou_relative: float = 0.01
    #: Largest loss of IoU (0..1) of a single class, artifact against PyTorch.
    class_iou: float = 0.05
    #: Smallest fraction of equal pixels of two runs that must agree, over all images.
    label_agreement: float = 0.9999
    #: The same for the worst image.
    image_agreement: float = 0.999
    #: Largest difference of mIoU (0..1) between batch sizes.
    batch_miou: float = 1e-4
    #: Largest absolute difference of logits, ONNX against PyTorch.
    logits: float = 1e-4
    #: The same as a fraction of the image's largest logit; the larger of both limits holds. float32 rounds sums in
    #: proportion to their size; the default is that of torch.testing.assert_close for float32.
    logits_relative: float = 1.3e-6
    #: Images/s on this host, artifact over PyTorch, in the same run.
    speedup: float = 1.2
    #: Largest loss of that factor against an earlier run, as a fraction.
    slowdown: float = 0.1
    #: Images/s of an INT8 artifact over the fastest float32 one, in the same run.
    int8_speedup: float = 1.5

    def __post_init__(self) -> None:
        for name, loosest in LOOSEST.items():
            value = getattr(self, name)
            if is_upper_limit(name):
                expect(self, name, 0 < value <= loosest, f"above 0 and at most {loosest:g}")
            else:
                most = 1 if loosest < 1 else 1000
                expect(self, name, loosest <= value <= most, f"{loosest:g}..{most}")

    @property
    def looser(self) -> list[str]:
        """Names of the limits that are looser than the defaults."""
        sides = {name: (getattr(self, name), getattr(Tolerances, name)) for name in LOOSEST}
        return [
            name for name, (own, default) in sides.items() if (own > default if is_upper_limit(name) else own < default)
        ]


#: Loosest accepted limits. A network within these is still the stated one: half a percent of other labels, a class that
#: has lost a fifth of its IoU, would be seen at once. Limits looser than the defaults are named in the conclusion.
LOOSEST = {
    "miou_relative": 0.05,
    "class_iou": 0.2,
    "label_agreement": 0.995,
    "image_agreement": 0.98,
    "batch_miou": 0.01,
    "logits": 0.01,
    "logits_relative": 1e-4,
    "speedup": 1.0,
    "slowdown": 0.5,
    "int8_speedup": 1.0,
}


def is_upper_limit(name: str) -> bool:
    """Whether a larger value of a tolerance accepts more."""
    return LOOSEST[name] > float(getattr(Tolerances, name))


@dataclass(frozen=True, kw_only=True)
class ThroughputLimit:
    """Images/s that the device must reach at every batch size and at the best one."""

    #: The device that must reach it.
    chip: str
    #: A column of the recorded table (``baselines.py``).
    baseline: str
    #: Factor to the baseline's images/s.
    at_least: float
    source: str

    def __post_init__(self) -> None:
        expect(self, "at_least", 1 <= self.at_least < math.inf, "a finite number, at least 1")
        expect(self, "source", self.source.strip(), "a text that says where the limit is from")


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """The content of a deliverable's file, and its ``path``."""

    name: str
    summary: str
    network: Network
    dataset: DatasetSpec
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    artifact: IoFormat = field(default_factory=IoFormat)
    reference: Reference
    tolerances: Tolerances = field(default_factory=Tolerances)
    #: None: there is no recorded baseline for this network and size.
    throughput: ThroughputLimit | None = None
    batch_sizes: tuple[int, ...] = (1, 16)
    path: Path

    def __post_init__(self) -> None:
        # The name becomes part of file names.
        is_plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name)
        expect(self, "name", is_plain, "letters, digits, '.', '_' and '-'")
        sizes = self.batch_sizes
        expect(self, "batch_sizes", sizes and len(set(sizes)) == len(sizes), "distinct numbers, at least one")
        expect(self, "batch_sizes", all(1 <= n <= MAX_BATCH for n in sizes), f"numbers in 1..{MAX_BATCH}")
        outputs, classes = self.network.outputs, self.scored_classes
        rule = f"expected at least {classes}, the number of classes of the data set"
        require(outputs >= classes, f"outputs={outputs}, {rule}")

    @property
    def scored_classes(self) -> int:
        """Number of classes of the data set; the network's outputs beyond them (a void class) are not scored."""
        return LAYOUT_FACTS[self.dataset.layout].classes

    @property
    def looser_rules(self) -> list[str]:
        """Names of the limits that are looser than this suite's own."""
        limit = self.throughput
        rules = {
            "throughput.at_least": limit and limit.at_least < AT_LEAST,
            "throughput.baseline": limit and limit.baseline != BASELINE,
        }
        return [*self.tolerances.looser, *(name for name, looser in rules.items() if looser)]

    @property
    def weights(self) -> Path | None:
        """The checkpoint's path; None: the user must give it."""
        return None if self.network.weights is None else self.path.parent / self.network.weights

    @property
    def golden(self) -> Path | None:
        """The path of the checkpoint's golden logits, if the file names them."""
        return None if self.network.golden is None else self.path.parent / self.network.golden

    @property
    def is_pinned(self) -> bool:
        """Whether weights and data are named by hash, so that a measurement can be repeated to the pixel."""
        return bool(self.network.sha256 and self.dataset.sha256)

    @property
    def has_weights(self) -> bool:
        """Whether the checkpoint is where the deliverable says."""
        return self.weights is not None and self.weights.is_file()


def builtin_names() -> list[str]:
    """Names of the deliverables that are included in the package."""
    return sorted(path.stem for path in BUILTIN.glob("*.toml"))


def load(name_or_path: str) -> Deliverable:
    """Read and check a deliverable.

    Args:
        name_or_path: a name of ``builtin_names()``, or the path of a TOML file.
    Raises:
        InputError: no such deliverable; the file cannot be read; a key is unknown, missing, or its value is wrong.
    """
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in builtin_names():
            raise unknown_name_error("deliverable", name_or_path, [*builtin_names(), "or the path of a .toml file"])
        path = BUILTIN / f"{name_or_path}.toml"
    else:
        path = Path(name_or_path)
    table = read_toml(path, "deliverable", f". Give a .toml file or one of {builtin_names()}")
    try:
        deliverable: Deliverable = parse(Deliverable, table, str(path), path=path)
    except InputError as error:
        raise InputError(add_line_number(str(error), path)) from error
    return deliverable


def template() -> str:
    """Return the text of a commented TOML file with every key, for a user to start from."""
    text = Path(__file__).with_name("template.txt").read_text(encoding="utf-8")
    return text.replace("{layouts}", ", ".join(f'"{name}"' for name in LAYOUT_FACTS))
