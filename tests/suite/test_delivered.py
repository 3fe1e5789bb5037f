"""A file that a team hands over: accepted if it is sound, and refused with any of the usual faults in it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from enet import gates
from enet.gates import Outcome
from enet.measure.subject import Subject
from enet.model import checkpoint
from enet.selftest import acceptance
from tests.suite.damaged_onnx import DAMAGES, Damage

SIDE = 96


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The embedded weights over 7 small scenes."""
    return acceptance.small(tmp_path_factory.mktemp("delivered"), images=7, side=SIDE, scene=(256, 128))


@pytest.fixture(scope="module")
def sound(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the vendor's recipe for this network makes: torch's exporter, opset 11, any batch size."""
    path = tmp_path_factory.mktemp("onnx") / "enet.onnx"
    network = checkpoint.load(subject.weights, "ascend", 19)
    recipe: dict[str, Any] = {
        "input_names": ["image"],
        "output_names": ["class"],
        "dynamic_axes": {"image": {0: "-1"}, "class": {0: "-1"}},
        "opset_version": 11,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, 3, SIDE, SIDE),), path, dynamo=False, **recipe)
    return path


def outcomes(subject: Subject, model: Path, folder: Path) -> dict[str, set[Outcome]]:
    """What each gate says of a delivered file, over all batch sizes."""
    found: dict[str, set[Outcome]] = {}
    for verdict in acceptance.verdicts(replace(acceptance.with_own_cache(subject, folder), onnx=(model,))):
        found.setdefault(verdict.gate, set()).add(verdict.outcome)
    return found


def test_sound_file_passes_every_gate(subject: Subject, sound: Path, tmp_path: Path) -> None:
    found = outcomes(subject, sound, tmp_path)
    asked = {gate.name for gate in gates.CATALOGUE if gate.aspect == "accuracy"}
    assert found.keys() == asked - {"int8_miou", "io_formats"}
    assert {outcome for each in found.values() for outcome in each} == {Outcome.PASS}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_file_is_refused_by_the_gates_named(
    damage: Damage, subject: Subject, sound: Path, tmp_path: Path
) -> None:
    model = onnx.load(sound)
    damage(model)
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "enet.onnx")
    found = outcomes(subject, tmp_path / "enet.onnx", tmp_path / "cache")
    refused = {gate for gate, each in found.items() if each - {Outcome.PASS}}
    assert refused >= DAMAGES[damage], found
    assert not refused & {"reference_miou", "network", "preprocessing", "cached_files"}
