"""Golden logits hold the network's source: changes of it, in every variant, move recorded logits."""

from __future__ import annotations

import functools
import types
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from enet import deliverable, gates, measure
from enet.backends.pytorch import PyTorchModel
from enet.deliverable import VARIANTS, Deliverable
from enet.errors import InputError
from enet.evidence import GoldenComparison
from enet.gates import Outcome
from enet.measure.subject import Subject
from enet.model import architectures, checkpoint, golden
from enet.storage.store import Store

SCENES = deliverable.load("scenes")
SOURCE = Path(architectures.__file__).read_text(encoding="utf-8")

#: Layers that keep the keys and shapes of the weights, and compute something else.
LAYERS = """
class Relu(nn.PReLU):
    def forward(self, x): return nn.functional.relu(x)
class NoBias(nn.BatchNorm2d):
    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, None, False, 0.0, self.eps)
class Dropout(nn.Dropout2d):
    def forward(self, x): return nn.functional.dropout2d(x, self.p, training=True)
Activation ="""

CONV = "nn.Conv2d(channels_in, channels, kernel, stride, padding, dilation, bias=False)"
ALL, ENET, ASCEND, PAPER = VARIANTS, ("ascend", "tramac"), ("ascend",), ("paper",)
#: Variants that a change of the source concerns, by its old and new text.
MUTATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("nn.BatchNorm2d(channels)]", "nn.BatchNorm2d(channels, eps=1e-3)]"): ALL,
    ("nn.BatchNorm2d(channels)]", "nn.BatchNorm2d(channels, eps=2e-5)]"): ALL,
    ("self.bn = nn.BatchNorm2d(16)", "self.bn = nn.BatchNorm2d(16, eps=1e-3)"): ENET,
    ("nn.BatchNorm2d(channels)]", "NoBias(channels)]"): ALL,
    (CONV, CONV[:-1] + ", padding_mode='reflect')"): ALL,
    ("(16, False)", "(15, False)"): ALL,
    ("(8, False)", "(1, False)"): ENET,
    ("if i != 5", ""): ENET,
    ("if i != 5", "if i not in (5, 8)"): ENET,
    ('x = run_blocks(self, x, [f"bottleneck1_{i}" for i in range(1, 5)])', ""): ENET,
    ('x = run_blocks(self, x, [f"regular1_{i}" for i in range(1, 5)])', ""): PAPER,
    ("self.bottleneck4_2(self.bottleneck4_1(x))", "self.bottleneck4_2(x)"): ENET,
    ("self.bottleneck4_2(self.bottleneck4_1(x))", "self.bottleneck4_1(self.bottleneck4_2(x))"): ENET,
    ("self.regular4_2(self.regular4_1(x))", "self.regular4_1(self.regular4_2(x))"): PAPER,
    ("[self.conv(x), self.maxpool(x)]", "[self.maxpool(x), self.conv(x)]"): ENET,
    ("[self.main_branch(x), self.ext_branch(x)]", "[self.ext_branch(x), self.main_branch(x)]"): PAPER,
    ("(0, 0, 0, 0, 0, self.padding)", "(0, 0, 0, 0, self.padding, 0)"): PAPER,
    ("nn.PReLU", "Relu"): ("tramac", "paper"),
    ("activation=nn.ReLU", "activation=nn.ReLU6"): ASCEND,
    ("activation=nn.ReLU", "activation=nn.GELU"): ASCEND,
    ("self.conv1(x))) + x)", "self.conv1(x))))"): ENET,
    ("return self.act(self.block(x) + shortcut)", "return self.block(x) + shortcut"): ENET,
    ("return self.out_activation(shortcut + self.ext_regul", "return (shortcut + self.ext_regul"): PAPER,
    ("nn.AvgPool2d(2, 2)", "nn.MaxPool2d(2, 2)"): ASCEND,
    ('mode="nearest"', 'mode="bilinear"'): ASCEND,
    ("self.maxpool = nn.MaxPool2d(2, 2)", "self.maxpool = nn.AvgPool2d(2, 2)"): ENET,
    ("nn.MaxPool2d(3, stride=2, padding=1)", "nn.MaxPool2d(2, stride=2)"): PAPER,
    ("nn.Dropout2d(", "Dropout("): ALL,
    (").eval()", ")"): ALL,
}
CASES = [(old, new, variant) for (old, new), variants in MUTATIONS.items() for variant in variants]


def of_variant(variant: str) -> Deliverable:
    """A deliverable of the variant, without golden logits of its own."""
    return replace(SCENES, network=replace(SCENES.network, variant=variant, golden=None))  # type: ignore[arg-type]


def changed(old: str = "", new: str = "") -> Any:
    """The module of the networks with ``new`` for ``old`` in its source."""
    assert old in SOURCE
    module = types.ModuleType("changed")
    exec(SOURCE.replace(old, new).replace("\nActivation =", LAYERS, 1), module.__dict__)
    return module


@functools.cache
def formula_state(variant: str) -> dict[str, torch.Tensor]:
    return golden.state(architectures.build(variant, golden.OUTPUTS))


class Model(PyTorchModel):
    """What the reference runs, over a network that is not from a file."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network


def differing(variant: str, old: str = "", new: str = "") -> GoldenComparison:
    """Compare the variant's golden logits while the network's source has ``new`` for ``old``."""
    network = changed(old, new).build(variant, golden.OUTPUTS)
    network.load_state_dict(formula_state(variant))
    return measure.golden.compare_logits(variant, "", Model(network), golden.of_variant(variant))


@pytest.mark.parametrize("variant", VARIANTS)
def test_sound_source_passes(variant: str) -> None:
    spec = of_variant(variant)
    verdict = gates.network.network(measure.golden.compare(Subject(spec, Store(Path("unused")))), spec)
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.numbers["largest"] < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_momentum_matters_in_training_alone(variant: str) -> None:
    assert differing(variant, "nn.BatchNorm2d(channels)]", "nn.BatchNorm2d(channels, momentum=0.5)]").over_limit == 0


@pytest.mark.parametrize(("old", "new", "variant"), CASES)
def test_changed_source_gives_other_logits(old: str, new: str, variant: str) -> None:
    assert differing(variant, old, new).over_limit > 0


def test_changed_source_fails_the_gate() -> None:
    """The epsilon of the normalisation, which PyTorch and the ONNX made from it share."""
    build = changed("nn.BatchNorm2d(channels)]", "nn.BatchNorm2d(channels, eps=1e-3)]").build
    with mock.patch.object(architectures, "build", build), mock.patch.object(checkpoint, "build", build):
        evidence = measure.golden.compare(Subject(SCENES, Store(Path("unused"))))
    assert all(each.over_limit for each in evidence.comparisons)
    assert gates.network.network(evidence, SCENES).outcome is Outcome.FAIL


def test_checkpoint_of_an_included_deliverable(tmp_path: Path) -> None:
    evidence = measure.golden.compare(Subject(SCENES, Store(tmp_path)))
    assert [each.name for each in evidence.comparisons] == ["variant ascend", "scenes.golden.json"]
    assert gates.network.network(evidence, SCENES).outcome is Outcome.PASS
    state = checkpoint.read(SCENES.weights or Path())
    state["bottleneck1_0.conv1.1.bias"][0] += 0.01
    torch.save(state, tmp_path / "other.pth")
    other = measure.golden.compare(Subject(SCENES, Store(tmp_path), weights_path=tmp_path / "other.pth"))
    verdict = gates.network.network(other, SCENES)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "scenes.golden.json is of the weights a13b3b44c12a, but run were" in verdict.sentence
    assert other.comparisons[1].over_limit > 100


def test_record_gives_what_the_reference_gives() -> None:
    assert SCENES.weights is not None
    assert SCENES.golden is not None
    recorded, shipped = measure.golden.record(SCENES, SCENES.weights), golden.load(SCENES.golden)
    assert recorded.weights_sha256 == shipped.weights_sha256 == SCENES.network.sha256
    assert len(set(recorded.positions.tolist())) == golden.VALUES
    assert np.array_equal(recorded.positions, shipped.positions)
    assert np.abs(recorded.logits - shipped.logits).max() < 1e-6


def test_save_and_load_keep_every_bit(tmp_path: Path) -> None:
    logits = np.array([1 / 3, -1e-30, 3.4e38, 0.1], np.float32)
    written = golden.Golden(weights_sha256="a", positions=np.array([3, 5, 7, 9]), logits=logits)
    golden.save(written, tmp_path / "x.json")
    again = golden.load(tmp_path / "x.json")
    assert again.logits.tobytes() == logits.tobytes()
    assert (again.weights_sha256, again.positions.tolist()) == ("a", [3, 5, 7, 9])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"weights_sha256": "", "positions": [1], "logits": []}',
        '{"weights_sha256": "", "positions": [1], "logits": [NaN]}',
        '{"weights_sha256": "", "positions": ["a"], "logits": [1]}',
        '{"weights_sha256": "", "positions": [1e99], "logits": [1]}',
        '{"weights_sha256": "", "positions": [[1]], "logits": [[1]]}',
    ],
)
def test_load_something_else_is_a_one_line_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=r"x.json: not golden logits \(.*Write them with: enet deliverables pin$"):
        golden.load(tmp_path / "x.json")
    with pytest.raises(InputError, match=r"none.json: No such file or directory. Write them with"):
        golden.load(tmp_path / "none.json")


def test_positions_outside_the_network_are_an_error(tmp_path: Path) -> None:
    written = golden.Golden(weights_sha256="", positions=np.array([10**9]), logits=np.zeros(1, np.float32))
    spec = replace(SCENES, network=replace(SCENES.network, golden=str(tmp_path / "x.json")))
    golden.save(written, tmp_path / "x.json")
    with pytest.raises(InputError, match=r"golden logits x.json: of another network"):
        measure.golden.compare(Subject(spec, Store(tmp_path)))


def test_formula_does_not_change() -> None:
    """The first numbers of splitmix64, as another implementation gives them, and of the image."""
    mask, state, expected = (1 << 64) - 1, zlib.crc32(b"image") << 24, []
    for counter in range(1, 4):
        z = ((state + counter) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        expected.append(((z ^ (z >> 31)) >> 11) / 2**53)
    assert golden.noise("image", 3).tolist() == expected
    assert golden.image().shape == (1, 3, 144, 160)
