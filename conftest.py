"""Loads the project's pytest plugins; everything is in ``fixtures/``."""

pytest_plugins = [
    "fixtures.options",
    "fixtures.subject",
    "fixtures.measurements",
    "fixtures.verdicts",
]
