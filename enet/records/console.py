"""Reader of saved console output of ais_bench (2022 to 2025): batch size, times, throughput."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

from enet.errors import InputError, format_list
from enet.records.parsing import finite_number, read_text

FILES = re.compile(
    r"get filesperbatch files0 size:(\d{1,12}) tensor0size:(\d{1,12}) filesperbatch:(\d{1,9}) runcount:(\d{1,9})\b"
)
OUTPUT = re.compile(r"output path:(\S.*)")
#: throughput (1000*batchsize/NPU_compute_time): X
#: throughput 1000*batchsize(B)/NPU_compute_time.mean(T): X
#: throughput 1000*batchsize.mean(B)/NPU_compute_time.mean(T): X
THROUGHPUT = re.compile(
    r"throughput \(?1000\*batchsize(?:\.mean)?(?:\([^()]+\))?"
    r"/NPU_compute_time(?:\.mean\((?P<mean>[^()]+)\))?\)?: (?P<rate>\S+)"
)
COMPUTE = re.compile(r"NPU_compute_time \(ms\): min = \S+ max = \S+ mean = ([^,\s]+)")
DEVICE = re.compile(r"i:\d+ device_(\d+) throughput:(\S+)[ \t]+start_time:(\S+)[ \t]+end_time:(\S+)")
#: End of a progress bar: all of the executions, and hours, minutes and seconds (rounded down).
PROGRESS = re.compile(r"\b(\d{1,9})/(\d{1,9}) \[(?:(\d{1,4}):)?(\d{1,2}):(\d\d)<")
#: Limit of runs in one file.
MAX_RUNS = 512
ERROR = re.compile(r"^\[ERROR\] (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """One throughput line: images/s, and the mean (ms) behind it, if it has one."""

    rate: float
    mean_ms: float | None


@dataclass(frozen=True)
class DeviceLine:
    """One device's line in a run on several devices: images/s, start and end in seconds since 1970."""

    rate: float
    started: float
    ended: float


@dataclass(frozen=True)
class Console:
    """Content of a console file, of one or several runs.

    Attributes:
        outputs: folders that outputs were written to.
        batches: (files in a batch, number of batches), for each device.
        input_bytes: (an image, the input tensor) of each of ``batches``, in bytes.
        devices: line of each device, by its number.
        longest_seconds: upper bound of the time of the longest run by its progress bar; None if there is no bar.
    """

    path: Path
    outputs: tuple[str, ...]
    batches: tuple[tuple[int, int], ...]
    claims: tuple[Claim, ...]
    devices: dict[str, DeviceLine]
    longest_seconds: float | None = None
    input_bytes: tuple[tuple[int, int], ...] = ()

    @property
    def seconds(self) -> float | None:
        """Seconds from the first device's start to the last one's end; None unless the run was on several devices."""
        lines = self.devices.values()
        return max(line.ended for line in lines) - min(line.started for line in lines) if lines else None

    def is_of(self, folder: str, mean_ms: float) -> bool:
        """Return True if the run has this mean, or is the only one and wrote to a folder of this name."""
        means = [claim.mean_ms for claim in self.claims if claim.mean_ms is not None]
        if any(abs(mean - mean_ms) <= 1e-9 * abs(mean_ms) for mean in means):
            return True
        return len(self.outputs) == 1 and Path(self.outputs[0]).name == folder


def is_console(text: str) -> bool:
    """Return True if a text is console output of ais_bench."""
    return "get filesperbatch" in text or bool(THROUGHPUT.search(text))


def read(path: Path) -> Console:
    """Read a saved console.

    Raises:
        InputError: the file cannot be read, or the run failed.
    """
    text = read_text(path)
    # The oldest versions print no mean in the line of throughput, only in another line.
    means = chain([finite_number(mean, path) for mean in COMPUTE.findall(text)], repeat(None))
    claims = []
    for line, other in zip(THROUGHPUT.finditer(text), means, strict=False):
        mean = finite_number(line["mean"], path) if line["mean"] else other
        claims.append(Claim(finite_number(line["rate"], path), mean))
    errors = ERROR.findall(text)
    if errors and not claims:
        raise InputError(f"{path}: the run failed: {format_list(errors, first=2)}. Run ais_bench again")
    lines = DEVICE.findall(text)
    devices = {device: DeviceLine(*(finite_number(value, path) for value in values)) for device, *values in lines}
    found = FILES.findall(text)
    batches = tuple((int(files), int(count)) for _, _, files, count in found)
    if max(len(claims), len(batches), len(devices)) > MAX_RUNS:
        raise InputError(f"{path}: more than {MAX_RUNS} runs. Save the console output of each run in its own file")
    for files, count in batches:
        if min(files, count) < 1:
            raise InputError(f"{path}: filesperbatch={files} runcount={count}, expected at least 1. Run it again")
    bars = [bar.groups("0") for bar in PROGRESS.finditer(text) if int(bar[1]) == int(bar[2])]
    seconds = [3600.0 * int(hours) + 60 * int(minutes) + int(rest) + 1 for _, _, hours, minutes, rest in bars]
    sizes = tuple((int(image), int(tensor)) for image, tensor, _, _ in found)
    outputs = tuple(each.strip() for each in OUTPUT.findall(text))
    return Console(path, outputs, batches, tuple(claims), devices, max(seconds, default=None), sizes)
