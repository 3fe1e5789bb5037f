"""Networks of the user's own code: built, checked, exported; and their errors, one line with the user's line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from enet import deliverable, gates, measure, model
from enet.backends.pytorch import PyTorchModel
from enet.deliverable import IoFormat
from enet.errors import InputError
from enet.gates.catalogue import Plan
from enet.measure.parity import logits_and_near_ties
from enet.measure.subject import Subject
from enet.storage.store import Store
from enet.storage.user_code import code_files, code_sha256
from tests.unit import own_enet, recipes, tiny


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toml = own_enet.write(tmp_path_factory.mktemp("own"))
    own_enet.write_weights(toml)
    return toml


def session(exported: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])


def images(count: int) -> Any:
    return np.random.default_rng(5).integers(0, 256, (count, tiny.SIDE, tiny.SIDE, 3), np.uint8)


@pytest.mark.parametrize("form", tiny.FORMS.values(), ids=tiny.FORMS.keys())
def test_export_gives_the_networks_results_in_every_form(own: Path, form: IoFormat) -> None:
    spec = own_enet.trusted(own)
    exported = model.network.to_onnx(spec, own.parent / "tiny.pth", form)
    network = model.network.load(spec, own.parent / "tiny.pth")
    run = session(exported)
    (given,), (result,) = run.get_inputs(), run.get_outputs()
    assert (given.name, result.name, exported.opset_import[0].version) == ("image", "class", 11)
    assert result.shape[1:] == ([32, 32] if form.output == "labels" else [19, 32, 32])
    mean, std = (np.array(values, np.float32) for values in (spec.preprocessing.mean, spec.preprocessing.std))
    for count in (1, 3):
        normal = ((images(count) / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
        logits = recipes.run(network, torch.from_numpy(normal)).numpy()
        (output,) = run.run(None, {"image": images(count) if form.input == "uint8" else normal})
        if form.output == "labels":
            assert np.mean(output == logits.argmax(1)) > 0.999
        else:
            np.testing.assert_allclose(output, logits, atol=1e-4)


def test_export_has_the_same_bytes_every_time(own: Path) -> None:
    spec, weights = own_enet.trusted(own), own.parent / "tiny.pth"
    first, second = (model.network.to_onnx(spec, weights, IoFormat()).SerializeToString() for _ in range(2))
    assert first == second


def test_code_is_not_run_without_trust(tmp_path: Path) -> None:
    marker = tmp_path / "was run"
    toml = own_enet.write(tmp_path, code=f"open({str(marker)!r}, 'w')\n" + own_enet.NETWORK)
    with pytest.raises(
        InputError, match=r"built by .*my_enet\.py, which would be run. Read it, and allow it with --tr"
    ):
        model.network.load(deliverable.load(str(toml)), tmp_path / "tiny.pth")
    assert not marker.exists()
    code_sha256(tmp_path / "my_enet.py")
    assert not marker.exists()


def test_a_file_cannot_trust_itself(tmp_path: Path) -> None:
    toml = own_enet.write(tmp_path)
    toml.write_text(toml.read_text().replace("outputs", "trusted = true\noutputs"))
    with pytest.raises(InputError, match="trusted"):
        deliverable.load(str(toml))


def test_code_sha256_is_of_the_file_and_of_what_it_imports_from_its_folder(tmp_path: Path) -> None:
    path = own_enet.write(tmp_path).with_name("my_enet.py")
    assert [file.name for file in code_files(path)] == ["blocks.py", "my_enet.py"]
    before = code_sha256(path)
    (tmp_path / "unused.py").write_text("x = 1\n")
    assert code_sha256(path) == before
    (tmp_path / "blocks.py").write_text(own_enet.BLOCKS + "\n# changed\n")
    assert code_sha256(path) != before


def test_each_thread_has_a_copy(own: Path) -> None:
    """The network keeps indices from one layer to a later one, which another thread must not change."""
    reference = PyTorchModel(own.parent / "tiny.pth", own_enet.trusted(own))
    reference.infer(np.zeros((1, 3, 32, 32), np.float32))
    assert not hasattr(reference.network.network, "indices")


def test_near_ties_of_pools_of_other_sizes_are_left_out() -> None:
    class Pools(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.odd, self.even = (
                torch.nn.MaxPool2d(3, 1, 1, return_indices=True),
                torch.nn.MaxPool2d(2, return_indices=True),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.even(x[:, :, :6, :10])
            result: torch.Tensor = self.odd(x)[0]
            return result

    logits, near = logits_and_near_ties(Pools(), np.random.default_rng(0).normal(size=(1, 2, 8, 12)).astype(np.float32))
    assert (logits.shape, near.shape) == ((1, 2, 8, 12), (1, 8, 12))
    assert not near.any()


#: Code in place of the network's, and the error; ``{}`` is the file.
FAILURES = {
    "syntax": ("def build(:\n", "{}:1: SyntaxError: "),
    "import": ("import torch\nimport nowhere_to_be_found\n", "{}:2: ModuleNotFoundError: No module named 'nowhere_to"),
    "ends the process": ("import sys\nsys.exit('usage')\n", "{}:2: SystemExit: usage"),
    "no such function": ("def other(): pass\n", "{}: has no function or class 'build'. It has: other"),
    "no network": ("def build(): return 3\n", "{}: build returned int, expected a torch.nn.Module"),
    "other arguments": (
        "def build(nclass): pass\n",
        "TypeError: build() missing 1 required positional argument: 'nclass'",
    ),
    "fails when it is built": ("def build():\n    raise KeyError('x')\n", "{}:2: KeyError: 'x'"),
    "other weights": (
        "from torch import nn\ndef build():\n    return nn.Conv2d(3, 19, 1)\n",
        "do not fit my_enet.py:build",
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failing_code_is_one_line(own: Path, tmp_path: Path, kind: str) -> None:
    code, error = FAILURES[kind]
    toml = own_enet.write(tmp_path, code=code)
    with pytest.raises(InputError) as caught:
        model.network.load(own_enet.trusted(toml), own.parent / "tiny.pth")
    assert error.format(tmp_path / "my_enet.py") in str(caught.value)
    assert recipes.is_plain(str(caught.value))


def test_syntax_error_is_one_line_when_the_code_is_hashed(tmp_path: Path) -> None:
    (tmp_path / "my_enet.py").write_text("def build(:\n")
    with pytest.raises(InputError, match=r"my_enet\.py:1: not Python \("):
        code_sha256(tmp_path / "my_enet.py")


#: A line in the network's forward pass, and the error.
RETURNS = {
    "logits": ("return logits", ""),
    "a list of logits and auxiliary ones": ("return [logits, first]", ""),
    "logits under out": ('return {"out": logits, "aux": first}', ""),
    "other names": (
        'return {"main": logits}',
        "returned dict with main, expected logits, alone, first in a tuple or list, or",
    ),
    "labels": ("return logits.argmax(1)", "returned torch.int64, expected logits"),
    "a smaller map": ("return first", "of shape [1, 8, 16, 16] for images of [1, 3, 32, 32], expected [1, 19, 32, 32]"),
    "an exception": ('raise RuntimeError("too small")', "my_enet.py:19: RuntimeError: too small"),
}


@pytest.mark.parametrize("kind", RETURNS)
def test_what_the_network_returns(own: Path, tmp_path: Path, kind: str) -> None:
    line, error = RETURNS[kind]
    toml = own_enet.write(tmp_path, code=own_enet.NETWORK.replace("# FAULT", line))
    network = model.network.load(own_enet.trusted(toml), own.parent / "tiny.pth")
    image = torch.zeros(1, 3, 32, 32)
    if not error:
        assert network(image).shape == (1, 19, 32, 32)
        return
    with pytest.raises(InputError) as caught:
        network(image)
    assert error in str(caught.value)
    assert recipes.is_plain(str(caught.value))


def test_what_torch_cannot_export_is_one_line(own: Path, tmp_path: Path) -> None:
    line = "logits = torch.linalg.svd(logits)[1].sum() + logits"
    toml = own_enet.write(tmp_path, code=own_enet.NETWORK.replace("# FAULT", line))
    with pytest.raises(
        InputError, match=r"^my_enet\.py:build: torch cannot export it to ONNX, opset 11 to 18 \(.*--onnx$"
    ):
        model.network.to_onnx(own_enet.trusted(toml), own.parent / "tiny.pth", IoFormat())


def test_missing_code_is_one_line(tmp_path: Path) -> None:
    toml = own_enet.write(tmp_path, module="code/none.py:build")
    with pytest.raises(InputError, match=r"module: .*code/none\.py: no such file. Correct the path"):
        model.network.load(own_enet.trusted(toml), tmp_path / "tiny.pth")


def test_unnamed_network_is_one_line(tmp_path: Path) -> None:
    toml = own_enet.write(tmp_path)
    toml.write_text(toml.read_text().replace('module = "my_enet.py:build"\n', ""))
    with pytest.raises(InputError, match="no network, expected a variant here: one of ascend, tramac, paper"):
        model.network.load(deliverable.load(str(toml)), tmp_path / "tiny.pth")


def test_golden_logits_of_own_code_are_recorded_and_hold_the_source(own: Path, tmp_path: Path) -> None:
    toml = own_enet.write(tmp_path)
    spec, weights = own_enet.trusted(toml), own.parent / "tiny.pth"
    model.golden.save(measure.golden.record(spec, weights), tmp_path / "own.golden.json")
    toml.write_text(toml.read_text().replace("outputs", 'golden = "own.golden.json"\noutputs'))
    subject = Subject(own_enet.trusted(toml), Store(tmp_path / "cache"), weights)
    evidence = measure.golden.compare(subject)
    assert gates.network.network(evidence, subject.deliverable).outcome is gates.Outcome.PASS
    code = own_enet.NETWORK.replace("padding=2, dilation=2", "padding=1, dilation=1")
    (tmp_path / "my_enet.py").write_text(code)
    changed = measure.golden.compare(subject)
    assert gates.network.network(changed, subject.deliverable).outcome is gates.Outcome.FAIL


@pytest.mark.parametrize(("golden", "cases"), [(None, 0), ("own.golden.json", 1)])
def test_gate_network_needs_golden_logits_of_own_code(tmp_path: Path, golden: str | None, cases: int) -> None:
    spec = own_enet.trusted(own_enet.write(tmp_path))
    plan = Plan(deliverable=replace(spec, network=replace(spec.network, golden=golden)), backends=("onnxruntime",))
    assert len(plan.with_golden()) == cases


def test_a_module_that_is_beside_other_networks_is_loaded_where_it_is_part_of_one(own: Path, tmp_path: Path) -> None:
    code = own_enet.NETWORK.replace("self.stem", "self.aux_stem")
    toml = own_enet.write(tmp_path, code=code)
    with pytest.raises(InputError, match=r"do not fit my_enet\.py:build: .*2 keys missing \(aux_stem\.weight"):
        model.network.load(own_enet.trusted(toml), own.parent / "tiny.pth")
    state = torch.load(own.parent / "tiny.pth", weights_only=True)["state_dict"]
    torch.save({key.replace("stem", "aux_stem"): value for key, value in state.items()}, tmp_path / "tiny.pth")
    network = model.network.load(own_enet.trusted(toml), tmp_path / "tiny.pth")
    assert torch.equal(network.state_dict()["network.aux_stem.weight"], state["module.stem.weight"])
