"""Runs of the suite in a process of their own, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.storage import run_folder

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(
    *words: object, env: Mapping[str, str] | None = None, diagnoses: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run pytest in the project's folder; without ``env``, in this process's environment.

    Args:
        diagnoses: look for the cause of a failure, which takes longer than the other tests.
    """
    is_acceptance = any("tests/acceptance" in str(word) for word in words)
    quiet = ["--no-diagnosis"] if is_acceptance and not diagnoses else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, words), *quiet]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Run:
    """A run's exit code, everything that it printed, and ``verdicts.json`` (None: there is none)."""

    code: int
    printed: str
    table: dict[str, Any] | None


def unfolded(text: str) -> str:
    """Printed text without its line breaks."""
    return " ".join(text.split())


def judge(records: Path, folder: Path, *words: object, plugin: str = "") -> Run:
    """Judge the records, with a plugin of this text."""
    (folder / "red_plugin.py").write_text(plugin)
    # Without workers, also if this test's own session has some.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment = variables | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    inputs = ["--replay", records, "--evidence", folder / "evidence", "-p", "red_plugin"]
    done = run_pytest(*inputs, *words, env=environment)
    return Run(done.returncode, done.stdout + done.stderr, read(folder / "evidence"))


def read(folder: Path) -> dict[str, Any] | None:
    path = folder / run_folder.VERDICTS
    return json.loads(path.read_text()) if path.is_file() else None
