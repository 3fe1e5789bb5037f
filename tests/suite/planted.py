"""A pytest plugin that injects a fault of the self-test into the product: ``-p tests.suite.planted --fault NAME``."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

#: Faults that are patches of the code, for any deliverable.
FAULTS = ("classes swapped in the export", "bgr")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", choices=["none", *FAULTS], default="none", help="fault to inject")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--fault")
    if name == "none":
        return
    from enet import deliverable
    from enet.measure.subject import Subject
    from enet.selftest import planted
    from enet.storage.store import Store

    (inject,) = (fault.inject for fault in planted.FAULTS if fault.name == name and fault.inject)
    injected = contextlib.ExitStack()
    injected.enter_context(inject(Subject(deliverable.load("scenes"), Store(Path("unused"))), Path()))
    config.add_cleanup(injected.close)
