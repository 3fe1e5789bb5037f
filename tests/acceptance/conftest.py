"""Cases of the acceptance tests: ``test_<gate>`` runs for every case that the plan has of the gate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from enet.deliverable import baselines
from enet.gates.catalogue import GATES, Plan
from fixtures.options import OPTIONS

if TYPE_CHECKING:
    from enet.gates.catalogue import Case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    options = metafunc.config.stash[OPTIONS]
    if "case" in metafunc.fixturenames:
        cases = cases_of(metafunc.function.__name__.removeprefix("test_"), options.plan)
        metafunc.parametrize("case", cases, ids=str, scope="session")
    if "log" in metafunc.fixturenames:
        logs = {} if options.recorded is None else options.recorded.titled_logs
        ids = [f"{options.deliverable.name}-{title.replace('.log', '')}" for title in logs]
        metafunc.parametrize("log", logs.items(), ids=ids)
    if "recorded_batch" in metafunc.fixturenames:
        metafunc.parametrize("recorded_batch", baselines.load().batches, ids=baselines.title)


def cases_of(name: str, plan: Plan) -> list[Case]:
    """Cases of a gate, or of a test that only informs."""
    return list(GATES[name].cases(plan)) if name in GATES else plan.devices()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A gate without a case in the plan is no test: without a device, for example, there is no throughput.

    pytest-repeat adds the number of the repetition to the name.
    """
    items[:] = [item for item in items if "NOTSET" not in re.split(r"[\[\]-]", item.name)]
