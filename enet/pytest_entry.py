"""The entry point of ``enet`` in every pytest of its environment: it loads the suite's options if the suite is meant.

The suite is meant by the place of its tests, by ``--pyargs enet.acceptance``, or by ``-p enet``. In other projects
nothing is added.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Container, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

#: The name of the tests for ``--pyargs``.
ALIAS = "enet.acceptance"
#: Where pytest looks for its configuration in a folder, first to last, and what says that the file has one.
SETTINGS = {
    **dict.fromkeys(("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"), ""),
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
#: In pytest's configuration, what says that it is the suite's.
MARK = re.compile(r"^addopts\s*=.*-p enet\b", re.MULTILINE)
#: An option of pytest's or of a plugin's whose value may be the next word.
TAKES_VALUE = re.compile(r"--[\w-]+|-[cdkmnoprW]")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Load the suite's options: after all plugins have theirs, before the tests are searched for."""
    words = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *early_config.invocation_params.args]
    if is_meant(words, early_config.invocation_params.dir, early_config.known_args_namespace.file_or_dir):
        from enet import pytest_plugin

        early_config.pluginmanager.register(pytest_plugin, pytest_plugin.__name__)
        pytest_plugin.search_again(early_config, parser, args, ALIAS)


def is_meant(words: Sequence[str], place: Path, positional: Container[str]) -> bool:
    """Whether a command line of pytest, given in the folder ``place``, runs the suite's tests.

    Args:
        positional: the words that pytest takes for test paths: also values of options that it does not know yet.
    """
    pairs = list(pairwise(["", *words]))
    if ALIAS in words or "-penet" in words or ("-p", "enet") in pairs:
        return True
    named = [(before, place / word.partition("::")[0]) for before, word in pairs if word in positional]
    paths = [(before, path) for before, path in named if path.exists()]
    if any(in_suite(path) for _, path in paths):
        return True
    return in_suite(place) and all(TAKES_VALUE.fullmatch(before) for before, _ in paths)


def in_suite(path: Path) -> bool:
    """Whether pytest's configuration that is nearest to a path is the suite's."""
    path = path.resolve()
    files = (folder / name for folder in (path, *path.parents) for name in SETTINGS)
    texts = ((file.name, file.read_text(encoding="utf-8", errors="replace")) for file in files if file.is_file())
    nearest = next((text for name, text in texts if SETTINGS[name] in text), "")
    return bool(MARK.search(nearest))


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say where the acceptance tests are to those who select them in another folder."""
    words = set(str(config.option.markexpr).split())
    if items or "accuracy" not in words or "not" in words or config.pluginmanager.has_plugin("enet.pytest_plugin"):
        return []
    return [f"enet: no acceptance tests here. Run: enet accept, or: pytest --pyargs {ALIAS} -m accuracy"]
