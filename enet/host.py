"""This machine: the cores that this process may use, the CPU, and its load."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def cores() -> int:
    """Number of cores for this process: the allowed ones, divided among pytest's workers."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return max(1, allowed // max(1, int(workers) if workers.isdecimal() else 1))


def cpu() -> str:
    """Name and instruction sets of the CPU: code compiled for one CPU may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "; ".join(dict.fromkeys(line.partition(":")[2].strip() for line in lines if line.startswith(wanted)))


def int8_instructions() -> list[str]:
    """The CPU's instruction sets that multiply and accumulate 8-bit integers in one step."""
    return sorted({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"} & set(cpu().split()))


def host_conditions() -> dict[str, Any]:
    """Conditions that influence times measured here, for evidence."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ORT_NUM_THREADS")
    return {
        "cpu": cpu().partition(";")[0],
        "cores": cores(),
        "int8_instructions": int8_instructions(),
        "governor": governor.read_text(encoding="ascii").strip() if governor.is_file() else "not recorded",
        "threads": {name: os.environ[name] for name in threads if name in os.environ},
    }


def host_fingerprint() -> dict[str, Any]:
    """Properties that two runs must share for their times to be comparable: CPU, cores, operating system."""
    return {"cpu": cpu(), "cores": cores(), "system": platform.system(), "machine": platform.machine()}


def cpu_load(seconds: float = 0.2) -> float | None:
    """Fraction in 0..1 of CPU time that other processes use while this one sleeps; None if the system has no figure."""
    before = cpu_ticks()
    time.sleep(seconds)
    after = cpu_ticks()
    if before is None or after is None or after[0] == before[0]:
        return None
    return 1 - (after[1] - before[1]) / (after[0] - before[0])


def cpu_ticks() -> tuple[int, int] | None:
    """All and idle clock ticks of the CPU since boot, from Linux's ``/proc/stat``; None on other systems."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    ticks = list(map(int, fields))
    return sum(ticks[:8]), ticks[3] + ticks[4]
