"""A folder of results: what is in it, found by content, as nobody names files alike."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from enet.ascend import npu_smi, simulation
from enet.deliverable.target import DeviceState
from enet.errors import InputError
from enet.records import consistency, console, eval_log, summary as ais_bench, trtexec
from enet.records.device_timing import RecordedTiming
from enet.records.summary import Summary

#: How deep results may lie, and how many files are looked at: 500 outputs for each of 64 batch sizes.
DEPTH, FILES = 4, 40_000

#: Texts of these kinds are looked into; of each at most its beginning decides what it is.
TEXTS, BEGINNING = ("", ".txt", ".log", ".out"), 1 << 18


@dataclass(frozen=True)
class RecordedRun:
    """One run of a data set, on one or several devices: their summaries and what they tell of speed."""

    summaries: tuple[Summary, ...]
    timed: tuple[RecordedTiming, ...]

    @property
    def batch_size(self) -> int:
        return self.timed[0].batch_size

    def __str__(self) -> str:
        return ", ".join(str(summary.path) for summary in self.summaries)


@dataclass(frozen=True)
class ResultsFolder:
    """All that a folder holds. ``claimed`` is mIoU in percent by batch size, from the guide's log."""

    root: Path
    runs: tuple[RecordedRun, ...] = ()
    logs: tuple[RecordedTiming, ...] = ()
    devices: tuple[DeviceState, ...] = ()
    claimed: dict[int, float] = field(default_factory=dict)
    simulated: bool = False

    @cached_property
    def batch_sizes(self) -> tuple[int, ...]:
        """Of the runs; 0 stands for one of which nothing tells it."""
        return tuple(sorted({run.batch_size for run in self.runs}))

    def run(self, batch_size: int) -> RecordedRun | None:
        return next((run for run in self.runs if run.batch_size == batch_size), None)


def scan(root: Path) -> ResultsFolder:
    """Find and read everything in a folder of results.

    Raises:
        InputError: there is no such folder, nothing in it that is known, something that can't be read, or two runs of
            one batch size.
    """
    if not root.is_dir():
        raise InputError(f"--replay {root}: no such folder. Give the folder with what ais_bench wrote")
    paths = list(islice(walk(root), FILES + 1))
    if len(paths) > FILES:
        raise InputError(f"--replay {root}: more than {FILES} files. Give the folder of one deliverable's results")
    summaries = [ais_bench.read(path) for path in paths if ais_bench.is_summary(path)]
    outputs = {folder for folder in (summary.folder for summary in summaries) if folder != root}
    texts = [(path, beginning(path)) for path in paths if is_text(path, outputs)]
    consoles = [console.read(path) for path, text in texts if console.is_console(text)]
    captures = [path for path, text in texts if "| NPU " in text]
    logs = [trtexec.read(path) for path, text in texts if trtexec.is_log(text)]
    claims = [(path, eval_log.read(path)) for path, text in texts if eval_log.is_log(text)]
    if not (summaries or logs):
        raise InputError(
            f"--replay {root}: no results: no sumary.json, *_summary.json or log of trtexec. Give the folder that "
            "ais_bench's --output named"
        )
    states = [state for path in captures for state in npu_smi.parse(path.read_text(errors="replace"), str(path))]
    simulated = any(simulation.is_simulated_om(path) for path in paths if path.suffix == ".om")
    return ResultsFolder(
        root=root,
        runs=group_by_run(summaries, consoles),
        logs=tuple(logs),
        devices=tuple(states),
        claimed=merged(claims),
        simulated=simulated,
    )


def walk(root: Path) -> Iterator[Path]:
    """Files below a folder, in order of name; links are not followed."""
    for folder, names, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = sorted(names) if depth < DEPTH else []
        for name in sorted(files):
            path = Path(folder) / name
            if not path.is_symlink() and path.is_file():
                yield path


def is_text(path: Path, outputs: set[Path]) -> bool:
    """Whether a file may be a console, log or capture: outputs of ais_bench can be texts too."""
    return path.suffix.lower() in TEXTS and not (path.parent in outputs and path.stem[-2:-1] == "_")


def beginning(path: Path) -> str:
    """What a file begins with; nothing if it can't be read or isn't text."""
    try:
        with path.open("rb") as file:
            data = file.read(BEGINNING)
    except OSError:
        return ""
    return "" if b"\0" in data else data.decode("utf-8", errors="replace")


def group_by_run(summaries: list[Summary], consoles: list[console.Console]) -> tuple[RecordedRun, ...]:
    """Summaries by run: several devices' lie in one folder, as ``device<N>_summary.json``.

    Raises:
        InputError: two runs have the same batch size.
    """
    groups: dict[Path, list[Summary]] = {}
    for summary in summaries:
        shared = re.fullmatch(r"device\d+_summary", summary.path.stem)
        groups.setdefault(summary.path.parent if shared else summary.path, []).append(summary)
    runs: dict[int, RecordedRun] = {}
    for group in groups.values():
        timed = [consistency.times(summary, consoles) for summary in group]
        known = {each.batch_size for each in timed} - {0}
        if len(known) > 1:
            found = ", ".join(f"{each.source} has {each.batch_size}" for each in timed)
            raise InputError(
                f"{group[0].path.parent}: devices of one run with different batch sizes: {found}. Run again"
            )
        if known:  # a share so small that nothing tells its batch size follows the others
            timed = [replace(each, batch_size=min(known)) if not each.batch_size else each for each in timed]
        run = RecordedRun(tuple(group), tuple(apart(group, timed)))
        if run.batch_size in runs:
            size = run.batch_size or "unknown"
            raise InputError(f"two runs of batch size {size}: {runs[run.batch_size]} and {run}. Give a folder with one")
        runs[run.batch_size] = run
    return tuple(runs[size] for size in sorted(runs))


def apart(group: list[Summary], timed: list[RecordedTiming]) -> Iterator[RecordedTiming]:
    """With a denial for a device that ran images which another one ran, too: they were counted twice."""
    seen: set[str] = set()
    for summary, each in zip(group, timed, strict=True):
        names = {infile for infile, _ in summary.pairs} if not summary.is_pure else set()
        both = sorted(seen & names)
        yield (
            replace(each, contradictions=(*each.contradictions, f"{both[0]} also ran on another device"))
            if both
            else each
        )
        seen |= names


def merged(claims: list[tuple[Path, dict[int, float]]]) -> dict[int, float]:
    """All logs' figures.

    Raises:
        InputError: two logs differ on a batch size.
    """
    found: dict[int, float] = {}
    for path, figures in claims:
        for batch, percent in figures.items():
            if found.setdefault(batch, percent) != percent:
                raise InputError(f"{path}: another miou for batch {batch} than another log's. Keep the right one")
    return found
