"""The three networks: keys and shapes of the public checkpoints, and the logits of the public code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from enet import model
from enet.deliverable import VARIANTS
from tests.unit import recipes

#: Outputs of the networks whose facts were recorded.
RECORDED_OUTPUTS = {"ascend": 19, "tramac": 19, "paper": 20}

#: Side of the classifier's kernel, which has 16 * side * side weights an output.
KERNELS = {"ascend": 2, "tramac": 2, "paper": 3}


@pytest.mark.parametrize("variant", VARIANTS)
def test_state_dict_equals_the_public_codes(variant: str) -> None:
    rows = [line.split("\t") for line in recipes.fact(f"state_dict_{variant}.tsv").read_text().splitlines()]
    state = model.architectures.build(variant, RECORDED_OUTPUTS[variant]).state_dict()
    assert [[key, "x".join(map(str, v.shape)) or "scalar", str(v.dtype)[6:]] for key, v in state.items()] == rows


@pytest.mark.parametrize("variant", VARIANTS)
def test_golden_logits(variant: str) -> None:
    with np.load(recipes.fact(f"golden_{variant}.npz")) as stored:
        golden = stored["logits"]
    logits = recipes.run(recipes.seeded(variant, golden.shape[1]), recipes.golden_images()).numpy()
    assert logits.dtype == np.float32
    assert logits.shape == golden.shape
    assert np.abs(logits - golden).max() <= 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("outputs", [1, 11, 20])
def test_outputs_are_channels_of_the_logits(variant: str, outputs: int) -> None:
    network = model.architectures.build(variant, outputs)
    assert recipes.run(network, torch.zeros(1, 3, 16, 16)).shape == (1, outputs, 16, 16)
    kernel = KERNELS[variant]
    rest = sum(p.numel() for p in network.parameters()) - 16 * outputs * kernel * kernel
    assert rest == sum(p.numel() for p in model.architectures.build(variant, 1).parameters()) - 16 * kernel * kernel


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 16), (64, 40), (40, 64)])
def test_any_size_divisible_by_8(variant: str, height: int, width: int) -> None:
    logits = recipes.run(recipes.seeded(variant), torch.ones(2, 3, height, width))
    assert logits.shape == (2, 19, height, width)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_about_a_third_of_a_million_parameters(variant: str) -> None:
    assert 0.30e6 < sum(p.numel() for p in model.architectures.build(variant).parameters()) < 0.40e6


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_mode_and_repeatable(variant: str) -> None:
    network = model.architectures.build(variant)
    assert not any(module.training for module in network.modules())
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(recipes.run(network, x), recipes.run(network, x))


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_do_not_depend_on_the_batch(variant: str) -> None:
    network, x = recipes.seeded(variant), recipes.golden_images()
    together = recipes.run(network, x)
    alone = torch.cat([recipes.run(network, x[:1]), recipes.run(network, x[1:])])
    assert (together - alone).abs().max() <= 1e-5


def blocks_in_use(network: torch.nn.Module) -> tuple[set[str], set[str]]:
    """Names of the network's own children, and of those that a forward pass calls."""
    called: set[str] = set()
    for name, child in network.named_children():
        child.register_forward_hook(lambda *_, name=name: called.add(name))
    recipes.run(network, torch.zeros(1, 3, 8, 8))
    return {name for name, _ in network.named_children()}, called


@pytest.mark.parametrize("variant", ["ascend", "tramac"])
def test_bottleneck3_5_has_weights_but_is_not_called(variant: str) -> None:
    children, called = blocks_in_use(model.architectures.build(variant))
    assert children - called == {"bottleneck3_5"}


def test_paper_calls_every_block() -> None:
    children, called = blocks_in_use(model.architectures.build("paper"))
    assert children == called
    assert len([name for name in called if name[:-2].endswith("3")]) == 8


def test_bottleneck3_5_does_not_change_the_logits() -> None:
    network, x = recipes.seeded("ascend"), recipes.golden_images()[:1]
    before = recipes.run(network, x)
    for parameter in network.get_submodule("bottleneck3_5").parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    assert torch.equal(recipes.run(network, x), before)


def test_ascend_has_no_prelu_and_tramac_no_relu() -> None:
    assert not any(isinstance(module, torch.nn.PReLU) for module in model.architectures.build("ascend").modules())
    assert not any(isinstance(module, torch.nn.ReLU) for module in model.architectures.build("tramac").modules())


def test_build_unknown_variant_raises() -> None:
    with pytest.raises(ValueError, match="variant='enet', expected one of ascend, tramac, paper"):
        model.architectures.build("enet")


@pytest.mark.parametrize("outputs", [0, -1])
def test_build_without_outputs_raises(outputs: int) -> None:
    with pytest.raises(ValueError, match=f"outputs={outputs}, expected at least 1"):
        model.architectures.build("ascend", outputs)
