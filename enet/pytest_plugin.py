"""The options of the acceptance suite, as an installed pytest plugin; the suite is in ``fixtures/`` and ``tests/``.

pytest looks for its configuration and for ``conftest.py`` next to the test paths on the command line, and takes the
value of an option that it doesn't know yet for such a path. So with options declared in ``conftest.py``, ``--data-root
../citys`` would make pytest look for the suite in ``../citys``. Installed plugins are loaded before ``conftest.py``,
but after the configuration was looked for: hence the second look here, now that the options are known.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.config.findpaths import determine_setup

from enet.options import add_target, batch_size, positive


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("enet", "acceptance of an ENet deliverable")
    group.addoption(
        "--deliverable", default="scenes", metavar="NAME|PATH", help="what is judged (default: %(default)s)"
    )
    group.addoption("--weights", type=Path, metavar="FILE", help="checkpoint (default: the deliverable's own)")
    group.addoption("--data-root", type=Path, metavar="DIR", help="folder of the data set (scenes: generated)")
    group.addoption("--backend", action="append", metavar="NAME", help="may be repeated (default: onnxruntime)")
    group.addoption(
        "--batch-size",
        action="append",
        type=batch_size,
        metavar="N",
        help="may be repeated (default: the deliverable's)",
    )
    group.addoption("--limit", type=positive, metavar="N", help="only the first N images: shows much, accepts nothing")
    group.addoption(
        "--evidence",
        type=Path,
        default=Path(".enet") / "evidence",
        metavar="DIR",
        help="where evidence is written (default: %(default)s)",
    )
    group.addoption("--artifact-cache", type=Path, metavar="DIR", help="default: $ENET_CACHE or .enet/cache")
    add_target(group.addoption)
    group.addoption("--record-baseline", type=Path, metavar="FILE", help="keep this run's speeds for --baseline")
    group.addoption("--baseline", type=Path, metavar="FILE", help="also: no slower than the run that FILE was kept of")
    group.addoption("--html-report", type=Path, metavar="FILE", help="write the report of this run")
    group.addoption("--markdown-summary", type=Path, metavar="FILE", help="the verdicts as Markdown, for a CI's page")
    group.addoption("--replay", type=Path, metavar="DIR", help="judge results that were brought back from a device")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Look for the configuration again where the first look was led astray by the value of one of our options."""
    known = early_config.known_args_namespace
    root, file, settings, _ = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=known.file_or_dir,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=early_config.invocation_params.dir,
    )
    if (root, file) == (early_config.rootpath, early_config.inipath):
        return
    was_cut_at = str(early_config.inipath.parent if early_config.inipath else early_config.rootpath)
    early_config._rootpath, early_config._inipath, early_config._inicfg = root, file, settings
    early_config._inicache.clear()
    args[:] = [*early_config.getini("addopts"), *args]
    early_config._configure_python_path()
    if known.confcutdir == was_cut_at:  # not the user's choice
        known.confcutdir = str(file.parent if file else root)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Where the tests are, for who asks for them in another folder."""
    words = set(str(config.option.markexpr).split())
    if (
        items
        or "not" in words
        or not words & {"accuracy", "perf"}
        or (config.rootpath / "tests" / "acceptance").is_dir()
    ):
        return []
    return [
        "enet: its acceptance tests are in its clone, not here. Run pytest there, or give the path: …/tests/acceptance"
    ]
