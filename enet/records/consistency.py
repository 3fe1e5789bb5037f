"""Consistency checks on a recorded run: the model's batch size, and contradictory values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from enet.evidence import DeviceTiming
from enet.records import raw_times
from enet.records.console import Console
from enet.records.device_timing import RecordedTiming
from enet.records.summary import Summary, image_name

#: Relative difference up to which two values count as computed from the same numbers.
ROUNDING = 1e-6
#: Number of input files of a run that are looked at, if they are among the results.
CHECKED_INPUTS = 4


@dataclass(frozen=True)
class BatchSizeFinding:
    """The model's batch size as one record shows it.

    Attributes:
        size: 0 if unknown.
        source: what ``size`` follows from, in words.
        executions: timed executions.
        problem: how the numbers of files and executions contradict each other; empty if they do not.
        ambiguity: why ``size`` is only one of several that fit; empty if it is certain.
    """

    size: int
    source: str
    executions: int
    problem: str = ""
    ambiguity: str = ""


def find_batch_size(summary: Summary, consoles: Sequence[Console], images: int) -> BatchSizeFinding:
    """Find the model's batch size from the console, or from the numbers of images and executions.

    Never from ``--batchsize`` alone, which only scales the printed throughput. If several sizes fit, it is the claimed
    one if that is among them, and ambiguous.
    """
    loop, drops_tail = summary.int_option("loop", 1), summary.drops_tail
    executions = len(summary.compute_ms) or summary.count or 0
    printed = {each for console in consoles for each in console.batches}
    if not images:
        return BatchSizeFinding(claimed_batch_size(summary) or 0, "--batchsize alone", executions)
    if printed:
        # One file may hold the consoles of several runs.
        fitting = [p for p in printed if executions in (0, p[1] * loop) and batch_size_fits(*p, images, drops_tail)]
        files, count = fitting[0] if len(fitting) == 1 else max(printed)
        executions = executions or count * loop  # versions of 2022 keep no count of their own
        name = next(console.path.name for console in consoles if (files, count) in console.batches)
        is_consistent = executions % loop == 0 and batch_size_fits(files, executions // loop, images, drops_tail)
        problem = f"{executions} executions do not fit {images} images in batches of {files}, each run {loop} times"
        source = f"filesperbatch:{files} in {name}"
        return BatchSizeFinding(files, source, executions, "" if is_consistent else problem)
    if not executions:
        return BatchSizeFinding(0, "nothing: this version of ais_bench keeps no count of executions", 0)
    if executions % loop:
        problem = f"{executions} executions, expected a multiple of --loop {loop}"
        return BatchSizeFinding(0, "nothing", executions, problem)
    runs = executions // loop
    size, problem, ambiguity = batch_size_from_counts(images, runs, claimed_batch_size(summary), drops_tail)
    source = f"{images} images in {runs} executions" if size else "nothing"
    return BatchSizeFinding(size, source, executions, problem, ambiguity)


def batch_size_from_counts(images: int, runs: int, claimed: int | None, drops_tail: bool) -> tuple[int, str, str]:
    """Find the batch size that gives these numbers, the problem if none does, and its ambiguity."""
    if runs == 1 and not drops_tail:  # any size from here on: the rest of the batch would be padding
        return max(images, claimed or 0), "", ""
    low = math.ceil(images / runs)
    high = images // runs if drops_tail else math.ceil(images / (runs - 1)) - 1
    sizes = [size for size in range(low, high + 1) if batch_size_fits(size, runs, images, drops_tail)]
    counts = f"{images} images in {runs} executions"
    if not sizes:
        return 0, f"{counts}, which no batch size gives", ""
    if claimed in sizes:
        ambiguity = f"batch sizes {sizes[0]} to {sizes[-1]} all give {counts}: add the ais_bench console output"
        return claimed or 0, "", ambiguity if len(sizes) > 1 else ""
    return (sizes[-1] if claimed is not None and claimed > sizes[-1] else sizes[0]), "", ""


def batch_size_fits(size: int, runs: int, images: int, drops_tail: bool) -> bool:
    """Return True if a batch size needs this number of executions for this number of listed images."""
    return images == size * runs if drops_tail else math.ceil(images / size) == runs


def claimed_batch_size(summary: Summary) -> int | None:
    """Batch size that the recorded throughput was scaled by; the flag's if throughput does not show it."""
    mean = summary.statistics["mean"]
    scale = summary.throughput * mean / 1000
    if mean > 0 and scale >= 0.5 and abs(scale - round(scale)) <= ROUNDING * scale:
        return round(scale)
    return summary.int_option("batchsize", 0) or None


def find_contradictions(summary: Summary, consoles: Sequence[Console], finding: BatchSizeFinding) -> Iterator[str]:
    """Yield a sentence for each two values of one record that cannot both be true."""
    stated, size = claimed_batch_size(summary), finding.size
    if size and stated is not None and stated != size:
        error = f"{'over' if stated > size else 'under'}stated {stated / size:.4g} times"
        yield f"throughput is claimed for batch {stated}, the model has {size} ({finding.source}): {error}"
    if finding.problem:
        yield finding.problem
    yield from options_contradictions(summary, size)
    yield from statistics_contradictions(summary)
    mean = float(np.mean(summary.compute_ms)) if summary.compute_ms else summary.statistics["mean"]
    scale = summary.int_option("batchsize", 0) or stated or size
    if mean > 0 and scale and not is_close(summary.throughput, 1000 * scale / mean):
        formula = f"1000 * {scale} / {mean:.7g} ms is {1000 * scale / mean:.7g}"
        yield f"throughput is claimed as {summary.throughput:.7g} images/s, but {formula}"
    for console in consoles:
        claims, name = console.claims, console.path.name
        for (files, _), (image, tensor) in zip(console.batches, console.input_bytes, strict=False):
            if tensor != files * image:
                yield f"{name} says a tensor of {tensor} bytes, but {files} files of {image} have {files * image}"
        counts = [count * summary.int_option("loop", 1) for _, count in console.batches]
        if counts and finding.executions not in counts:
            yield f"{name} says {counts[0]} executions, {summary.path.name} {finding.executions}"
        if claims and not any(is_close(claim.rate, summary.throughput) for claim in claims):
            yield f"{name} says {claims[0].rate:.7g} images/s, {summary.path.name} {summary.throughput:.7g}"
        means = [claim.mean_ms for claim in claims if claim.mean_ms is not None]
        if means and not any(is_close(mean, summary.statistics["mean"]) for mean in means):
            yield f"{name} says a mean of {means[0]:.7g} ms, {summary.path.name} {summary.statistics['mean']:.7g}"


def statistics_contradictions(summary: Summary) -> Iterator[str]:
    """Yield contradictions between statistics and raw times, and between statistics."""
    times, claimed = np.array(summary.compute_ms), summary.statistics
    if len(times):
        if times.min() <= 0:
            yield f"an execution of {times.min():.6g} ms"
        p99 = np.percentile(times, 99)
        raw = {"min": times.min(), "max": times.max(), "mean": times.mean(), "median": np.median(times), "p99": p99}
        for name, value in raw.items():
            if name in claimed and not is_close(claimed[name], float(value)):
                yield f"{name} is claimed as {claimed[name]:.7g} ms, but its raw times give {value:.7g}"
        if summary.count is not None and summary.count != len(times):
            yield f"{summary.count} executions are claimed, but there are {len(times)} raw times"
    elif (summary.count or 0) > 0 and claimed["mean"] <= 0:
        yield f"a mean of {claimed['mean']:.6g} ms"
    ordered = [claimed[name] for name in ("min", "median", "p99", "max") if name in claimed]
    if any(a > b * (1 + ROUNDING) for a, b in pairwise(ordered)):
        yield "min, median, 99th percentile and max are not in order"
    elif not claimed.get("min", 0) * (1 - ROUNDING) <= claimed["mean"] <= claimed.get("max", math.inf) * (1 + ROUNDING):
        yield "the mean is not between min and max"


def clock_contradictions(share: DeviceTiming, consoles: Sequence[Console], threads: int = 1) -> Iterator[str]:
    """Yield a sentence if the executions of this number of threads took longer than the clock of the run."""
    if share.started is None or share.ended is None:
        limits = [console.longest_seconds for console in consoles if console.longest_seconds is not None]
        source, limit = "progress bar", max(limits, default=math.inf)
    else:
        source, limit = "start and end", share.ended - share.started
    limit *= threads
    busy = share.mean * share.executions / 1000
    if busy > limit * (1 + ROUNDING):
        yield f"{share.executions} executions of {share.mean:.6g} ms took {busy:.6g} s, {limit:.6g} s by the {source}"


def options_contradictions(summary: Summary, size: int) -> Iterator[str]:
    """Yield contradictions between ais_bench's command line and what the summary lists.

    Args:
        size: the model's batch size; 0 if unknown.
    """
    for name in ("batchsize", "loop"):
        if name in summary.options and not summary.int_option(name, 0):
            yield f"--{name} {summary.options[name][:40]!r}, but ais_bench takes a number from 1 on"
    chosen = summary.int_option("dymBatch", 0)
    if size and chosen and chosen != size:
        yield f"--dymBatch {chosen}, but the model ran with batch {size}"


def time_problems(summary: Summary, executions: int) -> Iterator[str]:
    """Yield what speaks against the times having been read from a clock; of extremes alone if no others are kept."""
    kept = [summary.statistics[name] for name in ("min", "mean", "median", "max") if name in summary.statistics]
    if summary.timing_problem:
        yield summary.timing_problem
    elif summary.compute_ms:
        yield from raw_times.problems(summary.compute_ms)
    elif summary.keeps_times and executions:
        yield "its list of times is missing, which this version of ais_bench writes: edited"
    elif executions >= raw_times.ENOUGH:
        if kept[0] == kept[-1] or kept[0] == summary.statistics["mean"]:  # a mean that is the least: no other time
            yield f"all {executions} times are {kept[0]:.6g} ms, which no clock gives"
        if digits := raw_times.rounded_digits(kept):
            yield f"its statistics are rounded to {digits} digits, but ais_bench writes all of them: edited"


def is_close(first: float, second: float) -> bool:
    return abs(first - second) <= ROUNDING * max(abs(first), abs(second))


def present_inputs(summary: Summary) -> Iterator[tuple[str, Path]]:
    """Yield up to ``CHECKED_INPUTS`` listed inputs, evenly, that are among the results, with paths."""
    step = max(1, len(summary.pairs) // CHECKED_INPUTS)
    for infile, _ in summary.pairs[::step][:CHECKED_INPUTS]:
        name = PurePosixPath(infile)
        for folder in (summary.path.parent, summary.path.parent.parent):
            path = folder / name.parent.name / name.name
            if path.is_file() and not path.is_symlink():
                yield infile, path
                break


def recorded_timing(summary: Summary, consoles: Sequence[Console]) -> RecordedTiming:
    """Build one device's timing from a summary, with every contradiction in it.

    Args:
        consoles: console files that may belong to the same run.
    """
    own = [console for console in consoles if console.is_of(summary.folder.name, summary.statistics["mean"])]
    lines = [console.devices[summary.device] for console in consoles if summary.device in console.devices]
    line = next((line for line in lines if is_close(line.rate, summary.throughput)), None)  # not of another run
    started, ended = (line.started, line.ended) if line else summary.clock or (None, None)
    pure = summary.is_pure_inference
    images = 0 if pure else len(summary.pairs)
    finding = find_batch_size(summary, own, images)
    inputs = [path for _, path in present_inputs(summary) if path.suffix.lower() == ".bin"]
    names = Counter() if pure else Counter(image_name(infile) for infile, _ in summary.pairs)
    repeated = [f"lists {name} more than once" for name, count in sorted(names.items()) if count > 1]
    share = DeviceTiming(
        device=summary.device,
        images=images,
        executions=finding.executions,
        compute_ms=summary.compute_ms,
        mean_ms=summary.statistics["mean"],
        claimed=summary.throughput,
        started=started,
        ended=ended,
    )
    contradictions: tuple[str, ...] = ()
    if not summary.timing_problem:
        on_clock = clock_contradictions(share, own, summary.int_option("threads", 1))
        contradictions = (*find_contradictions(summary, own, finding), *on_clock)
    return RecordedTiming(
        tool="ais_bench",
        path=summary.path,
        share=share,
        batch_size=finding.size,
        batch_size_source=finding.source,
        claimed_batch_size=claimed_batch_size(summary),
        drops_tail=summary.drops_tail,
        zero_input=pure or (bool(inputs) and not any(path.read_bytes().strip(b"\0") for path in inputs)),
        simulated=summary.simulated,
        batch_ambiguity=finding.ambiguity,
        contradictions=(*contradictions, *repeated[:1]),
        problems=tuple(time_problems(summary, finding.executions)),
        input_bytes=tuple(
            image
            for console in own
            for (files, _), (image, _) in zip(console.batches, console.input_bytes, strict=False)
            if files == finding.size  # one file may hold the consoles of other models, too
        ),
    )
