"""Merged shards equal what one device would have measured."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from enet.datasets.image_source import ImageRange
from enet.measure import one_device, sharding
from enet.measure.subject import Subject


@pytest.mark.parametrize("edges", [(0, 2, 5), (0, 1, 1, 5), (0, 5)])
def test_merge_shards_equals_one_device(edges: tuple[int, ...], subject: Subject, tmp_path: Path) -> None:
    artifact, source = subject.artifact("onnxruntime", 2), subject.image_files()
    assert edges[-1] == len(source.names)
    whole = one_device.measure_on_one_device(subject, artifact, source, tmp_path / "whole.npy", None)
    shards, devices = [], []
    for device, (a, b) in enumerate(itertools.pairwise(edges)):
        if a < b:
            devices.append(device)
            part, path = ImageRange(source, a, b), tmp_path / f"{device}.npy"
            shards.append(sharding.measure_shard(str(device), subject, artifact, part, path))
    found = sharding.merge_shards(subject, artifact, source, shards)
    np.testing.assert_array_equal(found.matrices, whole.matrices)
    assert (found.images, found.non_finite, found.miou) == (whole.images, whole.non_finite, whole.miou)
    assert [share.device for share in found.devices] == [str(device) for device in devices]
    assert sum(share.images for share in found.devices) == len(source.names)
    labels = np.concatenate([np.load(tmp_path / f"{device}.npy") for device in devices])
    np.testing.assert_array_equal(labels, np.load(tmp_path / "whole.npy"))


def test_merge_shards_seconds_are_wall_clock(subject: Subject) -> None:
    """Seconds from the first start to the last end."""
    artifact, source = subject.artifact("onnxruntime", 2), subject.image_files()
    ranges = [ImageRange(source, a, b) for a, b in ((0, 3), (3, 5))]
    parts = [sharding.measure_shard(str(n), subject, artifact, each, None) for n, each in enumerate(ranges)]
    found = sharding.merge_shards(subject, artifact, source, parts)
    assert found.seconds == pytest.approx(parts[1].ended - parts[0].started)
    assert found.seconds >= sum(share.seconds for share in found.devices)  # one after the other, here
