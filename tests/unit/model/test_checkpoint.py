"""Checkpoints in all accepted formats, and one-line errors for all other files."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from enet import model
from enet.deliverable import VARIANTS
from enet.errors import InputError
from tests.unit import recipes

State = dict[str, Any]


@pytest.fixture(scope="module")
def state() -> State:
    return recipes.seeded_state(recipes.seeded("ascend"))


def saved(content: Any, *, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def refused(path: Path, lines: int = 1, variant: str = "ascend", outputs: int = 19) -> str:
    """The message with which ``load`` refuses a file, which is plain and names the file."""
    with pytest.raises(InputError) as caught:
        model.checkpoint.load(path, variant, outputs)
    message = str(caught.value)
    assert recipes.is_plain(message, lines), message
    assert str(path) in message
    return message


def same(first: State, second: State) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


WRAPPINGS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 30, "optimizer": {"lr": 0.1}},
    "module.": lambda state: {f"module.{key}": value for key, value in state.items()},
    "state_dict of module.": lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_load_every_format_gives_the_same_network(tmp_path: Path, state: State, wrapping: str, legacy: bool) -> None:
    path = tmp_path / "enet.pth"
    path.write_bytes(saved(WRAPPINGS[wrapping](state), legacy=legacy))
    network = model.checkpoint.load(path, "ascend", 19)
    assert same(network.state_dict(), state)
    assert not network.training


@pytest.mark.parametrize("variant", VARIANTS)
def test_load_every_variant(tmp_path: Path, variant: str) -> None:
    expected = recipes.seeded(variant, 20).state_dict()
    (tmp_path / "enet.pth").write_bytes(saved(expected))
    assert same(model.checkpoint.load(tmp_path / "enet.pth", variant, 20).state_dict(), expected)


class Malicious:
    """A pickle of it creates a file when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "beside weights"])
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle2", "pickle4"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, state: State, form: str, inside: bool) -> None:
    target, path = tmp_path / "executed", tmp_path / "enet.pth"
    content = {**state, "extra": Malicious(target)} if inside else Malicious(target)
    if form.startswith("pickle"):
        path.write_bytes(pickle.dumps(content, protocol=int(form[-1])))
    else:
        path.write_bytes(saved(content, legacy=form == "legacy"))
    message = refused(path)
    assert not target.exists()
    if form in ("zip", "legacy"):
        assert "mkdir" in message
        assert "was not loaded, because reading it could run code" in message


def test_malicious_pickle_would_run_elsewhere(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Malicious(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


def test_load_missing_file_gives_one_line_error(tmp_path: Path) -> None:
    assert "No such file or directory. Give a checkpoint with --weights" in refused(tmp_path / "none.pth")


def test_load_directory_gives_one_line_error(tmp_path: Path) -> None:
    assert "Is a directory" in refused(tmp_path)


RANDOM = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()
NO_CHECKPOINTS = {
    "empty": b"",
    "random bytes": RANDOM,
    "text": b"hello\nworld\n",
    "json": b'{"a": 1}',
    "html": b"<html>404 not found</html>",
    "git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1500000\n",
    "zip magic only": b"PK\x03\x04",
    "pickle of protocol 4": pickle.dumps([1, 2], protocol=4),
    "png": b"\x89PNG\r\n\x1a\n" + RANDOM,
}


@pytest.mark.parametrize("content", NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS.keys())
def test_load_other_file_gives_one_line_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "enet.pth").write_bytes(content)
    assert "not a torch checkpoint" in refused(tmp_path / "enet.pth")


def test_load_other_zip_gives_one_line_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "enet.pth", "w") as archive:
        archive.writestr("readme.txt", "no weights here")
    assert "not a torch checkpoint" in refused(tmp_path / "enet.pth")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("kept", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_load_truncated_file_gives_one_line_error(tmp_path: Path, state: State, legacy: bool, kept: float) -> None:
    content = saved(state, legacy=legacy)
    (tmp_path / "enet.pth").write_bytes(content[: int(kept * len(content))])
    assert "not a torch checkpoint" in refused(tmp_path / "enet.pth")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_load_flipped_bytes_raise_only_input_errors(tmp_path: Path, state: State, legacy: bool) -> None:
    path, rng = tmp_path / "enet.pth", np.random.default_rng(5)
    content = np.frombuffer(saved(dict(list(state.items())[:6]), legacy=legacy), np.uint8)
    leaks = set()
    for _ in range(300):
        damaged = content.copy()
        damaged[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes()[: rng.integers(len(content) // 2, 2 * len(content))])
        try:
            model.checkpoint.read(path)
        except InputError as error:
            if not recipes.is_plain(str(error)):
                leaks.add(str(error))
        except Exception as error:
            leaks.add(type(error).__name__)
    assert not leaks


#: Content to save, built when it is needed, and the error that it gives.
NOT_STATE_DICTS: dict[str, tuple[Callable[[], Any], str]] = {
    "a list": (lambda: [1, 2], "content of type list, expected a state dict"),
    "a tensor": (lambda: torch.zeros(3), "content of type Tensor, expected a state dict"),
    "nothing": (dict, "content of type dict, expected a state dict"),
    "an empty state_dict": (lambda: {"state_dict": {}}, "not tensors: state_dict"),
    "None": (lambda: None, "content of type NoneType, expected a state dict"),
    "text values": (lambda: {"a": "b", "c": "d"}, "not tensors: a, c"),
    "other tensors": (lambda: {"model": {"a": torch.zeros(1)}}, "no ENet that is known here"),
    "number keys": (lambda: {1: torch.zeros(1)}, "not tensors: 1"),
    "many": (lambda: {f"k{i}": i for i in range(9)}, "not tensors: k0, k1, k2, k3, k4 and 4 more"),
}


@pytest.mark.parametrize(("content", "message"), NOT_STATE_DICTS.values(), ids=NOT_STATE_DICTS.keys())
def test_load_other_content_gives_one_line_error(tmp_path: Path, content: Callable[[], Any], message: str) -> None:
    (tmp_path / "enet.pth").write_bytes(saved(content()))
    assert message in refused(tmp_path / "enet.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_load_weights_not_finite_are_refused(tmp_path: Path, state: State, value: float) -> None:
    broken = {key: tensor.clone() for key, tensor in state.items()}
    broken["bottleneck2_3.conv1.0.weight"][0, 0, 0, 0] = value
    (tmp_path / "enet.pth").write_bytes(saved(broken))
    assert "not finite: bottleneck2_3.conv1.0.weight. " in refused(tmp_path / "enet.pth")


def test_load_weights_too_large_for_float32_are_refused(tmp_path: Path, state: State) -> None:
    large = {key: tensor.double() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    large["initial.conv.weight"][0, 0, 0, 0] = 1e300
    (tmp_path / "enet.pth").write_bytes(saved(large))
    assert "not finite: initial.conv.weight" in refused(tmp_path / "enet.pth")


ODD_TENSORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sparse": lambda tensor: tensor.to_sparse(),
    "complex": lambda tensor: tensor.to(torch.complex64),
    "integer": lambda tensor: tensor.to(torch.int64),
}


@pytest.mark.parametrize("kind", ODD_TENSORS)
def test_load_tensors_of_another_kind_are_refused(tmp_path: Path, state: State, kind: str) -> None:
    odd = {**state, "fullconv.weight": ODD_TENSORS[kind](state["fullconv.weight"])}
    (tmp_path / "enet.pth").write_bytes(saved(odd))
    assert "fullconv.weight" in refused(tmp_path / "enet.pth")


@pytest.mark.parametrize("name", ["float16", "float64", "bfloat16"])
def test_load_other_float_types_become_float32(tmp_path: Path, state: State, name: str) -> None:
    dtype = getattr(torch, name)
    other = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    (tmp_path / "enet.pth").write_bytes(saved(other))
    loaded = model.checkpoint.load(tmp_path / "enet.pth", "ascend", 19).state_dict()
    assert loaded["fullconv.weight"].dtype == torch.float32
    assert torch.equal(loaded["fullconv.weight"], other["fullconv.weight"].float())


PAIRS = [(asked, given) for asked in VARIANTS for given in VARIANTS if asked != given]


@pytest.mark.parametrize(("asked", "given"), PAIRS)
def test_mismatch_names_the_likely_variant(tmp_path: Path, asked: str, given: str) -> None:
    (tmp_path / "enet.pth").write_bytes(saved(recipes.seeded(given, 20).state_dict()))
    message = refused(tmp_path / "enet.pth", variant=asked)
    assert f"do not fit '{asked}' with 19 outputs: it is another ENet, '{given}' with 20 outputs. " in message
    assert f'Set variant = "{given}" and outputs = 20 in the deliverable' in message


@pytest.mark.parametrize(("asked", "given"), [("tramac", "ascend"), ("paper", "tramac"), ("ascend", "paper")])
def test_mismatch_hint_names_only_what_is_to_change(tmp_path: Path, asked: str, given: str) -> None:
    (tmp_path / "enet.pth").write_bytes(saved(recipes.seeded(given, 20).state_dict()))
    assert refused(tmp_path / "enet.pth", variant=asked, outputs=20).endswith(
        f'. Set variant = "{given}" in the deliverable, or --variant of enet pth2onnx'
    )
    assert refused(tmp_path / "enet.pth", variant=given).endswith(". Set outputs = 20 in the deliverable")


def test_mismatch_counts_all_and_names_three(tmp_path: Path, state: State) -> None:
    given = {key: value for key, value in state.items() if not key.startswith("bottleneck3_5.")}
    given |= {"attention.weight": torch.zeros(1)}
    (tmp_path / "enet.pth").write_bytes(saved(given))
    message = refused(tmp_path / "enet.pth")
    missing = len([key for key in state.keys() - given.keys() if not key.endswith("num_batches_tracked")])
    assert f"it is this network, but with {missing} keys missing (bottleneck3_5." in message
    assert f"and {missing - 3} more), 1 key unexpected (attention.weight). " in message
    assert "damaged" not in message


def test_mismatch_names_the_number_of_outputs(tmp_path: Path) -> None:
    (tmp_path / "enet.pth").write_bytes(saved(recipes.seeded("ascend", 11).state_dict()))
    message = refused(tmp_path / "enet.pth")
    assert message.endswith("it is another ENet, 'ascend' with 11 outputs. Set outputs = 11 in the deliverable")


def test_mismatch_without_classifier_is_this_network(tmp_path: Path, state: State) -> None:
    (tmp_path / "enet.pth").write_bytes(saved({key: value for key, value in state.items() if key != "fullconv.weight"}))
    assert "it is this network, but with 1 key missing (fullconv.weight). Save" in refused(tmp_path / "enet.pth")


NOT_ENETS: dict[str, Callable[[], State]] = {
    "other keys": lambda: {"layer1.weight": torch.zeros(2, 2)},
    "one key of a network": lambda: {"fullconv.weight": torch.zeros(())},
    "optimiser alone": lambda: {"state": {"exp_avg": torch.zeros(3)}},
}


@pytest.mark.parametrize("kind", NOT_ENETS)
def test_mismatch_of_another_network_lists_the_variants(tmp_path: Path, kind: str) -> None:
    (tmp_path / "enet.pth").write_bytes(saved(NOT_ENETS[kind]()))
    message = refused(tmp_path / "enet.pth")
    assert "no ENet that is known here (ascend, tramac, paper)" in message
    assert "For another architecture, give its code by [network] module" in message


@pytest.mark.parametrize("variant", VARIANTS)
def test_guess_variant_of_state_dict(variant: str) -> None:
    assert model.checkpoint.guess_variant(recipes.seeded(variant, 7).state_dict()) == (variant, 7)
    assert model.checkpoint.guess_variant({}) is None
