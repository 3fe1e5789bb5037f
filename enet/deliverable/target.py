"""The device that artifacts are compiled for and run on, and the state it was in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Above this many degrees Celsius a chip is taken for too hot to be measured on. Ours: the vendor publishes no
#: temperature at which clocks fall, and the tables in its guides lie between 40 and 60.
HOT = 85.0

#: What an artifact computes in; "int8": convolutions, quantised after training.
Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the user says of the device. Backends that run on the host's own processor have no use for it.

    ``precision`` is asked of backends that can quantise; others have one of their own.
    ``soc_version`` is what ``atc`` calls the chip, such as "Ascend310P3"; None: ask the device. ``tuning`` are the job
    types of ``aoe``, in order: 1 subgraph, 2 operator. ``allow_busy``: measure on a device that others use as well.
    """

    precision: Precision = "fp32"
    soc_version: str | None = None
    devices: tuple[int, ...] = (0,)
    tuning: tuple[int, ...] = ()
    precision_mode: str = "force_fp16"
    allow_busy: bool = False


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """What the system's tool said of one chip at one moment.

    ``power`` in W, ``temperature`` in degrees Celsius, ``utilisation`` of the compute cores in percent, memory in MB;
    None where the tool gives no number. ``memory_*`` is the memory models are loaded into (HBM where there is one).
    ``device`` is the number that programs open it by, counted over all chips; ``npu`` and ``chip`` are the tool's own.
    ``processes`` run on it, each as "name (pid)".
    """

    device: int
    npu: int
    chip: int
    name: str
    health: str
    power: float | None
    temperature: float | None
    utilisation: float | None
    memory_used: int | None
    memory_total: int | None
    processes: tuple[str, ...] = ()
    driver: str = ""

    def device_problems(self) -> list[str]:
        """Why nothing should be measured on it now, in words."""
        found = []
        if self.health != "OK":
            found.append(f"health is {self.health}")
        if self.temperature is not None and self.temperature > HOT:
            found.append(f"{self.temperature:g} °C, should be at most {HOT:g}")
        if self.utilisation:
            found.append(f"{self.utilisation:g} % of its cores are in use")
        if self.processes:
            found.append(f"other processes run on it: {', '.join(self.processes)}")
        return [f"device {self.device} ({self.name}): {trouble}" for trouble in found]

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> DeviceState:
        return cls(**{**table, "processes": tuple(table["processes"])})
