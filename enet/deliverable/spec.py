"""The deliverable: everything that is fixed before a measurement, read from one TOML file.

The included ones are in ``builtin/``; a user's own file is given by its path. A file is checked completely and an
unknown key is an error, so that a mistyped tolerance cannot be ignored.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from enet.deliverable.artifact import ArtifactSpec
from enet.deliverable.dataset import DatasetSpec, Preprocessing
from enet.deliverable.layouts import LAYOUT_FACTS
from enet.deliverable.network import Network, TrustedNetwork
from enet.deliverable.tolerances import Tolerances
from enet.deliverable.toml_reader import add_line_number, expect, parse, read_toml, require
from enet.errors import InputError, InputErrors, format_list, unknown_name_error

BUILTIN = Path(__file__).parent / "builtin"

#: Largest accepted batch size; a larger number is a typing error.
MAX_BATCH = 1024

#: The guide's rule of throughput, section 7.3: the factor, and the column that it is over, the fastest below the tuned.
AT_LEAST, BASELINE = 1.2, "310"

#: The template's value for a source, which the user must replace.
PLACEHOLDER = "say where the figure is from"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The mIoU that the deliverable must reproduce, in percent, and its source."""

    miou_percent: float
    source: str
    #: A class in neither target nor prediction counts as IoU 0 (the guide's scripts) or is left out of the mean
    #: (the official Cityscapes evaluator).
    absent_classes: Literal["zero", "skip"] = "zero"
    #: IoU of each class in percent, by name; empty: only the mean is stated. Where no checkpoint is here to compare
    #: with, no class may lose more than ``Tolerances.class_iou`` to these.
    class_iou_percent: dict[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        expect(self, "miou_percent", 0 < self.miou_percent <= 100, "above 0 and at most 100")
        expect(self, "source", self.source.strip(), "a text that says where the number is from")
        in_range = all(0 <= iou <= 100 for iou in self.class_iou_percent.values())
        expect(self, "class_iou_percent", in_range, "numbers in 0..100")


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
    artifact: ArtifactSpec = field(default_factory=ArtifactSpec)
    reference: Reference
    tolerances: Tolerances = field(default_factory=Tolerances)
    #: None: there is no recorded baseline for this network and size.
    throughput: ThroughputLimit | None = None
    #: Options of ONNX Runtime's execution providers, as texts, by the provider's name.
    providers: dict[str, dict[str, str]] = field(default_factory=dict, hash=False)
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
        counts = {name: self.network.order.count(name) for name in self.dataset.class_names}
        wrong = [name for name, count in counts.items() if count != 1] if self.network.order else []
        others = [name for name in self.network.order if name not in counts]
        near = {name: get_close_matches(name, others, 1) for name in wrong}
        meant = [f"{name} (for {found[0]!r}?)" if found else name for name, found in near.items()]
        require(not wrong, f"order={len(self.network.order)} names, expected once each: {format_list(meant)}")

    @property
    def output_order(self) -> tuple[int, ...] | None:
        """The network's outputs in the order of the classes, those that are no class last; None: as they are."""
        order, names = self.network.order, self.dataset.class_names
        if not order:
            return None
        classes = [order.index(name) for name in names]
        return (*classes, *(index for index in range(len(order)) if index not in classes))

    @property
    def scored_classes(self) -> int:
        """Number of classes of the data set; the network's outputs beyond them (a void class) are not scored."""
        return len(self.dataset.class_names)

    @property
    def looser_rules(self) -> list[str]:
        """Names of the limits that are looser than this suite's own."""
        limit = self.throughput
        rules = {
            "throughput.at_least": limit and limit.at_least < AT_LEAST,
            "throughput.baseline": limit and limit.baseline != BASELINE,
        }
        return [*self.tolerances.looser, *(name for name, looser in rules.items() if looser)]

    def require_filled_in(self) -> Deliverable:
        """Return the deliverable itself; raise InputError if it still has the template's reference."""
        if self.reference.source == PLACEHOLDER:
            problem = f"source={PLACEHOLDER!r} is the template's. State the mIoU and where it is from"
            raise InputError(add_line_number(f"{self.path} [reference]: {problem}", self.path))
        return self

    def slips(self) -> list[str]:
        """What is surely a mistake although it could be meant, each in one line with its place."""
        prep, reference, dataset = self.preprocessing, self.reference, self.dataset
        found = (
            (max(prep.mean) > 1, "preprocessing", "mean", "is of values in 0..255. Divide by 255"),
            (max(prep.std) > 1, "preprocessing", "std", "is of values in 0..255. Divide by 255"),
            (prep.mean == Preprocessing.std, "preprocessing", "mean", "is the usual std. Exchange them"),
            (reference.miou_percent <= 1, "reference", "miou_percent", "looks like a fraction. Give percent"),
            (
                max(reference.class_iou_percent.values(), default=100) <= 1,
                "reference",
                "class_iou_percent",
                "looks like fractions. Give percent",
            ),
            (dataset.split == "train", "dataset", "split", "scores the images that networks are trained on"),
        )
        owners = {"preprocessing": prep, "reference": reference, "dataset": dataset}
        return [
            add_line_number(f"{self.path} [{table}]: {key}={getattr(owners[table], key)!r} {words}", self.path)
            for holds, table, key, words in found
            if holds
        ]

    @property
    def weights(self) -> Path | None:
        """The checkpoint's path; None: the user must give it."""
        return None if self.network.weights is None else self.path.parent / self.network.weights

    @property
    def code(self) -> tuple[Path, str]:
        """The file of the user's own code, and the name in it that builds the network.

        Raises:
            InputError: the user does not let it run.
        """
        file, _, name = (self.network.module or "").rpartition(":")
        path = (self.path.parent / file).resolve()
        if not isinstance(self.network, TrustedNetwork):
            problem = f"its network is built by {path}, which would be run"
            raise InputError(f"deliverable {self.name}: {problem}. Read it, and allow it with --trust-code")
        return path, name

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


def load(name_or_path: str, *, trust_code: bool = False) -> Deliverable:
    """Read and check a deliverable.

    Args:
        name_or_path: a name of ``builtin_names()``, or the path of a TOML file.
        trust_code: the user lets code that the file names run.
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
    except InputErrors as error:
        messages = {add_line_number(message, path): None for message in error.messages}
        raise InputErrors(sorted(messages, key=line_of)) from error
    if trust_code and deliverable.network.module:
        deliverable = replace(deliverable, network=TrustedNetwork(**vars(deliverable.network)))
    return deliverable


def line_of(message: str) -> int:
    """The line that a message begins with, after the path; 0 if there is none."""
    found = re.search(r"\.toml:(\d+)", message)
    return int(found[1]) if found else 0


def template() -> str:
    """Return the text of a commented TOML file with every key, for a user to start from."""
    text = Path(__file__).with_name("template.txt").read_text(encoding="utf-8")
    return text.replace("{layouts}", ", ".join(f'"{name}"' for name in LAYOUT_FACTS))
