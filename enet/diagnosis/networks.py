"""Changes of a PyTorch network that have the effect of a usual mistake of an export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from enet.model.folding import folded_if_traceable

#: Changes a network, in place or not, and returns it; None: there is nothing to change in it.
Change = Callable[[nn.Module], "nn.Module | None"]


def replace_layers(kind: type[nn.Module], other: Callable[[Any], nn.Module | None]) -> Change:
    """Replace every layer of a kind by another; None keeps it."""

    def change(network: nn.Module) -> nn.Module | None:
        layers = [(name, other(module)) for name, module in network.named_modules() if isinstance(module, kind)]
        changed = [(name, new) for name, new in layers if new is not None]
        for name, new in changed:
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, new)
        return network if changed else None

    return change


def each_of(kind: type[nn.Module], act: Callable[[Any], object]) -> Change:
    """Do something to every layer of a kind."""

    def change(network: nn.Module) -> nn.Module | None:
        layers = [module for module in network.modules() if isinstance(module, kind)]
        for module in layers:
            act(module)
        return network if layers else None

    return change


def set_epsilon(epsilon: float) -> Change:
    """Normalise batches with another epsilon."""
    return each_of(nn.BatchNorm2d, lambda module: setattr(module, "eps", epsilon))


#: Normalise batches by their own statistics, as in training mode.
use_batch_statistics = each_of(nn.BatchNorm2d, lambda module: module.train())


def round_weights(dtype: torch.dtype) -> Change:
    """Round weights as an exporter does: after batch normalisation is folded into them."""

    def change(network: nn.Module) -> nn.Module | None:
        folded = folded_if_traceable(network)
        if folded is None:
            return None
        with torch.no_grad():
            for name, value in folded.named_parameters():
                if name.endswith("weight"):
                    value.copy_(value.to(dtype).to(value.dtype))
        return folded

    return change


class Upsample(nn.Module):
    """Nearest-neighbour upsampling by 2 that takes the source pixels by another rule."""

    def __init__(self, source: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        return x[:, :, self.source(height)][:, :, :, self.source(width)]


def upsample_by(rule: Callable[[int], Tensor]) -> Change:
    """Take other source pixels in upsampling.

    Args:
        rule: source position by output position, of any number of source pixels.
    """

    def other(module: nn.Upsample) -> nn.Module | None:
        is_double = module.scale_factor in (2, 2.0, (2, 2), (2.0, 2.0))
        return Upsample(rule) if module.mode == "nearest" and is_double else None

    return replace_layers(nn.Upsample, other)


def rounded_up(side: int) -> Tensor:
    return ((torch.arange(2 * side) + 1) // 2).clamp(max=side - 1)


def aligned_corners(side: int) -> Tensor:
    return torch.arange(2 * side) * (side - 1) // (2 * side - 1)


def made_bilinear(module: nn.Upsample, *, align: bool = False) -> nn.Module | None:
    other = nn.Upsample(scale_factor=module.scale_factor, mode="bilinear", align_corners=align)
    return other if module.mode == "nearest" else None


def undilate(module: nn.Conv2d) -> None:
    if not isinstance(module.padding, str):
        sides = zip(module.padding, module.dilation, strict=True)
        module.padding, module.dilation = tuple(side // by for side, by in sides), (1, 1)


def padded_after(module: nn.Conv2d) -> nn.Module | None:
    """Pad at bottom and right only where the stride is 2, as TensorFlow does."""
    if (module.stride, module.padding, module.kernel_size) != ((2, 2), (1, 1), (3, 3)):
        return None
    module.padding = (0, 0)
    return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), module)


upsample_bilinear = replace_layers(nn.Upsample, made_bilinear)
upsample_bilinear_aligned = replace_layers(nn.Upsample, partial(made_bilinear, align=True))
lose_dilation = each_of(nn.Conv2d, undilate)
pad_other_side = replace_layers(nn.Conv2d, padded_after)
pool_by_maximum = replace_layers(nn.AvgPool2d, lambda pool: nn.MaxPool2d(pool.kernel_size, pool.stride, pool.padding))
ignore_slopes = replace_layers(nn.PReLU, lambda _: nn.ReLU())
clip_activations = replace_layers(nn.ReLU, lambda _: nn.ReLU6())
