"""What is known of this machine: the fingerprint of its kind, the conditions of a measurement, the others' load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enet import host

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


@pytest.mark.parametrize(
    ("name", "limits"),
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
        ("MALLOC_ARENA_MAX", False),
        ("LD_PRELOAD", False),
    ],
)
def test_variables_that_decide_speed_are_recorded(name: str, limits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    seen = host.host_conditions()
    assert seen["environment"][name] == "1"
    assert (name in seen["limits_reference"]) == limits


def test_other_variables_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OMP_NUM_THREADS", "1")
    assert "MY_OMP_NUM_THREADS" not in host.host_conditions()["environment"]


def test_cpu_use_leaves_out_this_process_and_what_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 ticks pass: 100 idle, 40 this process's, 60 of others."""
    ticks, own = iter([(1000, 500), (1200, 600), (9000, 700), (9200, 900)]), iter([1.0, 1.0 + 40 / 100, 2.0, 2.0])
    monkeypatch.setattr(host, "cpu_ticks", lambda: next(ticks))
    monkeypatch.setattr("enet.host.time.process_time", lambda: next(own))
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    use = host.CpuUse()
    assert use.others is None
    with use:
        pass
    assert use.others == pytest.approx(0.3)
    with use:  # nothing but idle
        pass
    assert use.others == pytest.approx(0.15)


def test_cpu_use_is_unknown_without_the_systems_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_ticks", lambda: None)
    with host.CpuUse() as use:
        pass
    assert use.others is None
    assert host.cpu_load(0) is None
