"""Evidence: what was measured, with where it came from; JSON that gates judge and reports show.

Evidence holds counts, not conclusions: mIoU and its kin follow from the per-image confusion matrices, agreement from
counts of pixels. Everything can be read back and judged anew, without a model or a device.
"""

from __future__ import annotations

import datetime
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from enet import scoring
from enet.errors import InputError
from enet.store import make_folder, write_text

#: Raised when the meaning of a field changes; evidence of another version is refused, not guessed at.
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a measurement came from. Digests are SHA-256, hexadecimal."""

    deliverable: str
    backend: str
    device: str
    batch_size: int
    form: dict[str, str]
    weights_sha256: str
    onnx_sha256: str
    artifact_sha256: str
    dataset_sha256: str
    preprocessing_sha256: str
    versions: dict[str, str]
    simulated: bool = False
    #: The user asked for only some of the images.
    limited: bool = False
    argv: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))
    host: str = field(default_factory=platform.platform)
    time: str = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds"))

    def __str__(self) -> str:
        return f"{self.deliverable}-{self.backend}-bs{self.batch_size}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """Per-image confusion matrices of one run over a split.

    ``matrices``: int64, shape (images, classes, classes), row = truth, column = prediction. ``non_finite`` counts
    images with a NaN or infinite logit; None where the artifact gives labels only. ``images`` are in order of name.
    """

    kind: ClassVar[str] = "accuracy"
    provenance: Provenance
    classes: tuple[str, ...]
    absent_classes: scoring.AbsentClasses
    images: tuple[str, ...]
    images_expected: int
    matrices: NDArray[np.int64]
    non_finite: int | None
    seconds: float

    def __post_init__(self) -> None:
        shape = (len(self.images), len(self.classes), len(self.classes))
        if self.matrices.shape != shape:
            raise ValueError(f"matrices.shape={self.matrices.shape}, but should be {shape}")

    @property
    def matrix(self) -> NDArray[np.int64]:
        """The whole split's confusion matrix."""
        return self.matrices.sum(axis=0)

    @property
    def miou(self) -> float:
        """Mean IoU in 0..1, under the deliverable's rule for absent classes."""
        return scoring.miou(self.matrix, self.absent_classes)

    def summary(self) -> dict[str, Any]:
        """What people and scripts ask for first; fractions in 0..1, seconds, images per second."""
        iou = [None if np.isnan(value) else float(value) for value in scoring.iou_per_class(self.matrix)]
        return {
            "miou": self.miou,
            "miou_rule": f"absent classes: {self.absent_classes}",
            "miou_absent_zero": scoring.miou(self.matrix, "zero"),
            "miou_absent_skip": scoring.miou(self.matrix, "skip"),
            "pixel_accuracy": scoring.pixel_accuracy(self.matrix),
            "iou_per_class": dict(zip(self.classes, iou, strict=True)),
            "confusion_matrix": self.matrix.tolist(),
            "images": len(self.images),
            "images_expected": self.images_expected,
            "seconds": self.seconds,
            "images_per_second": len(self.images) / self.seconds if self.seconds else None,
            "provenance": asdict(self.provenance),
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "schema": SCHEMA, **self.summary(), "absent_classes": self.absent_classes,
            "non_finite": self.non_finite, "image_names": list(self.images),
            "matrices": [matrix.ravel().tolist() for matrix in self.matrices],
        }  # fmt: skip

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Accuracy:
        classes = tuple(table["iou_per_class"])
        matrices = np.array(table["matrices"], np.int64).reshape(-1, len(classes), len(classes))
        return cls(
            provenance=provenance(table["provenance"]), classes=classes, absent_classes=table["absent_classes"],
            images=tuple(table["image_names"]), images_expected=table["images_expected"], matrices=matrices,
            non_finite=table["non_finite"], seconds=table["seconds"],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Parity:
    """On how many pixels two runs that should agree do not; per image, in order of ``images``.

    ``pixels`` are those of one image. ``non_finite`` counts images of either run with a logit that is no number;
    ``constant``: a run predicted one class everywhere. ``miou`` are the two runs' own, in 0..1, where both scored the
    whole split.
    """

    kind: ClassVar[str] = "parity"
    what: str
    first: Provenance
    second: Provenance
    images: tuple[str, ...]
    images_expected: int
    pixels: int
    differing: tuple[int, ...]
    non_finite: int
    constant: bool
    miou: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.differing) != len(self.images):
            raise ValueError(f"differing has {len(self.differing)} counts, but should have {len(self.images)}")

    @property
    def agreement(self) -> float:
        """Share of all compared pixels that agree, in 0..1; NaN if none were compared."""
        compared = self.pixels * len(self.images)
        return 1 - sum(self.differing) / compared if compared else float("nan")

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, "agreement": self.agreement, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Parity:
        return cls(
            what=table["what"], first=provenance(table["first"]), second=provenance(table["second"]),
            images=tuple(table["images"]), images_expected=table["images_expected"], pixels=table["pixels"],
            differing=tuple(table["differing"]), non_finite=table["non_finite"], constant=table["constant"],
            miou=tuple(table["miou"]) if table["miou"] else None,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two sets of numbers that should be equal are apart.

    ``largest`` is the largest absolute difference.
    ``unexplained`` counts values beyond ``limit`` that a near-tie in a max-pool doesn't explain: there, rounding
    alone decides which of two equal pixels a value returns to, and no two programs round alike. ``excusable`` is the
    share of values, in 0..1, near enough to such a tie.
    """

    kind: ClassVar[str] = "difference"
    what: str
    first: Provenance
    second: Provenance
    values: int
    largest: float
    limit: float
    beyond: int
    unexplained: int
    excusable: float
    non_finite: int

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Difference:
        names = ("what", "values", "largest", "limit", "beyond", "unexplained", "excusable", "non_finite")
        return cls(first=provenance(table["first"]), second=provenance(table["second"]), **{n: table[n] for n in names})


@dataclass(frozen=True, kw_only=True)
class Digests:
    """SHA-256 by name of things that should be equal to the byte."""

    kind: ClassVar[str] = "digests"
    what: str
    dataset_sha256: str
    preprocessing_sha256: str
    limited: bool
    images_expected: int
    ours: dict[str, str]
    theirs: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Digests:
        return cls(**{f.name: table[f.name] for f in fields(cls)})


Evidence = Accuracy | Parity | Difference | Digests
KINDS: dict[str, type[Evidence]] = {kind.kind: kind for kind in (Accuracy, Parity, Difference, Digests)}


def provenance(table: Mapping[str, Any]) -> Provenance:
    return Provenance(**{**table, "argv": tuple(table["argv"])})


def save(evidence: Evidence, path: Path) -> None:
    """Write evidence as JSON, whole or not at all.

    Raises:
        InputError: the folder can't be made or written.
    """
    make_folder(path.parent)
    write_text(path, json.dumps(evidence.to_json()))


def load(path: Path) -> Evidence:
    """Read evidence back; everything that follows from counts is computed anew.

    Raises:
        InputError: the file can't be read, isn't evidence, is of another schema, or states a figure that its own
            counts deny.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise InputError(f"{path}: evidence of schema {table['schema']}, but should be {SCHEMA}. Measure again")
        evidence = KINDS[table["kind"]].from_json(table)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Give an evidence file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not evidence ({type(error).__name__}: {error}). Measure again") from error
    for name in ("miou", "agreement"):
        stated, counted = table.get(name), getattr(evidence, name, None)
        if isinstance(stated, float) and isinstance(counted, float) and not np.isclose(stated, counted, atol=1e-12):
            raise InputError(f"{path}: states {name}={stated:.6g}, but its counts give {counted:.6g}. It was edited")
    return evidence
