"""What the host feeds: the flow of a real run beside a device that answers at once, from 1 to all cores.

The device is a model that returns label maps from memory. It exists only here, so no verdict can come from it. Loading,
stacking, scoring and their threads are those of a run on a device that takes uint8 images and gives labels.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Row
from enet import datasets, deliverable
from enet.backends import Artifact, Model
from enet.datasets.image_source import ImageSource, Pair
from enet.datasets.preprocess import Normalise
from enet.datasets.workers import keep_freed_memory
from enet.deliverable import IoFormat
from enet.host import cores
from enet.measure.contest import Contest, TimingSettings, Workload
from enet.measure.one_device import bounded_map, score_batch
from enet.measure.predictor import Predictor
from enet.measure.subject import Subject
from enet.metrics.latency import rate, speedup
from enet.storage.store import Store

#: Images of a batch.
BATCH = 4
#: Images that are there; they come again and again. More would take longer to draw, and are in the page cache, too.
IMAGES = 16
#: Images per core-second that the host is to feed, and those of a thread's or process's share of a round, by kind.
KINDS = {"PNG": (45, 16), "prepared": (150, 160)}


class FromMemory(Model):
    """A device that answers at once, with label maps that it got before."""

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        self.labels = labels

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        return self.labels[: len(images)]


class Repeated:
    """The images of a source, over and over, ``count`` in all."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self.source, self.count = source, len(source.names)
        self.names = tuple(f"{index}" for index in range(count))

    def load(self, index: int) -> Pair:
        return self.source.load(index % self.count)


def predictor(subject: Subject, source: ImageSource) -> Predictor:
    """The device, opened as a run opens one."""
    spec = subject.deliverable
    labels = np.stack([source.load(index)[1] for index in range(BATCH)])
    labels[labels == datasets.IGNORE] = 0
    artifact = Artifact(
        backend="benchmark",
        batch_size=BATCH,
        path=Path(),
        sha256="",
        weights_sha256="",
        io_format=IoFormat(input="uint8", output="labels"),
    )
    normalise = Normalise(spec.preprocessing)
    return Predictor(FromMemory(labels), artifact, normalise, spec.scored_classes, spec.preprocessing.size)


def feed(opened: Opened, pool: ThreadPoolExecutor, threads: int, count: int) -> int:
    """Load, hand over and score ``count`` images, on all threads of a pool; return how many pixels were scored."""
    keep_freed_memory()
    score = partial(score_batch, opened.device, Repeated(opened.source, count), opened.classes)
    done = bounded_map(pool, score, range(0, count, BATCH), in_flight=2 * threads)
    return sum(int(matrix.sum()) for batch in done for matrix in batch.matrices)


def by_threads(opened: Opened, pool: ThreadPoolExecutor, threads: int, count: int) -> Callable[[object], int]:
    """What a round of so many threads does."""
    return lambda _: feed(opened, pool, threads, count)


def feed_alone(name: str, root: Path, kind: str, count: int) -> int:
    """The same on one thread of a process of its own, which opens the source once."""
    with ThreadPoolExecutor(1) as pool:
        return feed(open_once(name, root, kind), pool, 1, count)


@dataclass(frozen=True)
class Opened:
    """What a run needs."""

    device: Predictor
    source: ImageSource
    classes: int


@functools.cache
def open_once(name: str, root: Path, kind: str) -> Opened:
    """Open the images of a deliverable whose cache is ``root``, as "PNG" or "prepared"."""
    subject = Subject(deliverable.load(name), Store(root), limit=IMAGES)
    source: ImageSource = subject.image_files() if kind == "PNG" else subject.prepared()
    return Opened(predictor(subject, source), source, subject.deliverable.scored_classes)


def steps(most: int) -> list[int]:
    """1, 2, 4 and so on, and the number of cores."""
    return sorted({most, *(2**power for power in range(most.bit_length()) if 2**power < most)})


def host(subject: Subject, folder: Path, rule: TimingSettings) -> Iterator[Row]:
    """Print images/s by threads, for PNGs and for prepared images; yield processes over threads, on all cores."""
    print(f"the host beside a device that answers at once, {BATCH} images a batch; PNG by {datasets.png.serving()}")
    for kind in KINDS:
        yield host_by_threads(subject, kind, rule)


def host_by_threads(subject: Subject, kind: str, rule: TimingSettings) -> Row:
    """One kind of images; see ``host``."""
    place, (wanted, share) = (subject.deliverable.name, subject.store.root, kind), KINDS[kind]
    opened, counts = open_once(*place), steps(cores())
    with contextlib.ExitStack() as stack:
        pools = [stack.enter_context(ThreadPoolExecutor(count)) for count in counts]
        spawn = multiprocessing.get_context("spawn")
        processes = stack.enter_context(ProcessPoolExecutor(cores(), spawn, open_once, place))
        works = [
            Workload(by_threads(opened, pool, n, share * n), share * n) for pool, n in zip(pools, counts, strict=True)
        ]
        shares, alone = [share] * cores(), partial(feed_alone, *place)
        works.append(Workload(lambda _: sum(processes.map(alone, shares)), sum(shares)))
        contest = stack.enter_context(Contest(works))
        contest.warm_up(rule.warmup_seconds)
        first = peak_memory()
        contest.run(TimingSettings(warmup_seconds=0, min_seconds=rule.min_seconds / 4, min_rounds=7))
        times, spent = contest.times(), contest.cpu_time
    for threads, each, cpu in zip(counts, times, spent, strict=False):
        found = rate(each)
        of_cpu = each.images * len(each.rounds) / (cpu.ran / 1e9) if cpu.ran else float("nan")
        print(
            f"{kind:<9}{threads:>3} threads {found.value:>8.1f} images/s ({found.low:.1f} to {found.high:.1f}), "
            f"{found.value / threads:.1f} a core, {of_cpu:.1f} a second of CPU time (wanted {wanted})"
        )
    print(f"{kind:<9}peak memory {first:.0f} MB after the first round, {peak_memory():.0f} MB after the last")
    return Row(f"{kind}: {cores()} processes over {cores()} threads", speedup(times[-2], times[-1]))


def peak_memory() -> float:
    """Of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
