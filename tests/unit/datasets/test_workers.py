from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Page faults of ten times the blocks of a photograph, all freed, in a process that has freed nothing large before.
SCRIPT = """
import resource, sys
import numpy as np
from enet.datasets.workers import keep_freed_memory
if sys.argv[1:]:
    keep_freed_memory()
def photograph():
    return [np.ones(megabytes << 20, np.uint8) for megabytes in (3, 6, 6, 8)]
photograph()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    photograph()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_serves_the_next_photograph() -> None:
    def faults(*options: str) -> int:
        command = [sys.executable, "-c", SCRIPT, *options]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert 20 * faults("keep") < faults()
