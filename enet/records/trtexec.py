"""Reader of the logs of trtexec 7 to 10: GPU compute time and batch size.

Throughput follows from the mean GPU compute time, as the recorded T4 values do. The log's own "qps" counts queries,
and is scaled by ``--batch`` in implicit batch mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from enet.errors import InputError
from enet.evidence import DeviceTiming
from enet.records.device_timing import RecordedTiming
from enet.records.parsing import finite_number, read_text

#: Version 8 adds "[TensorRT v8401]", and version 10 its build, "[b26]".
STATUS = re.compile(r"&&&& (\w+) TensorRT\.trtexec(?: \[[^\[\]]{1,40}\]){0,4} # (?P<command>.*)")
PREFIX = re.compile(r"^\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[\w\] ?")
#: Options of a run that only builds an engine.
BUILDS = re.compile(r"--(?:buildOnly|skipInference)\b")
#: Statistics of version 8 and later, all in one line; other percentiles vary.
ONE_LINE = re.compile(
    r"GPU Compute Time: min = (?P<min>\S+) ms, max = (?P<max>\S+) ms, mean = (?P<mean>\S+) ms, "
    r"median = (?P<median>\S+) ms(?:.*?percentile\(99%\) = (?P<p99>\S+) ms)?"
)
#: Statistics of version 7, one line each below "GPU Compute"; other sections use the same names.
SECTION_LINES = {
    **{name: re.compile(rf"{name}: (\S+) ms") for name in ("min", "max", "mean", "median")},
    "p99": re.compile(r"percentile: (\S+) ms at 99%"),
}
#: Where a run states its batch size, best first: the tensor that was filled, and options of the command line, of which
#: ``--optShapes`` builds an engine, and is what runs only if there is no ``--shapes``.
BATCHES = tuple(
    re.compile(pattern)
    for pattern in (
        r"[Ii]nput binding for \S{1,200} with dimensions (\d{1,9})x",
        r"--shapes=['\"]?[\w./-]{1,200}['\"]?:(\d{1,9})x",
        r"Input inference shape: [^\s=]{1,200}=(\d{1,9})x",
        r"--optShapes=['\"]?[\w./-]{1,200}['\"]?:(\d{1,9})x",
        r"--batch=(\d{1,9})\b",
    )
)


def is_log(text: str) -> bool:
    """Return True if a text is a log of trtexec."""
    return "TensorRT.trtexec" in text or ("GPU Compute" in text and "[I]" in text)


def read(path: Path) -> list[RecordedTiming]:
    """Read a log: each run in it that passed, in order.

    Raises:
        InputError: the file cannot be read, no run passed, or one that did has no GPU compute time.
    """
    runs = [run for run in split_runs(read_text(path)) if is_log(run)]
    statuses = [[match[1] for match in STATUS.finditer(run) if match[1] != "RUNNING"] for run in runs]
    if not any(status == "PASSED" for found in statuses for status in found) and any(map(STATUS.search, runs)):
        ended = next((found[-1] for found in reversed(statuses) if found), "RUNNING and nothing after it")
        raise InputError(f"{path}: trtexec says {ended}, expected PASSED. Run it again")
    passed = [
        run
        for run, found in zip(runs, statuses, strict=True)
        if "PASSED" in found or not any(statuses)  # a log without the lines that say how a run ended
    ]
    return [read_run(run, path) for run in [run for run in passed if not is_build(run)] or passed]


def is_build(run: str) -> bool:
    """Return True for a run that only built an engine, by its command line."""
    return any(BUILDS.search(status["command"]) for status in STATUS.finditer(run))


def split_runs(text: str) -> Iterator[str]:
    """Yield the text of each run: up to the line that says how it ended, or that the next one is running."""
    lines: list[str] = []
    for line in text.splitlines():
        status = STATUS.search(line)
        if status and status[1] == "RUNNING" and lines:
            yield "\n".join(lines)
            lines = []
        lines.append(line)
        if status and status[1] != "RUNNING":
            yield "\n".join(lines)
            lines = []
    yield "\n".join(lines)


def read_run(text: str, path: Path) -> RecordedTiming:
    """Timing of one run; an ``InputError`` if it has no GPU compute time."""
    statistics = compute_times(text, path)
    batch = next(filter(None, (pattern.search(text) for pattern in BATCHES)), None)
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
    """GPU compute time in ms: min, max, mean, median, p99 if it was asked for; an ``InputError`` if one is missing."""
    lines = [PREFIX.sub("", line).strip() for line in text.splitlines()]
    # Matched at its first place in a line only: a search would begin again at every repetition within one.
    found = (ONE_LINE.match(line, line.find("GPU Compute Time: ")) for line in lines if "GPU Compute Time: " in line)
    if values := next(filter(None, found), None):
        return {name: finite_number(value, path) for name, value in values.groupdict().items() if value}
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
