"""Muon for convolutions and AdamW for the other parameters, or AdamW for all, as one optimiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from enet.errors import InputError


class Optimiser:
    """Update a network's parameters and clear their gradients.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes the update of a matrix orthogonal. A
    convolution's matrix has a row for each entry of the weight's first axis. Only convolutions have weight decay.

    Args:
        learning_rate: for both optimisers; Muon's updates are scaled to the size of AdamW's.
        with_muon: False uses AdamW for convolutions too.
    Raises:
        InputError: this version of PyTorch has no Muon.
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float, *, with_muon: bool) -> None:
        self.convolutions = [p for p in network.parameters() if p.ndim == 4]
        others = [p for p in network.parameters() if p.ndim != 4]
        self.matrices: list[nn.Parameter] = []
        convolutions: torch.optim.Optimizer
        if not with_muon:
            convolutions = torch.optim.AdamW(self.convolutions, learning_rate, weight_decay=weight_decay)
        elif not hasattr(torch.optim, "Muon"):
            raise InputError(f"PyTorch {torch.__version__} has no Muon. Give --optimiser adamw, or use PyTorch >= 2.9")
        else:
            # Muon accepts only matrices: these are views of the convolutions' memory.
            self.matrices = [nn.Parameter(p.detach().view(p.shape[0], -1)) for p in self.convolutions]
            settings: dict[str, Any] = {"weight_decay": weight_decay, "adjust_lr_fn": "match_rms_adamw"}
            convolutions = torch.optim.Muon(self.matrices, learning_rate, **settings)
        self.parts = [torch.optim.AdamW(others, learning_rate, weight_decay=0.0), convolutions]

    def set_learning_rate(self, learning_rate: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate

    def step(self) -> None:
        """Update every parameter that has a gradient, then clear the gradients."""
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
