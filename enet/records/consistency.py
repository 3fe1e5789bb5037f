"""What a summary's own figures say of its claims: the model's batch size, and figures that deny each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from enet.records.console import Console
from enet.records.device_timing import RecordedTiming
from enet.records.summary import Summary

#: Figures that were computed from the same numbers agree this well, relative.
ROUNDING = 1e-6

#: How many of a run's input files are looked into, where they are at hand.
LOOKED_INTO = 4


@dataclass(frozen=True)
class BatchSizeFinding:
    """The model's batch size (0 if nothing tells), how it is known, and what was claimed.

    ``doubt``: why the size is only one of several that the record allows; empty where it is certain.
    """

    size: int
    size_source: str
    stated: int | None
    executions: int
    loop: int
    contradictions: tuple[str, ...] = ()
    doubt: str = ""


def batch_size(summary: Summary, consoles: Sequence[Console], images: int) -> BatchSizeFinding:
    """The model's batch size: from the console's count of files per batch, or from images and executions.

    Never from ``--batchsize`` alone, which only scales the tool's figure. Where several sizes fit, the claimed one
    names the run if it is among them, but the size is in doubt.
    """
    loop = whole(summary.options.get("loop"), 1)
    executions = len(summary.compute_ms) or summary.count or 0
    stated = stated_batch(summary)
    told = {each for console in consoles for each in console.batches}
    if told and images:
        fitting = [  # one file may hold the consoles of several runs
            (per, count)
            for per, count in told
            if fits(per, images, count, summary.drops_tail) and executions in (0, count * loop)
        ]
        per, count = fitting[0] if len(fitting) == 1 else max(told)
        executions = executions or count * loop  # versions of 2022 keep no count of their own
        source = next(console.path.name for console in consoles if (per, count) in console.batches)
        found = with_claim(BatchSizeFinding(per, f"filesperbatch:{per} in {source}", stated, executions, loop))
        if executions % loop or not fits(per, images, executions // loop, summary.drops_tail):
            why = f"{executions} executions don't fit {images} images, {per} a batch, each {loop} times"
            return replace(found, contradictions=(*found.contradictions, why))
        return found
    if not images or not executions:
        why = "--batchsize alone" if not images else "nothing: this version keeps no count of executions"
        return BatchSizeFinding(stated or 0 if not images else 0, why, stated, executions, loop)
    if executions % loop:
        why = f"{executions} executions, but should be a multiple of --loop {loop}"
        return BatchSizeFinding(0, "nothing", stated, executions, loop, (why,))
    return from_counts(images, executions, loop, stated, drops_tail=summary.drops_tail)


def from_counts(images: int, executions: int, loop: int, stated: int | None, *, drops_tail: bool) -> BatchSizeFinding:
    """The batch sizes that make so many executions of so many images; see ``batch_size``."""
    runs = executions // loop
    words = f"{images} images in {runs} executions"
    if runs == 1 and not drops_tail:  # any size from here on: the rest of the batch would be padding
        known = stated is not None and stated >= images
        size = stated if known and stated is not None else images
        return with_claim(BatchSizeFinding(size, words, stated, executions, loop))
    low = math.ceil(images / runs)
    high = images // runs if drops_tail else math.ceil(images / (runs - 1)) - 1
    sizes = [size for size in range(low, high + 1) if fits(size, images, runs, drops_tail)]
    if not sizes:
        return BatchSizeFinding(0, "nothing", stated, executions, loop, (f"{words}, which no batch size makes",))
    doubt = (
        "" if len(sizes) == 1 else f"batch {sizes[0]} to {sizes[-1]} would all give {words}: bring ais_bench's console"
    )
    if stated in sizes:
        return BatchSizeFinding(stated or 0, words, stated, executions, loop, doubt=doubt)
    size = sizes[-1] if stated is not None and stated > sizes[-1] else sizes[0]
    return with_claim(BatchSizeFinding(size, words, stated, executions, loop))


def with_claim(found: BatchSizeFinding) -> BatchSizeFinding:
    """With a denial if the claimed batch size is another."""
    return replace(found, contradictions=batch_size_claim_errors(found))


def batch_size_claim_errors(found: BatchSizeFinding) -> tuple[str, ...]:
    """Why the claimed batch size is wrong, if it is."""
    if found.stated is None or found.stated == found.size:
        return ()
    factor = found.stated / found.size if found.size else math.inf
    return (
        f"throughput is stated for batch {found.stated}, but the model's is {found.size} ({found.size_source}): "
        f"{'over' if factor > 1 else 'under'}stated {factor:.4g} times",
    )


def fits(size: int, images: int, runs: int, drops_tail: bool) -> bool:
    """Whether a batch size makes so many executions of so many listed images."""
    return images == size * runs if drops_tail else math.ceil(images / size) == runs


def stated_batch(summary: Summary) -> int | None:
    """The batch size that the stated throughput was scaled by; the flag's where throughput can't say."""
    mean = summary.statistics["mean"]
    scaled = summary.throughput * mean / 1000
    if mean > 0 and scaled >= 0.5 and abs(scaled - round(scaled)) <= ROUNDING * scaled:
        return round(scaled)
    return whole(summary.options.get("batchsize"), 0) or None


def whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and 0 < int(text) < 10**6 else default


def find_contradictions(summary: Summary, consoles: Sequence[Console], found: BatchSizeFinding) -> Iterator[str]:
    """Where figures of one record deny each other."""
    times, stated = np.array(summary.compute_ms), summary.statistics
    flag = whole(summary.options.get("batchsize"), 0)
    if len(times) and times.min() <= 0:
        yield f"an execution of {times.min():.6g} ms"
    if not len(times) and (summary.count or 0) > 0 and stated["mean"] <= 0:
        yield f"a mean of {stated['mean']:.6g} ms"
    if len(times):
        raw = {
            "min": times.min(),
            "max": times.max(),
            "mean": times.mean(),
            "median": np.median(times),
            "p99": np.percentile(times, 99),
        }
        for name, value in raw.items():
            if not close(stated[name], float(value)):
                yield f"{name} is stated as {stated[name]:.7g} ms, but its raw times give {value:.7g}"
        if summary.count is not None and summary.count != len(times):
            yield f"{summary.count} executions are stated, but there are {len(times)} raw times"
    ordered = [stated[name] for name in ("min", "median", "p99", "max")]
    if any(a > b * (1 + ROUNDING) for a, b in pairwise(ordered)):
        yield "min, median, 99th percentile and max aren't in order"
    elif not stated["min"] * (1 - ROUNDING) <= stated["mean"] <= stated["max"] * (1 + ROUNDING):
        yield "the mean isn't between min and max"
    mean = float(times.mean()) if len(times) else stated["mean"]
    scale = flag or found.stated or found.size
    if mean > 0 and scale and not close(summary.throughput, 1000 * scale / mean):
        yield (
            f"throughput is stated as {summary.throughput:.7g} images/s, but 1000 * {scale} / {mean:.7g} ms is "
            f"{1000 * scale / mean:.7g}"
        )
    yield from denied_by_console(summary, consoles)


def denied_by_console(summary: Summary, consoles: Sequence[Console]) -> Iterator[str]:
    """Where console and summary of one run disagree."""
    for console in consoles:
        claims = console.claims
        if claims and not any(close(claim.rate, summary.throughput) for claim in claims):
            yield (
                f"{console.path.name} says {claims[0].rate:.7g} images/s, {summary.path.name} {summary.throughput:.7g}"
            )
        means = [claim.mean_ms for claim in claims if claim.mean_ms is not None]
        if means and not any(close(mean, summary.statistics["mean"]) for mean in means):
            yield f"{console.path.name} says a mean of {means[0]:.7g} ms, {summary.path.name} another"


def close(first: float, second: float) -> bool:
    return abs(first - second) <= ROUNDING * max(abs(first), abs(second))


def inputs_at_hand(summary: Summary) -> Iterator[tuple[str, Path]]:
    """Listed inputs whose files lie among the results, with their paths; at most ``LOOKED_INTO``, spread evenly."""
    step = max(1, len(summary.pairs) // LOOKED_INTO)
    for infile, _ in summary.pairs[::step][:LOOKED_INTO]:
        name = PurePosixPath(infile)
        for place in (summary.path.parent, summary.path.parent.parent):
            path = place / name.parent.name / name.name
            if path.is_file() and not path.is_symlink():
                yield infile, path
                break


def has_zero_input(summary: Summary) -> bool:
    """Whether the inputs, where they are at hand, are all zero: a data set was only pretended."""
    looked = [path for _, path in inputs_at_hand(summary) if path.suffix.lower() == ".bin"]
    return bool(looked) and not any(path.read_bytes().strip(b"\0") for path in looked)


def times(summary: Summary, consoles: Sequence[Console]) -> RecordedTiming:
    """What the summary says of one device's speed, with what speaks against it.

    Args:
        consoles: texts that may be of the same run.
    """
    mean = summary.statistics["mean"]
    mine = [console for console in consoles if console.is_of(summary.folder.name, mean)]
    lines = [console.devices[summary.device] for console in consoles if summary.device in console.devices]
    several = [line for line in lines if close(line.rate, summary.throughput)]  # of this run, not of another one
    pure = summary.is_pure
    images = 0 if pure else len(summary.pairs)
    found = batch_size(summary, mine, images)
    names = [PurePosixPath(infile).stem for infile, _ in summary.pairs]
    twice = [] if pure else [f"lists {name} more than once" for name in sorted(set(names)) if names.count(name) > 1]
    return RecordedTiming(
        tool="ais_bench",
        source=summary.path,
        device=summary.device,
        batch_size=found.size,
        batch_size_source=found.size_source,
        claimed_batch_size=found.stated,
        executions=found.executions,
        loop=found.loop,
        images=images,
        drops_tail=summary.drops_tail,
        zero_input=pure or has_zero_input(summary),
        compute_ms=summary.compute_ms,
        statistics=summary.statistics,
        claimed_throughput=summary.throughput,
        started=several[0].started if several else None,
        ended=several[0].ended if several else None,
        simulated=summary.simulated,
        batch_ambiguity=found.doubt,
        contradictions=(*found.contradictions, *find_contradictions(summary, mine, found), *twice[:1]),
    )
