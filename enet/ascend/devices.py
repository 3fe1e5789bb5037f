"""The devices of a target: their state and chip, as npu-smi reports them."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

from enet.ascend import npu_smi
from enet.deliverable.target import DeviceState, Target
from enet.errors import InputError


def read_states(target: Target) -> tuple[DeviceState, ...]:
    """Read the states of the target's devices.

    Raises:
        InputError: a device does not exist.
    """
    found = {state.device: state for state in npu_smi.read_states(ignored=own_processes())}
    if missing := [device for device in target.devices if device not in found]:
        known = ", ".join(map(str, found)) or "none"
        raise InputError(f"--device {missing[0]}: expected a device that npu-smi shows ({known})")
    return tuple(found[device] for device in target.devices)


@functools.cache
def chip_name(target: Target) -> str:
    """Name of the target's devices in npu-smi, such as "310P3".

    Raises:
        InputError: the devices are of different kinds.
        BackendUnavailable: npu-smi is missing.
    """
    names = {state.name for state in read_states(target)}
    if len(names) > 1:
        numbers = ",".join(map(str, target.devices))
        raise InputError(f"--device {numbers}: chips {', '.join(sorted(names))}, expected devices of one kind")
    return names.pop()


def soc_version(target: Target) -> str:
    """Name of the target's chip in atc, such as "Ascend310P3": the user's, or from npu-smi.

    Raises:
        InputError: npu-smi shows only the name of a family.
    """
    return target.soc_version or npu_smi.soc_version(chip_name(target))


def own_processes() -> set[int]:
    """Process ids of this test session: they leave a device idle while another of them measures."""
    parent, workers = os.getppid(), ""
    if "PYTEST_XDIST_WORKER" in os.environ:
        with contextlib.suppress(OSError):
            workers = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return {os.getpid(), *map(int, workers.split())}
