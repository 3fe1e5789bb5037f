"""The cases of the acceptance tests: what the options ask for, under names that read well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from enet.deliverable import Deliverable, IoFormat, baselines
from fixtures.options import OPTIONS, FormCase, Options


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases by what a test asks for; the deliverable's name, where no case has it in its own."""
    options = metafunc.config.stash[OPTIONS]
    asked = set(metafunc.fixturenames)
    known = parameters(options)
    for fixture in [name for name in known if name in asked]:
        values = known[fixture]()
        metafunc.parametrize(fixture, list(values.values()), ids=list(values), scope="session")
    if "judged" in asked and not asked & {*known}:
        metafunc.parametrize("judged", [options.deliverable], ids=[options.deliverable.name], scope="session")


def parameters(options: Options) -> dict[str, Callable[[], dict[str, Any]]]:
    """The fixtures that hold a case, and their cases by name."""
    name = options.deliverable.name

    def named(cases: Iterable[Any]) -> dict[str, Any]:
        return {str(case): case for case in cases}

    forms = [IoFormat(input=i, output=o) for i in ("float", "uint8") for o in ("logits", "labels")]
    logs = options.recorded.logs if options.recorded else ()
    return {
        "case": lambda: named(options.cases),
        "batched_case": lambda: named(case for case in options.cases if case.batch_size > 1),
        "quantised_case": lambda: named(options.quantised),
        "quantised_speed": lambda: named(options.quantised_speeds),
        "batch_size": lambda: {f"{name}-bs{size}": size for size in options.batch_sizes},
        "form_case": lambda: named(FormCase(name, form) for form in forms if form != IoFormat()),
        "timed_case": lambda: named(case for device in options.devices for case in device.cases),
        "device": lambda: named(options.devices),
        "speed_case": lambda: named(options.speed_cases),
        "baseline_case": lambda: named(case for case in options.speed_cases if str(case) in options.baseline),
        "log": lambda: {f"{name}-{log.source.stem}": log for log in logs},
        "recorded_batch": lambda: {baselines.title(size): size for size in baselines.load().batches},
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that the options give no case is no test: without a device, say, there is no throughput to ask for."""
    items[:] = [item for item in items if not item.name.endswith("[NOTSET]")]


@pytest.fixture(scope="session")
def judged(options: Options) -> Deliverable:
    """What is judged; in the test's name where no case names it already."""
    return options.deliverable
