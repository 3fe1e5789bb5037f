"""A PReLU with one slope and a cheap gradient, for training on a CPU.

PyTorch computes the gradient of the slope in a tensor as large as the input. In a network whose activations are all
PReLUs, this takes a CPU two fifths of a training step. ``torch.compile`` cannot optimise this class.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class QuickPReLU(nn.PReLU):
    """``nn.PReLU()`` with a single slope: same values, gradients and state dict."""

    def forward(self, x: Tensor) -> Tensor:
        return SingleSlope.apply(x, self.weight)  # type: ignore[no-untyped-call]


class SingleSlope(torch.autograd.Function):
    """``x`` if positive, else ``slope * x``, for a slope of shape (1,)."""

    @staticmethod
    def forward(context: Any, x: Tensor, slope: Tensor) -> Tensor:
        context.save_for_backward(x)
        context.slope = slope.item()
        return nn.functional.leaky_relu(x, context.slope)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,), (x,) = gradients, context.saved_tensors
        x_gradient = torch.ops.aten.leaky_relu_backward(gradient, x, context.slope, self_is_result=False)
        return x_gradient, (gradient * x.clamp(max=0)).sum(dtype=torch.float32).view(1)


def use_quick_prelus(network: nn.Module) -> None:
    """Replace every PReLU with one slope by a ``QuickPReLU`` that has the same parameter object."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.PReLU) and child.num_parameters == 1:
                quick = QuickPReLU()
                quick.weight = child.weight
                setattr(parent, name, quick.train(child.training))
