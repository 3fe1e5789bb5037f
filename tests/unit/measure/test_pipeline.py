"""A measured split has the counts of a slow, separate computation, in order; bad images stop the run."""

from __future__ import annotations

import gc
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure import pipeline
from enet.measure.subject import Subject
from tests.unit.tiny import FORMS, IMAGES, SIDE, data_set, over, slow_logits, slow_matrices

#: Seconds after which a thread counts as hanging.
HANG_TIMEOUT = 300


def measure(subject: Subject, batch_size: int = 1, io_format: str = "float to logits") -> Accuracy:
    artifact = subject.artifact("onnxruntime", batch_size, FORMS[io_format])
    return pipeline.measure_split(subject, artifact, subject.image_files())


@pytest.mark.parametrize(
    ("backend", "batch_size", "io_format"),
    [
        ("pytorch", 1, "float to logits"),
        ("pytorch", 2, "float to logits"),
        *(("onnxruntime", 1, io_format) for io_format in FORMS),
        ("onnxruntime", 2, "float to logits"),
        ("onnxruntime", 5, "float to logits"),
        ("onnxruntime", 8, "uint8 to labels"),  # large enough to run alone, and larger than the data set
    ],
)
def test_measure_split_counts_as_a_slow_computation(
    backend: str, batch_size: int, io_format: str, subject: Subject, tmp_path: Path
) -> None:
    artifact = subject.artifact(backend, batch_size, FORMS[io_format])
    path = tmp_path / "labels.npy"
    evidence = pipeline.measure_split(subject, artifact, subject.image_files(), labels_to=path)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject))
    assert evidence.matrices.dtype == np.int64
    assert evidence.non_finite == (0 if io_format.endswith("logits") else None)
    logits = slow_logits(subject)
    assert evidence.images == tuple(sorted(logits))
    assert [name.split("_")[0] for name in evidence.images] == ["alpha"] * 2 + ["beta"] * 3
    assert (evidence.images_expected, len(evidence.classes), evidence.absent_classes) == (IMAGES, 19, "zero")
    written = np.load(path)
    assert (str(written.dtype), written.shape) == ("uint8", (IMAGES, SIDE, SIDE))
    np.testing.assert_array_equal(written, [logits[name].argmax(axis=0) for name in sorted(logits)])
    assert len(np.unique(written)) > 3
    where = evidence.provenance
    assert (where.backend, where.batch_size, where.artifact_sha256) == (backend, batch_size, artifact.sha256)


@pytest.mark.parametrize("io_format", ["float to logits", "uint8 to labels"])
def test_measure_split_never_predicts_the_void_output(io_format: str, void_subject: Subject) -> None:
    logits = slow_logits(void_subject)
    assert any((image.argmax(axis=0) == 19).any() for image in logits.values())
    evidence = measure(void_subject, io_format=io_format)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(void_subject))


def test_measure_split_of_prepared_images_equals_that_of_files(subject: Subject) -> None:
    evidence = pipeline.measure_split(subject, subject.artifact("onnxruntime", 2), subject.prepared())
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject))


def test_measure_split_with_limit_runs_the_first_images(subject: Subject) -> None:
    assert subject.data_root is not None
    evidence = measure(over(subject, subject.data_root, limit=3), batch_size=2)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject)[:3])
    assert evidence.images_expected == IMAGES


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("damage", ["image", "label", "gone"])
def test_measure_split_unreadable_image_is_refused(
    damage: str, workers: int, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enet.measure.one_device.cores", lambda: workers)
    broken = over(subject, data_set(tmp_path))
    artifact = broken.artifact("onnxruntime", 1)
    source = broken.image_files()  # every file was readable when the run began
    sample = broken.dataset.samples[2]
    path = sample.label if damage == "label" else sample.image
    path.write_bytes(path.read_bytes()[:200])
    if damage == "gone":
        path.unlink()
    before = threading.enumerate()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        with pytest.raises(InputError) as caught:
            pipeline.measure_split(broken, artifact, source)
        message = str(caught.value)
        del caught
        gc.collect()
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    assert threading.enumerate() == before
    assert not [str(warning.message) for warning in left_open]
