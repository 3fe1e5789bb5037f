"""The options of the acceptance suite; the suite is in ``fixtures/`` and ``tests/``.

pytest searches its configuration and ``conftest.py`` near the test paths. It takes the value of an option that it does
not know yet for a test path: with ``--data-root ../citys`` it would search in ``../citys``. So the options are here,
``enet.pytest_entry`` loads them before ``conftest.py``, and the search is repeated.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import os
import shlex
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from enet.errors import EnetError
from enet.options import EVIDENCE, add_acceptance
from enet.storage import run_folder

#: Folder with ``pytest.ini``, ``conftest.py``, ``fixtures`` and ``tests``: in the package if that is a wheel's.
SUITE = next(filter(Path.is_dir, (Path(__file__).parent / "suite", Path(__file__).parents[1])))
#: The acceptance tests.
ACCEPTANCE = SUITE / "tests" / "acceptance"
#: Options that name a file with a conclusion in it, by what their values are called.
REPORTS = {
    "html_report": ["--html-report"],
    "markdown_summary": ["--markdown-summary"],
    "xmlpath": ["--junit-xml", "--junitxml"],
}
#: Options of pytest's with which nothing runs and nothing is written, by what their values are called.
ONLY_TELL = {
    "collectonly": ["--collect-only", "--co"],
    "help": ["--help", "-h"],
    "version": ["--version", "-V"],
    "showfixtures": ["--fixtures", "--funcargs"],
    "show_fixtures_per_test": ["--fixtures-per-test"],
    "markers": ["--markers"],
    "cacheshow": ["--cache-show"],
}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    config: pytest.Config | None = pluginmanager.get_plugin("pytestconfig")
    delete_earlier_conclusion(config.invocation_params.args if config else ())
    # Where another plugin has an option of the same name, as pytest-playwright has --device, this one counts.
    parser.optparser.conflict_handler = "resolve"
    group = parser.getgroup("enet", "acceptance of an ENet deliverable")
    parser.optparser.conflict_handler = "error"

    def add(name: str, **settings: Any) -> None:
        group.addoption(name, **{"dest": name[2:].replace("-", "_"), **settings})

    add_acceptance(add)


def delete_earlier_conclusion(words: Sequence[str]) -> None:
    """Delete what an earlier run concluded, before the options are parsed: a wrong one must not leave it.

    A folder that another run uses is left alone; it is refused later.
    """
    words = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *words]
    if not {*words}.isdisjoint(chain.from_iterable(ONLY_TELL.values())) or "PYTEST_XDIST_WORKER" in os.environ:
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False, fromfile_prefix_chars="@")
    for dest, names in {"evidence": ["--evidence"], **REPORTS}.items():
        parser.add_argument(*names, type=Path, dest=dest)
    options = argparse.Namespace()
    with contextlib.suppress(argparse.ArgumentError):  # pytest will say what is wrong
        parser.parse_known_args(words, options)
    folder, *files = vars(options).values()
    with contextlib.suppress(EnetError):
        run_folder.delete_conclusion(folder or EVIDENCE, files)


def the_tests(here: Path) -> list[str]:
    """Words for pytest that name the acceptance tests with their settings, and a cache in ``here``, not beside them."""
    return ["-c", str(SUITE / "pytest.ini"), "-o", f"cache_dir={here / '.pytest_cache'}", str(ACCEPTANCE)]


def search_again(config: pytest.Config, parser: pytest.Parser, args: list[str], alias: str) -> None:
    """Search the configuration, now that the values of options are not taken for test paths.

    Args:
        alias: the word in ``args`` that stands for the acceptance tests, wherever they are.
    """

    def parse() -> None:
        config.known_args_namespace = parser.parse_known_args(args, namespace=copy.copy(config.option))

    del args[: len(config.getini("addopts"))]
    if alias in args:
        at = args.index(alias)
        args[at : at + 1] = the_tests(config.invocation_params.dir)
    parse()
    if find_configuration(config):
        sys.path[:0] = map(str, config.getini("pythonpath"))
        config.pluginmanager.consider_preparse(config.getini("addopts"), exclude_only=True)  # -p no:NAME, at once
    gone = {"-ra"} if config.pluginmanager.is_blocked("terminal") else set()  # an option of the terminal's
    args[:0] = [word for word in config.getini("addopts") if word not in gone]
    parse()
    if config.known_args_namespace.confcutdir is None:
        config.known_args_namespace.confcutdir = str(config.inipath.parent if config.inipath else config.rootpath)


def find_configuration(config: pytest.Config) -> bool:
    """Search pytest's configuration and use it; return whether it is another one than before.

    pytest offers no public way to do so; no other code uses its private names.

    Raises:
        pytest.UsageError: this version of pytest has other private names.
    """
    known, place = config.known_args_namespace, config.invocation_params.dir
    try:
        from _pytest.config.findpaths import determine_setup

        choice = {"inifile": known.inifilename, "override_ini": known.override_ini, "args": known.file_or_dir}
        found = determine_setup(**choice, rootdir_cmd_arg=known.rootdir or None, invocation_dir=place)
        if found[:2] == (config.rootpath, config.inipath):
            return False
        config._inicache.clear()
        for name, value in zip(("_rootpath", "_inipath", "_inicfg"), found, strict=False):
            getattr(config, name)
            setattr(config, name, value)
    except (ImportError, AttributeError, TypeError) as error:
        advice = "Install the version in constraints.txt: pip install -c constraints.txt pytest"
        raise pytest.UsageError(f"pytest {pytest.__version__} does not fit enet ({error}). {advice}") from error
    return True
