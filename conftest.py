"""Loads the project's pytest plugins; everything is in ``fixtures/``."""

pytest_plugins = [
    "enet.pytest_options",  # already there where the package is installed
    "fixtures.options",
    "fixtures.subject",
    "fixtures.artifacts",
    "fixtures.measurements",
    "fixtures.timings",
    "fixtures.speeds",
    "fixtures.verdicts",
]
