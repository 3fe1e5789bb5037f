"""Loads the project's pytest plugins; everything is in ``fixtures/``."""

pytest_plugins = [
    "enet.pytest_plugin",  # already there where the package is installed
    "fixtures.options",
    "fixtures.subject",
    "fixtures.artifacts",
    "fixtures.accuracy_runs",
    "fixtures.device_throughput",
    "fixtures.race",
    "fixtures.verdicts",
    "fixtures.conclusion",
    "fixtures.diagnosis",
    "fixtures.progress",
]
