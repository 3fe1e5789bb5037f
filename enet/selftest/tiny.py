"""A tiny deliverable: a few images of coloured blocks and an untrained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from enet import model

#: Side of the network's square input, and number of images: neither 2 nor 4 divides it.
SIDE, IMAGES = 32, 5

TOML = """
name = "tiny"
summary = "a few small images"
batch_sizes = [1, 2]
[network]
variant = "{variant}"
outputs = {outputs}
weights = "tiny.pth"
[dataset]
layout = "cityscapes"
images = {images}
[preprocessing]
size = [{side}, {side}]
[reference]
miou_percent = 50.0
source = "made up"
"""


def data_set(root: Path, images: int = IMAGES, seed: int = 0, split: str = "val") -> Path:
    """Write images of 64x32 in the Cityscapes layout, in two cities: blocks of colour, every label id, also ignored."""
    rng = np.random.default_rng(seed)
    for number in range(images):
        city = ("beta", "alpha")[number % 2]  # so the order of files is not the order of names
        name = f"{city}_{number:06d}"
        for kind, suffix, shape in (("leftImg8bit", "leftImg8bit", (8, 16, 3)), ("gtFine", "gtFine_labelIds", (8, 16))):
            blocks = rng.integers(0, 256 if kind == "leftImg8bit" else 34, shape, np.uint8).repeat(4, 0).repeat(4, 1)
            if kind == "leftImg8bit":
                blocks //= 2
                blocks += rng.integers(0, 128, blocks.shape, np.uint8)
            path = root / kind / split / city / f"{name}_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(blocks).save(path)
    return root


def untrained(variant: str, outputs: int = 19) -> dict[str, torch.Tensor]:
    """A state dict that depends only on the arguments."""
    torch.manual_seed(0)
    return model.architectures.build(variant, outputs).state_dict()


def write(folder: Path) -> Path:
    """Write ``data/``, ``tiny.toml`` and ``tiny.pth`` to ``folder``; returns it."""
    torch.save(untrained("ascend"), folder / "tiny.pth")
    (folder / "tiny.toml").write_text(TOML.format(variant="ascend", outputs=19, images=IMAGES, side=SIDE))
    data_set(folder / "data")
    return folder
