"""A split measured on several devices, a share of the images in one process for each, and merged.

Processes, because the device's runtime holds Python's lock while it runs: threads would take turns.
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
from enet.measure.one_device import measure_on_one_device
from enet.measure.subject import Subject
from enet.storage.memmap import create_memmap


@dataclass(frozen=True)
class Shard:
    """Evidence of one device, its start and end in seconds since 1970."""

    evidence: Accuracy
    started: float
    ended: float


def measure_on_devices(subject: Subject, artifact: Artifact, source: ImageSource, labels_to: Path | None) -> Accuracy:
    """Measure a split with a contiguous part of the images on each device of ``subject.target``.

    ``seconds`` of the evidence is wall clock from the first device's start to the last one's end.

    Raises:
        InputError: as ``measure_split``, or a process died.
    """
    devices, count = subject.target.devices, len(source.names)
    edges = [count * number // len(devices) for number in range(len(devices) + 1)]
    parts = [(device, a, b) for device, a, b in zip(devices, edges, edges[1:], strict=False) if a < b]
    used = [device for device, *_ in parts]
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        paths = [Path(folder) / f"{device}.npy" if labels_to else None for device in used]
        futures = [
            pool.submit(measure_shard, subject, device, artifact, ImageRange(source, a, b), path)
            for (device, a, b), path in zip(parts, paths, strict=True)
        ]
        try:
            shards = [future.result() for future in futures]
        except BrokenProcessPool as error:
            names = ", ".join(map(str, used))
            raise InputError(f"--device {names}: a process died. Look at npu-smi info and dmesg") from error
        if labels_to is not None:
            width, height = subject.deliverable.preprocessing.size
            label_maps = create_memmap(labels_to, (count, height, width))
            for (_, a, b), path in zip(parts, paths, strict=True):
                label_maps[a:b] = np.load(str(path), mmap_mode="r")
            label_maps.flush()
    return merge_shards(source, used, shards)


def measure_shard(subject: Subject, device: int, artifact: Artifact, part: ImageRange, labels_to: Path | None) -> Shard:
    """Measure one device's images, without a progress bar; runs in a process of its own."""
    subject = replace(subject, target=replace(subject.target, devices=(device,)), progress=False)
    evidence = measure_on_one_device(subject, artifact, part, labels_to, None)
    ended = time.time()
    return Shard(evidence, ended - evidence.seconds, ended)


def merge_shards(source: ImageSource, devices: list[int], shards: list[Shard]) -> Accuracy:
    """Merge the evidence of all devices: matrices in order of name, seconds by wall clock."""
    first = shards[0].evidence
    non_finite = [shard.evidence.non_finite for shard in shards]
    parts = [(str(device), shard.evidence) for device, shard in zip(devices, shards, strict=True)]
    shares = [DeviceShare(device=name, images=len(each.images), seconds=each.seconds) for name, each in parts]
    provenance = replace(first.provenance, device=", ".join(each.provenance.device for _, each in parts))
    matrices = np.concatenate([each.matrices for _, each in parts])
    total = None if None in non_finite else sum(n for n in non_finite if n is not None)
    seconds = max(shard.ended for shard in shards) - min(shard.started for shard in shards)
    merged = replace(first, provenance=provenance, images=source.names, matrices=matrices, non_finite=total)
    return replace(merged, devices=tuple(shares), seconds=seconds)
