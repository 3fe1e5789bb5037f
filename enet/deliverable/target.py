"""The device that artifacts are compiled for and run on, and its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Temperature in degrees Celsius above which a chip is too hot for a measurement. Our choice: the vendor publishes no
#: temperature at which clocks fall, and the tables in its guides lie between 40 and 60.
HOT = 85.0

#: Number format of the artifact's arithmetic; "int8": convolutions, quantised after training.
Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Device settings chosen by the user. CPU backends use only ``precision``.

    Attributes:
        precision: for backends that can quantise; others have a precision of their own.
        soc_version: the chip's name for ``atc``, such as "Ascend310P3"; None: ask the device.
        devices: numbers of the devices to measure on.
        tuning: job types of ``aoe``, in order: 1 subgraph, 2 operator.
        precision_mode: the option of ``atc`` with this name.
        provider: execution provider of ONNX Runtime, its name or the short one; empty: the CPU's.
        allow_busy: measure on a device that others use, too.
    """

    precision: Precision = "fp32"
    soc_version: str | None = None
    devices: tuple[int, ...] = (0,)
    tuning: tuple[int, ...] = ()
    precision_mode: str = "force_fp16"
    provider: str = ""
    allow_busy: bool = False


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """One chip at one moment, as ``npu-smi`` reported it; None if the tool gave no number.

    Attributes:
        device: number by which programs open the chip, counted over all chips.
        npu, chip: the tool's own numbers.
        power: in W.
        temperature: in degrees Celsius.
        utilisation: of the compute cores, in percent.
        memory_used, memory_total: in MB, of the memory that models are loaded into (HBM if there is one).
        processes: running on the chip, each as "name (pid)"; None if the tool's table of them cannot be read.
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
    processes: tuple[str, ...] | None = ()
    driver: str = ""

    def device_problems(self) -> list[str]:
        """Reasons against a measurement on the chip in this state."""
        found = []
        if self.health != "OK":
            found.append(f"health is {self.health}")
        if self.temperature is not None and self.temperature > HOT:
            found.append(f"{self.temperature:g} °C, expected at most {HOT:g}")
        if self.utilisation is None:
            found.append("the load of its cores is not known")
        elif self.utilisation:
            found.append(f"{self.utilisation:g} % of its cores are in use")
        if self.processes is None:
            found.append("the processes on it are not known: npu-smi's table of processes is missing or cannot be read")
        elif self.processes:
            found.append(f"other processes run on it: {', '.join(self.processes)}")
        return [f"device {self.device} ({self.name}): {problem}" for problem in found]
