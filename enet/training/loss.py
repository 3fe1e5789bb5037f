"""What training minimises: class-weighted cross entropy, and the complement of the soft IoU."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet.datasets.base import IGNORE
from enet.errors import InputError


class Loss(nn.Module):
    """``cross entropy + iou_loss * (1 - soft IoU)`` of logits (N, C, H, W) and train ids (N, H, W); a scalar.

    Weighted cross entropy alone finds rare classes everywhere: it counts what is missed, not what is said too often.

    Args:
        weights: of the classes, shape (C,), float32.
        iou_loss: how much of the soft IoU's complement is added.
    """

    weights: Tensor

    def __init__(self, weights: Tensor, iou_loss: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.iou_loss = iou_loss

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logs = logits.float().log_softmax(dim=1)
        if not bool((labels != IGNORE).any()):
            return logs.sum() * 0
        loss = nn.functional.nll_loss(logs, labels, self.weights, ignore_index=IGNORE)
        return loss + self.iou_loss * (1 - soft_iou(logs.exp(), labels)) if self.iou_loss else loss


def soft_iou(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Mean over the classes in the labels of the IoU of probabilities: differentiable, a scalar in 0..1.

    Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", 2016.

    Args:
        probabilities: (N, C, H, W), float32.
        labels: train ids, (N, H, W), int64; those of ``IGNORE`` count nowhere.
    """
    known = labels != IGNORE
    truth = labels[known]
    classes = probabilities.shape[1]
    of_truth = probabilities.gather(1, labels.where(known, 0)[:, None])[:, 0][known]
    intersection = probabilities.new_zeros(classes).index_add(0, truth, of_truth)
    size = torch.bincount(truth, minlength=classes)
    said = (probabilities * known[:, None]).sum((0, 2, 3))
    present = size > 0
    iou = intersection[present] / (said + size - intersection)[present]
    return iou.mean() if bool(present.any()) else said.sum() * 0


def class_weights(labels: Iterable[NDArray[np.uint8]], outputs: int, offset: float) -> Tensor:
    """``1 / ln(offset + frequency)``, scaled to a mean of 1, shape (outputs,), float32.

    Raises:
        InputError: there is no class in the labels.
    """
    counts = sum((np.bincount(label.ravel(), minlength=256)[:outputs] for label in labels), np.zeros(outputs, np.int64))
    if not counts.any():
        raise InputError("training: the label maps hold no class at all. Check --train-split and the label ids")
    weights = 1 / np.log(offset + counts / counts.sum())
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)
