"""The table that explains a verdict: both mIoUs, the classes that differ, the images that differ most."""

from __future__ import annotations

import numpy as np

from enet.evidence import Accuracy
from enet.metrics import segmentation


def format_comparison(evidence: Accuracy, reference: Accuracy, *, worst_images: int = 5) -> str:
    """Two runs side by side, as text of a few dozen lines.

    Args:
        evidence: the run that is checked.
        reference: the same images, run by the reference.
    """
    names = str(evidence.provenance), str(reference.provenance)
    ours, theirs = (100 * segmentation.iou_per_class(side.matrix) for side in (evidence, reference))
    width = max(len(name) for name in (*evidence.classes, "pixel accuracy"))
    lines = [
        f"{names[0]} against {names[1]}, {len(evidence.images)} images, absent classes: {evidence.absent_classes}",
        f"{'IoU in %':<{width}}  {'artifact':>9}  {'reference':>9}  {'pp':>9}",
    ]
    order = np.argsort(np.nan_to_num(ours - theirs))
    accuracies = [100 * segmentation.pixel_accuracy(side.matrix) for side in (evidence, reference)]
    rows = [
        *((evidence.classes[i], ours[i], theirs[i]) for i in order),
        ("mIoU", 100 * evidence.miou, 100 * reference.miou),
        ("pixel accuracy", accuracies[0], accuracies[1]),
    ]
    lines += [f"{name:<{width}}  {a:9.4f}  {b:9.4f}  {a - b:+9.4f}" for name, a, b in rows]
    if evidence.images == reference.images:
        lines += ["", *worst(evidence, reference, worst_images)]
    return "\n".join(lines)


def worst(evidence: Accuracy, reference: Accuracy, count: int) -> list[str]:
    """The images whose pixel accuracy fell most."""
    ours, theirs = (
        np.array([100 * segmentation.pixel_accuracy(matrix) for matrix in side.matrices])
        for side in (evidence, reference)
    )
    order = np.argsort(ours - theirs)[:count]
    lines = ["images that lost most (pixel accuracy in %)"]
    lines += [f"  {ours[i]:8.4f}  {theirs[i]:8.4f}  {ours[i] - theirs[i]:+9.4f}  {evidence.images[i]}" for i in order]
    return lines
