"""What the weights of an ONNX are called that are not the checkpoint's."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from enet.diagnosis import constants


def changed(weight: Tensor, levels: int, noise: float) -> Tensor:
    if levels:
        step = weight.abs().max() / levels
        return (weight / step).round() * step
    return weight * (1 + noise * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize(
    ("levels", "noise", "cause"),
    [(31, 0, "quantised weights"), (127, 0, "quantised weights"), (0, 0.1, "another checkpoint"), (0, 0, "")],
)
def test_rounded_weights_are_not_another_checkpoint(levels: int, noise: float, cause: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(16, 16, 3)
    tensor = numpy_helper.from_array(changed(network.weight.detach(), levels, noise).numpy(), "w")
    path = tmp_path / "layer.onnx"
    onnx.save(helper.make_model(helper.make_graph([], "layer", [], [], [tensor])), path)
    found = constants.compare(path, network)
    assert (found.cause if found else "") == cause
