"""Driver of npu-smi: the states of the devices, from the table of ``npu-smi info``.

Every chip has two rows. Columns differ by generation: the 310 has no huge pages; the 910B has HBM and no device column;
the A3 has a physical id in its place. The order is the same: NPU and name, health, power and temperature; then chip
and device, bus id, utilisation and memory. Models are loaded into the memory of the last pair.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container
from dataclasses import replace

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
#: Limits of a table: characters of a row, and number of rows. A longer row is an error.
MAX_LENGTH, MAX_ROWS = 1000, 4096
#: Names in ``npu-smi info`` that several kinds of chip share.
FAMILY_ONLY = re.compile(r"^(Ascend)?(910|950)$")


def parse(text: str, source: str = "npu-smi info") -> list[DeviceState]:
    """Read the state of every chip in a table.

    Args:
        source: origin of the text, for messages.
    Raises:
        InputError: there is no such table, or it is cut short.
    """
    banner = BANNER.search(text)
    driver = banner["driver"] if banner else ""
    found: list[DeviceState] = []
    processes: dict[tuple[int, int], list[str]] = defaultdict(list)
    first: re.Match[str] | None = None
    in_processes = False
    for line in rows(text, source):
        if "Process id" in line:
            in_processes = True
        elif in_processes:
            if row := PROCESS.match(line):
                processes[int(row["npu"]), int(row["chip"])].append(f"{row['name']} ({row['pid']})")
        elif first is not None and (row := SECOND.match(line)):  # tried first, because an "NA" bus looks like health
            found.append(state(first, row, len(found), driver))
            first = None
        elif (row := FIRST.match(line)) and first is None:
            first = row
        elif row or SECOND.match(line):
            raise incomplete(first, source)
    if first is not None:
        raise incomplete(first, source)
    if not found:
        raise InputError(f"{source}: no table of npu-smi info with a chip in it. Save the output of: npu-smi info")
    running = {place: tuple(names) for place, names in processes.items()}
    return [replace(each, processes=running.get((each.npu, each.chip), ())) for each in found]


def incomplete(first: re.Match[str] | None, source: str) -> InputError:
    """Error for a chip that has only its first row, or only its second one, which is all that is read then."""
    if first is None:
        return InputError(f"{source}: the first row of a chip cannot be read. Save all of npu-smi info")
    where = f"NPU {first['npu']} ({first['name']})"
    return InputError(f"{source}: the table is cut short after {where}. Save all of npu-smi info")


def rows(text: str, source: str) -> list[str]:
    """Rows of a table, bounded in length and number so that no text takes longer than it is."""
    found = [line.strip() for line in text.splitlines() if "|" in line]
    if any(len(line) > MAX_LENGTH and line.startswith("|") for line in found):
        raise InputError(f"{source}: a row of more than {MAX_LENGTH} characters. Save npu-smi info again")
    found = [line for line in found if len(line) <= MAX_LENGTH]
    if len(found) > MAX_ROWS:
        raise InputError(f"{source}: more than {MAX_ROWS} rows. Save the output of one npu-smi info")
    return found


def state(first: re.Match[str], second: re.Match[str], above: int, driver: str) -> DeviceState:
    """Read one chip's two rows. ``above``, the number of chips above it, is its device number if no column has it."""
    pairs = PAIR.findall(second["memory"])
    used, total = map(int, pairs[-1]) if pairs else (None, None)
    return DeviceState(
        device=above if second["device"] is None else int(second["device"]),
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


def read_states(ignored: Container[int] = ()) -> list[DeviceState]:
    """Read the state of every chip now.

    Args:
        ignored: ids of processes that are left out.
    Raises:
        BackendUnavailable: npu-smi is missing.
        ToolFailed: it failed.
    """
    tool.require("npu-smi")
    finished = tool.run(["npu-smi", "info"])
    if finished.code != 0:
        raise finished.failure(tool.last_line(finished.output))
    return [
        replace(each, processes=tuple(p for p in each.processes if int(p.rpartition("(")[2][:-1]) not in ignored))
        for each in parse(finished.output)
    ]


def soc_version(name: str) -> str:
    """Return atc's name of a chip that npu-smi calls ``name``.

    Raises:
        InputError: ``name`` is only that of a family.

    >>> soc_version("310P3")
    'Ascend310P3'
    """
    if FAMILY_ONLY.match(name):
        advice = "Give --soc-version, made of Chip Name and NPU Name of: npu-smi info -t board -i 0 -c 0"
        raise InputError(f"npu-smi info: name {name!r}, which several kinds of chip share. {advice}")
    return name if name.startswith("Ascend") else f"Ascend{name}"
