"""Execution providers: names, what a missing one needs, and what ran where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from enet.backends import providers
from enet.deliverable import Target
from enet.errors import BackendUnavailable, InputError
from enet.gates.base import provenance_problem
from enet.measure import open_predictor
from tests.unit.tiny import tiny


@pytest.mark.parametrize("name", ["CPU", "cpu", "CPUExecutionProvider"])
def test_full_name(name: str) -> None:
    assert providers.full_name(name) == "CPUExecutionProvider"


def test_unknown_provider_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="'CUD' is not known: did you mean 'CUDA'"):
        providers.full_name("CUD")


@pytest.mark.parametrize(("name", "package"), [("CUDA", "onnxruntime-gpu"), ("CANN", "onnxruntime-cann")])
def test_missing_provider_says_which_package_brings_it(name: str, package: str) -> None:
    if f"{name}ExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip(f"{name} is here")
    with pytest.raises(BackendUnavailable, match=f"--provider {name}: .* Install {package} in place of onnxruntime"):
        providers.full_name(name)


def test_options_are_found_by_the_short_or_whole_name() -> None:
    stated = {"OpenVINO": {"device_type": "CPU"}, "CUDAExecutionProvider": {"device_id": "1"}}
    assert providers.options_of("openvino", stated) == {"device_type": "CPU"}
    assert providers.options_of("CUDA", stated) == {"device_id": "1"}
    assert providers.options_of("CPU", stated) == {}


@pytest.mark.parametrize(
    ("name", "problem"), [("CPU", None), ("Azure", "AzureExecutionProvider ran none of the operators")]
)
def test_evidence_says_what_ran_where(name: str, problem: str | None, tmp_path: Path) -> None:
    """The provider of Azure is in every package and runs none of an ENet's operators: all fall back to the CPU."""
    if f"{name}ExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip(f"no {name} provider in this onnxruntime")
    subject = replace(tiny(tmp_path), target=Target(provider=name))
    plain = replace(subject, target=Target())
    image = subject.prepared().load(0)[0][None]
    labels = []
    for each in (subject, plain):
        artifact = each.artifact("onnxruntime", 1)
        with open_predictor(each, artifact) as predictor:
            labels.append(predictor.labels(image)[0])
            provenance = each.provenance(artifact, predictor.model)
        if each is subject:
            found = provenance_problem(provenance) or ""
            assert found.startswith(problem) if problem else not found
            assert provenance.device.startswith(f"{name}ExecutionProvider, operators run by: CPUExecutionProvider ")
    assert provenance.device == "cpu"
    assert np.array_equal(labels[0], labels[1])
