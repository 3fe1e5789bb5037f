"""The devices that a target names: their state and chip, as npu-smi reports them."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from enet.ascend import npu_smi
from enet.deliverable.target import DeviceState, Target
from enet.errors import InputError


def states(target: Target) -> tuple[DeviceState, ...]:
    """What npu-smi says of the target's devices.

    Raises:
        InputError: there is no such device.
    """
    found = {state.device: state for state in npu_smi.states(own=family())}
    absent = [device for device in target.devices if device not in found]
    if absent:
        raise InputError(f"--device {absent[0]}: npu-smi shows devices {', '.join(map(str, found)) or 'none'}")
    return tuple(found[device] for device in target.devices)


@functools.cache
def chip(target: Target) -> str:
    """What npu-smi calls the target's devices, such as "310P3".

    Raises:
        InputError: they are of different kinds.
        BackendUnavailable: npu-smi is missing.
    """
    names = {state.name for state in states(target)}
    if len(names) > 1:
        raise InputError(f"--device {','.join(map(str, target.devices))}: of different kinds, {', '.join(names)}")
    return names.pop()


def family() -> set[int]:
    """Processes of this test session: what they hold of a device lies idle while another of them measures."""
    parent = os.getppid()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return {os.getpid()}
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    except OSError:
        return {os.getpid()}
    return {os.getpid(), *map(int, children)}
