"""The three networks that are called ENet.

========== =================================================================================
``ascend``  the deliverable: ReLU, average-pooled shortcuts down, nearest-neighbour shortcuts up
``tramac``  awesome-semantic-segmentation-pytorch at 5843f752: PReLU, max-pool and max-unpool
``paper``   davidtvs/PyTorch-ENet, after arXiv 1606.02147: zero-padded shortcuts, 3x3 classifier
========== =================================================================================

``ascend`` and ``tramac`` are one class with two switches; ``paper`` is built from other blocks and is a class of its
own. Attribute names are those of the public checkpoints, so that ``state_dict()`` has the same keys and shapes.
Convolutions have no bias; each except the classifier is followed by batch normalisation.

All three take images of shape (N, 3, H, W), float32, H and W divisible by 8, and return logits of shape
(N, outputs, H, W), float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from enet.deliverable import VARIANTS

#: Blocks 1..8 of stages 2 and 3: (dilation, asymmetric). Table 1 of the paper.
STAGE = ((1, False), (2, False), (1, True), (4, False), (1, False), (8, False), (1, True), (16, False))

Activation = Callable[[], nn.Module]


def build(variant: str, outputs: int = 19) -> nn.Module:
    """Build an untrained network in evaluation mode.

    Args:
        variant: one of ``enet.deliverable.VARIANTS``.
        outputs: channels of the logits; at least 1.
    Raises:
        ValueError: the variant is unknown, or ``outputs`` is below 1.
    """
    if outputs < 1:
        raise ValueError(f"outputs={outputs}, expected at least 1")
    if variant == "ascend":
        return ENet(outputs, activation=nn.ReLU, unpool=False).eval()
    if variant == "tramac":
        return ENet(outputs, activation=nn.PReLU, unpool=True).eval()
    if variant == "paper":
        return PaperENet(outputs).eval()
    raise ValueError(f"variant={variant!r}, expected one of {', '.join(VARIANTS)}")


def conv_bn(channels_in: int, channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A convolution and its batch normalisation; at stride 1 it is padded to keep the size, at stride 2 not padded."""
    padding = dilation * (kernel - 1) // 2 if stride == 1 else 0
    conv = nn.Conv2d(channels_in, channels, kernel, stride, padding, dilation, bias=False)
    return [conv, nn.BatchNorm2d(channels)]


def asymmetric(channels: int) -> list[nn.Module]:
    """The 5x1 and 1x5 halves of a 5x5 convolution."""
    halves = ((5, 1), (2, 0)), ((1, 5), (0, 2))
    return [nn.Conv2d(channels, channels, kernel, padding=padding, bias=False) for kernel, padding in halves]


class Initial(nn.Module):
    """Halve the size; 16 channels: 13 from a convolution, 3 from the pooled image."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 13, 3, stride=2, padding=1, bias=False)
        self.maxpool = nn.MaxPool2d(2, 2)
        self.bn = nn.BatchNorm2d(16)
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(torch.cat([self.conv(x), self.maxpool(x)], 1)))


class Bottleneck(nn.Module):
    """Bottleneck at constant size: ``act(x + expand(convolve(reduce(x))))``."""

    def __init__(self, channels: int, activation: Activation, dilation: int = 1, is_asymmetric: bool = False) -> None:
        super().__init__()
        internal = channels // 4
        if is_asymmetric:
            middle = [*asymmetric(internal), nn.BatchNorm2d(internal)]
        else:
            middle = conv_bn(internal, internal, 3, dilation=dilation)
        self.conv1 = nn.Sequential(*conv_bn(channels, internal), activation())
        self.conv2 = nn.Sequential(*middle, activation())
        self.conv3 = nn.Sequential(*conv_bn(internal, channels), nn.Dropout2d(0.1))
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv3(self.conv2(self.conv1(x))) + x)


class Down(nn.Module):
    """A bottleneck that halves the size. Returns also the indices of the max-pool for the matching ``Up``: int64, shape
    of the pooled input; None if the shortcut is average-pooled."""

    def __init__(self, channels_in: int, channels: int, activation: Activation, keep_indices: bool) -> None:
        super().__init__()
        internal = channels // 4
        self.keep_indices = keep_indices
        self.pool = nn.MaxPool2d(2, 2, return_indices=True) if keep_indices else nn.AvgPool2d(2, 2)
        self.conv_down = nn.Sequential(*conv_bn(channels_in, channels))
        self.conv1 = nn.Sequential(*conv_bn(channels_in, internal), activation())
        self.conv2 = nn.Sequential(*conv_bn(internal, internal, 2, stride=2), activation())
        self.conv3 = nn.Sequential(*conv_bn(internal, channels), nn.Dropout2d(0.1))
        self.act = activation()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        shortcut, indices = self.pool(x) if self.keep_indices else (self.pool(x), None)
        return self.act(self.conv3(self.conv2(self.conv1(x))) + self.conv_down(shortcut)), indices


class Up(nn.Module):
    """A bottleneck that doubles the size. Its shortcut is unpooled with the indices of the matching ``Down``, or
    enlarged by nearest neighbour if there are none."""

    def __init__(self, channels_in: int, channels: int, activation: Activation, unpool: bool) -> None:
        super().__init__()
        internal = channels // 4
        self.conv = nn.Sequential(*conv_bn(channels_in, channels))
        self.upsampling = nn.MaxUnpool2d(2) if unpool else nn.Upsample(scale_factor=2, mode="nearest")
        self.block = nn.Sequential(
            *conv_bn(channels_in, internal),
            activation(),
            nn.ConvTranspose2d(internal, internal, 2, stride=2, bias=False),
            nn.BatchNorm2d(internal),
            activation(),
            *conv_bn(internal, channels),
            nn.Dropout2d(0.1),
        )
        self.act = activation()

    def forward(self, x: Tensor, indices: Tensor | None) -> Tensor:
        shortcut = self.conv(x)
        shortcut = self.upsampling(shortcut) if indices is None else self.upsampling(shortcut, indices)
        return self.act(self.block(x) + shortcut)


class ENet(nn.Module):
    """``ascend`` and ``tramac``. The forward pass does not use ``bottleneck3_5``: the public code leaves it out, and
    the checkpoints' scores are without it."""

    def __init__(self, outputs: int, activation: Activation, unpool: bool) -> None:
        super().__init__()
        self.initial = Initial(activation)
        self.bottleneck1_0 = Down(16, 64, activation, keep_indices=unpool)
        for i in range(1, 5):
            self.add_module(f"bottleneck1_{i}", Bottleneck(64, activation))
        self.bottleneck2_0 = Down(64, 128, activation, keep_indices=unpool)
        for stage in (2, 3):
            for i, shape in enumerate(STAGE, start=1):
                self.add_module(f"bottleneck{stage}_{i}", Bottleneck(128, activation, *shape))
        self.bottleneck4_0 = Up(128, 64, activation, unpool)
        self.bottleneck4_1 = Bottleneck(64, activation)
        self.bottleneck4_2 = Bottleneck(64, activation)
        self.bottleneck5_0 = Up(64, 16, activation, unpool)
        self.bottleneck5_1 = Bottleneck(16, activation)
        self.fullconv = nn.ConvTranspose2d(16, outputs, 2, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial(x)
        x, indices1 = self.bottleneck1_0(x)
        x = run_blocks(self, x, [f"bottleneck1_{i}" for i in range(1, 5)])
        x, indices2 = self.bottleneck2_0(x)
        x = run_blocks(self, x, [f"bottleneck2_{i}" for i in range(1, 9)])
        x = run_blocks(self, x, [f"bottleneck3_{i}" for i in range(1, 9) if i != 5])
        x = self.bottleneck4_0(x, indices2)
        x = self.bottleneck4_2(self.bottleneck4_1(x))
        x = self.bottleneck5_1(self.bottleneck5_0(x, indices1))
        return self.fullconv(x)


class PaperInitial(nn.Module):
    """``Initial`` with the overlapping 3x3 max-pool of the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self.main_branch = nn.Conv2d(3, 13, 3, stride=2, padding=1, bias=False)
        self.ext_branch = nn.MaxPool2d(3, stride=2, padding=1)
        self.batch_norm = nn.BatchNorm2d(16)
        self.out_activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.out_activation(self.batch_norm(torch.cat([self.main_branch(x), self.ext_branch(x)], 1)))


class PaperBottleneck(nn.Module):
    """``Bottleneck`` with an activation after every convolution, also after each half of the asymmetric pair."""

    def __init__(
        self, channels: int, activation: Activation, dropout: float, dilation: int = 1, is_asymmetric: bool = False
    ) -> None:
        super().__init__()
        internal = channels // 4
        if is_asymmetric:
            halves = asymmetric(internal)
            middle = [layer for half in halves for layer in (half, nn.BatchNorm2d(internal), activation())]
        else:
            middle = [*conv_bn(internal, internal, 3, dilation=dilation), activation()]
        self.ext_conv1 = nn.Sequential(*conv_bn(channels, internal), activation())
        self.ext_conv2 = nn.Sequential(*middle)
        self.ext_conv3 = nn.Sequential(*conv_bn(internal, channels), activation())
        self.ext_regul = nn.Dropout2d(dropout)
        self.out_activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.out_activation(x + self.ext_regul(self.ext_conv3(self.ext_conv2(self.ext_conv1(x)))))


class PaperDown(nn.Module):
    """Halve the size. The shortcut is max-pooled, its missing channels are zero. Returns the pool's indices, too."""

    def __init__(self, channels_in: int, channels: int, dropout: float) -> None:
        super().__init__()
        internal = channels_in // 4
        self.padding = channels - channels_in
        self.main_max1 = nn.MaxPool2d(2, stride=2, return_indices=True)
        self.ext_conv1 = nn.Sequential(*conv_bn(channels_in, internal, 2, stride=2), nn.PReLU())
        self.ext_conv2 = nn.Sequential(*conv_bn(internal, internal, 3), nn.PReLU())
        self.ext_conv3 = nn.Sequential(*conv_bn(internal, channels), nn.PReLU())
        self.ext_regul = nn.Dropout2d(dropout)
        self.out_activation = nn.PReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shortcut, indices = self.main_max1(x)
        shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, 0, self.padding))
        ext = self.ext_regul(self.ext_conv3(self.ext_conv2(self.ext_conv1(x))))
        return self.out_activation(shortcut + ext), indices


class PaperUp(nn.Module):
    """Double the size. The shortcut is unpooled with the indices of the matching ``PaperDown``."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        internal = channels_in // 4
        self.main_conv1 = nn.Sequential(*conv_bn(channels_in, channels))
        self.main_unpool1 = nn.MaxUnpool2d(2)
        self.ext_conv1 = nn.Sequential(*conv_bn(channels_in, internal), nn.ReLU())
        self.ext_tconv1 = nn.ConvTranspose2d(internal, internal, 2, stride=2, bias=False)
        self.ext_tconv1_bnorm = nn.BatchNorm2d(internal)
        self.ext_tconv1_activation = nn.ReLU()
        self.ext_conv2 = nn.Sequential(*conv_bn(internal, channels))
        self.ext_regul = nn.Dropout2d(0.1)
        self.out_activation = nn.ReLU()

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        shortcut = self.main_unpool1(self.main_conv1(x), indices)
        ext = self.ext_tconv1_activation(self.ext_tconv1_bnorm(self.ext_tconv1(self.ext_conv1(x))))
        return self.out_activation(shortcut + self.ext_regul(self.ext_conv2(ext)))


class PaperENet(nn.Module):
    """``paper``: PReLU in the encoder, ReLU in the decoder, all eight blocks of stage 3 are used."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.initial_block = PaperInitial()
        self.downsample1_0 = PaperDown(16, 64, dropout=0.01)
        for i in range(1, 5):
            self.add_module(f"regular1_{i}", PaperBottleneck(64, nn.PReLU, dropout=0.01))
        self.downsample2_0 = PaperDown(64, 128, dropout=0.1)
        # The published code numbers the blocks of stage 2 from 1 and those of stage 3 from 0.
        for name, shape in zip(paper_names(2, first=1) + paper_names(3, first=0), STAGE * 2, strict=True):
            self.add_module(name, PaperBottleneck(128, nn.PReLU, 0.1, *shape))
        self.upsample4_0 = PaperUp(128, 64)
        self.regular4_1 = PaperBottleneck(64, nn.ReLU, dropout=0.1)
        self.regular4_2 = PaperBottleneck(64, nn.ReLU, dropout=0.1)
        self.upsample5_0 = PaperUp(64, 16)
        self.regular5_1 = PaperBottleneck(16, nn.ReLU, dropout=0.1)
        self.transposed_conv = nn.ConvTranspose2d(16, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial_block(x)
        x, indices1 = self.downsample1_0(x)
        x = run_blocks(self, x, [f"regular1_{i}" for i in range(1, 5)])
        x, indices2 = self.downsample2_0(x)
        x = run_blocks(self, x, paper_names(2, first=1) + paper_names(3, first=0))
        x = self.upsample4_0(x, indices2)
        x = self.regular4_2(self.regular4_1(x))
        x = self.regular5_1(self.upsample5_0(x, indices1))
        return self.transposed_conv(x)


def paper_names(stage: int, first: int) -> list[str]:
    """The published names of a stage's eight blocks, such as ``dilated2_2``."""
    kinds = ["asymmetric" if narrow else "dilated" if dilation > 1 else "regular" for dilation, narrow in STAGE]
    return [f"{kind}{stage}_{i}" for i, kind in enumerate(kinds, start=first)]


def run_blocks(network: nn.Module, x: Tensor, names: list[str]) -> Tensor:
    """Run ``x`` through the network's blocks with these names, in this order."""
    for name in names:
        x = network.get_submodule(name)(x)
    return x
