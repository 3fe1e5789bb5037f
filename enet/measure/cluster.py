"""A split measured by the nodes of a Ray cluster: the parts of ``enet.measure.sharding``, in tasks that Ray places.

A task takes a part of the images. Ray runs it where the backend's resource is free, and again if its process or its
node dies. The artifact comes through the object store, once to each node, and its hash is taken there again; images are
read where the node finds them, and must have the pixels that the driver has checked.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet import backends, cluster
from enet.backends import BACKENDS, Artifact
from enet.datasets.check import dataset_fingerprint, describe
from enet.datasets.image_source import ImageSource
from enet.deliverable.target import Target
from enet.errors import EnetError, InputError, format_list, printable
from enet.evidence import Accuracy
from enet.evidence.provenance import Node, Provenance, host_in_words
from enet.measure import sharding
from enet.measure.predictor import with_device_states
from enet.measure.sharding import Shard
from enet.measure.subject import Subject
from enet.model.files import content_hash
from enet.progress import bar
from enet.storage.code_digest import made_by
from enet.storage.files import hash_json
from enet.storage.store import MANIFEST, Store

#: Bounds on the images of a task: enough to pay for opening the artifact, few enough that a lost task costs little.
FEWEST, MOST = 8, 256
#: Tasks for each of the cluster's workers, so that all end at about the same time.
TASKS_A_WORKER = 4
#: Seconds between two looks whether there is still a node that can run what is left.
PATIENCE = 10


@dataclass(frozen=True)
class Job:
    """What each node gets once.

    Attributes:
        files: contents of the artifact's files, by their names relative to its folder.
        samples: of the data set's manifest; the node's files must agree.
        wants_labels: return label maps, too.
    """

    subject: Subject
    artifact: Artifact
    files: dict[str, bytes]
    samples: list[dict[str, Any]]
    wants_labels: bool


@dataclass(frozen=True)
class Part:
    """What a task returns.

    Attributes:
        labels: uint8, shape (n, H, W), if they were wanted.
        node_id: Ray's.
    """

    shard: Shard
    node: Node
    labels: NDArray[np.uint8] | None
    node_id: str


@dataclass(frozen=True)
class Refusal:
    """A node's message about bad input there."""

    message: str
    address: str


def measure_on_cluster(subject: Subject, artifact: Artifact, source: ImageSource, labels_to: Path | None) -> Accuracy:
    """Measure a split on the nodes of the cluster ``subject.ray``; see ``measure_split``.

    ``seconds`` of the evidence is wall clock here.

    Raises:
        InputError: no cluster, no node for the backend, or a node cannot read the images.
    """
    ray = cluster.connect(str(subject.ray))
    resource = BACKENDS[artifact.backend].resource
    workers = int(cluster.require_resource(ray, resource))
    plain = replace(absolute(subject), ray=None, progress=False)
    job = Job(plain, artifact, read_files(artifact, subject.store), subject.manifest["samples"], labels_to is not None)
    count = len(source.names)
    each = min(MOST, max(FEWEST, count // (TASKS_A_WORKER * workers)))
    parts = sharding.split_evenly(count, -(-count // each), artifact.batch_size)
    label_maps = None if labels_to is None else sharding.create_label_maps(subject, source, labels_to)
    begin = time.perf_counter()
    found: dict[int, Part] = {}
    title = f"{artifact.backend} bs{artifact.batch_size}, Ray"
    with bar(title=title, total=count, shown=subject.progress) as progress_bar:
        for (start, stop), part in run_tasks(ray, resource, job, parts):
            if label_maps is not None and part.labels is not None:
                label_maps[start:stop] = part.labels
            found[start] = replace(part, labels=None)
            progress_bar.update(stop - start)
    seconds = time.perf_counter() - begin
    if label_maps is not None:
        label_maps.flush()
    named, nodes = name_nodes([found[start] for start, _ in parts])
    merged = replace(sharding.merge_shards(subject, artifact, source, named), seconds=seconds)
    states = [shard.evidence.provenance for shard in named]
    provenance = replace(
        merged.provenance,
        nodes=(describe_node("driver", artifact, merged.provenance), *nodes),
        devices_before=tuple(dict.fromkeys(state for each in states for state in each.devices_before)),
        devices_after=tuple(dict.fromkeys(state for each in states for state in each.devices_after)),
    )
    return replace(merged, provenance=provenance)


def run_tasks(
    ray: Any, resource: str, job: Job, parts: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Part]]:
    """Run a task for each part, and yield what they return as they end.

    Raises:
        InputError: a node refuses, ends a task without an answer too often, or none is left that could run one.
    """
    needs = {"CPU": {}, "GPU": {"num_gpus": 1}}.get(resource, {"resources": {resource: 1}})
    task = ray.remote(num_cpus=1, max_retries=-1, **needs)(run_part)
    shared, token = ray.put(job), uuid.uuid4().hex
    waiting = {task.remote([shared], token, start, stop): (start, stop) for start, stop in parts}
    try:
        while waiting:
            ready, _ = ray.wait(list(waiting), timeout=PATIENCE)
            if not ready:
                cluster.require_resource(ray, resource, waiting=True)
            for reference in ready:
                bounds = waiting.pop(reference)
                yield bounds, answer(ray, reference)
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def answer(ray: Any, reference: Any) -> Part:
    """What a task returned.

    Raises:
        InputError: it is a refusal, or the node could not even begin.
    """
    try:
        found: Part | Refusal = ray.get(reference)
    except ray.exceptions.RayError as error:
        *_, last = str(error).strip().splitlines() or [type(error).__name__]
        advice = "Install the same enet, with the same libraries, on every node"
        raise InputError(f"--ray: a node failed ({printable(last)[:300]}). {advice}") from error
    if isinstance(found, Refusal):
        raise InputError(f"--ray: node {found.address}: {found.message}")
    return found


def name_nodes(parts: Sequence[Part]) -> tuple[list[Shard], list[Node]]:
    """Name the nodes in order of their first images; one that differs from itself is two.

    Evidence has numbers for nodes, no addresses.
    """
    nodes: dict[str, Node] = {}
    shards = []
    for part in parts:
        key = f"{part.node_id} {replace(part.node, images=0)}"
        name = f"node {len(nodes) + 1}" if key not in nodes else nodes[key].name
        images = len(part.shard.evidence.images) + (nodes[key].images if key in nodes else 0)
        nodes[key] = replace(part.node, name=name, images=images)
        shards.append(replace(part.shard, place=name))
    return shards, list(nodes.values())


def read_files(artifact: Artifact, store: Store) -> dict[str, bytes]:
    """The files that an artifact needs to be opened elsewhere: all of its cache entry, or the delivered ones."""
    path = artifact.path
    paths = [path]
    if store.root in path.parents:
        paths = sorted(each for each in path.parent.rglob("*") if each.is_file() and each.name != MANIFEST)
    elif path.suffix == ".onnx":
        from enet.model.onnx_file import external_files  # here, because onnx takes long to import

        paths += external_files(path)
    return {str(each.relative_to(path.parent)): each.read_bytes() for each in paths}


def absolute(subject: Subject) -> Subject:
    """The subject for other working folders."""
    spec, root = subject.deliverable, subject.data_root
    return replace(
        subject, deliverable=replace(spec, path=spec.path.absolute()), data_root=root.absolute() if root else None
    )


def describe_node(name: str, artifact: Artifact, provenance: Provenance) -> Node:
    """This machine, with what decides its results; the provenance tells the network's own code."""
    made = made_by("enet.measure.cluster", f"enet.backends.{artifact.backend}")
    return Node(
        name=name,
        host=host_in_words(),
        versions={"python": platform.python_version(), **made["libraries"]},
        code_sha256=hash_json([made["code"], provenance.code_sha256]),
        artifact_sha256=content_hash(artifact.path),
    )


# What follows runs on the nodes.

#: The job of this process, by its token: its folder of images is listed, and its artifact written, once.
RECEIVED: dict[str, Job] = {}


def run_part(jobs: list[Any], token: str, start: int, stop: int) -> Part | Refusal:
    """The task: measure the images from ``start`` up to, not including, ``stop``.

    Args:
        jobs: a reference to the ``Job``; in a list, so that Ray does not fetch it for each task.
    """
    import ray

    try:
        if token not in RECEIVED:
            RECEIVED.clear()
            RECEIVED[token] = receive(ray.get(jobs[0]))
        return measure_part(RECEIVED[token], start, stop, ray.get_runtime_context())
    except EnetError as error:
        return Refusal(str(error), ray.util.get_node_ip_address())


def receive(job: Job) -> Job:
    """Write the artifact's files into the node's own cache, once, and look for the images where the node has them."""
    store = Store(cluster.node_cache())
    here = os.environ.get("ENET_DATA_ROOT") if job.subject.data_root else None

    def write(folder: Path) -> None:
        for name, content in job.files.items():
            (folder / name).write_bytes(content)

    folder = store.get_or_build("received", {"sha256": job.artifact.sha256, "files": sorted(job.files)}, write)
    path = folder / job.artifact.path.name
    interface = job.artifact.interface and replace(job.artifact.interface, path=path)
    subject = replace(job.subject, store=store, data_root=Path(here) if here else job.subject.data_root)
    return replace(job, subject=subject, artifact=replace(job.artifact, path=path, interface=interface), files={})


def measure_part(job: Job, start: int, stop: int, context: Any) -> Part:
    """Measure some of the images on the device that Ray has assigned to this task."""
    artifact, expected = job.artifact, job.samples[start:stop]
    part = job.subject.part(start, stop, expected, assigned(job.subject.target, artifact, context))
    require_same_files(part, expected)
    labels = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.npy" if job.wants_labels else None
        with backends.get(artifact.backend).reserve_devices(part.target) as readings:
            shard = sharding.measure_shard("", part, artifact, part.image_files(), path)
        labels = np.load(path) if path else None
    evidence = replace(shard.evidence, provenance=with_device_states(shard.evidence.provenance, readings))
    return Part(
        replace(shard, evidence=evidence),
        describe_node("", artifact, evidence.provenance),
        labels,
        context.get_node_id(),
    )


def assigned(target: Target, artifact: Artifact, context: Any) -> Target:
    """The target with the device that Ray has assigned, if the backend uses one.

    Ray hides the others by a variable, so that the runtime calls this one 0. Of an NPU the variable is taken away, as
    npu-smi, which tells its state, does not know it.
    """
    resource = BACKENDS[artifact.backend].resource
    given = context.get_accelerator_ids().get(resource)
    if given and resource == "NPU":
        os.environ.pop("ASCEND_RT_VISIBLE_DEVICES", None)
        return replace(target, devices=(int(given[0]),))
    return replace(target, devices=(0,))


def require_same_files(part: Subject, expected: list[dict[str, Any]]) -> None:
    """Check once that the files on this node have the pixels and labels that the driver has checked.

    Raises:
        InputError: they have not, or cannot be read.
    """

    def make(folder: Path) -> None:
        (folder / "samples.json").write_text(json.dumps(describe(part.dataset)), encoding="utf-8")

    key = {
        "files": dataset_fingerprint(part.dataset),
        "train_ids": sorted(part.dataset.classes.train_ids.items()),
        "mask_colours": part.dataset.classes.mask_colours,
        **made_by("enet.datasets.check"),
    }
    found = json.loads((part.store.get_or_build("seen", key, make) / "samples.json").read_text(encoding="utf-8"))
    if found != expected:
        names = [one["name"] for one, other in zip_longest(expected, found) if one and one != other]
        problem = f"{format_list(names, first=3) or 'the images'} differ from those that were checked by the driver"
        raise InputError(f"data set {part.dataset.root}: {problem}. Give all nodes the same files")
