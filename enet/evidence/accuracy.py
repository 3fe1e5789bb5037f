"""Accuracy: per-image confusion matrices of one run over a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.metrics import class_order, segmentation
from enet.metrics.borders import BorderErrors

#: Fields that are not in the summary as they are.
NOT_IN_SUMMARY = ("classes", "absent_classes", "images", "matrices", "non_finite")


@dataclass(frozen=True, kw_only=True)
class DeviceShare:
    """Images that one of several devices ran, and its wall-clock time in ``seconds``."""

    device: str
    images: int
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy(Evidence):
    """Per-image confusion matrices of one run over a split.

    Attributes:
        classes: names of the scored classes.
        absent_classes: rule for classes that occur in neither ground truth nor prediction, see ``segmentation.miou``.
        images: names, in sorted order.
        images_expected: number of images of the deliverable's split.
        matrices: int64, shape (images, classes, classes); row = ground truth, column = prediction.
        non_finite: number of images with a NaN or infinite logit; None if the artifact outputs labels only.
        seconds: wall-clock time.
        devices: share of each device, if several ran at once.
        claimed_miou_percent: mIoU according to a log that belongs to recorded results.
        duplicate_images: number of images with the pixels of another image.
        borders: errors at label borders and elsewhere, of recorded outputs; None if they were not counted.
        label_grid: resolution at which predictions were compared, see ``Preprocessing``.
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
    borders: BorderErrors | None = None

    def __post_init__(self) -> None:
        shape = (len(self.images), len(self.classes), len(self.classes))
        if self.matrices.shape != shape:
            raise ValueError(f"matrices.shape={self.matrices.shape}, expected {shape}")

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Confusion matrix of the whole split, int64, shape (classes, classes)."""
        return self.matrices.sum(axis=0)

    @property
    def single_class_images(self) -> tuple[str, ...]:
        """Names of images with a single predicted class although the ground truth has more than two."""
        predicted, true = (np.count_nonzero(self.matrices.sum(axis=axis), axis=1) for axis in (1, 2))
        return tuple(self.images[index] for index in np.flatnonzero((predicted == 1) & (true > 2)))

    @property
    def miou(self) -> float:
        """Mean IoU in 0..1, by the deliverable's rule for absent classes."""
        return segmentation.miou(self.matrix, self.absent_classes)

    @property
    def order_hint(self) -> str:
        """In which order of the classes mIoU would be far better, in a sentence; empty if there is none."""
        return class_order.order_hint(self.matrix, self.classes)

    def summary(self) -> dict[str, Any]:
        """Figures of the run, also printed by ``enet evaluate --json``; fractions in 0..1, seconds, images/s."""
        iou = [None if np.isnan(value) else float(value) for value in segmentation.iou_per_class(self.matrix)]
        return {
            "miou": self.miou,
            "miou_rule": f"absent classes: {self.absent_classes}",
            "miou_absent_zero": segmentation.miou(self.matrix, "zero"),
            "miou_absent_skip": segmentation.miou(self.matrix, "skip"),
            "order_hint": self.order_hint,
            "pixel_accuracy": segmentation.pixel_accuracy(self.matrix),
            "iou_per_class": dict(zip(self.classes, iou, strict=True)),
            "confusion_matrix": self.matrix.tolist(),
            "images": len(self.images),
            "images_per_second": len(self.images) / self.seconds if self.seconds else None,
            **{name: value for name, value in asdict(self).items() if name not in NOT_IN_SUMMARY},
        }

    def to_json(self) -> dict[str, Any]:
        """Return the fields and ``summary``: ``images`` is the count, ``image_names`` and flat matrices follow."""
        matrices = [matrix.ravel().tolist() for matrix in self.matrices]
        return super().to_json() | self.summary() | {"image_names": self.images, "matrices": matrices}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Evidence:
        matrices = np.array(table["matrices"], np.int64).reshape(-1, len(table["classes"]), len(table["classes"]))
        return super().from_json({**table, "images": table["image_names"], "matrices": matrices})
