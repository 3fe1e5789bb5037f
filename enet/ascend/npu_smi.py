"""Driver of npu-smi: the states of the devices, from the table of ``npu-smi info``.

Every chip has two rows, whose columns the table's header names. They differ by generation: the 310 has no huge pages;
the 910B has HBM and no device column; the A3 has a physical id in its place; the 950 has no chips, and its NPU's number
in a cell of its own. Models are loaded into the HBM if there is one. A second table lists the processes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from enet.ascend import tool
from enet.deliverable.target import DeviceState
from enet.errors import InputError

BANNER = re.compile(r"\|\s*npu-smi\s+\S+\s+Version:\s*(?P<driver>\S+)\s*\|")
#: Since this version, npu-smi lists every NPU in the table of processes, also one without processes; but no 310B, for
#: which it has no such table.
ALWAYS_LISTS = 24
IDLE = re.compile(r"\|\s*No running processes found in NPU (\d+)\s*\|")
#: Printed in a container if another one holds the device.
HELD = re.compile(r"^.*\bret is -8020\b.*$", re.MULTILINE)

#: Column by the start of its title in the header, in small letters and without spaces.
TITLES = {
    "npuutil": "utilisation", "npu": "npu", "name": "name", "health": "health", "power": "power", "temp": "temperature",
    "chip": "chip", "device": "device", "phy": "device", "bus": "bus", "aicore": "utilisation", "mem": "memory",
    "hbm": "memory", "processidincontainer": "own_pid", "processid": "pid", "processname": "process",
}  # fmt: skip
NUMBER, MEASURED, PAIR = r"\d+", r"[\d.]+|NA|-", r"(\d+)\s*/\s*(\d+)"
MEMORY = rf"{PAIR}|(?:NA|-)(?:\s*/\s*(?:NA|-))?"
#: What a value of a column looks like; one of another column may be anything.
VALUES = {
    "npu": NUMBER, "name": r"[A-Za-z0-9]\S*", "health": "[A-Za-z]+|-+", "power": MEASURED, "temperature": MEASURED,
    "chip": NUMBER, "device": NUMBER, "bus": "[0-9A-Fa-f:.]+|NA", "utilisation": MEASURED, "memory": MEMORY,
    "pid": NUMBER,
}  # fmt: skip
#: Columns that a row of each kind has at least.
FIRST_NEEDS, SECOND_NEEDS = {"npu", "name", "health", "power", "temperature"}, {"bus", "utilisation", "memory"}
PROCESS_NEEDS = {"npu", "pid", "process"}
#: A value in a cell.
WORD = re.compile(r"[^\s/]+\s*/\s*[^\s/]+|\S+")

#: A row of the table of processes, whatever its header: NPU and perhaps chip | process id | name, no number | memory.
PROCESS = re.compile(r"\|\s*\d+(?:\s+\d+)?\s*\|\s*\d+\s*\|\s*(?:[^|\d\s][^|]*)?\|\s*\d+\s*\|")

#: Limits of a table: characters of a row, and number of rows. A longer row is an error.
MAX_LENGTH, MAX_ROWS = 1000, 4096
#: Names in ``npu-smi info`` that several kinds of chip share.
FAMILY_ONLY = re.compile(r"^(Ascend)?(910|950(PR|DT)?)$")


#: Titles of a cell's columns, for each cell of a row.
Titles = Sequence[Sequence[str]]


@dataclass(frozen=True)
class RowTitles:
    """Titles of each kind of row; those of chips have values for a table that was saved without its header.

    The last columns of a cell may be absent. ``of_process`` is None outside the table of processes.
    """

    of_first: Titles = (("npu", "name"), ("health",), ("power", "temperature", ""))
    of_second: Titles = (("chip", "device"), ("bus",), ("utilisation", "memory", "memory"))
    of_process: Titles | None = None


@dataclass
class Processes:
    """What the table of processes says: "name (pid)" by NPU and chip, None for all chips of the NPU.

    Attributes:
        listed: NPUs that it tells of, also those without processes.
        is_whole: False if a row cannot be read, and so may be a process of any chip.
    """

    running: dict[tuple[int, int | None], list[str]] = field(default_factory=lambda: defaultdict(list))
    listed: set[int] = field(default_factory=set)
    is_whole: bool = True

    def add(self, row: str, titles: Titles | None) -> None:
        """Take a row. ``titles``: of the header; None if the row stands before any."""
        if idle := IDLE.match(row):
            self.listed.add(int(idle[1]))
        elif titles is not None and (values := read_row(row, titles, PROCESS_NEEDS)):
            own = values.get("own_pid", "")  # in a container, where the other id is the host's
            chip = int(values["chip"]) if "chip" in values else None
            pid = own if own.isdecimal() else values["pid"]
            self.running[int(values["npu"]), chip].append(f"{values['process']} ({pid})")
            self.listed.add(int(values["npu"]))
        else:
            self.is_whole = False

    def of(self, state: DeviceState, chips: Sequence[DeviceState], *, is_here: bool) -> tuple[str, ...] | None:
        """Processes of a chip; None if they are not known.

        Args:
            chips: all chips. A process on none of them may be on any.
            is_here: there is a table of processes; it has a row for every NPU.
        """
        version = state.driver.partition(".")[0]
        always = version.isdecimal() and int(version) >= ALWAYS_LISTS and not state.name.startswith("310B")
        places = {place for each in chips for place in ((each.npu, each.chip), (each.npu, None))}
        if not (self.is_whole and self.running.keys() <= places) or (
            (is_here or always) and state.npu not in self.listed
        ):
            return None
        return tuple(self.running.get((state.npu, state.chip), ()) or self.running.get((state.npu, None), ()))


def parse(text: str, source: str = "npu-smi info") -> list[DeviceState]:
    """Read the state of every chip in one table, or in several one after the other: of before and after a run.

    Args:
        source: origin of the text, for messages.
    Raises:
        InputError: there is no such table, or it is cut short.
    """
    starts = [match.start() for match in BANNER.finditer(text)][1:]
    texts = [text[start:end] for start, end in pairwise([0, *starts, len(text)])]
    return [state for each in texts for state in parse_table(each, source)]


def parse_table(text: str, source: str) -> list[DeviceState]:
    """Read one table, with what stands before it."""
    banner = BANNER.search(text)
    driver = banner["driver"] if banner else ""
    found: list[DeviceState] = []
    processes = Processes()
    first: Mapping[str, str] | None = None
    for line, titles in with_titles(rows(text, source)):
        if titles.of_process is not None or IDLE.match(line) or PROCESS.match(line):
            processes.add(line, titles.of_process)
        # The second row is tried first, because an "NA" bus looks like health.
        elif first is not None and (row := read_row(line, titles.of_second, SECOND_NEEDS)):
            found.append(state(first, row, len(found), driver))
            first = None
        elif (row := read_row(line, titles.of_first, FIRST_NEEDS)) and first is None:
            first = row
        elif row or read_row(line, titles.of_second, SECOND_NEEDS):
            raise incomplete(first, source)
    if first is not None:
        raise incomplete(first, source)
    if not found:
        raise InputError(f"{source}: no table of npu-smi info with a chip in it. Save the output of: npu-smi info")
    is_here = "process id" in text.lower()
    return [replace(each, processes=processes.of(each, found, is_here=is_here)) for each in found]


def with_titles(lines: Sequence[str]) -> Iterator[tuple[str, RowTitles]]:
    """Yield the rows of all tables that are not headers, with the titles of the headers above."""
    titles = RowTitles()
    for line in lines:
        plain = re.sub(r"\s", "", line).lower()
        if not line.startswith("|"):  # a rule, or text, at which a table ends
            titles = titles if line.startswith("+") else replace(titles, of_process=None)
        elif "processid" in plain:
            titles = replace(titles, of_process=header(line))
        elif "health" in plain:
            titles = RowTitles(of_first=header(line))
        elif "bus-id" in plain:
            titles = replace(titles, of_second=header(line))
        else:
            yield line, titles


def header(line: str) -> Titles:
    """Columns of each cell of a header's row; "" for one that is not read."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    titles = [[cell] if cell.lower().startswith(("npu id", "process")) else split_titles(cell) for cell in cells]
    return [[column_of(title) for title in each] for each in titles]


def split_titles(cell: str) -> list[str]:
    """Titles in a cell: "NPU Util(%)" is one, though titles are as far apart as its words."""
    return re.sub("NPU Util", "NPUUtil", cell, flags=re.IGNORECASE).split()


def column_of(title: str) -> str:
    plain = re.sub(r"[\s-]", "", title).lower()
    return next((column for start, column in TITLES.items() if plain.startswith(start)), "")


def read_row(line: str, titles: Titles, needed: set[str]) -> dict[str, str] | None:
    """Values of a row by column, of a repeated column the last; None if it is not a row under these titles."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    if len(cells) != len(titles):
        return None
    values: dict[str, str] = {}
    for cell, columns in zip(cells, titles, strict=True):
        if columns == ["process"]:  # a name may be empty or have spaces
            values["process"] = cell
            continue
        words = WORD.findall(cell)
        if len(words) > len(columns) or bool(words) != bool(columns):
            return None
        for word, column in zip(words, columns, strict=False):
            if not re.fullmatch(VALUES.get(column, ".*"), word):
                return None
            values[column] = word
    return values if needed <= values.keys() else None


def incomplete(first: Mapping[str, str] | None, source: str) -> InputError:
    """Error for a chip that has only its first row, or only its second one, which is all that is read then."""
    if first is None:
        return InputError(f"{source}: the first row of a chip cannot be read. Save all of npu-smi info")
    where = f"NPU {first['npu']} ({first['name']})"
    return InputError(f"{source}: the table is cut short after {where}. Save all of npu-smi info")


def rows(text: str, source: str) -> list[str]:
    """Lines of a text, its tables' rows bounded in length and number so that no text takes longer than it is."""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if any(len(line) > MAX_LENGTH and line.startswith("|") for line in found):
        raise InputError(f"{source}: a row of more than {MAX_LENGTH} characters. Save npu-smi info again")
    if sum(line.startswith("|") for line in found) > MAX_ROWS:
        raise InputError(f"{source}: more than {MAX_ROWS} rows. Save the output of one npu-smi info")
    return [line[:MAX_LENGTH] for line in found]


def state(first: Mapping[str, str], second: Mapping[str, str], above: int, driver: str) -> DeviceState:
    """Read one chip's two rows. ``above``, the number of chips above it, is its device number if no column has it."""
    pair = re.fullmatch(PAIR, second.get("memory", ""))
    used, total = map(int, pair.groups()) if pair else (None, None)
    return DeviceState(
        device=int(second.get("device", above)),
        npu=int(first["npu"]),
        chip=int(second.get("chip", 0)),
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
    if held := HELD.search(finished.output):
        advice = "Another container holds the device: stop it, or start this one with other devices"
        raise finished.failure(f"{held[0].strip()}. {advice}")
    if finished.code != 0:
        raise finished.failure(tool.last_line(finished.output))
    return [replace(each, processes=without(each.processes, ignored)) for each in parse(finished.output)]


def without(processes: tuple[str, ...] | None, ignored: Container[int]) -> tuple[str, ...] | None:
    if processes is None:
        return None
    return tuple(each for each in processes if int(each.rpartition("(")[2][:-1]) not in ignored)


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
