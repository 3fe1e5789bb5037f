"""What trtexec printed, versions 7 to 10: GPU compute time, and the batch size that it ran with.

Throughput follows from the mean GPU compute time, as the recorded T4 figures do; trtexec's own "qps" counts queries,
and scales with ``--batch`` in its implicit mode.
"""

from __future__ import annotations

import re
from pathlib import Path

from enet.errors import InputError
from enet.records.device_timing import RecordedTiming
from enet.records.parsing import number, read_text

STATUS = re.compile(r"&&&& (\w+) TensorRT\.trtexec(?: \[TensorRT v\d+\])? # (?P<command>.*)")
PREFIX = re.compile(r"^\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[\w\] ?")
#: From 8 on one line; percentiles vary.
LINE = re.compile(
    r"GPU Compute Time: min = (?P<min>\S+) ms, max = (?P<max>\S+) ms, mean = (?P<mean>\S+) ms, "
    r"median = (?P<median>\S+) ms.*percentile\(99%\) = (?P<p99>\S+) ms"
)
#: In 7, one line each below "GPU Compute"; other sections hold the same names.
LATER = {
    "min": re.compile(r"min: (\S+) ms"),
    "max": re.compile(r"max: (\S+) ms"),
    "mean": re.compile(r"mean: (\S+) ms"),
    "median": re.compile(r"median: (\S+) ms"),
    "p99": re.compile(r"percentile: (\S+) ms at 99%"),
}
SHAPES = re.compile(r"--(?:opt)?[sS]hapes=[\w./:-]*?:(\d+)x")
BATCH = re.compile(r"--batch=(\d+)")


def is_log(text: str) -> bool:
    """Whether a text is a log of trtexec."""
    return "TensorRT.trtexec" in text or ("GPU Compute" in text and "[I]" in text)


def read(path: Path) -> RecordedTiming:
    """Read a log.

    Raises:
        InputError: it can't be read, the run failed, or it holds no GPU compute time.
    """
    text = read_text(path)
    statuses = [(found[1], found["command"]) for found in STATUS.finditer(text)]
    if statuses and not any(status == "PASSED" for status, _ in statuses):
        raise InputError(f"{path}: trtexec says {statuses[-1][0]}, not PASSED. Run it again")
    statistics = compute_times(text, path)
    command = statuses[0][1] if statuses else ""
    found = SHAPES.search(command) or BATCH.search(command)
    batch = int(found[1]) if found else 0
    denials = []
    if not statistics["min"] <= statistics["mean"] <= statistics["max"]:
        denials.append("the mean GPU compute time isn't between min and max")
    return RecordedTiming(
        tool="trtexec",
        source=path,
        batch_size=batch,
        executions=1,
        images=0,
        statistics=statistics,
        batch_size_source=found[0] if found else "nothing: the command line isn't in the log",
        zero_input=True,
        contradictions=tuple(denials),
    )


def compute_times(text: str, path: Path) -> dict[str, float]:
    """GPU compute time in ms: min, max, mean, median, p99.

    Raises:
        InputError: there is none.
    """
    if line := LINE.search(text):
        return {name: number(value, path) for name, value in line.groupdict().items()}
    lines = [PREFIX.sub("", line).strip() for line in text.splitlines()]
    if "GPU Compute" not in lines:
        raise InputError(f"{path}: no GPU compute time in it. Save all that trtexec prints")
    section = lines[lines.index("GPU Compute") + 1 :][:8]
    found = {}
    for name, pattern in LATER.items():
        match = next((m for m in map(pattern.fullmatch, section) if m), None)
        if match is None:
            raise InputError(f"{path}: no {name} below GPU Compute. Save all that trtexec prints")
        found[name] = number(match[1], path)
    return found
