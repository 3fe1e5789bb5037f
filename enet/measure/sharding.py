"""A split shared out between devices: one process each, matrices put together again.

A process for each because the device's runtime holds Python's lock while it runs: threads would take turns.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from enet.backends import Artifact
from enet.datasets.image_source import ImageRange, ImageSource
from enet.errors import InputError
from enet.evidence import Accuracy, DeviceShare
from enet.measure import one_device
from enet.measure.subject import Subject
from enet.storage.memmap import create_memmap


@dataclass(frozen=True)
class Shard:
    """What one device measured, and when, in seconds since 1970."""

    evidence: Accuracy
    started: float
    ended: float


def run(subject: Subject, artifact: Artifact, source: ImageSource, labels_to: Path | None) -> Accuracy:
    """Run a split through an artifact, a contiguous part of the images on each device of ``subject.target``.

    ``seconds`` of the evidence is wall clock from the first device's beginning to the last one's end.

    Raises:
        InputError: as ``pipeline.measure``.
    """
    devices, count = subject.target.devices, len(source.names)
    edges = [count * number // len(devices) for number in range(len(devices) + 1)]
    parts = [(device, a, b) for device, a, b in zip(devices, edges, edges[1:], strict=False) if a < b]
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        kept = [Path(folder) / f"{device}.npy" if labels_to else None for device, *_ in parts]
        waiting = [
            pool.submit(run_part, alone(subject, device), artifact, ImageRange(source, a, b), path)
            for (device, a, b), path in zip(parts, kept, strict=True)
        ]
        try:
            shards = [each.result() for each in waiting]
        except BrokenProcessPool as error:
            names = ", ".join(str(device) for device, *_ in parts)
            raise InputError(
                f"--device {names}: the process of one of them died. Look at npu-smi info and dmesg"
            ) from error
        if labels_to is not None:
            width, height = subject.deliverable.preprocessing.size
            maps = create_memmap(labels_to, (count, height, width))
            for (_, a, b), path in zip(parts, kept, strict=True):
                maps[a:b] = np.load(str(path), mmap_mode="r")
            maps.flush()
    return merge_shards(source, [device for device, *_ in parts], shards)


def alone(subject: Subject, device: int) -> Subject:
    """The subject on one device, silent."""
    return replace(subject, target=replace(subject.target, devices=(device,)), progress=False)


def run_part(subject: Subject, artifact: Artifact, part: ImageRange, labels_to: Path | None) -> Shard:
    """In a process of its own: one device's images."""
    evidence = one_device.measure_on_one_device(subject, artifact, part, labels_to=labels_to)
    ended = time.time()
    return Shard(evidence, ended - evidence.seconds, ended)


def merge_shards(source: ImageSource, devices: list[int], shards: list[Shard]) -> Accuracy:
    """The shards' evidence as one: matrices in order of name, seconds by the clock on the wall."""
    first = shards[0].evidence
    counted = [shard.evidence.non_finite for shard in shards]
    shares = tuple(
        DeviceShare(device=str(device), images=len(shard.evidence.images), seconds=shard.evidence.seconds)
        for device, shard in zip(devices, shards, strict=True)
    )
    where = replace(first.provenance, device=", ".join(shard.evidence.provenance.device for shard in shards))
    return replace(
        first,
        provenance=where,
        images=source.names,
        devices=shares,
        matrices=np.concatenate([shard.evidence.matrices for shard in shards]),
        non_finite=None if None in counted else sum(n for n in counted if n is not None),
        seconds=max(shard.ended for shard in shards) - min(shard.started for shard in shards),
    )
