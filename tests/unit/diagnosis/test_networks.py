"""Changes of networks have the effect that they are named for."""

from __future__ import annotations

import copy

import torch
from torch import nn

from enet.diagnosis import networks
from enet.diagnosis.hypotheses import NETWORK
from tests.unit import recipes


def test_changes_change_the_logits() -> None:
    network, image = recipes.seeded("ascend", 3), 30 * recipes.golden_images()[:1, :, :16, :16]  # beyond ReLU6
    right = recipes.run(network, image)
    for hypothesis in NETWORK:
        changed = hypothesis.change(copy.deepcopy(network))
        assert (changed is None) == (hypothesis.name == "ReLU for PReLU")
        if changed is not None:
            logits = recipes.run(changed, image)
            assert logits.shape == right.shape, hypothesis.name
            assert not torch.equal(logits, right), hypothesis.name
    assert torch.equal(recipes.run(network, image), right)


def test_changes_of_layers_that_a_network_has_not() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.PReLU())
    absent = {each.name for each in NETWORK if each.change(copy.deepcopy(network)) is None}
    assert {"half pixels rounded up in upsampling", "padding on the other side"} <= absent
    assert {"epsilon 0.001 in batch normalisation", "pooling by maximum (another variant)"} <= absent
    assert "ReLU for PReLU" not in absent


def test_upsampling_takes_other_pixels() -> None:
    x = torch.arange(4.0).reshape(1, 1, 1, 4)
    rules = {networks.rounded_up: [0, 1, 1, 2, 2, 3, 3, 3], networks.aligned_corners: [0, 0, 0, 1, 1, 2, 2, 3]}
    for rule, expected in rules.items():
        network = networks.upsample_by(rule)(nn.Sequential(nn.Upsample(scale_factor=2)))
        assert network is not None
        assert network(x)[0, 0, 0].tolist() == expected


def test_padding_moves_to_the_other_side() -> None:
    layer = nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 0, 0] = 1  # takes the pixel at the window's beginning
    conv = nn.Sequential(layer)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert conv(x).flatten().tolist() == [0, 0, 0, 5]
    changed = networks.pad_other_side(conv)
    assert changed is not None
    assert changed(x).flatten().tolist() == [0, 2, 8, 10]


def test_rounded_weights_are_those_of_the_folded_network() -> None:
    network, image = recipes.seeded("ascend", 3), recipes.golden_images()[:1, :, :32, :48]
    right = recipes.run(network, image)
    unrounded, rounded = (networks.round_weights(t)(copy.deepcopy(network)) for t in (torch.float32, torch.float16))
    assert unrounded is not None
    assert rounded is not None
    assert torch.allclose(recipes.run(unrounded, image), right, atol=1e-4)
    assert 1e-5 < (recipes.run(rounded, image) - right).abs().max() < 0.1
