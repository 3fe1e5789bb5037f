"""How a run ends: whatever happened in it, exit code, terminal and files say the same, and no more than was proved.

The runs judge recorded times, which takes a second each; what is tested does not depend on the gates.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from enet import report
from enet.storage import run_folder
from tests.suite.acceptance import ROOT, judge, run_pytest, unfolded

#: (gate, case) pairs that an acceptance of these records consists of.
GATES = 3
TIMES = "tests/acceptance/test_throughput.py"
BS16 = "test_throughput[scenes-recorded-bs16]"


def test_all_passed_is_accepted(records: Path, tmp_path: Path) -> None:
    """Also in a folder with the evidence of another deliverable, which does not stay there without a word."""
    page, summary, folder = tmp_path / "report.html", tmp_path / "summary.md", tmp_path / "evidence"
    folder.mkdir()
    (folder / run_folder.OWNER).write_text('{"deliverable": "camvid"}')
    (folder / "accuracy-camvid.json").write_text('{"kind": "accuracy", "schema": 6, "run": "earlier"}')
    run = judge(records, tmp_path, "-m", "perf", "--html-report", page, "--markdown-summary", summary)
    assert run.code == 0, run.printed
    assert f"warning: {folder}: this run replaces the evidence of camvid." in run.printed
    assert run.table is not None
    assert (run.table["accepted"], run.table["aspects"], run.table["counts"]["PASS"]) == (True, ["perf"], GATES)
    for file in (page, summary, *folder.glob("*.json")):
        assert run.table["run"] in file.read_text(), file


#: What goes wrong: a plugin, words, the exit code, and a part of the conclusion.
SKIP_BS16 = f"""
import pytest
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "{BS16}"]
"""
IN_BS16 = f"""
import os, signal, pytest
def pytest_runtest_setup(item):
    if item.name == "{BS16}":
        WHAT
"""
FLAKY = f"""
import dataclasses, pytest
from _pytest.runner import runtestprotocol
from enet import gates
calls, real = [], gates.throughput.throughput
def throughput(evidence, *others):
    verdict = real(evidence, *others)
    if evidence.batch_size == 16:
        calls.append(1)
        if len(calls) == 1:
            return dataclasses.replace(verdict, outcome=gates.Outcome.FAIL)
    return verdict
gates.throughput.throughput = throughput
def pytest_runtest_protocol(item, nextitem):
    if item.name != "{BS16}":
        return None
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        report.outcome = "rerun" if report.failed else report.outcome
        item.ihook.pytest_runtest_logreport(report=report)
    item._initrequest()
    runtestprotocol(item, nextitem=nextitem)
    return True
"""
TEARDOWN = f"""
def pytest_runtest_teardown(item):
    if item.name == "{BS16}":
        raise RuntimeError("device lost")
"""
FINISH = """
def pytest_sessionfinish():
    raise RuntimeError("lost")
"""
#: As pytest-benchmark writes the file of ``--benchmark-json``.
FULL_DISK = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_sessionfinish():
    with open("/dev/full", "w", buffering=1) as file:
        file.write("times\\n")
    yield
"""
LEFT = f"2 gates passed, not run: throughput [{BS16[16:-1]}]"
AFTER = f"""
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    yield
    if pyfuncitem.name == "{BS16}":
        raise RuntimeError("lost")
    return True
"""
FAIL_RECORDED = """
def pytest_runtest_setup(item):
    if item.name.startswith("test_recorded_untuned"):
        pytest.fail("lost")
"""
EXIT_0 = "import pytest\ndef HOOK(): pytest.exit('enough', returncode=0)"
ENDS: dict[str, tuple[str, list[str], int, str]] = {
    "dropped by a plugin": (SKIP_BS16, ["-m", "perf"], 1, LEFT),
    "-k": ("", ["-m", "perf", "-k", "not bs16"], 1, LEFT),
    "--deselect": ("", ["-m", "perf", "--deselect", f"{TIMES}::{BS16}"], 1, LEFT),
    "node ids": (
        "",
        ["-m", "perf", f"{TIMES}::test_throughput[scenes-recorded-bs1]", f"{TIMES}::test_best_batch"],
        1,
        LEFT,
    ),
    "one file, both aspects": ("", [TIMES], 1, "3 gates passed, not run: miou"),
    "named as modules": ("", ["--pyargs", "tests.acceptance.test_throughput", "-m", "perf", "-k", "not bs16"], 1, LEFT),
    "a test that failed after its verdict": (AFTER, ["-m", "perf"], 1, f"ended in an error: {BS16}"),
    "a test beside the gates": (
        "import pytest\n" + FAIL_RECORDED,
        ["-m", "perf"],
        1,
        "a test failed that is no gate of the deliverable",
    ),
    "another root": (SKIP_BS16, ["-m", "perf", "--rootdir", "tests/acceptance", "tests/acceptance"], 1, LEFT),
    "both aspects asked": ("", [], 1, "8 gates without evidence, 3 passed"),
    "perf asked in other words": ("", ["-m", "perf and not needs_artifact", "-k", "recorded_tuned"], 1, "nothing was"),
    "Ctrl-C": (IN_BS16.replace("WHAT", "os.kill(os.getpid(), signal.SIGINT)"), ["-m", "perf"], 2, "interrupted"),
    "pytest.exit": (IN_BS16.replace("WHAT", "pytest.exit('enough', returncode=0)"), ["-m", "perf"], 1, "interrupted"),
    "skipped": (IN_BS16.replace("WHAT", "pytest.skip('not today')"), ["-m", "perf"], 1, LEFT),
    "error in setup": (
        IN_BS16.replace("WHAT", "raise RuntimeError"),
        ["-m", "perf"],
        1,
        "1 gate without evidence, 2 passed",
    ),
    "first failure ends it": (
        IN_BS16.replace("WHAT", "raise RuntimeError"),
        ["-m", "perf", "-x"],
        1,
        "1 gate without evidence",
    ),
    "error in teardown": (TEARDOWN, ["-m", "perf"], 1, "1 gate without evidence, 3 passed"),
    "error at the end": (FINISH, ["-m", "perf", "-k", "not bs16"], 1, LEFT),
    "passed at the second attempt": (FLAKY, ["-m", "perf"], 1, "1 gate failed, 2 passed"),
    "only set up": ("", ["-m", "perf", "--setup-plan"], 1, "nothing was checked"),
    "a worker dies": (IN_BS16.replace("WHAT", "os._exit(1)"), ["-m", "perf", "-n", "1"], 1, "1 gate without evidence"),
    "without a summary": ("", ["-m", "perf", "-k", "not bs16", "--no-summary"], 1, LEFT),
    "the process is killed": (IN_BS16.replace("WHAT", "os._exit(9)"), ["-m", "perf"], 9, "the run has not ended"),
}


@pytest.mark.parametrize("way", ENDS)
def test_what_was_not_proved_is_not_accepted(way: str, records: Path, tmp_path: Path) -> None:
    plugin, words, code, conclusion = ENDS[way]
    run = judge(records, tmp_path, *words, plugin=plugin)
    assert run.code == code, run.printed
    assert run.table is not None
    assert not run.table["accepted"]
    assert run.table["conclusion"].startswith("NOT ACCEPTED: ")
    assert conclusion in run.table["conclusion"]
    assert "scenes: ACCEPTED" not in run.printed


#: Plugin and words with which no gate is judged, and pytest's exit code.
NOTHING = {
    "all skipped": ("import pytest\ndef pytest_runtest_setup(): pytest.skip('not today')", [], 1),
    "nothing selected, for a look": ("", ["-k", "absent", "--look"], 5),
}


@pytest.mark.parametrize("way", NOTHING)
def test_with_nothing_judged_all_files_say_so(way: str, records: Path, tmp_path: Path) -> None:
    plugin, words, code = NOTHING[way]
    page, summary, junit = tmp_path / "report.html", tmp_path / "summary.md", tmp_path / "junit.xml"
    files = ["--html-report", page, "--markdown-summary", summary, "--junit-xml", junit]
    run = judge(records, tmp_path, "-m", "perf", *files, *words, plugin=plugin)
    assert run.code == code, run.printed
    assert run.table is not None
    assert run.table["conclusion"].startswith("NOT ACCEPTED: nothing was checked")
    for text in (run.printed, page.read_text(encoding="utf-8"), summary.read_text(encoding="utf-8")):
        assert "nothing was checked" in text
    assert "<testsuite " in junit.read_text(encoding="utf-8")


#: Warns wherever a plugin can, and loses an exception and an open file in every test.
WARNS = """
import warnings, pytest
class Lost:
    def __del__(self): raise ValueError("lost")
def warn(*_):
    for kind in (DeprecationWarning, ResourceWarning, pytest.PytestWarning):
        warnings.warn("from a plugin", kind)
warn()
def pytest_runtest_call():
    warn(), Lost(), open("/dev/null")
@pytest.fixture(autouse=True, scope="session")
def around():
    warn()
    yield
    warn()
"""
HOOKS = (
    "configure",
    "sessionstart",
    "collection_modifyitems",
    "runtest_logreport",
    "sessionfinish",
    "terminal_summary",
)


def test_no_warning_costs_a_verdict(records: Path, tmp_path: Path) -> None:
    """Neither one of a plugin, nor that pytest's cache cannot be written, as in a clone that is read-only."""
    plugin = WARNS + "".join(f"def pytest_{hook}(): warn()\n" for hook in HOOKS)
    read_only = ["-p", "cacheprovider", "-o", "cache_dir=tox.ini/cache"]
    run = judge(records, tmp_path, "-m", "perf", *read_only, plugin=plugin)
    assert run.code == 0, run.printed
    assert run.table is not None
    assert run.table["accepted"]


def test_a_warning_fails_the_suites_own_tests() -> None:
    with pytest.raises(UserWarning, match="as an error"):
        warnings.warn("as an error", stacklevel=1)


def test_a_look_at_a_part_ends_with_0(records: Path, tmp_path: Path) -> None:
    run = judge(records, tmp_path, "-m", "perf", "-k", "not bs16", "--look")
    assert (run.code, run.table is not None and run.table["accepted"]) == (0, False)
    failing = judge(records, tmp_path, "-m", "accuracy", "--look")  # there are no outputs
    assert failing.code == 1


#: Words that end a run before its first verdict, and its exit code.
TOO_EARLY = {
    "unknown option": (["--wieghts", "x"], 4),
    "value of another type": (["--batch-size", "x"], 4),
    "unknown deliverable": (["--deliverable", "scene"], 2),
    "no such records": (["--replay", "absent"], 2),
    "a crash while collecting": (["--ignore-glob", "x", "-p", "red_crash"], 3),
}


@pytest.mark.parametrize("way", TOO_EARLY)
def test_an_earlier_conclusion_is_gone_however_the_run_ends(way: str, records: Path, tmp_path: Path) -> None:
    words, code = TOO_EARLY[way]
    page, summary, folder = tmp_path / "report.html", tmp_path / "summary.md", tmp_path / "evidence"
    folder.mkdir()
    for file in (page, summary, folder / run_folder.VERDICTS):
        file.write_text('scenes may ship {"accepted": true}')
    (tmp_path / "red_crash.py").write_text("def pytest_collection_modifyitems(): raise RuntimeError")
    reports = ["--html-report", page, f"--markdown-summary={summary}"]
    run = judge(records, tmp_path, "-m", "perf", *reports, *words)
    assert run.code == code, run.printed
    for file in (page, summary, folder / run_folder.VERDICTS):
        assert not file.exists() or "may ship {" not in file.read_text(), file
    assert run.table is None or run.table["conclusion"].startswith("NOT ACCEPTED: ")


@pytest.mark.parametrize("hook", ["pytest_configure", "pytest_sessionstart", "pytest_sessionfinish"])
def test_no_plugin_makes_the_exit_code_0(hook: str, records: Path, tmp_path: Path) -> None:
    run = judge(records, tmp_path, "-m", "perf", plugin=EXIT_0.replace("HOOK", hook))
    assert run.code == 1, run.printed
    assert run.table is None or not run.table["accepted"]


#: Options that ask for what the run cannot do, and the message.
WITHOUT_EFFECT = {
    "tuning on no device": (["--aoe", "1"], "--aoe: no backend of this run uses a device"),
    "a device that nothing uses": (["--device", "1"], "--device: no backend of this run uses a device"),
    "a baseline without speed": (["-m", "accuracy", "--baseline", "x.json"], "--baseline: this run compares no speed"),
    "nothing to record": (["-m", "not perf", "--record-baseline", "x"], "--record-baseline: this run compares no"),
    "a record of shared cores": (["-m", "perf", "--record-baseline", "x.json", "-n", "1"], "a record is of all cores"),
    "a batch size of records": (["--replay", ".", "--batch-size", "1"], "Leave out --batch-size"),
    "one file for two": (["--html-report", "x.html", "--junit-xml", "x.html"], "x.html: has another content"),
    "a file among the evidence": (["--junit-xml", ".enet/verdicts.json", "--evidence", ".enet"], "another content"),
    "a report onto a folder": (["--html-report", "tests"], "tests: cannot be written (Is a directory)"),
    "a report below a file": (
        ["--junit-xml", "tox.ini/x"],
        "tox.ini/x: cannot be written (tox.ini: cannot be created)",
    ),
    "no file": (["--markdown-summary", ""], "expected the path of a file"),
    "times that are not kept": (
        ["--benchmark-json", os.devnull, "-n", "1"],
        "--benchmark-json: pytest-benchmark times nothing in this run",
    ),
}


@pytest.mark.parametrize("what", WITHOUT_EFFECT)
def test_what_cannot_happen_is_refused(what: str, tmp_path: Path) -> None:
    words, message = WITHOUT_EFFECT[what]
    done = run_pytest("--evidence", tmp_path / "evidence", *words)
    code = pytest.ExitCode.USAGE_ERROR if what == "no file" else 2
    assert (done.returncode, message in done.stderr) == (code, True), done.stdout + done.stderr


def test_what_cannot_be_written_fails_the_run(records: Path, tmp_path: Path) -> None:
    ways = [(["--html-report", "/dev/full"], ""), (["--markdown-summary", "/dev/full"], "")]
    for words, plugin in (*ways, (["--junit-xml", "/dev/full"], ""), ([], FULL_DISK)):
        run = judge(records, tmp_path, "-m", "perf", *words, plugin=plugin)
        assert run.code == 1, run.printed
        assert run.table is not None
        assert run.table["conclusion"].startswith("NOT ACCEPTED: a file that was asked for is not written; ")
        assert run.table["conclusion"] in unfolded(run.printed)
        assert "cannot be written (No space left on device)" in run.printed


def test_a_summary_on_standard_output_is_there_alone(records: Path, tmp_path: Path) -> None:
    inputs = ["--replay", records, "--evidence", tmp_path / "evidence", "-m", "perf"]
    done = run_pytest(*inputs, "--markdown-summary", "-", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == report.summary(report.read(tmp_path / "evidence"))
    assert "verdict on scenes" in done.stderr


def test_a_folder_in_use_is_refused(records: Path, tmp_path: Path) -> None:
    lock = run_folder.claim(tmp_path / "evidence")
    run = judge(records, tmp_path, "-m", "perf")
    lock.release()
    assert (run.code, run.table) == (2, None)
    assert "another run uses it. Wait for its end, or give another folder" in run.printed


def test_text_from_outside_cannot_print_commands(records: Path, tmp_path: Path) -> None:
    """Line breaks, terminal controls and the commands of a CI's log, in a deliverable's texts."""
    evil = (
        r"\n::error title=x::y\n\u001b[32mscenes: ACCEPTED (perf): all 3 gates passed\u001b[0m ::warning::z ##[error]"
    )
    text = (ROOT / "enet" / "deliverable" / "builtin" / "scenes.toml").read_text()
    text = text.replace('section 7.3"', f'section 7.3 {evil}"').replace('summary = "', f'summary = "{evil}')
    (tmp_path / "mine.toml").write_text(text.replace("at_least = 1.2", "at_least = 100"))
    files = [tmp_path / "summary.md", tmp_path / "junit.xml", tmp_path / "report.html"]
    options = ["--markdown-summary", files[0], "--junit-xml", files[1], "--html-report", files[2]]
    run = judge(records, tmp_path, "-m", "perf", "--deliverable", tmp_path / "mine.toml", *options)
    assert run.code == 1, run.printed
    for text in (run.printed, *(file.read_text().partition("<script")[0] for file in files)):
        assert "\x1b" not in text
        assert not [line for line in text.splitlines() if line.strip().startswith(("::", "scenes: ACCEPTED"))]
        assert "##[error]" not in text


def test_other_pytest_runs_are_no_acceptance(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass")
    done = run_pytest("-p", "enet", "--evidence", tmp_path / "evidence", tmp_path)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "evidence").exists()
