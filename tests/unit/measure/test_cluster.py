"""What the nodes of a cluster do, one after the other in this process; tests/suite/test_cluster.py has real nodes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from enet import measure
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.measure import cluster, sharding
from enet.measure.cluster import Job
from enet.measure.subject import Subject


def context(node: str = "a", **given: list[str]) -> SimpleNamespace:
    return SimpleNamespace(get_accelerator_ids=lambda: given, get_node_id=lambda: node)


@pytest.mark.parametrize(
    ("count", "shards", "batch_size"), [(5, 2, 2), (5, 9, 1), (1, 3, 4), (500, 7, 16), (64, 64, 64), (17, 2, 16)]
)
def test_split_evenly_keeps_whole_batches(count: int, shards: int, batch_size: int) -> None:
    parts = sharding.split_evenly(count, shards, batch_size)
    assert [n for a, b in parts for n in range(a, b)] == [*range(count)]
    assert all(a % batch_size == 0 for a, _ in parts)
    assert len(parts) <= shards


@pytest.mark.parametrize("backend", ["onnxruntime", "pytorch"])
def test_parts_of_nodes_are_the_whole(
    backend: str, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENET_CACHE", str(tmp_path))
    artifact, source = subject.artifact(backend, 1 if backend == "pytorch" else 2), subject.image_files()
    alone = measure.measure_split(subject, artifact, source, labels_to=tmp_path / "alone.npy")
    files = cluster.read_files(artifact, subject.store)
    job = cluster.receive(Job(subject, artifact, files, subject.manifest["samples"], wants_labels=True))
    assert tmp_path in job.artifact.path.parents
    parts = [cluster.measure_part(job, a, b, context(node)) for a, b, node in ((0, 2, "b"), (2, 4, "a"), (4, 5, "b"))]
    shards, nodes = cluster.name_nodes(parts)
    found = sharding.merge_shards(subject, artifact, source, shards)
    np.testing.assert_array_equal(found.matrices, alone.matrices)
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), np.load(tmp_path / "alone.npy"))
    assert replace(found.provenance, time="") == replace(alone.provenance, time="")
    assert [(node.name, node.images) for node in nodes] == [("node 1", 3), ("node 2", 2)]
    assert [(share.device, share.images) for share in found.devices] == [("node 1", 3), ("node 2", 2)]
    assert {node.artifact_sha256 for node in nodes} == {artifact.sha256}
    damaged = replace(parts[1].node, artifact_sha256="0" * 64)
    different = [parts[0], replace(parts[1], node=damaged, node_id="b")]
    assert len(cluster.name_nodes(different)[1]) == 2  # one machine, but not one artifact


def test_files_that_differ_are_refused(subject: Subject) -> None:
    part = subject.part(0, 2, subject.manifest["samples"][:2], Target())
    cluster.require_same_files(part, subject.manifest["samples"][:2])
    samples: list[dict[str, object]] = subject.manifest["samples"]
    for other in (samples[1:3], samples[:3], samples[:0]):
        with pytest.raises(InputError, match="differ from those that were checked by the driver"):
            cluster.require_same_files(part, other)


def test_assigned_npu_has_the_number_of_npu_smi(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = subject.artifact("onnxruntime", 1)
    monkeypatch.setenv("ASCEND_RT_VISIBLE_DEVICES", "3")
    npu = replace(artifact, backend="ascend")
    assert cluster.assigned(Target(), npu, context(NPU=["3"])).devices == (3,)
    assert "ASCEND_RT_VISIBLE_DEVICES" not in os.environ
    assert cluster.assigned(Target(), replace(artifact, backend="cuda"), context(GPU=["3"])).devices == (0,)
    assert cluster.assigned(Target(), artifact, context()).devices == (0,)


def test_merge_refuses_chips_that_differ(subject: Subject) -> None:
    artifact, source = subject.artifact("onnxruntime", 1), subject.image_files()
    target, samples = subject.target, subject.manifest["samples"]
    shards = []
    for a, b, chip in ((0, 2, "310"), (2, 5, "310P3")):
        part = subject.part(a, b, samples[a:b], target)
        shard = sharding.measure_shard("x", part, artifact, part.image_files(), None)
        provenance = replace(shard.evidence.provenance, chip=chip)
        shards.append(replace(shard, evidence=replace(shard.evidence, provenance=provenance)))
    found = sharding.merge_shards(subject, artifact, source, shards)
    assert found.provenance.missing_reason == "measured on different chips: 310, 310P3"
    with pytest.raises(AssertionError, match="3 images in shards, expected 5"):
        sharding.merge_shards(subject, artifact, source, shards[1:])
