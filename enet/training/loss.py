"""The training loss: class-weighted cross entropy plus a soft IoU loss."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet.datasets.base import IGNORE
from enet.errors import InputError


class Loss(nn.Module):
    """Scalar ``cross entropy + iou_loss * (1 - soft IoU)`` of logits (N, C, H, W) and train ids (N, H, W).

    Weighted cross entropy alone predicts rare classes too often: it penalises missed pixels more than false ones.

    Args:
        weights: class weights, float32, shape (C,).
        iou_loss: factor of the soft IoU loss.
    """

    weights: Tensor

    def __init__(self, weights: Tensor, iou_loss: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.iou_loss = iou_loss

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        log_probabilities = logits.float().log_softmax(dim=1)
        if not bool((labels != IGNORE).any()):
            return log_probabilities.sum() * 0
        loss = nn.functional.nll_loss(log_probabilities, labels, self.weights, ignore_index=IGNORE)
        return loss + self.iou_loss * (1 - soft_iou(log_probabilities.exp(), labels)) if self.iou_loss else loss


def soft_iou(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Differentiable IoU of probabilities: a scalar in 0..1, the mean over the classes in the labels.

    Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", 2016.

    Args:
        probabilities: float32, shape (N, C, H, W).
        labels: train ids, int64, shape (N, H, W); pixels of ``IGNORE`` do not count.
    """
    known = labels != IGNORE
    target = labels[known]
    classes = probabilities.shape[1]
    target_probabilities = probabilities.gather(1, labels.where(known, 0)[:, None])[:, 0][known]
    intersection = probabilities.new_zeros(classes).index_add(0, target, target_probabilities)
    target_size = torch.bincount(target, minlength=classes)
    predicted_size = (probabilities * known[:, None]).sum((0, 2, 3))
    present = target_size > 0
    iou = intersection[present] / (predicted_size + target_size - intersection)[present]
    return iou.mean() if bool(present.any()) else predicted_size.sum() * 0


def class_weights(labels: Iterable[NDArray[np.uint8]], outputs: int, offset: float) -> Tensor:
    """Class weights ``1 / ln(offset + frequency)``, scaled to a mean of 1: float32, shape (outputs,).

    Raises:
        InputError: the label maps have no class.
    """
    counts = sum((np.bincount(label.ravel(), minlength=256)[:outputs] for label in labels), np.zeros(outputs, np.int64))
    if not counts.any():
        raise InputError("training: the label maps have no class at all. Check --train-split and the label ids")
    weights = 1 / np.log(offset + counts / counts.sum())
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)
