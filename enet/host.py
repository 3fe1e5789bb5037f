"""The machine that is measured on: how many cores this process may use, and what they are."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


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


def int8_instructions() -> list[str]:
    """Those of the processor's instruction sets that multiply 8-bit numbers and add them up in one step."""
    return sorted({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"} & set(cpu().split()))


def host_conditions() -> dict[str, Any]:
    """What decides times here, apart from what is timed: for evidence."""
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
    """What must be the same for times of two runs to be compared: processor, cores, operating system."""
    return {"cpu": cpu(), "cores": cores(), "system": platform.system(), "machine": platform.machine()}


def cpu_load(seconds: float = 0.2) -> float | None:
    """Share of the processor's time that is used while this process sleeps, 0..1; None where nothing tells it."""

    def counted() -> tuple[int, int] | None:
        try:
            fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        except OSError:
            return None
        ticks = list(map(int, fields))
        return sum(ticks[:8]), ticks[3] + ticks[4]

    before = counted()
    time.sleep(seconds)
    after = counted()
    if before is None or after is None or after[0] == before[0]:
        return None
    return 1 - (after[1] - before[1]) / (after[0] - before[0])
