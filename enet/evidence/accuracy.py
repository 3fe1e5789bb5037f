"""Accuracy: per-image confusion matrices of one run over a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from enet.evidence.provenance import SCHEMA, Provenance
from enet.metrics import segmentation


@dataclass(frozen=True, kw_only=True)
class DeviceShare:
    """What one of several devices did of a run: how many images, in how many seconds of its own."""

    device: str
    images: int
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """Per-image confusion matrices of one run over a split.

    ``matrices``: int64, shape (images, classes, classes), row = truth, column = prediction. ``non_finite`` counts
    images with a NaN or infinite logit; None where the artifact gives labels only. ``images`` are in order of name.
    ``seconds`` is wall clock; ``devices`` has the share of each where several ran at once. ``claimed_miou_percent`` is
    what a log that came with recorded results claims. ``duplicate_images`` counts images whose file is that of
    another image.
    ``label_grid`` is where predictions were compared, as ``Preprocessing`` has it.
    """

    kind: ClassVar[str] = "accuracy"
    provenance: Provenance
    classes: tuple[str, ...]
    absent_classes: segmentation.AbsentClasses
    images: tuple[str, ...]
    images_expected: int
    matrices: NDArray[np.int64]
    non_finite: int | None
    seconds: float
    devices: tuple[DeviceShare, ...] = ()
    claimed_miou_percent: float | None = None
    duplicate_images: int = 0
    label_grid: str = "network"

    def __post_init__(self) -> None:
        shape = (len(self.images), len(self.classes), len(self.classes))
        if self.matrices.shape != shape:
            raise ValueError(f"matrices.shape={self.matrices.shape}, but should be {shape}")

    @property
    def matrix(self) -> NDArray[np.int64]:
        """The whole split's confusion matrix."""
        return self.matrices.sum(axis=0)

    @property
    def single_class_images(self) -> tuple[str, ...]:
        """Images that got one class everywhere, where the truth has more than two."""
        predicted, true = (np.count_nonzero(self.matrices.sum(axis=axis), axis=1) for axis in (1, 2))
        return tuple(self.images[index] for index in np.flatnonzero((predicted == 1) & (true > 2)))

    @property
    def miou(self) -> float:
        """Mean IoU in 0..1, under the deliverable's rule for absent classes."""
        return segmentation.miou(self.matrix, self.absent_classes)

    def summary(self) -> dict[str, Any]:
        """What people and scripts ask for first; fractions in 0..1, seconds, images per second."""
        iou = [None if np.isnan(value) else float(value) for value in segmentation.iou_per_class(self.matrix)]
        return {
            "miou": self.miou,
            "miou_rule": f"absent classes: {self.absent_classes}",
            "label_grid": self.label_grid,
            "miou_absent_zero": segmentation.miou(self.matrix, "zero"),
            "miou_absent_skip": segmentation.miou(self.matrix, "skip"),
            "pixel_accuracy": segmentation.pixel_accuracy(self.matrix),
            "iou_per_class": dict(zip(self.classes, iou, strict=True)),
            "confusion_matrix": self.matrix.tolist(),
            "images": len(self.images),
            "images_expected": self.images_expected,
            "duplicate_images": self.duplicate_images,
            "seconds": self.seconds,
            "images_per_second": len(self.images) / self.seconds if self.seconds else None,
            "devices": [asdict(share) for share in self.devices],
            "claimed_miou_percent": self.claimed_miou_percent,
            "provenance": asdict(self.provenance),
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            **self.summary(),
            "absent_classes": self.absent_classes,
            "non_finite": self.non_finite,
            "image_names": list(self.images),
            "matrices": [matrix.ravel().tolist() for matrix in self.matrices],
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Accuracy:
        classes = tuple(table["iou_per_class"])
        matrices = np.array(table["matrices"], np.int64).reshape(-1, len(classes), len(classes))
        return cls(
            provenance=Provenance.from_json(table["provenance"]),
            classes=classes,
            absent_classes=table["absent_classes"],
            images=tuple(table["image_names"]),
            images_expected=table["images_expected"],
            matrices=matrices,
            non_finite=table["non_finite"],
            seconds=table["seconds"],
            devices=tuple(DeviceShare(**share) for share in table["devices"]),
            claimed_miou_percent=table["claimed_miou_percent"],
            duplicate_images=table["duplicate_images"],
            label_grid=table["label_grid"],
        )
