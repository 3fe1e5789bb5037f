"""A small ENet of a user's own: other keys, two files, max-unpooling, logits first in a tuple. No fixture, no test."""

from __future__ import annotations

from pathlib import Path

import torch

from enet import deliverable, model
from enet.deliverable import Deliverable
from enet.selftest import tiny

BLOCKS = """
import torch
from torch import nn


class Down(nn.Module):
    def __init__(self, taken, given):
        super().__init__()
        self.shrink, self.norm = nn.Conv2d(taken, given, 2, 2, bias=False), nn.BatchNorm2d(given)
        self.pool, self.widen = nn.MaxPool2d(2, 2, return_indices=True), nn.Conv2d(taken, given, 1)

    def forward(self, x):
        pooled, indices = self.pool(x)
        return torch.relu(self.norm(self.shrink(x)) + self.widen(pooled)), indices
"""

NETWORK = """
import torch
from torch import nn
from blocks import Down


class Net(nn.Module):
    def __init__(self, nclass):
        super().__init__()
        self.stem, self.down, self.back = nn.Conv2d(3, 8, 3, 2, 1), Down(8, 16), nn.Conv2d(16, 8, 1)
        self.middle = nn.Sequential(nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.PReLU(16))
        self.unpool, self.head = nn.MaxUnpool2d(2), nn.Conv2d(8, nclass, 3, padding=1)

    def forward(self, image):
        first = self.stem(image)
        x, self.indices = self.down(first)
        x = self.unpool(self.back(self.middle(x)), self.indices) + first
        logits = self.head(nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        # FAULT
        return (logits,)


def build(outputs):
    return Net(outputs)
"""


def write(folder: Path, *, code: str = NETWORK, module: str = "my_enet.py:build", miou: float = 50) -> Path:
    """Write the code, ``own.toml`` over the tiny data set, and return the path of the TOML file."""
    (folder / "blocks.py").write_text(BLOCKS)
    (folder / "my_enet.py").write_text(code)
    text = tiny.TOML.format(variant="ascend", outputs=19, images=tiny.IMAGES, side=tiny.SIDE)
    text = text.replace('variant = "ascend"', f'module = "{module}"').replace("50.0", str(miou))
    (folder / "own.toml").write_text(text.replace('name = "tiny"', 'name = "own"').replace("[1, 2]", "[1]"))
    return folder / "own.toml"


def trusted(toml: Path) -> Deliverable:
    return deliverable.load(str(toml), trust_code=True)


def write_weights(toml: Path) -> Path:
    """Write ``tiny.pth`` with random weights, as a data-parallel training saves them."""
    torch.manual_seed(3)
    network = model.own_code.import_callable(toml.parent / "my_enet.py", "Net")(19)
    weights = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 1}, toml.parent / "tiny.pth")
    return toml.parent / "tiny.pth"
