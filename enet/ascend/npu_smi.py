"""Driver of npu-smi: what state the devices are in, read from the table of ``npu-smi info``.

Every chip has two rows. Columns differ by generation: the 310 has no huge pages, the 910B has HBM and no device column,
the A3 a physical id in its place. What is common is the order: NPU and name, health, power and temperature; then chip
and device, bus id, utilisation and memory, of which the last pair is the one models are loaded into.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, replace

from enet.ascend import tool
from enet.deliverable.target import DeviceState
from enet.errors import InputError

BANNER = re.compile(r"\|\s*npu-smi\s+\S+\s+Version:\s*(?P<driver>\S+)\s*\|")
#: NPU and name | health | power, temperature, …
FIRST = re.compile(
    r"^\|\s*(?P<npu>\d+)\s+(?P<name>[A-Za-z0-9]+)\s*\|\s*(?P<health>[A-Za-z]+)\s*\|"
    r"\s*(?P<power>[\d.]+|NA|-)\s+(?P<temperature>[\d.]+|NA|-)(?P<rest>[^|]*)\|\s*$"
)
#: chip and perhaps device | bus id | utilisation, memory used / total, perhaps HBM used / total
SECOND = re.compile(
    r"^\|\s*(?P<chip>\d+)(?:\s+(?P<device>\d+))?\s*\|\s*(?P<bus>[0-9A-Fa-f:.]+|NA)\s*\|"
    r"\s*(?P<utilisation>[\d.]+|NA|-)\s+(?P<memory>\d[^|]*)\|\s*$"
)
PAIR = re.compile(r"(\d+)\s*/\s*(\d+)")
#: NPU, chip | process id | name | memory
PROCESS = re.compile(r"^\|\s*(?P<npu>\d+)\s+(?P<chip>\d+)\s*\|\s*(?P<pid>\d+)\s*\|\s*(?P<name>[^|]*?)\s*\|[^|]*\|\s*$")
#: How names are told from those that ``npu-smi info`` shortens.
FAMILY_ONLY = re.compile(r"^(Ascend)?(910|950)$")


@dataclass(frozen=True)
class Process:
    """Something that runs on a chip."""

    npu: int
    chip: int
    pid: int
    name: str


def parse(text: str, source: str = "npu-smi info") -> list[DeviceState]:
    """The state of every chip in the table.

    Args:
        source: where the text is from, for messages.
    Raises:
        InputError: there is no such table, or it is cut short.
    """
    banner = BANNER.search(text)
    driver = banner["driver"] if banner else ""
    found: list[DeviceState] = []
    processes: list[Process] = []
    open_row: re.Match[str] | None = None
    in_processes = False
    for line in (raw.strip() for raw in text.splitlines()):
        if "Process id" in line:
            in_processes = True
        elif in_processes:
            if row := PROCESS.match(line):
                processes.append(Process(int(row["npu"]), int(row["chip"]), int(row["pid"]), row["name"]))
        elif open_row is not None and (
            row := SECOND.match(line)
        ):  # before the first kind: an "NA" bus looks like health
            found.append(state(open_row, row, len(found), driver))
            open_row = None
        elif row := FIRST.match(line):
            if open_row is not None:
                raise cut_short(source, open_row)
            open_row = row
    if open_row is not None:
        raise cut_short(source, open_row)
    if not found:
        raise InputError(f"{source}: no table of npu-smi info with a chip in it. Save the output of: npu-smi info")
    return [with_processes(each, processes) for each in found]


def cut_short(source: str, row: re.Match[str]) -> InputError:
    return InputError(
        f"{source}: the table is cut short after NPU {row['npu']} ({row['name']}). Save all of npu-smi info"
    )


def state(first: re.Match[str], second: re.Match[str], before: int, driver: str) -> DeviceState:
    """One chip's two rows; ``before`` chips stand above it, which is its device number where no column says it."""
    pairs = PAIR.findall(second["memory"])
    used, total = map(int, pairs[-1]) if pairs else (None, None)
    return DeviceState(
        device=before if second["device"] is None else int(second["device"]),
        npu=int(first["npu"]),
        chip=int(second["chip"]),
        name=first["name"],
        health=first["health"],
        power=number(first["power"]),
        temperature=number(first["temperature"]),
        utilisation=number(second["utilisation"]),
        memory_used=used,
        memory_total=total,
        driver=driver,
    )


def number(text: str) -> float | None:
    return None if text in ("NA", "-") else float(text)


def with_processes(chip: DeviceState, processes: list[Process]) -> DeviceState:
    mine = [f"{p.name} ({p.pid})" for p in processes if (p.npu, p.chip) == (chip.npu, chip.chip)]
    return replace(chip, processes=tuple(mine))


def states(own: Container[int] = ()) -> list[DeviceState]:
    """The state of every chip now.

    Args:
        own: process ids that aren't told, as they are one's own.
    Raises:
        BackendUnavailable: npu-smi is missing.
        ToolFailed: it failed.
    """
    tool.find("npu-smi")
    finished = tool.run(["npu-smi", "info"])
    if finished.code != 0:
        last = finished.output.strip().splitlines()
        raise finished.failure(last[-1] if last else "it printed nothing")
    return [
        replace(each, processes=tuple(p for p in each.processes if int(p.rpartition("(")[2][:-1]) not in own))
        for each in parse(finished.output)
    ]


def soc_version(name: str) -> str:
    """What atc calls a chip that the table calls ``name``.

    Raises:
        InputError: the table's name is only that of a family.

    >>> soc_version("310P3")
    'Ascend310P3'
    """
    if FAMILY_ONLY.match(name):
        raise InputError(
            f"npu-smi info calls the chip {name!r}, as several kinds are called. Give --soc-version, made of Chip Name "
            "and NPU Name of: npu-smi info -t board -i 0 -c 0"
        )
    return name if name.startswith("Ascend") else f"Ascend{name}"
