"""Commands with the simulator in place of CANN, and what they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from enet.evidence import Throughput
from fixtures.ascend_simulator import environment
from tests.suite.acceptance import ROOT, run_pytest

#: Milliseconds per image: so fast that every gate of throughput would pass.
MS = 0.25


def run(*command: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command with settings of the simulator."""
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, check=False)


def enet(*words: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run an ``enet`` command, which must succeed."""
    done = run(sys.executable, "-m", "enet.cli", *words, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def accept(inputs: list[object], *more: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run an acceptance of accuracy and performance."""
    words = ["-m", "accuracy or perf", "tests/acceptance", *inputs, *more]
    return run_pytest(*words, env=environment(**settings))


def verdicts(evidence: Path) -> list[dict[str, Any]]:
    """The verdicts of a run that decide something."""
    table: dict[str, Any] = json.loads((evidence / "verdicts.json").read_text())
    return [each for each in table["verdicts"] if each["outcome"] != "INFO"]


def without_mark(timed: Throughput, **changes: Any) -> Throughput:
    """The same evidence, had it not been simulated, with changes of its provenance.

    A simulated device takes the stated time for every execution, which is a reason against a record of its own.
    """
    return replace(timed, problems=(), provenance=replace(timed.provenance, simulated=False, **changes))
