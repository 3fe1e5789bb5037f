"""The CPU quota of this process's control group, as a container's ``--cpus`` sets it; Linux only.

A quota is no affinity: with ``--cpus 2`` all 64 cores of a host are seen, and 64 threads wait for the time of two.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cpu_quota(root: Path = Path("/")) -> tuple[float, str] | None:
    """Return the tightest quota in CPUs, and the file that sets it; None if there is none.

    A group is limited by its own quota and by those of all groups above it, as far as they can be seen from here.

    Args:
        root: folder with ``proc`` and what its ``mountinfo`` names.
    """
    found = []
    for folder in groups(root):
        for name, read in (("cpu.max", read_v2), ("cpu.cfs_quota_us", read_v1)):
            with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # not this version, or no limit
                found.append((read(folder / name), str(folder / name)))
    return min(found, default=None)


def read_v2(path: Path) -> float:
    """CPUs, from "200000 100000": microseconds in each period. "max" is no number, so no quota."""
    quota, period = map(int, path.read_text(encoding="ascii").split())
    return quota / period


def read_v1(path: Path) -> float:
    """CPUs, from two files of microseconds.

    Raises:
        ValueError: -1, no quota.
    """
    quota, period = (int(file.read_text(encoding="ascii")) for file in (path, path.with_name("cpu.cfs_period_us")))
    if quota < 0:
        raise ValueError("no quota")
    return quota / period


def groups(root: Path) -> Iterator[Path]:
    """The folders of this process's groups that may have a CPU quota, and of all groups above them.

    ``/proc/self/cgroup`` has a line ``id:controllers:path`` a hierarchy, without controllers for version 2.
    ``/proc/self/mountinfo`` says which group each mount shows: in a container usually the process's own.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    own: dict[str, PurePosixPath] = {}
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if not controllers or "cpu" in controllers.split(","):
            own["cgroup" if controllers else "cgroup2"] = PurePosixPath(path)
    for before, _, after in (line.partition(" - ") for line in mounts):
        kind, _, options = after.split(" ", 2)
        if kind in own and (kind == "cgroup2" or "cpu" in options.split(",")):
            shown, place = map(unescape, before.split(" ")[3:5])
            group = own[kind]
            # A group that the mount does not show is known by another name there: the mount's own group is left.
            is_shown = group.is_relative_to(shown) and ".." not in group.parts
            inside = group.relative_to(shown) if is_shown else PurePosixPath()
            yield from (root / place.lstrip("/") / part for part in (inside, *inside.parents))


def unescape(field: str) -> str:
    """A field of ``mountinfo``, in which spaces and the like are octal numbers."""
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), field)
