"""Tiny subjects for the tests of measurement."""

from __future__ import annotations

import pytest
import torch

from enet.measure.subject import Subject
from tests.unit.tiny import tiny


@pytest.fixture(scope="session")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return tiny(tmp_path_factory.mktemp("ascend"))


@pytest.fixture(scope="session")
def void_subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Weights with a 20th output that is not a class and has the largest logits."""
    made = tiny(tmp_path_factory.mktemp("void"), "paper", 20)
    state = torch.load(made.weights, weights_only=True)
    state["transposed_conv.weight"][:, 19] *= 30
    torch.save(state, made.weights)
    return made
