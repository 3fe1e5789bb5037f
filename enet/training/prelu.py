"""PReLU with one slope, differentiated in two cheap steps: for training on a CPU.

PyTorch's own sums the slope's gradient through a tensor as large as the input, which takes a CPU two fifths of a
training step of a network whose every activation is a PReLU. A compiler can't look into this one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class QuickPReLU(nn.PReLU):
    """``nn.PReLU()`` of a single parameter: the same values and gradients, the same state dict."""

    def forward(self, x: Tensor) -> Tensor:
        return OneSlope.apply(x, self.weight)  # type: ignore[no-untyped-call]


class OneSlope(torch.autograd.Function):
    """``x`` where it is positive, else ``slope * x``; slope of shape (1,)."""

    @staticmethod
    def forward(context: Any, x: Tensor, slope: Tensor) -> Tensor:
        context.save_for_backward(x)
        context.slope = slope.item()
        return nn.functional.leaky_relu(x, context.slope)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,), (x,) = gradients, context.saved_tensors
        of_x = torch.ops.aten.leaky_relu_backward(gradient, x, context.slope, self_is_result=False)
        return of_x, (gradient * x.clamp(max=0)).sum(dtype=torch.float32).view(1)


def quicken(network: nn.Module) -> None:
    """Put a ``QuickPReLU`` in the place of every PReLU of one slope; parameters stay the same objects."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.PReLU) and child.num_parameters == 1:
                quick = QuickPReLU()
                quick.weight = child.weight
                setattr(parent, name, quick.train(child.training))
