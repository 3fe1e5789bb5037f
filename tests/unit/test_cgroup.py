"""A container's CPU quota is found in both versions of control groups, in copied trees and in a real one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from enet import cgroup

V1 = "33 32 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
V2 = "31 23 0:28 {root} /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
OTHERS = "22 28 0:20 / /proc rw - proc proc rw\n34 32 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
CPU = "sys/fs/cgroup/cpu,cpuacct"


def v1(folder: str, quota: int) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("group", "mounts", "files", "expected"),
    {
        "2, container of its own": (
            "0::/",
            V2,
            {"sys/fs/cgroup/cpu.max": "200000 100000"},
            (2, "sys/fs/cgroup/cpu.max"),
        ),
        "2, no limit": ("0::/", V2, {"sys/fs/cgroup/cpu.max": "max 100000"}, None),
        "2, root of the host, without a file": ("0::/", V2, {}, None),
        "2, own group": (
            "0::/a/b",
            V2,
            {"sys/fs/cgroup/a/b/cpu.max": "150000 100000"},
            (1.5, "sys/fs/cgroup/a/b/cpu.max"),
        ),
        "2, a group above is tighter": (
            "0::/a/b",
            V2,
            {"sys/fs/cgroup/a/b/cpu.max": "400000 100000", "sys/fs/cgroup/a/cpu.max": "100000 100000"},
            (1, "sys/fs/cgroup/a/cpu.max"),
        ),
        "2, a sibling does not count": ("0::/a", V2, {"sys/fs/cgroup/ab/cpu.max": "100000 100000"}, None),
        "2, another namespace": (
            "0::/../x",
            V2,
            {"sys/fs/cgroup/cpu.max": "300000 100000"},
            (3, "sys/fs/cgroup/cpu.max"),
        ),
        "2, a space in the folder": (
            "0::/",
            V2.replace("/sys/fs/cgroup ", "/sys/fs/c\\040group "),
            {"sys/fs/c group/cpu.max": "200000 100000"},
            (2, "sys/fs/c group/cpu.max"),
        ),
        "2, damaged": ("0::/", V2, {"sys/fs/cgroup/cpu.max": "many"}, None),
        "2, no period": ("0::/", V2, {"sys/fs/cgroup/cpu.max": "1 0"}, None),
        "1": ("4:cpu,cpuacct:/a", V1, v1(f"{CPU}/a", 250000), (2.5, f"{CPU}/a/cpu.cfs_quota_us")),
        "1, no limit": ("4:cpu,cpuacct:/a", V1, v1(f"{CPU}/a", -1), None),
        "1, a group above": (
            "4:cpu,cpuacct:/a/b",
            V1,
            v1(f"{CPU}/a/b", -1) | v1(f"{CPU}/a", 100000),
            (1, f"{CPU}/a/cpu.cfs_quota_us"),
        ),
        "1, container: the mount shows its group": (
            "4:cpu,cpuacct:/docker/1f",
            V1.replace("{root}", "/docker/1f"),
            v1(CPU, 200000),
            (2, f"{CPU}/cpu.cfs_quota_us"),
        ),
        "1, another controller": ("3:cpuset:/a", V1, v1(f"{CPU}/a", 250000), None),
        "both": (
            "4:cpu,cpuacct:/a\n0::/b",
            V1 + V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "),
            v1(f"{CPU}/a", 250000) | {"sys/fs/cgroup/unified/b/cpu.max": "max 100000"},
            (2.5, f"{CPU}/a/cpu.cfs_quota_us"),
        ),
    }.values(),
)
def test_cpu_quota(
    group: str, mounts: str, files: Mapping[str, str], expected: tuple[float, str] | None, tmp_path: Path
) -> None:
    tree = {
        "proc/self/cgroup": f"9:name=systemd:/\n{group}\n",
        "proc/self/mountinfo": OTHERS + mounts.replace("{root}", "/"),
    }
    for name, text in (tree | dict(files)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = cgroup.cpu_quota(tmp_path)
    assert found == (expected and (expected[0], str(tmp_path / expected[1])))


def test_cpu_quota_without_control_groups_is_none(tmp_path: Path) -> None:
    assert cgroup.cpu_quota(tmp_path) is None


@pytest.fixture
def group_of_one_cpu() -> Iterator[Path]:
    """A real control group with a quota of one CPU; skips where none can be made."""
    for parent in sorted(set(cgroup.groups(Path("/")))):
        group = parent / f"enet-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                v2 = group / "cpu.max"
                (v2 if v2.exists() else group / "cpu.cfs_quota_us").write_text("100000")
                yield group
                return
            finally:
                group.rmdir()
    pytest.skip("no control group can be made here")


def test_cpu_quota_of_a_real_control_group_decides_the_cores(group_of_one_cpu: Path) -> None:
    script = (
        "from pathlib import Path; import os, sys; Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid())); "
    )
    script += "from enet import host; print(host.cores_in_words())"
    command = [sys.executable, "-c", script, str(group_of_one_cpu)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"1 of {os.cpu_count()} cores (")
    assert f"CPU quota 1 in {group_of_one_cpu}/cpu." in done.stdout
