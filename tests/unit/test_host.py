"""What is known of this machine: the fingerprint of its kind, the conditions of a measurement, the others' load."""

from __future__ import annotations

import os
import subprocess
import sys
import time as clock
from pathlib import Path

import pytest

from enet import host
from enet.evidence import provenance

CPUINFO = """processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
flags\t\t: fpu avx avx2 fma sse4_2
bogomips\t: 4890.86

processor\t: 1
model name\t: AMD EPYC
bogomips\t: 4891.02
"""


def given_cpuinfo(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cpuinfo").write_text(text)
    files = {"/proc/cpuinfo": folder / "cpuinfo"}
    monkeypatch.setattr(host, "Path", lambda name: files.get(name, Path(name)))


def test_fingerprint_is_that_of_a_kind_of_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is calibrated a little differently, and other flags, are the same kind."""
    given_cpuinfo(CPUINFO, tmp_path, monkeypatch)
    first = host.host_fingerprint()
    assert (first["cpu"], first["mhz"]) == ("AMD EPYC, cpu family 25, model 1", 2400)
    assert first["vector_flags"] == ["avx", "avx2", "fma"]
    assert not set("+") & set(first["torch"])
    given_cpuinfo(CPUINFO.replace("4890.86", "4889.99").replace("fpu", "fpu hypervisor"), tmp_path, monkeypatch)
    assert host.host_fingerprint() == first
    given_cpuinfo(CPUINFO.replace("avx2", "avx2 avx512f"), tmp_path, monkeypatch)
    assert host.host_fingerprint() != first
    given_cpuinfo("", tmp_path, monkeypatch)
    assert host.host_fingerprint()["mhz"] == 0


def test_workers_share_the_cores_of_one_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a speed that is recorded for this machine would not be known with ``-n``."""
    monkeypatch.setattr(host, "allowed_cores", lambda: 8)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    alone = host.host_fingerprint()
    assert (host.cores(), host.host_conditions()["workers"], alone["cores"]) == (8, 1, 8)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert (host.cores(), host.host_conditions()["workers"]) == (2, 4)
    assert host.host_fingerprint() == alone


@pytest.mark.parametrize(
    ("quota", "workers", "openmp", "cores", "reasons"),
    [
        (None, 1, "", 64, ""),
        ((2.0, "/sys/fs/cgroup/cpu.max"), 1, "", 2, " (CPU quota 2 in /sys/fs/cgroup/cpu.max)"),
        ((2.9, "cpu.max"), 1, "", 2, " (CPU quota 2.9 in cpu.max)"),
        ((0.5, "cpu.max"), 4, "", 1, " (CPU quota 0.5 in cpu.max, 4 pytest workers)"),
        ((80.0, "cpu.max"), 1, "", 64, " (CPU quota 80 in cpu.max)"),
        (None, 4, "", 16, " (4 pytest workers)"),
        (None, 4, "3,1", 3, " (4 pytest workers, OMP_NUM_THREADS=3)"),
        (None, 4, "99", 16, " (4 pytest workers, OMP_NUM_THREADS=99)"),
        (None, 1, "many", 64, ""),
        (None, 1, "0", 64, ""),
    ],
)
def test_cores_in_use_follow_every_limit(
    quota: tuple[float, str] | None,
    workers: int,
    openmp: str,
    cores: int,
    reasons: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a container with ``--cpus 2`` on a host of 64 cores would run 64 sessions."""
    monkeypatch.setattr(host, "allowed_cores", lambda: 64)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(host, "cpu_quota", lambda: quota)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(workers))
    monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    assert host.cores() == cores
    assert host.cores_in_words() == f"{cores} of 64 cores{reasons}"
    assert host.host_conditions()["cores_in_use"] == host.cores_in_words()
    assert provenance.host_in_words().endswith(f", {host.cores_in_words()}")


def test_fingerprint_counts_the_cores_that_one_run_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A speed that was recorded on all cores is not compared with one within a quota."""
    monkeypatch.setattr(host, "allowed_cores", lambda: 64)
    monkeypatch.setattr(host, "cpu_quota", lambda: (8.0, "cpu.max"))
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert host.host_fingerprint()["cores"] == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert host.host_fingerprint()["cores"] == 1


def test_cores_follow_the_affinity() -> None:
    one = min(os.sched_getaffinity(0))
    script = f"import os; os.sched_setaffinity(0, [{one}]); from enet import host; print(host.cores_in_words())"
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_XDIST", "OMP_"))}
    done = subprocess.run([sys.executable, "-c", script], env=alone, capture_output=True, text=True, check=True)
    assert done.stdout == f"1 of {os.cpu_count()} cores" + (" (affinity 1)\n" if os.cpu_count() != 1 else "\n")


@pytest.mark.parametrize(
    ("variable", "limits"),
    [
        ("ATEN_CPU_CAPABILITY", True),
        ("ONEDNN_MAX_CPU_ISA", True),
        ("DNNL_MAX_CPU_ISA", True),
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", True),
        ("MKL_ENABLE_INSTRUCTIONS", True),
        ("MKL_NUM_THREADS", False),
        ("OMP_NUM_THREADS", False),
        ("KMP_AFFINITY", False),
        ("OV_CPU_THREADS", False),
        ("ORT_NUM_THREADS", False),
        ("MALLOC_MMAP_THRESHOLD_=4096", True),
        ("MALLOC_TRIM_THRESHOLD_", True),
        ("MALLOC_CONF=dirty_decay_ms:0", True),
        ("GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4096", True),
        ("GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.malloc.mmap_threshold=4096", True),
        ("GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2", True),
        ("GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.pthread.rseq=0", False),
        ("MALLOC_ARENA_MAX", False),
        ("LD_PRELOAD", False),
    ],
)
def test_variables_that_decide_speed_are_recorded(variable: str, limits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value or "1")
    seen = host.host_conditions()
    assert seen["environment"][name] == (value or "1")
    assert (name in seen["limits_reference"]) == limits


def test_other_variables_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OMP_NUM_THREADS", "1")
    assert "MY_OMP_NUM_THREADS" not in host.host_conditions()["environment"]


def test_cpu_time_counts_waiting_but_not_sleeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in a span, one of them new; they ran 60 ns more and waited 20; before and after does not count."""

    def write(**threads: str) -> None:
        for name, text in threads.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "schedstat").write_text(text)

    monkeypatch.setattr(host, "Path", lambda name: tmp_path if name == "/proc/self/task" else Path(name))
    time = host.CpuTime()
    write(a="1000 500 3\n")
    with time:
        write(a="1040 515 4\n", b="20 5 1\n")
    write(a="9000 9000 5\n")
    assert [time.ran, time.waited, time.share_waited] == [60, 20, 0.25]
    assert [time.share_idle(seconds) for seconds in (160e-9, 80e-9, 40e-9)] == pytest.approx([0.5, 0, 0])
    with time:
        write(a="9020 9000 5\n")
    assert [time.ran, time.waited, time.share_waited] == [80, 20, 0.2]


def test_cpu_time_of_this_process_does_not_count_sleep() -> None:
    with host.CpuTime() as time:
        begin = clock.perf_counter()
        clock.sleep(0.3)
        took = clock.perf_counter() - begin
    assert (time.ran + time.waited) / 1e9 < took


def test_cpu_time_is_unknown_without_the_systems_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "Path", lambda name: tmp_path)
    with host.CpuTime() as time:
        pass
    assert (time.share_waited, time.share_idle(1.0)) == (None, None)
