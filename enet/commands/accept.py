"""Run the acceptance tests on a deliverable, and print the verdict: pytest, with all its options and exit codes."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from enet.options import AddOption, add_acceptance

EXAMPLE = """enet accept --deliverable mine.toml --onnx mine.onnx --data-root data --html-report report.html
  enet accept -m "accuracy or perf" -n 2 --junit-xml junit.xml   # all options of pytest; words after -- go to it, too

exit codes:
  0 accepted; 1 not accepted; 2 bad input, or interrupted; 3 internal error; 4 wrong option; 5 no test selected"""


#: pytest parses the words of this command.
PASSES_ON = True


def add_options(add: AddOption) -> None:
    add("-m", default="accuracy", metavar="ASPECT", help='accuracy (default), perf, or "accuracy or perf"')
    add_acceptance(add)


def run(args: Namespace) -> int:
    import pytest

    from enet.pytest_plugin import the_tests

    words = list(args.words)
    if "--" in words:
        words.remove("--")
    plugins = ["-p", "enet", "-p", "benchmark", "-p", "xdist"]  # also where pytest loads none by itself
    return int(pytest.main([*plugins, *the_tests(Path.cwd()), "-m", "accuracy", *words]))
