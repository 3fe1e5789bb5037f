"""A split measured in shards, contiguous parts of its images, which are put together in order.

What runs them: here a process for each of several devices, in ``enet.measure.cluster`` the nodes of a Ray cluster.
Processes, because the device's runtime holds Python's lock while it runs: threads would take turns.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from enet.backends import Artifact, Place
from enet.datasets.image_source import ImageRange, ImageSource
from enet.errors import InputError, format_list
from enet.evidence import Accuracy, DeviceShare
from enet.measure.one_device import measure_on_one_device
from enet.measure.subject import Subject
from enet.storage.memmap import create_memmap


@dataclass(frozen=True)
class Shard:
    """Evidence of a part of the images.

    Attributes:
        place: the device or the node that measured it.
        started, ended: in seconds since 1970.
    """

    place: str
    evidence: Accuracy
    started: float
    ended: float


def split_evenly(count: int, shards: int, batch_size: int) -> list[tuple[int, int]]:
    """Cut ``count`` images into at most ``shards`` parts of whole batches.

    So the batches are those that one device would run, and the results are bit-equal.

    >>> split_evenly(10, 2, 2)
    [(0, 4), (4, 10)]
    """
    batches = -(-count // batch_size)
    edges = [min(count, batch_size * (batches * number // shards)) for number in range(shards + 1)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def measure_on_devices(subject: Subject, artifact: Artifact, source: ImageSource, labels_to: Path | None) -> Accuracy:
    """Measure a split with a contiguous part of the images on each device of ``subject.target``.

    ``seconds`` of the evidence is wall clock from the first device's start to the last one's end.

    Raises:
        InputError: as ``measure_split``, or a process died.
    """
    parts = split_evenly(len(source.names), len(subject.target.devices), artifact.batch_size)
    devices = subject.target.devices[: len(parts)]
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        paths = [Path(folder) / f"{device}.npy" if labels_to else None for device in devices]
        futures = [
            pool.submit(
                measure_shard, str(device), on_device(subject, device), artifact, ImageRange(source, a, b), path
            )
            for device, (a, b), path in zip(devices, parts, paths, strict=True)
        ]
        try:
            shards = [future.result() for future in futures]
        except BrokenProcessPool as error:
            names = ", ".join(map(str, devices))
            raise InputError(f"--device {names}: a process died. Look at npu-smi info and dmesg") from error
        if labels_to is not None:
            label_maps = create_label_maps(subject, source, labels_to)
            for (a, b), path in zip(parts, paths, strict=True):
                label_maps[a:b] = np.load(str(path), mmap_mode="r")
            label_maps.flush()
    return merge_shards(subject, artifact, source, shards)


def on_device(subject: Subject, device: int) -> Subject:
    """The subject for a process of its own, which shows no progress."""
    return replace(subject, target=replace(subject.target, devices=(device,)), progress=False)


def create_label_maps(subject: Subject, source: ImageSource, path: Path) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A file for the label maps of all images, .npy, uint8, shape (N, H, W), mapped into memory."""
    width, height = subject.deliverable.preprocessing.size
    return create_memmap(path, (len(source.names), height, width))


def measure_shard(place: str, subject: Subject, artifact: Artifact, part: ImageSource, labels_to: Path | None) -> Shard:
    """Measure a part of the images on the target's first device; runs in another process, often on another machine."""
    evidence = measure_on_one_device(subject, artifact, part, labels_to, None)
    ended = time.time()
    return Shard(place, evidence, ended - evidence.seconds, ended)


def merge_shards(subject: Subject, artifact: Artifact, source: ImageSource, shards: Sequence[Shard]) -> Accuracy:
    """Merge the evidence of all shards, in order of the images; seconds by wall clock."""
    found = [shard.evidence for shard in shards]
    names = tuple(name for each in found for name in each.images)
    if names != tuple(source.names):
        raise AssertionError(f"{len(names)} images in shards, expected {len(source.names)}, in their order")
    origins = [each.provenance for each in found]
    chips = list(dict.fromkeys(origin.chip for origin in origins))
    problems = [origin.missing_reason for origin in origins if origin.missing_reason]
    problems += [f"measured on different chips: {format_list(chips)}"] if len(chips) > 1 else []
    device = ", ".join(dict.fromkeys(origin.device for origin in origins))
    provenance = subject.provenance(artifact, Place(device, chips[0], problems[0] if problems else ""))
    counts = [each.non_finite for each in found]
    total = None if None in counts else sum(count for count in counts if count is not None)
    matrices = np.concatenate([each.matrices for each in found])
    merged = subject.accuracy(provenance, source.names, matrices, total, wall_clock(shards))
    return replace(merged, devices=shares(shards))


def shares(shards: Sequence[Shard]) -> tuple[DeviceShare, ...]:
    """What each place did, in order of their first images."""
    places = {shard.place: [each for each in shards if each.place == shard.place] for shard in shards}
    return tuple(
        DeviceShare(device=place, images=sum(len(each.evidence.images) for each in own), seconds=wall_clock(own))
        for place, own in places.items()
    )


def wall_clock(shards: Sequence[Shard]) -> float:
    """Seconds from the first shard's start to the last one's end."""
    return max(shard.ended for shard in shards) - min(shard.started for shard in shards)
