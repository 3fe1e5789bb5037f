"""Muon for the convolutions and AdamW for the rest, or AdamW for all, as one optimiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from enet.errors import InputError


class Optimiser:
    """Steps a network's parameters and clears their gradients.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes a step of every matrix orthogonal; a
    convolution is one with a row for each channel of its weight's first axis. Only convolutions are decayed, not
    normalisation nor the slopes of PReLUs.

    Args:
        learning_rate: of both; Muon's steps are brought to the size of AdamW's.
        with_muon: False: AdamW for convolutions, too.
    Raises:
        InputError: this PyTorch has no Muon.
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float, *, with_muon: bool) -> None:
        self.convolutions = [p for p in network.parameters() if p.ndim == 4]
        others = [p for p in network.parameters() if p.ndim != 4]
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, learning_rate, weight_decay=0.0)]
        self.matrices: list[nn.Parameter] = []
        if with_muon:
            if not hasattr(torch.optim, "Muon"):
                raise InputError(
                    f"PyTorch {torch.__version__} has no Muon. Give --optimiser adamw, or take PyTorch 2.9 or later"
                )
            # Muon takes matrices only: here they are other views of the convolutions' memory.
            self.matrices = [nn.Parameter(p.detach().view(p.shape[0], -1)) for p in self.convolutions]
            self.parts.append(
                torch.optim.Muon(
                    self.matrices, learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
                )
            )
        else:
            self.parts.append(torch.optim.AdamW(self.convolutions, learning_rate, weight_decay=weight_decay))

    def set_learning_rate(self, learning_rate: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate

    def step(self) -> None:
        """Change every parameter that has a gradient, then forget the gradients."""
        for matrix, convolution in zip(self.matrices, self.convolutions, strict=False):  # no matrices without Muon
            matrix.grad = None if convolution.grad is None else convolution.grad.view(matrix.shape)
            convolution.grad = None
        for part in self.parts:
            part.step()
            part.zero_grad()

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)
