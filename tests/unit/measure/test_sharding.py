"""Several devices' shares put together are what one device would have measured."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from enet.datasets.image_source import ImageRange
from enet.measure import one_device, sharding
from enet.measure.subject import Subject
from tests.unit import tiny as data


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("sharding"))


@pytest.mark.parametrize("edges", [(0, 2, 5), (0, 1, 1, 5), (0, 5)])
def test_shares_add_up(edges: tuple[int, ...], subject: Subject, tmp_path: Path) -> None:
    artifact, source = subject.artifact("onnxruntime", 2), subject.photographs()
    assert edges[-1] == len(source.names)
    whole = one_device.measure_on_one_device(subject, artifact, source, labels_to=tmp_path / "whole.npy")
    shards, devices = [], []
    for device, (a, b) in enumerate(itertools.pairwise(edges)):
        if a < b:
            devices.append(device)
            shards.append(sharding.run_part(subject, artifact, ImageRange(source, a, b), tmp_path / f"{device}.npy"))
    found = sharding.merge_shards(source, devices, shards)
    np.testing.assert_array_equal(found.matrices, whole.matrices)
    assert (found.images, found.non_finite, found.miou) == (whole.images, whole.non_finite, whole.miou)
    assert [share.device for share in found.devices] == [str(device) for device in devices]
    assert sum(share.images for share in found.devices) == len(source.names)
    labels = np.concatenate([np.load(tmp_path / f"{device}.npy") for device in devices])
    np.testing.assert_array_equal(labels, np.load(tmp_path / "whole.npy"))


def test_the_total_is_by_the_clock(subject: Subject) -> None:
    """From the first beginning to the last end: longer than any share, and than their overlap lets one think."""
    artifact, source = subject.artifact("onnxruntime", 2), subject.photographs()
    parts = [sharding.run_part(subject, artifact, ImageRange(source, a, b), None) for a, b in ((0, 3), (3, 5))]
    found = sharding.merge_shards(source, [0, 1], parts)
    assert found.seconds == pytest.approx(parts[1].ended - parts[0].started)
    assert found.seconds >= sum(share.seconds for share in found.devices)  # one after the other, here
