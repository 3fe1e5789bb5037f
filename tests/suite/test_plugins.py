"""The verdict beside a dozen plugins of pytest: the same as without, and one verdict a gate however often it is tried.

The runs judge recorded times, which takes seconds. ``.ci/run`` has an environment with the plugins in
``.ci/plugins.txt``; elsewhere these tests are skipped.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.suite.acceptance import Run, judge

PLUGINS = (
    "allure_pytest",
    "flaky",
    "pytest_cov",
    "pytest_html",
    "pytest_instafail",
    "pytest_playwright",
    "pytest_randomly",
    "pytest_repeat",
    "pytest_rerunfailures",
    "pytest_reverse",
    "pytest_split",
    "pytest_sugar",
    "pytest_timeout",
)
MISSING = [name for name in PLUGINS if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

#: Options with which all gates pass as without.
WAYS = {
    "installed": [],
    "all used": [
        *("--html", "{folder}/other.html", "--alluredir", "{folder}/allure", "--cov", "enet.gates"),
        *("--instafail", "--reverse", "--timeout", "300", "--reruns", "2"),
    ],
    "repeated": ["--count", "2"],
    "repeated and tried again by workers": ["--count", "2", "--reruns", "2", "-n", "2"],
    **{f"--dist {how}": ["-n", "2", "--dist", how] for how in ("loadscope", "loadfile", "loadgroup", "worksteal")},
    "--dist each": ["--dist", "each", "--tx", "2*popen"],
}


def rows(run: Run) -> list[tuple[Any, ...]]:
    assert run.table is not None, run.printed
    return [(row["gate"], row["case"], row["outcome"], row["measured"]) for row in run.table["verdicts"]]


@pytest.fixture(scope="module")
def plain(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Without any of the plugins."""
    run = judge(records, tmp_path_factory.mktemp("plain"), "-m", "perf", "--disable-plugin-autoload", "-p", "enet")
    assert run.code == 0, run.printed
    return run


@pytest.mark.parametrize("way", WAYS)
def test_the_verdict_is_the_same_beside_plugins(way: str, plain: Run, records: Path, tmp_path: Path) -> None:
    words = [word.format(folder=tmp_path) for word in WAYS[way]]
    run = judge(records, tmp_path, "-m", "perf", *words)
    assert run.code == 0, run.printed
    assert "empty parameter set" not in run.printed
    assert sorted(rows(run), key=str) == sorted(rows(plain), key=str)
    assert plain.table is not None
    assert run.table is not None
    assert run.table["conclusion"] == plain.table["conclusion"]


#: The first time is too slow; every other is fast enough.
FIRST_FAILS = """
import dataclasses
from enet import gates
calls, real = [], gates.throughput.throughput
def throughput(*given):
    calls.append(real(*given))
    return dataclasses.replace(calls[-1], outcome=gates.Outcome.FAIL) if len(calls) == 1 else calls[-1]
gates.throughput.throughput = throughput
"""
SLEEP = """
import time
def pytest_runtest_call(item):
    if item.name == "test_throughput[scenes-recorded-bs16]":
        time.sleep(60)
"""

#: Plugin, words, and a part of the conclusion.
REFUSED = {
    "passed in a rerun": (FIRST_FAILS, ["--reruns", "2"], "1 gate failed, 2 passed"),
    "passed in a rerun by a worker": (FIRST_FAILS, ["--reruns", "1", "-n", "1"], "1 gate failed, 2 passed"),
    "passed in a repetition": (FIRST_FAILS, ["--count", "3"], "1 gate failed, 2 passed"),
    "passed in another attempt of flaky": (FIRST_FAILS, ["--force-flaky"], "1 gate failed, 2 passed"),
    "the first failure ends it": (FIRST_FAILS, ["--reruns", "1", "-x"], "1 gate failed"),
    "a part of the tests": ("", ["--splits", "2", "--group", "1"], "not run: "),
    "a time limit": (SLEEP, ["--timeout", "2", "--timeout-method", "signal"], "ended in an error: "),
    "a time limit that kills": (SLEEP, ["--timeout", "2", "--timeout-method", "thread"], "the run has not ended"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_attempts_are_one_gate_of_which_all_must_pass(way: str, records: Path, tmp_path: Path) -> None:
    plugin, words, conclusion = REFUSED[way]
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    files = ["--junit-xml", junit, "--markdown-summary", summary]
    run = judge(records, tmp_path, "-m", "perf", "-p", "no:randomly", *files, *words, plugin=plugin)
    assert run.code == 1, run.printed
    assert run.table is not None
    assert run.table["conclusion"].startswith("NOT ACCEPTED: ")
    assert conclusion in run.table["conclusion"]
    keys = [row[:2] for row in rows(run)]
    assert len(keys) == len(set(keys))
    if "has not ended" in conclusion:
        return
    assert conclusion in summary.read_text(encoding="utf-8").replace("\\", "")
    cases = [*ElementTree.parse(junit).iter("testcase")]
    failed = {case.get("name") for case in cases if case.find("failure") is not None}
    assert len(failed) >= run.table["counts"]["FAIL"]
    assert {case.get("name") for case in cases if case.find("properties/property[@value='FAIL']") is not None} <= failed
