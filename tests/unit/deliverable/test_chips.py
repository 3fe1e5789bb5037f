"""The bound of images/s: multiply-adds are counted again, and no recorded figure exceeds it."""

from __future__ import annotations

import pytest
import torch

from enet import deliverable
from enet.deliverable import baselines, chips
from enet.deliverable.network import Variant
from tests.unit import recipes


def counted_multiply_adds(variant: Variant, outputs: int, width: int, height: int) -> float:
    """Multiply-adds of the convolutions in one forward pass."""
    total = 0

    def count(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
        at = inputs[0] if isinstance(layer, torch.nn.ConvTranspose2d) else output
        total += layer.weight.numel() * at.shape[-1] * at.shape[-2]

    network = recipes.seeded(variant, outputs)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    recipes.run(network, torch.zeros(1, 3, height, width))
    return total


@pytest.mark.parametrize("variant", deliverable.VARIANTS)
@pytest.mark.parametrize("outputs", [11, 19])
def test_multiply_adds_are_those_of_the_network(variant: Variant, outputs: int) -> None:
    body, classifier = chips.MULTIPLY_ADDS[variant]
    assert body + classifier * outputs == counted_multiply_adds(variant, outputs, 32, 64) / (32 * 64)


def test_multiply_adds_of_the_guides_network() -> None:
    assert 2 * chips.multiply_adds(deliverable.load("cityscapes")) == pytest.approx(3.325e9, rel=1e-4)


def test_recorded_figures_are_below_the_bound() -> None:
    """The 310's column is of one card, which has four chips."""
    for column in baselines.load().columns:
        bound, reason = chips.largest_rate(deliverable.load("cityscapes"), column.chip)
        assert column.best < bound / 4, reason


@pytest.mark.parametrize(
    ("name", "source"),
    [("310", "3010"), ("310P3", "Duo"), ("Ascend310P3", "Duo"), ("310B4", "A2"), ("910A", "910:"), ("910B4", "910B1")],
)
def test_chip_is_found_by_its_longest_name(name: str, source: str) -> None:
    assert source in chips.chip_of(name).source


def test_bytes_in_and_labels_out_are_bounded_by_arithmetic() -> None:
    bound, reason = chips.largest_rate(deliverable.load("cityscapes-aipp"), "310P3")
    assert bound == pytest.approx(42105, abs=1)
    assert reason == "140 TOPS for 3.33 GFLOP an image"
    bound, reason = chips.largest_rate(deliverable.load("cityscapes"), "310P3")
    assert bound == pytest.approx(20202, abs=1)
    assert reason == "204.8 GB/s for 10.1 MB an image"
