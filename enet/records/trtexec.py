"""Reader of the logs of trtexec 7 to 10: GPU compute time and batch size.

Throughput follows from the mean GPU compute time, as the recorded T4 values do. The log's own "qps" counts queries,
and is scaled by ``--batch`` in implicit batch mode.
"""

from __future__ import annotations

import re
from pathlib import Path

from enet.errors import InputError
from enet.evidence import DeviceTiming
from enet.records.device_timing import RecordedTiming
from enet.records.parsing import finite_number, read_text

STATUS = re.compile(r"&&&& (\w+) TensorRT\.trtexec(?: \[TensorRT v\d+\])? # (?P<command>.*)")
PREFIX = re.compile(r"^\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[\w\] ?")
#: Statistics of version 8 and later, all in one line; other percentiles vary.
ONE_LINE = re.compile(
    r"GPU Compute Time: min = (?P<min>\S+) ms, max = (?P<max>\S+) ms, mean = (?P<mean>\S+) ms, "
    r"median = (?P<median>\S+) ms.*?percentile\(99%\) = (?P<p99>\S+) ms"
)
#: Statistics of version 7, one line each below "GPU Compute"; other sections use the same names.
SECTION_LINES = {
    **{name: re.compile(rf"{name}: (\S+) ms") for name in ("min", "max", "mean", "median")},
    "p99": re.compile(r"percentile: (\S+) ms at 99%"),
}
SHAPES = re.compile(r"--(?:opt)?[sS]hapes=[\w./:-]*?:(\d{1,9})x")
BATCH = re.compile(r"--batch=(\d{1,9})")


def is_log(text: str) -> bool:
    """Return True if a text is a log of trtexec."""
    return "TensorRT.trtexec" in text or ("GPU Compute" in text and "[I]" in text)


def read(path: Path) -> RecordedTiming:
    """Read a log.

    Raises:
        InputError: the file cannot be read, the run failed, or the log has no GPU compute time.
    """
    text = read_text(path)
    statuses = [(match[1], match["command"]) for match in STATUS.finditer(text)]
    if statuses and not any(status == "PASSED" for status, _ in statuses):
        raise InputError(f"{path}: trtexec says {statuses[-1][0]}, expected PASSED. Run it again")
    statistics = compute_times(text, path)
    command = statuses[0][1] if statuses else ""
    batch = SHAPES.search(command) or BATCH.search(command)
    is_ordered = statistics["min"] <= statistics["mean"] <= statistics["max"]
    return RecordedTiming(
        tool="trtexec",
        path=path,
        share=DeviceTiming(device="", images=0, executions=1, compute_ms=(), mean_ms=statistics["mean"]),
        batch_size=int(batch[1]) if batch else 0,
        batch_size_source=batch[0] if batch else "nothing: the command line is not in the log",
        zero_input=True,
        contradictions=() if is_ordered else ("the mean GPU compute time is not between min and max",),
    )


def compute_times(text: str, path: Path) -> dict[str, float]:
    """GPU compute time in ms: min, max, mean, median, p99; an ``InputError`` if one is missing."""
    lines = [PREFIX.sub("", line).strip() for line in text.splitlines()]
    # Matched at its first place in a line only: a search would begin again at every repetition within one.
    found = (ONE_LINE.match(line, line.find("GPU Compute Time: ")) for line in lines if "GPU Compute Time: " in line)
    if values := next(filter(None, found), None):
        return {name: finite_number(value, path) for name, value in values.groupdict().items()}
    if "GPU Compute" not in lines:
        raise InputError(f"{path}: no GPU compute time. Save all output of trtexec")
    section = lines[lines.index("GPU Compute") + 1 :][:8]
    times = {}
    for name, pattern in SECTION_LINES.items():
        match = next((m for m in map(pattern.fullmatch, section) if m), None)
        if match is None:
            raise InputError(f"{path}: no {name} below GPU Compute. Save all output of trtexec")
        times[name] = finite_number(match[1], path)
    return times
