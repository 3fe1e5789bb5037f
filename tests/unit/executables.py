"""Stand-ins for external tools, as small shell scripts on the PATH. No fixture, no test."""

from __future__ import annotations

from pathlib import Path

import pytest


def executable(folder: Path, name: str, body: str) -> Path:
    """Write a shell script that can be run as a program."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def only(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have nothing on the PATH but a folder and the system's own tools."""
    folder.mkdir(parents=True, exist_ok=True)
    patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
