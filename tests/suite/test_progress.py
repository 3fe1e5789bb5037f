"""Progress of a run: bars on a terminal, elsewhere a line every 30 seconds, nothing with ``-q``."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from enet.progress import Screen, bar
from fixtures import progress
from tests.suite.acceptance import ROOT

ONE_RUN = ["-m", "accuracy", "--deliverable", "scenes", "--limit", "2", "-k", "test_reference_miou", "--no-diagnosis"]


def on_terminal(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=theirs, stderr=theirs):
        os.close(theirs)
        printed = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal's other side is closed
                break
            if not part:
                break
            printed += part
    os.close(ours)
    return printed.decode()


def test_bars_are_drawn_on_a_terminal_although_pytest_captures(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CI" and "XDIST" not in name}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--evidence", str(tmp_path), *ONE_RUN]
    printed = on_terminal(command, environment)
    assert "pytorch bs1:" in printed
    assert "0/2 [" in printed
    assert printed.rstrip().splitlines()[-2] == "Next: the same command without --limit"
    quiet = on_terminal([*command, "-q"], environment)
    assert "0/2 [" not in quiet


def test_lines_say_what_runs_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.02)
    latest, path = progress.Latest(), tmp_path / "printed"
    monkeypatch.setattr("enet.progress.SCREEN", Screen(latest, progress.FORM))
    with path.open("w", buffering=1) as file:
        lines = progress.Lines(file, latest)
        lines.pytest_runtest_logstart("tests/test_it.py::test_miou[a]")
        with bar(title="onnxruntime bs1", total=500, shown=True) as counted:
            counted.update(340)
            counted.refresh()
            time.sleep(0.1)
        assert latest.text == ""
        lines.pytest_runtest_logfinish("tests/test_it.py::test_miou[a]")
        time.sleep(0.1)
        lines.end()
    printed = path.read_text()
    assert "still running: test_miou[a] (0 s); onnxruntime bs1: 340 of 500 images\n" in printed
    assert printed.endswith("\nstill running\n")
