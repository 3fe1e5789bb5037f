"""This machine: the cores that this process may use, the CPU, its load, and what decides how fast libraries run."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from enet.cgroup import cpu_quota

#: Environment variables that decide how fast something runs, by what reads them.
SPEED_VARIABLES = {
    "PyTorch": r"ATEN_|TORCH_|PYTORCH_",
    "oneDNN, inside PyTorch and OpenVINO": r"ONEDNN_|DNNL_",
    "OpenMP": r"OMP_|GOMP_|KMP_|LIBOMP_",
    "BLAS libraries": r"MKL_|OPENBLAS_|GOTO_|BLIS_|VECLIB_",
    "ONNX Runtime": r"ORT_|ONNXRUNTIME_",
    "OpenVINO": r"OV_|OPENVINO_|TBB_",
    "CUDA": r"CUDA_|CUDNN_|NVIDIA_",
    "numpy, OpenCV": r"NPY_|NUMPY_|OPENCV_",
    "the C library and its memory": r"MALLOC_|GLIBC_TUNABLES|LD_PRELOAD|TCMALLOC_|MIMALLOC_",
    "pytest's workers, which share the cores": r"PYTEST_XDIST_WORKER_COUNT",
}
#: Those that may make the reference slower: unset, PyTorch uses the best that the CPU has. PyTorch allocates every
#: activation, so an allocator that returns memory to the system at once slows it 2.5 times, but not ONNX Runtime.
#: Arenas and ``glibc.pthread.rseq`` are usually set, and harmless.
LIMITS_REFERENCE = (
    r"ATEN_|ONEDNN_|DNNL_|MKL_(CBWR|DEBUG_CPU_TYPE|ENABLE_INSTRUCTIONS)|"
    r"MALLOC_(?!ARENA_)|TCMALLOC_|MIMALLOC_|GLIBC_TUNABLES=.*glibc\.(malloc\.(?!arena_)|cpu\.)"
)
#: Instruction sets, among the flags of a CPU, that decide how fast arrays are computed.
VECTOR_FLAGS = r"avx|amx|fma|asimd|sve|i8mm|bf16"


def cores() -> int:
    """Number of threads or processes that compute at the same time: the most that nobody has to wait for a core."""
    return within_openmp(shared_cores() // workers() or 1)


def shared_cores() -> int:
    """Number of cores for this process and pytest's other workers: by affinity and by a container's quota.

    A quota is rounded down: with a thread more, all wait in turn, and a time in which threads waited is no evidence.
    """
    quota = cpu_quota()
    return min(allowed_cores(), int(quota[0]) or 1) if quota else allowed_cores()


def allowed_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def within_openmp(count: int) -> int:
    """A number of threads, but no more than the user's ``OMP_NUM_THREADS``."""
    return min(count, openmp_threads() or sys.maxsize)


def openmp_threads() -> int | None:
    """The user's ``OMP_NUM_THREADS``, its first level; None if it is not set."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


def cores_in_words() -> str:
    """The number of cores that are used and why, such as "2 of 64 cores (CPU quota 2 in /sys/fs/cgroup/cpu.max)"."""
    machine, quota = os.cpu_count() or 1, cpu_quota()
    limits = {
        f"affinity {allowed_cores()}": allowed_cores() < machine,
        "CPU quota {:g} in {}".format(*quota or (0, "")): quota,
        f"{workers()} pytest workers": workers() > 1,
        f"OMP_NUM_THREADS={openmp_threads()}": openmp_threads(),
    }
    reasons = ", ".join(words for words, is_set in limits.items() if is_set)
    return f"{cores()} of {machine} cores" + (f" ({reasons})" if reasons else "")


def workers() -> int:
    """Number of pytest's workers that share the machine; 1 without any."""
    count = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return max(1, int(count) if count.isdecimal() else 1)


def cpu() -> str:
    """Name and instruction sets of the CPU: code compiled for one CPU may not run on another."""
    wanted = ("model name", "flags", "Features", "CPU part")
    found = (value for key, value in cpu_lines() if key in wanted)
    return "; ".join(dict.fromkeys(found)) or platform.processor() or platform.machine()


def cpu_lines() -> list[tuple[str, str]]:
    """Keys and values of Linux's ``/proc/cpuinfo``; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]


def int8_instructions() -> list[str]:
    """The CPU's instruction sets that multiply and accumulate 8-bit integers in one step."""
    return sorted({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"} & set(cpu().split()))


def speed_variables(pattern: str = "|".join(SPEED_VARIABLES.values())) -> dict[str, str]:
    """Environment variables of this process whose ``NAME=VALUE`` begins as the pattern says, sorted."""
    return {name: value for name, value in sorted(os.environ.items()) if re.match(pattern, f"{name}={value}")}


def host_conditions() -> dict[str, Any]:
    """Conditions that influence times measured here, for evidence."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        **host_fingerprint(),
        "workers": workers(),
        "cores_in_use": cores_in_words(),
        "int8_instructions": int8_instructions(),
        "governor": governor.read_text(encoding="ascii").strip() if governor.is_file() else "not recorded",
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "not recorded",
        "environment": speed_variables(),
        "limits_reference": sorted(speed_variables(LIMITS_REFERENCE)),
    }


def host_fingerprint() -> dict[str, Any]:
    """What two runs must share for their times to be comparable; equal for two machines of a kind.

    PyTorch's version is part of it, because every factor is one over PyTorch. An engine's version is not: an engine
    that has become slower is what a comparison is to find. pytest's workers are no other machine: they see its cores.
    """
    facts = dict(reversed(cpu_lines()))  # the first CPU's
    names = [facts.get("model name") or platform.processor() or platform.machine()]
    names += [f"{key} {facts[key]}" for key in ("cpu family", "model", "CPU part") if key in facts]
    # Twice the clock of the time stamp counter, in MHz: many CPUs share a name such as "AMD EPYC".
    clock = float(facts.get("bogomips", 0)) / 2
    return {
        "cpu": ", ".join(names),
        "mhz": int(round(clock, -2)),
        "vector_flags": sorted({flag for flag in cpu().split() if re.match(VECTOR_FLAGS, flag)}),
        "cores": within_openmp(shared_cores()),
        "system": platform.system(),
        "machine": platform.machine(),
        "torch": installed_version("torch").partition("+")[0],
    }


def installed_version(*distributions: str) -> str:
    """Return the versions of those distributions that are installed; "not installed" if there is none."""
    found = []
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(metadata.version(name))
    return ", ".join(found) or "not installed"


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


@dataclass
class CpuTime:
    """What this process's threads did, summed over the spans in which this context was entered: from Linux's
    ``/proc/self/task/*/schedstat``; 0 on other systems.

    Attributes:
        ran: nanoseconds on a CPU.
        waited: nanoseconds in which they could have run, but others used the CPU. A thread that sleeps does not wait.
    """

    ran: int = 0
    waited: int = 0

    def __enter__(self) -> CpuTime:
        self.add(-1)
        return self

    def __exit__(self, *_: object) -> None:
        self.add(1)

    def add(self, sign: int) -> None:
        for path in Path("/proc/self/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread has just ended
                ran, waited, _ = map(int, path.read_text(encoding="ascii").split())
                self.ran, self.waited = self.ran + sign * ran, self.waited + sign * waited

    @property
    def share_waited(self) -> float | None:
        """Fraction in 0..1 of the time in which threads could run that they waited; None if it is unknown."""
        return min(1.0, max(0.0, self.waited / (self.ran + self.waited))) if self.ran > 0 else None

    def share_idle(self, seconds: float) -> float | None:
        """Fraction in 0..1 of so many threads' seconds in which nothing ran, and nothing waited for the CPU: something
        slept; None if it is unknown."""
        return min(1.0, max(0.0, 1 - (self.ran + self.waited) / 1e9 / seconds)) if self.ran > 0 else None
