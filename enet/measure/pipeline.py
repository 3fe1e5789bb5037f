"""Decode, preprocess, infer and score a split as a stream; of each image only its confusion matrix is kept.

Every worker thread takes a batch through all four steps. While one decodes another infers, so all cores are busy
with no queue in between, and no step has threads of its own that would get in the others' way. At most two batches
a worker are under way, so memory doesn't grow with the number of images.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import enet
from enet.backends import Artifact
from enet.backends.base import Place
from enet.datasets.image_source import ImageSource
from enet.evidence import Accuracy
from enet.host import cpu
from enet.measure.one_device import measure_on_one_device
from enet.measure.predictor import reserve_devices, with_device_states
from enet.measure.subject import Subject
from enet.storage.files import canonical_json, hash_text
from enet.storage.journal import open_journal
from enet.storage.store import code_digest


def measure_split(
    subject: Subject,
    artifact: Artifact,
    source: ImageSource,
    *,
    labels_to: Path | None = None,
    workers: int | None = None,
    resumable: bool = False,
) -> Accuracy:
    """Run a split through an artifact and score it, on the device or devices of ``subject.target``.

    Args:
        artifact: what to run, from ``subject.artifact``.
        labels_to: also write the predicted labels there, .npy, uint8 (N, H, W).
        workers: threads; for None one a core, as far as ``IMAGES_UNDER_WAY`` allows.
        resumable: go on where a run of the same artifact over the same images was interrupted; on one device alone,
            and without ``labels_to``.
    Raises:
        InputError: the artifact can't be loaded or the images can't be read.
    """
    with reserve_devices(subject, artifact) as watch:
        if len(subject.target.devices) > 1:
            from enet.measure import sharding  # which calls ``run`` for every device, in a process of its own

            measured = sharding.run(subject, artifact, source, labels_to)
        elif resumable and labels_to is None:
            key, folder = run_key(subject, artifact, source), subject.store.root / "interrupted"
            with open_journal(folder, key, len(subject.dataset.classes.names)) as journal:
                try:
                    measured = measure_on_one_device(subject, artifact, source, workers=workers, journal=journal)
                except KeyboardInterrupt:
                    if journal is not None and journal.holds_any:
                        print("enet: what was scored is kept: the same command goes on from there", file=sys.stderr)
                    raise
        else:
            measured = measure_on_one_device(subject, artifact, source, labels_to=labels_to, workers=workers)
    return replace(measured, provenance=with_device_states(measured.provenance, watch))


def run_key(subject: Subject, artifact: Artifact, source: ImageSource) -> str:
    """What decides a run's result, and how it is divided into batches."""
    where = asdict(subject.provenance(artifact, Place("", "")))
    for name in ("argv", "host", "time"):
        del where[name]
    package = Path(enet.__file__).parent
    code = code_digest(*sorted(str(path.relative_to(package)) for path in package.rglob("*.py")))
    place = [asdict(subject.target), cpu()]
    return hash_text(canonical_json([where, artifact.batch_size, source.names, code, place]))
