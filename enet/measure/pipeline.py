"""Accuracy of an artifact over a split (``measure_split``): the run on one or several devices."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

from enet import backends
from enet.backends import Artifact, Place
from enet.datasets.image_source import ImageSource
from enet.evidence import Accuracy
from enet.host import cpu
from enet.measure.cluster import measure_on_cluster
from enet.measure.one_device import measure_on_one_device
from enet.measure.predictor import with_device_states
from enet.measure.sharding import measure_on_devices
from enet.measure.subject import Subject
from enet.storage.code_digest import made_by
from enet.storage.files import hash_json
from enet.storage.journal import open_journal


def measure_split(
    subject: Subject, artifact: Artifact, source: ImageSource, *, labels_to: Path | None = None, resumable: bool = False
) -> Accuracy:
    """Run a split through an artifact and score it, on the device or devices of ``subject.target``, or on the
    nodes of a Ray cluster.

    Args:
        labels_to: also write the predicted labels there, .npy, uint8, shape (N, H, W).
        resumable: resume an interrupted run of the same artifact over the same images; only on one device and without
            ``labels_to``.
    Raises:
        InputError: the artifact cannot be loaded or an image cannot be read.
    """
    if subject.ray is not None:
        return measure_on_cluster(subject, artifact, source, labels_to)
    with backends.get(artifact.backend).reserve_devices(subject.target) as readings:
        if len(subject.target.devices) > 1:
            measured = measure_on_devices(subject, artifact, source, labels_to)
        elif resumable and labels_to is None:
            key, folder = run_key(subject, artifact, source), subject.store.root / "interrupted"
            with open_journal(folder, key, len(subject.dataset.classes.names)) as journal:
                try:
                    measured = measure_on_one_device(subject, artifact, source, None, journal)
                except KeyboardInterrupt:
                    if journal is not None and journal.holds_any:
                        print("enet: scored images are kept: run the same command again to resume", file=sys.stderr)
                    raise
        else:
            measured = measure_on_one_device(subject, artifact, source, labels_to, None)
    return replace(measured, provenance=with_device_states(measured.provenance, readings))


def run_key(subject: Subject, artifact: Artifact, source: ImageSource) -> str:
    """Digest of everything that determines a run's result and its batches."""
    provenance = asdict(subject.provenance(artifact, Place("", "")))
    for name in ("argv", "host", "time"):
        del provenance[name]
    code = made_by("enet.measure.pipeline", f"enet.backends.{artifact.backend}")
    host = [asdict(subject.target), cpu()]
    return hash_json([provenance, artifact.batch_size, source.names, code, host])
