"""A pytest plugin that plants a fault of the self-test in the product: ``-p tests.suite.planted --fault NAME``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import cast

import pytest

#: Faults that need to know nothing of the deliverable, by module of the self-test.
FAULTS = {"classes_swapped_in_the_export": "network", "bgr": "images"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", choices=["none", *FAULTS], default="none", help="what to break")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--fault")
    if name != "none":
        from importlib import import_module

        from enet.measure.subject import Subject

        plant = getattr(import_module(f"enet.selftest.planted.{FAULTS[name]}"), name)
        planted = contextlib.ExitStack()
        planted.enter_context(plant(cast("Subject", None), Path()))
        config.add_cleanup(planted.close)
