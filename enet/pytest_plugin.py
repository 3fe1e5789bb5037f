"""The options of the acceptance suite, as an installed pytest plugin; the suite is in ``fixtures/`` and ``tests/``.

pytest searches its configuration and ``conftest.py`` near the test paths. It takes the value of an option that it does
not know yet for a test path: with ``--data-root ../citys`` it would search in ``../citys``. Installed plugins load
after the configuration is found, but before ``conftest.py``. So the options are here, and the search is repeated.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

from enet.backends import DEFAULT
from enet.errors import EnetError
from enet.options import DIR, FILE, WRITTEN_FILE, add_subject, batch_size, positive
from enet.storage import run_folder

EVIDENCE = Path(".enet/evidence")
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
    add = parser.getgroup("enet", "acceptance of an ENet deliverable").addoption
    add_subject(add)
    add("--backend", action="append", metavar="NAME", help=f"repeatable (default: {DEFAULT})")
    add("--batch-size", action="append", type=batch_size, metavar="N", help="repeatable (default: the deliverable's)")
    add("--limit", type=positive, metavar="N", help="use only the first N images; such a run is never ACCEPTED")
    add("--look", action="store_true", help="only look: the exit code is 0 if no test fails, accepted or not")
    add("--evidence", **DIR, default=EVIDENCE, help="folder for the evidence (default: %(default)s)")
    add("--record-baseline", **WRITTEN_FILE, help="write this run's speeds, for --baseline of a later run")
    add("--baseline", **FILE, help="also require that no speed is below that recorded in FILE")
    add("--html-report", **WRITTEN_FILE, help="write an HTML report of this run")
    add("--markdown-summary", **WRITTEN_FILE, help="write the verdicts as Markdown, for the page of a CI run")
    add("--replay", **DIR, help="test results that were recorded on a device; run nothing")


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
    if not (folder or Path("tests", "acceptance").is_dir()):
        return  # another project's tests
    with contextlib.suppress(EnetError):
        run_folder.delete_conclusion(folder or EVIDENCE, files)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Repeat the search of the configuration, now that the values of options are not taken for test paths."""
    cut = str(early_config.inipath.parent if early_config.inipath else early_config.rootpath)
    if not find_configuration(early_config):
        return
    args[:] = [*early_config.getini("addopts"), *args]
    sys.path[:0] = map(str, early_config.getini("pythonpath"))
    known = early_config.known_args_namespace
    if known.confcutdir == cut:  # not the user's choice
        known.confcutdir = str(early_config.inipath.parent if early_config.inipath else early_config.rootpath)


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


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say where the acceptance tests are if they were selected in another folder."""
    words = set(str(config.option.markexpr).split())
    selected = "not" not in words and words & {"accuracy", "perf"}
    if items or not selected or (config.rootpath / "tests" / "acceptance").is_dir():
        return []
    return ["enet: no acceptance tests here, they are in enet's clone. Run pytest there, or give …/tests/acceptance"]
