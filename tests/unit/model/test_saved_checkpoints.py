"""Checkpoints as people save them: each gives exactly the network of its weights, or is refused in one line."""

from __future__ import annotations

import argparse
import collections
import datetime
import gzip
import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from enet import model
from enet.errors import InputError
from tests.unit import recipes

State = dict[str, Any]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return recipes.seeded("ascend")


@pytest.fixture(scope="module")
def state(network: torch.nn.Module) -> State:
    return dict(network.state_dict())


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def others(state: State) -> State:
    """Weights of the same network that are not the ones that count."""
    return {key: value * 2 for key, value in state.items()}


#: What is saved, given the state dict.
ACCEPTED: dict[str, Callable[[State], Any]] = {
    "reference training code": lambda s: {
        "epoch": 3,
        "miou": np.float64(0.53),
        "state_dict": s,
        "optimizer": {"state": {0: {"step": 9, "exp_avg": torch.ones(13, 3, 3, 3)}}, "param_groups": [{"lr": 5e-4}]},
    },
    "model_state_dict": lambda s: {
        "model_state_dict": s,
        "iou": np.arange(19.0),
        "best": np.int64(3),
        "ok": np.bool_(1),
    },
    "model": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1, weights=Path("a"), at=datetime.datetime.now())},
    "net": lambda s: {"net": s, "metrics": collections.defaultdict(list, loss=[np.float32(1)])},
    "ema alone": lambda s: {"ema": {**prefixed(s, "module."), "n_averaged": torch.tensor(7)}},
    "model beside ema": lambda s: {"ema": others(s), "model": s},
    "the same under two names": lambda s: {"best": s, "state_dict": s},
    "generator in a network": lambda s: {"nets": {"generator": {"weights": s}}},
    "module.": lambda s: prefixed(s, "module."),
    "_orig_mod.module.": lambda s: prefixed(s, "_orig_mod.module."),
    "network.": lambda s: prefixed(s, "network."),
    "a.b.c.": lambda s: prefixed(s, "a.b.c."),
    "compiled block by block": lambda s: {key.replace(".", "._orig_mod.", 1): value for key, value in s.items()},
    "Lightning": lambda s: {
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {
            **prefixed(s, "model."),
            "criterion.weight": torch.ones(19),
            **prefixed(others(s), "ema_model."),
        },
        "callbacks": {"ModelCheckpoint{'mode': 'max'}": {"best_model_score": torch.tensor(0.5)}},
    },
    "loss beside the network": lambda s: {
        **s,
        "criterion.weight": torch.ones(19),
        "auxlayer.conv.weight": torch.ones(1),
    },
    "counters of a profiler": lambda s: {**s, "total_ops": torch.zeros(1), "initial.conv.total_params": torch.zeros(1)},
    "no num_batches_tracked": lambda s: {key: v for key, v in s.items() if not key.endswith("num_batches_tracked")},
    "num_batches_tracked averaged, too": lambda s: {key: v.float() for key, v in s.items()},
    "double": lambda s: {key: v.double() for key, v in s.items()},
    "numpy arrays": lambda s: {key: v.numpy() for key, v in s.items()},
    "parameters that need gradients": lambda s: {
        key: torch.nn.Parameter(v) if v.is_floating_point() else v for key, v in s.items()
    },
    "numbers among the weights": lambda s: {**s, "epoch": 3, "name": "enet"},
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_load_gives_exactly_the_logits_of_the_weights(
    tmp_path: Path, network: torch.nn.Module, state: State, kind: str
) -> None:
    torch.save(ACCEPTED[kind](state), tmp_path / "enet.pth")
    loaded = model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19)
    image = torch.from_numpy(model.golden.image())[:, :, :32, :32]
    assert torch.equal(recipes.run(loaded, image), recipes.run(network, image))


def test_read_finds_the_network_without_being_told_which(tmp_path: Path) -> None:
    weights = recipes.seeded("paper", 20).state_dict()
    torch.save({"model": {"net": prefixed(weights, "module.")}}, tmp_path / "enet.pth")
    read = model.checkpoint.read(tmp_path / "enet.pth")
    assert read.keys() == weights.keys()
    assert model.checkpoint.guess_variant(read) == ("paper", 20)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_load_half_precision_gives_the_rounded_weights(tmp_path: Path, state: State, dtype: torch.dtype) -> None:
    torch.save({"state_dict": {key: v.to(dtype) for key, v in state.items()}}, tmp_path / "enet.pth")
    loaded = model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19).state_dict()
    assert all(torch.equal(loaded[key], value.to(dtype).to(value.dtype)) for key, value in state.items())


def test_load_older_names_of_the_paper_variant(tmp_path: Path) -> None:
    network = recipes.seeded("paper", 12)
    older = {key.replace("out_activation", "out_prelu"): value for key, value in network.state_dict().items()}
    torch.save(prefixed(older, "module."), tmp_path / "enet.pth")
    loaded = model.checkpoint.load(tmp_path / "enet.pth", "paper", 12).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("core", ["core", "_core"])
def test_load_numbers_of_numpy_1_and_2(tmp_path: Path, state: State, core: str) -> None:
    """Legacy files hold the pickle as it is, so that the module's name in it can be another version's."""
    buffer = io.BytesIO()
    torch.save({"miou": np.float64(0.5), "net": state}, buffer, _use_new_zipfile_serialization=False)
    content = buffer.getvalue()
    name = np.float64(0).__reduce__()[0].__module__
    assert content.count(name.encode()) == 1
    (tmp_path / "enet.pth").write_bytes(content.replace(name.encode(), f"numpy.{core}.multiarray".encode()))
    model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19)


def test_load_safetensors(tmp_path: Path, state: State) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    safetensors.save_file(state, tmp_path / "enet.safetensors")
    loaded = model.checkpoint.load(tmp_path / "enet.safetensors", "ascend", 19).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())
    content = (tmp_path / "enet.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-10])
    with pytest.raises(InputError, match="a damaged safetensors file"):
        model.checkpoint.load(tmp_path / "cut.safetensors", "ascend", 19)


def test_load_says_once_which_of_two_networks_is_used(
    tmp_path: Path, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"ema": others(state), "model": state}, tmp_path / "enet.pth")
    for _ in range(2):
        model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("holds model, ema; model is used. For averaged weights, save them alone with torch.save")


def write_torchscript(path: Path, state: State) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, but such files remain
        torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)), path)  # type: ignore[no-untyped-call]


def write_npz(path: Path, state: State) -> None:
    with path.open("wb") as file:
        np.savez(file, **{key: value.numpy() for key, value in state.items()})


#: Writes a file, given its path and the state dict; and a part of the error.
REFUSED: dict[str, tuple[Callable[[Path, State], object], str]] = {
    "a network that nearly fits beside a whole one": (
        lambda path, s: torch.save({"state_dict": dict(list(s.items())[1:]), "backup": others(s)}, path),
        "state_dict does not fit in every key, but backup does",
    ),
    "no values": (
        lambda path, s: torch.save({key: value.to("meta") for key, value in s.items()}, path),
        "has no values (device meta)",
    ),
    "whole network": (
        lambda path, s: torch.save(recipes.seeded("ascend"), path),
        "holds a whole pickled network (enet.model.architectures.ENet), and reading it would run code. Where its code",
    ),
    "whole network in a dictionary": (
        lambda path, s: torch.save({"model": torch.nn.DataParallel(torch.nn.Conv2d(1, 1, 1))}, path),
        "holds a whole pickled network (torch.nn.parallel.data_parallel.DataParallel)",
    ),
    "TorchScript": (
        write_torchscript,
        "a TorchScript archive. Convert it: torch.save(torch.jit.load(path).state_dict(), ",
    ),
    "NumPy archive": (write_npz, "a NumPy archive. Convert it: "),
    "web page": (
        lambda path, s: path.write_bytes(b"\n<!DOCTYPE html><html>"),
        "a web page. Download the checkpoint again",
    ),
    "git-lfs pointer": (
        lambda path, s: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"),
        "a Git LFS pointer. Fetch the file itself with: git lfs pull",
    ),
    "compressed": (lambda path, s: path.write_bytes(gzip.compress(b"x")), "a compressed file (gzip). Unpack it"),
    "plain pickle": (lambda path, s: path.write_bytes(pickle.dumps({"a": 1}, protocol=4)), "not a torch checkpoint"),
    "two networks": (
        lambda path, s: torch.save({"generator_a": s, "generator_b": others(s)}, path),
        "holds 2 networks that fit: generator_a, generator_b. Save the one that is meant alone",
    ),
    "averaged parameters alone": (
        lambda path, s: torch.save({"ema": {key: v for key, v in s.items() if "running" not in key}}, path),
        "keys missing (initial.bn.running_mean, initial.bn.running_var, ",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_load_refuses_in_one_line(tmp_path: Path, state: State, kind: str) -> None:
    write, part = REFUSED[kind]
    write(tmp_path / "enet.pth", state)
    with pytest.raises(InputError) as caught:
        model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19)
    assert part in str(caught.value)
    assert recipes.is_plain(str(caught.value))


def test_load_onnx_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "enet.onnx").write_bytes(b"\x08\x06")
    with pytest.raises(InputError, match="but an ONNX file"):
        model.checkpoint.load(tmp_path / "enet.onnx", "ascend", 19)
