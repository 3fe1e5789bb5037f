"""The machine that is measured on: how many cores this process may use, and what they are."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """Cores for this process: those it is allowed to run on, shared fairly between pytest's workers."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return max(1, allowed // max(1, int(workers) if workers.isdecimal() else 1))


def cpu() -> str:
    """The processor's name and its instruction sets, as far as the system tells: code compiled for it fits no other."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "; ".join(dict.fromkeys(line.partition(":")[2].strip() for line in lines if line.startswith(wanted)))
