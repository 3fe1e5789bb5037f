"""Scan of a results folder (``--replay``): find files by content, and group them by run."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count, islice
from pathlib import Path, PurePosixPath

from enet.ascend import npu_smi, simulation
from enet.deliverable.target import DeviceState
from enet.errors import InputError
from enet.records import consistency, console, eval_log, raw_times, summary as ais_bench, trtexec
from enet.records.device_timing import RecordedTiming
from enet.records.parsing import MAX_BYTES, read_text
from enet.records.summary import Summary
from enet.storage.text import decode

#: Limits of a scan: levels of folders, and number of files (500 outputs for each of 64 batch sizes, and some more).
MAX_DEPTH, MAX_FILES = 4, 40_000
#: Suffixes of texts, and the number of bytes of one that decide what it is.
TEXT_SUFFIXES, BEGINNING = ("", ".txt", ".log", ".out"), 1 << 18

#: Head of npu-smi's table, and suffixes of files that hold none.
TABLE_HEAD = re.compile(rb"\|[ \t]{0,80}(?:NPU[ \t]{1,80}Name\b|npu-smi )")
NO_TABLE = frozenset(
    (".bin", ".npy", ".npz", ".om", ".onnx", ".pth", ".pt", ".json", ".png", ".jpg", ".zip", ".gz", ".tar")
)


@dataclass(frozen=True)
class RecordedRun:
    """One run of a data set on one or several devices.

    Attributes:
        summaries: one of each device that ran a share of the images.
        timings: of every device.
        copies: summaries of devices that ran all images, as the first one did.
    """

    summaries: tuple[Summary, ...]
    timings: tuple[RecordedTiming, ...]
    copies: tuple[Summary, ...] = ()

    @property
    def batch_size(self) -> int:
        return self.timings[0].batch_size

    @cached_property
    def images(self) -> frozenset[str]:
        """Names of the images; empty if the run had no input files."""
        listed = [each for each in self.summaries if not each.is_pure_inference]
        return frozenset(ais_bench.image_name(infile) for each in listed for infile, _ in each.pairs)

    def __str__(self) -> str:
        return ", ".join(str(summary.path) for summary in self.summaries)


@dataclass(frozen=True)
class ResultsFolder:
    """Content of a folder of results.

    Attributes:
        logs: timings from logs of trtexec.
        devices: states from npu-smi.
        claimed: mIoU in percent by batch size, from the guide's log.
        simulated: whether a compiled model among the files is a simulated one.
    """

    root: Path
    runs: tuple[RecordedRun, ...] = ()
    logs: tuple[RecordedTiming, ...] = ()
    devices: tuple[DeviceState, ...] = ()
    claimed: dict[int, float] = field(default_factory=dict)
    simulated: bool = False

    @cached_property
    def batch_sizes(self) -> tuple[int, ...]:
        """Batch sizes of the runs, ascending; 0 stands for unknown."""
        return tuple(sorted({run.batch_size for run in self.runs}))

    @cached_property
    def titled_logs(self) -> dict[str, RecordedTiming]:
        """Timings from logs, by the file's path in this folder, and from its second run on the run's number."""
        titled: dict[str, RecordedTiming] = {}
        for log in self.logs:
            name = log.path.relative_to(self.root).as_posix()
            numbered = (f"{name}, run {number}" for number in count(2))
            titled[next(title for title in chain([name], numbered) if title not in titled)] = log
        return titled

    @property
    def has_outputs(self) -> bool:
        """Whether an output of a run is here, usable or not."""
        summaries = [summary for run in self.runs for summary in run.summaries if not summary.is_pure_inference]
        present = {each.folder: {path.name for path in each.folder.glob("*")} for each in summaries}
        return any(PurePosixPath(name).name in present[each.folder] for each in summaries for _, name in each.pairs)

    def run(self, batch_size: int) -> RecordedRun | None:
        return next((run for run in self.runs if run.batch_size == batch_size), None)

    @cached_property
    def sequences(self) -> Counter[bytes]:
        """Number of timings by the order of their times."""
        return Counter(raw_times.order(each.share.compute_ms) for run in self.runs for each in run.timings)

    @cached_property
    def passages(self) -> Counter[bytes]:
        """Number of timings by the order of some successive times."""
        timings = [each for run in self.runs for each in run.timings]
        return Counter(chain.from_iterable(raw_times.passages(each.share.compute_ms) for each in timings))

    def copied_times(self, run: RecordedRun) -> list[str]:
        """Reasons to take times of a run for a copy, perhaps scaled, of others in the folder, in words."""
        times = [(timing.path.name, timing.share.compute_ms) for timing in run.timings]
        found = [(name, raw_times.order(each), raw_times.passages(each)) for name, each in times]
        return [
            f"{name}: its times rise and fall as those of another record: copied"
            for name, order, passages in found
            if (order and self.sequences[order] > 1) or any(self.passages[passage] > 1 for passage in passages)
        ]

    def other_images(self, run: RecordedRun) -> list[str]:
        """Reasons to take a run for one of other images than the folder's other runs, in words."""
        own = run.images
        others = [each for each in self.runs if each.images - own and own - each.images]
        return [f"its images differ from those of batch {other.batch_size or 'unknown'}" for other in others[:1] if own]


def scan(root: Path) -> ResultsFolder:
    """Find and read everything in a folder of results.

    Raises:
        InputError: the folder does not exist, holds no results, or holds too many files; a file cannot be read; two
            runs have one batch size.
    """
    if not root.is_dir():
        raise InputError(f"--replay {root}: no such folder. Give the folder that ais_bench wrote to")
    paths = list(islice(list_files(root), MAX_FILES + 1))
    if len(paths) > MAX_FILES:
        raise InputError(f"--replay {root}: more than {MAX_FILES} files. Give the folder of one deliverable's results")
    summaries = [ais_bench.read(path) for path in paths if ais_bench.is_summary(path)]
    outputs = {summary.folder for summary in summaries} - {root}
    texts = [(path, read_beginning(path)) for path in paths if is_text(path, outputs)]
    printed = [path for path, text in texts if console.is_console(text)]
    if max(len(summaries), len(printed)) > console.MAX_RUNS:
        problem = f"more than {console.MAX_RUNS} summaries or console outputs"
        raise InputError(f"--replay {root}: {problem}. Give the folder of one deliverable's results")
    consoles = [console.read(path) for path in printed]
    tables = [path for path in paths if may_hold_table(path, outputs) and has_table(path)]
    logs = [timing for path, text in texts if trtexec.is_log(text) for timing in trtexec.read(path)]
    claims = [(path, eval_log.read(path)) for path, text in texts if eval_log.is_log(text, path.name)]
    if not (summaries or logs):
        raise InputError(f"--replay {root}: no results. Give a folder with a summary of ais_bench or a trtexec log")
    states = [state for path in tables for state in npu_smi.parse(read_text(path).replace("\0", ""), str(path))]
    simulated = any(simulation.is_simulated_om(path) for path in paths if path.suffix == ".om")
    runs = group_by_run(summaries, consoles)
    claimed = merge_claims(claims, [run.batch_size for run in runs])
    return ResultsFolder(root, runs, tuple(logs), tuple(states), claimed, simulated)


def list_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder in order of name; links are not followed."""
    for folder, names, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = sorted(names) if depth < MAX_DEPTH else []
        for name in sorted(files):
            path = Path(folder) / name
            if not path.is_symlink() and path.is_file():
                yield path


def is_text(path: Path, outputs: set[Path]) -> bool:
    """Return True if a file may be a console, log or table; outputs of ais_bench can be texts too."""
    return path.suffix.lower() in TEXT_SUFFIXES and not is_output(path, outputs)


def may_hold_table(path: Path, outputs: set[Path]) -> bool:
    """Return True if a file may hold a table of npu-smi: notes can, whatever their suffix."""
    is_known = path.suffix.lower() in NO_TABLE or ais_bench.is_summary(path)
    return not is_known and not is_output(path, outputs)


def is_output(path: Path, outputs: set[Path]) -> bool:
    """Return True if a file in a folder of outputs has the name of one."""
    return path.parent in outputs and path.stem[-2:-1] == "_"


def has_table(path: Path) -> bool:
    """Return True if a file holds the head of npu-smi's table, anywhere, in any encoding of ASCII."""
    try:
        with path.open("rb") as file:
            return bool(TABLE_HEAD.search(file.read(MAX_BYTES).replace(b"\0", b"")))
    except OSError:
        return False


def read_beginning(path: Path) -> str:
    """Read the first ``BEGINNING`` bytes of a text; empty if the file cannot be read or is not a text."""
    try:
        with path.open("rb") as file:
            data = file.read(BEGINNING)
    except OSError:
        return ""
    text = decode(data, errors="replace")
    return "" if "\0" in text else text


def group_by_run(summaries: list[Summary], consoles: list[console.Console]) -> tuple[RecordedRun, ...]:
    """Group summaries by run; those of several devices are in one folder, as ``device<D>_summary.json``."""
    groups: dict[Path, list[Summary]] = {}
    for summary in summaries:
        is_shared = ais_bench.OF_DEVICE.fullmatch(summary.path.stem)
        groups.setdefault(summary.path.parent if is_shared else summary.path, []).append(summary)
    runs: dict[int, RecordedRun] = {}
    for group in groups.values():
        timings = [consistency.recorded_timing(summary, consoles) for summary in group]
        if absent := absent_devices(group):
            problem = f"ran on device {', '.join(absent)}, too, whose summary is absent"
            timings[0] = replace(timings[0], problems=(*timings[0].problems, problem))
        copies = group[1:] if is_repeated(group) else []
        if copies:  # each image counts once; the clock is of all of them together
            words = "every device ran all inputs (no --divide_input 1)"
            timings = [replace(each, batch_size_source=f"{each.batch_size_source}; {words}") for each in timings]
            shares = [replace(each.share, images=0, started=None, ended=None) for each in timings[1:]]
            timings[1:] = [replace(each, share=share) for each, share in zip(timings[1:], shares, strict=True)]
        known = {timing.batch_size for timing in timings} - {0}
        if len(known) > 1:
            sizes = ", ".join(f"{timing.path} has {timing.batch_size}" for timing in timings)
            raise InputError(f"{group[0].path.parent}: devices of one run differ in batch size: {sizes}. Run it again")
        if known:  # a share too small to show its batch size has that of the others
            timings = [replace(each, batch_size=each.batch_size or min(known)) for each in timings]
        shared = timings if copies else with_shared_images(group, timings)
        run = RecordedRun(tuple(group[:1] if copies else group), tuple(shared), tuple(copies))
        if run.batch_size in runs:
            size = run.batch_size or "unknown"
            raise InputError(f"two runs of batch size {size}: {runs[run.batch_size]} and {run}. Give a folder with one")
        runs[run.batch_size] = run
    return tuple(runs[size] for size in sorted(runs))


def absent_devices(group: list[Summary]) -> list[str]:
    """Devices that a run on several devices names on its command line, but that have no summary here."""
    if not ais_bench.OF_DEVICE.fullmatch(group[0].path.stem):
        return []
    stated = {number for summary in group for number in summary.options.get("device", "").split(",") if number}
    return sorted(stated - {summary.device for summary in group})


def is_repeated(group: list[Summary]) -> bool:
    """Return True if every one of several devices ran all inputs, as they do without ``--divide_input 1``."""
    images = [{infile for infile, _ in summary.pairs} for summary in group]
    is_divided = any(summary.options.get("divide_input") == "1" for summary in group)
    is_same = len(group) > 1 and bool(images[0]) and all(each == images[0] for each in images)
    return is_same and not is_divided and not group[0].is_pure_inference


def with_shared_images(group: list[Summary], timings: list[RecordedTiming]) -> Iterator[RecordedTiming]:
    """Yield the timings, with a contradiction if a device ran an image that another one ran too."""
    earlier: set[str] = set()
    for summary, timing in zip(group, timings, strict=True):
        names = set() if summary.is_pure_inference else {infile for infile, _ in summary.pairs}
        problems = [f"{name} also ran on another device" for name in sorted(earlier & names)[:1]]
        yield replace(timing, contradictions=(*timing.contradictions, *problems))
        earlier |= names


def merge_claims(claims: list[tuple[Path, dict[int, float]]], batch_sizes: list[int]) -> dict[int, float]:
    """Merge the claimed mIoU of all logs; one that names no batch size is of the only run.

    Raises:
        InputError: two logs differ on a batch size, or one names none beside several runs.
    """
    merged: dict[int, float] = {}
    for path, by_batch_size in claims:
        for named, percent in by_batch_size.items():
            if not named and len(batch_sizes) > 1:
                sizes = ", ".join(map(str, batch_sizes))
                problem = f"claims an mIoU without its batch size, and there are runs of {sizes}"
                raise InputError(f"{path}: {problem}. Write 'BS <batch size>' above it")
            batch_size = named or next(iter(batch_sizes), 0)
            if merged.setdefault(batch_size, percent) != percent:
                raise InputError(f"{path}: miou for batch {batch_size} differs from another log. Keep the right one")
    return merged
