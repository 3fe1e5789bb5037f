"""The cases of the acceptance tests: what the options ask for, under names that read well."""

from __future__ import annotations

import pytest

from enet import baselines
from enet.deliverable import Deliverable, Form
from fixtures.options import OPTIONS, FormCase, Options

CASES = {"case", "batched_case", "batch_size", "form_case", "timed_case", "device", "recorded_batch"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases by what a test asks for: an artifact, one of a large batch, a backend, a batch size, or the deliverable."""
    options = metafunc.config.stash[OPTIONS]
    name = options.deliverable.name
    cases = options.cases
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases, ids=str, scope="session")
    if "batched_case" in metafunc.fixturenames:
        metafunc.parametrize("batched_case", [c for c in cases if c.batch_size > 1], ids=str, scope="session")
    if "batch_size" in metafunc.fixturenames:
        sizes = options.batch_sizes
        metafunc.parametrize("batch_size", sizes, ids=[f"{name}-bs{n}" for n in sizes], scope="session")
    if "form_case" in metafunc.fixturenames:
        forms = [Form(input=i, output=o) for i in ("float", "uint8") for o in ("logits", "labels")]
        others = [FormCase(name, form) for form in forms if form != Form()]
        metafunc.parametrize("form_case", others, ids=str, scope="session")
    if "timed_case" in metafunc.fixturenames:
        timed = [case for device in options.devices for case in device.cases]
        metafunc.parametrize("timed_case", timed, ids=str, scope="session")
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", options.devices, ids=str, scope="session")
    if "log" in metafunc.fixturenames:
        logs = options.recorded.logs if options.recorded else ()
        metafunc.parametrize("log", logs, ids=[f"{name}-{log.source.stem}" for log in logs])
    if "recorded_batch" in metafunc.fixturenames:
        batches = baselines.load().batches
        metafunc.parametrize("recorded_batch", batches, ids=[baselines.title(n) for n in batches], scope="session")
    if "judged" in metafunc.fixturenames and not CASES & set(metafunc.fixturenames):
        metafunc.parametrize("judged", [options.deliverable], ids=[name], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that the options give no case is no test: without a device, say, there is no throughput to ask for."""
    items[:] = [item for item in items if not item.name.endswith("[NOTSET]")]


@pytest.fixture(scope="session")
def judged(options: Options) -> Deliverable:
    """What is judged; in the test's name where no case names it already."""
    return options.deliverable
