"""What ais_bench printed: batch size, times and throughput of every device, as versions of 2022 and 2023 say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from enet.errors import InputError, format_list
from enet.records.parsing import number, read_text

FILES = re.compile(r"get filesperbatch files0 size:\d+ tensor0size:\d+ filesperbatch:(\d+) runcount:(\d+)")
OUTPUT = re.compile(r"output path:(\S.*)")
#: throughput (1000*batchsize/NPU_compute_time): X
#: throughput 1000*batchsize(B)/NPU_compute_time.mean(T): X
#: throughput 1000*batchsize.mean(B)/NPU_compute_time.mean(T): X
THROUGHPUT = re.compile(
    r"throughput \(?1000\*batchsize(?:\.mean)?(?:\((?P<batch>[^()]+)\))?"
    r"/NPU_compute_time(?:\.mean\((?P<mean>[^()]+)\))?\)?: (?P<rate>\S+)"
)
COMPUTE = re.compile(r"NPU_compute_time \(ms\): min = \S+ max = \S+ mean = ([^,\s]+)")
DEVICE = re.compile(r"i:\d+ device_(\d+) throughput:(\S+) start_time:(\S+) end_time:(\S+)")
ERROR = re.compile(r"^\[ERROR\] (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """One throughput line: images/s, and the batch size and mean (ms) that it was computed from, where it says so."""

    rate: float
    batch_size: float | None
    mean_ms: float | None


@dataclass(frozen=True)
class DeviceLine:
    """One line of a run on several devices; seconds since 1970."""

    rate: float
    started: float
    ended: float


@dataclass(frozen=True)
class Console:
    """All of it; ``batches`` holds files per batch and number of batches, for every device."""

    path: Path
    outputs: tuple[str, ...]
    batches: tuple[tuple[int, int], ...]
    claims: tuple[Claim, ...]
    devices: dict[str, DeviceLine]

    def is_of(self, folder: str, mean_ms: float) -> bool:
        """Whether it is of the run with that mean, or else of the one that wrote into a folder of that name."""
        means = [claim.mean_ms for claim in self.claims if claim.mean_ms is not None]
        if any(abs(mean - mean_ms) <= 1e-9 * abs(mean_ms) for mean in means):
            return True
        return any(Path(path).name == folder for path in self.outputs) and len(self.outputs) == 1


def is_console(text: str) -> bool:
    """Whether it is a console of ais_bench."""
    return "get filesperbatch" in text or bool(THROUGHPUT.search(text))


def read(path: Path) -> Console:
    """Read a console that was saved.

    Raises:
        InputError: it can't be read, or it is of a run that failed.
    """
    text = read_text(path)
    claims = []
    means = [number(found, path) for found in COMPUTE.findall(text)]
    for index, found in enumerate(THROUGHPUT.finditer(text)):
        batch = None if found["batch"] is None else number(found["batch"], path)
        if found["mean"] is not None:
            mean: float | None = number(found["mean"], path)
        else:
            mean = means[index] if index < len(means) else None
        claims.append(Claim(number(found["rate"], path), batch, mean))
    errors = ERROR.findall(text)
    if errors and not claims:
        raise InputError(f"{path}: the run failed: {format_list(errors, first=2)}. Run ais_bench again")
    devices = {
        found[1]: DeviceLine(number(found[2], path), number(found[3], path), number(found[4], path))
        for found in DEVICE.finditer(text)
    }
    batches = tuple((int(per), int(count)) for per, count in FILES.findall(text))
    if any(min(each) < 1 for each in batches):
        raise InputError(f"{path}: a batch of no files, or none at all. Save all that ais_bench prints")
    return Console(path, tuple(each.strip() for each in OUTPUT.findall(text)), batches, tuple(claims), devices)
