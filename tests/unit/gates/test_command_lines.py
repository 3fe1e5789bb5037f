"""Command lines drawn at random: whatever part of a deliverable they ask for, only all of it is accepted."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from enet.backends import BACKENDS
from enet.deliverable import Target
from enet.errors import InputError
from enet.gates import ASPECTS, CATALOGUE, Outcome, conclude
from enet.selftest.drawn.base import pick
from enet.selftest.fuzzed.conclusions import must_pass, some
from fixtures import options

SEEDS = 40


def draw_options(rng: np.random.Generator) -> dict[str, Any]:
    """Values of the options that decide what is checked; repeated ones in any order, with repetitions."""
    sizes = some(rng, (1, 2, 4, 8, 16, 32))
    return {
        "--deliverable": pick(rng, ("scenes", "camvid", "camvid-paper", "cityscapes")),
        "--backend": [pick(rng, BACKENDS) for _ in range(int(rng.integers(3)))] or None,
        "--batch-size": [*sizes, *sizes[:1]] or None,
        "--precision": pick(rng, ("fp32", "fp32", "int8")),
        "--baseline": pick(rng, (None, None, "speeds.json")),
    }


@pytest.mark.parametrize("aspects", [("accuracy",), ("perf",), ("accuracy", "perf")], ids="-".join)
def test_run_that_passes_what_it_was_asked_is_accepted_only_if_that_is_all(aspects: tuple[str, ...]) -> None:
    accepted = 0
    for seed in range(SEEDS):
        drawn = draw_options(np.random.default_rng(seed))
        try:
            config: Any = SimpleNamespace(getoption=drawn.get, option=SimpleNamespace(**asdict(Target())))
            plan = options.plan(config, None, options.delivered_files(config))
        except InputError:
            continue  # a backend that has no such precision
        gates = [gate for gate in CATALOGUE if gate.aspect in aspects]
        asked = [((gate.name, str(case)), Outcome.PASS) for gate in gates for case in gate.cases(plan)]
        found = conclude(plan, asked, asked=[aspect for aspect in ASPECTS if aspect in aspects])
        missing = {key for aspect in aspects for key in must_pass(plan, aspect)} - {key for key, _ in asked}
        assert not (found.accepted and missing), (drawn, missing)
        accepted += found.accepted
    assert 0 < accepted < SEEDS
