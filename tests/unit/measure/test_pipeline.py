"""Infer and score as a stream: the numbers are those of a slow, separate computation, in order, in bounded memory."""

from __future__ import annotations

import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from enet import backends
from enet.datasets import preprocess
from enet.datasets.image_source import ImageSource
from enet.deliverable import IoFormat, Preprocessing
from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure import one_device, pipeline
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.metrics.labels import argmax, is_finite, labels_from_phases, logits_from_phases
from tests.unit.tiny import FORMS, IMAGES, SIDE, data_set, over, slow_logits, slow_matrices, tiny


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return tiny(tmp_path_factory.mktemp("ascend"))


@pytest.fixture(scope="module")
def void_subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Weights with a twentieth output that is no class and wins wherever it may."""
    made = tiny(tmp_path_factory.mktemp("void"), "paper", 20)
    state = torch.load(made.weights, weights_only=True)
    state["transposed_conv.weight"][:, 19] *= 30
    torch.save(state, made.weights)
    return made


# The steps.


def logits_with_ties(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(5)
    return {
        "random": rng.normal(size=(19, 7, 9)),
        "ties": rng.integers(0, 3, (19, 7, 9)),
        "all equal": np.zeros((19, 7, 9)),
        "signed zeros": np.where(rng.integers(0, 2, (19, 7, 9)) == 0, 0.0, -0.0),
        "infinities": rng.choice([-np.inf, 0.0, np.inf], (19, 7, 9)),
        "all -inf": np.full((19, 7, 9), -np.inf),
        "rising": np.arange(255.0)[:, None, None] * np.ones((255, 3, 2)),
        "one class": rng.normal(size=(1, 7, 9)),
    }[kind].astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["random", "ties", "all equal", "signed zeros", "infinities", "all -inf", "rising", "one class"]
)
def test_argmax_is_that_of_numpy(kind: str) -> None:
    logits = logits_with_ties(kind)
    before = logits.copy()
    for classes in (len(logits), 1):
        labels = argmax(logits, classes)
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(labels, logits[:classes].argmax(axis=0))
    np.testing.assert_array_equal(logits, before)  # it works in place on a copy only


def test_labels_of_phases() -> None:
    """Of logits that aren't laid out: those of the laid-out ones, which are PyTorch's pixel shuffle."""
    rng = np.random.default_rng(0)
    phases = rng.normal(size=(2, 4 * 5, 3, 6)).astype(np.float32)
    logits = logits_from_phases(phases)
    by_channel = phases.reshape(2, 4, 5, 3, 6).transpose(0, 2, 1, 3, 4).reshape(2, 20, 3, 6)
    np.testing.assert_array_equal(logits, torch.nn.functional.pixel_shuffle(torch.from_numpy(by_channel), 2).numpy())
    for image, expected in zip(phases, logits, strict=True):
        np.testing.assert_array_equal(labels_from_phases(image, 4), expected[:4].argmax(axis=0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 3, 4)])
def test_is_finite_finds_one_value(value: float, place: tuple[int, int, int]) -> None:
    logits = np.ones((3, 4, 5), np.float32)
    logits[place] = value
    assert not is_finite(logits)


def test_is_finite_of_finite_values() -> None:
    assert is_finite(np.zeros((3, 4, 5), np.float32))
    assert is_finite(np.full((3, 4, 5), 3e38, np.float32))  # their sum is not
    both = np.ones((2, 4, 5), np.float32)
    both[0, 0, 0], both[1, 0, 0] = np.inf, -np.inf  # their sum is no number either
    assert not is_finite(both)


# Bounded.


@pytest.mark.parametrize("under_way", [1, 2, 5, 100])
def test_bounded_keeps_order(under_way: int) -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.01 if number < 3 else 0)
        return number * number

    with ThreadPoolExecutor(3) as pool:
        assert list(one_device.bounded_map(pool, slow_at_first, range(20), under_way)) == [n * n for n in range(20)]
        assert list(one_device.bounded_map(pool, slow_at_first, [], under_way)) == []


def test_bounded_submits_no_more_than_asked() -> None:
    taken = 0

    def items() -> Iterator[int]:
        for number in range(20):
            assert number < taken + 4, "an item was asked for too early"
            yield number

    with ThreadPoolExecutor(2) as pool:
        for _ in one_device.bounded_map(pool, lambda number: number, items(), under_way=4):
            taken += 1
    assert taken == 20


def test_bounded_cancels_what_has_not_begun() -> None:
    begun: list[int] = []
    release = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise InputError("the first")
        release.wait(5)
        return number

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(InputError, match="the first"):
            list(one_device.bounded_map(pool, work, range(100), under_way=8))
        release.set()
    assert begun in ([0], [0, 1])


def test_bounded_cancels_when_its_reader_stops() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = one_device.bounded_map(pool, work, range(100), under_way=10)
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
    assert len(begun) < 10


# Predictor.


class FakeModel:
    """Gives what a function makes of its input, and remembers the inputs."""

    outputs_phases = False
    max_concurrency = 1
    device = "cpu"
    chip = ""

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self.function, self.seen = function, list[NDArray[Any]]()

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        self.seen.append(images)
        return self.function(images)

    def close(self) -> None:
        pass


def predictor(model: Any, batch_size: int, form: IoFormat, classes: int = 19) -> Predictor:
    artifact = backends.Artifact(
        path=Path("none"), backend="fake", batch_size=batch_size, form=form, sha256="", weights_sha256=""
    )
    return Predictor(model, artifact, preprocess.Normalise(Preprocessing(size=(8, 8))), classes)


def photographs(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


def first_channel(images: NDArray[Any]) -> NDArray[Any]:
    """Labels that tell the images apart."""
    return images[..., 0] % 19


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_short_batch_is_filled_with_its_first_image(count: int) -> None:
    model = FakeModel(first_channel)
    images = photographs(count)
    labels, broken = predictor(model, 4, IoFormat(input="uint8", output="labels")).labels(images)
    (fed,) = model.seen
    assert fed.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(fed[:count], images)
    for row in fed[count:]:
        np.testing.assert_array_equal(row, images[0])
    np.testing.assert_array_equal(labels, first_channel(images))
    assert (str(labels.dtype), broken) == ("uint8", 0)


def test_float_images_are_normalised_and_uint8_are_not() -> None:
    images = photographs(2)
    seen = {}
    for form in (IoFormat(input="float"), IoFormat(input="uint8")):
        model = FakeModel(lambda x: np.zeros((len(x), 19, 8, 8), np.float32))
        predictor(model, 2, form).raw(images)
        (seen[form.input],) = model.seen
    np.testing.assert_array_equal(seen["uint8"], images)
    spec = Preprocessing()
    expected = (images / 255 - np.array(spec.mean)) / np.array(spec.std)
    assert str(seen["float"].dtype) == "float32"
    np.testing.assert_allclose(seen["float"], expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_outputs_beyond_the_classes_never_win() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 20, 8, 8)).astype(np.float32)
    logits[:, 19] += 100
    labels, _ = predictor(FakeModel(lambda _: logits), 2, IoFormat()).labels(photographs(2))
    np.testing.assert_array_equal(labels, logits[:, :19].argmax(axis=1))


def test_images_with_non_finite_logits_are_counted_and_padding_is_not() -> None:
    logits = np.zeros((4, 19, 8, 8), np.float32)
    logits[1, 3, 2, 1], logits[2, 0], logits[3] = np.nan, np.inf, np.nan
    fake = predictor(FakeModel(lambda _: logits), 4, IoFormat())
    assert fake.labels(photographs(4))[1] == 3
    assert fake.labels(photographs(3))[1] == 2
    assert fake.labels(photographs(1))[1] == 0


def test_open_predictor_takes_the_deliverables_settings(void_subject: Subject) -> None:
    artifact = void_subject.artifact("onnxruntime", 2, IoFormat(input="uint8"))
    with open_predictor(void_subject, artifact) as opened:
        assert (opened.batch_size, opened.form.input, opened.classes) == (2, "uint8", 19)


# All of it.


def measured(subject: Subject, batch_size: int = 1, form: str = "float to logits") -> Accuracy:
    artifact = subject.artifact("onnxruntime", batch_size, FORMS[form])
    return pipeline.measure_split(subject, artifact, subject.photographs())


@pytest.mark.parametrize(
    ("backend", "batch_size", "form"),
    [
        ("pytorch", 1, "float to logits"),
        ("pytorch", 2, "float to logits"),
        *(("onnxruntime", 1, form) for form in FORMS),
        ("onnxruntime", 2, "float to logits"),
        ("onnxruntime", 5, "float to logits"),
        ("onnxruntime", 8, "uint8 to labels"),  # large enough to run alone, and larger than the data set
    ],
)
def test_measure_counts_what_a_slow_computation_counts(
    backend: str, batch_size: int, form: str, subject: Subject, tmp_path: Path
) -> None:
    artifact = subject.artifact(backend, batch_size, FORMS[form])
    path = tmp_path / "labels.npy"
    evidence = pipeline.measure_split(subject, artifact, subject.photographs(), labels_to=path)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject))
    assert evidence.matrices.dtype == np.int64
    assert evidence.non_finite == (0 if form.endswith("logits") else None)
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


@pytest.mark.parametrize("form", ["float to logits", "uint8 to labels"])
def test_measure_never_predicts_the_void_output(form: str, void_subject: Subject) -> None:
    logits = slow_logits(void_subject)
    assert any((image.argmax(axis=0) == 19).any() for image in logits.values())
    evidence = measured(void_subject, form=form)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(void_subject))


def test_measure_reads_prepared_images_as_it_reads_photographs(subject: Subject) -> None:
    evidence = pipeline.measure_split(subject, subject.artifact("onnxruntime", 2), subject.prepared())
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject))


def test_measure_of_a_limited_subject(subject: Subject) -> None:
    assert subject.data_root is not None
    evidence = measured(over(subject, subject.data_root, limit=3), batch_size=2)
    np.testing.assert_array_equal(evidence.matrices, slow_matrices(subject)[:3])
    assert evidence.images_expected == IMAGES


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("damage", ["image", "label", "gone"])
def test_an_unreadable_image_stops_the_run(damage: str, workers: int, subject: Subject, tmp_path: Path) -> None:
    broken = over(subject, data_set(tmp_path))
    artifact = broken.artifact("onnxruntime", 1)
    source = broken.photographs()  # every file was sound when the run began
    sample = broken.dataset.samples[2]
    path = sample.label if damage == "label" else sample.image
    path.write_bytes(path.read_bytes()[:200])
    if damage == "gone":
        path.unlink()
    before = threading.enumerate()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        with pytest.raises(InputError) as caught:
            pipeline.measure_split(broken, artifact, source, workers=workers)
        message = str(caught.value)
        del caught
        gc.collect()
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    assert threading.enumerate() == before
    assert not [str(warning.message) for warning in left_open]


class Endless:
    """A source of many images that never end up on disk."""

    def __init__(self, count: int) -> None:
        self.names = tuple(f"image_{number:04d}" for number in range(count))

    def load(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return np.full((SIDE, SIDE, 3), index % 19, np.uint8), np.full((SIDE, SIDE), index % 19, np.uint8)


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_does_not_grow_with_the_images(workers: int, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, alive, most = threading.Lock(), 0, 0

    def ended() -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def infer(images: NDArray[Any]) -> NDArray[Any]:
        nonlocal alive, most
        labels = images[..., 0].copy()
        weakref.finalize(labels, ended)
        with lock:
            alive += 1
            most = max(most, alive)
        if not images[0].any():  # the first batch: all others could be done before it is
            time.sleep(0.2)
        return labels

    form = IoFormat(input="uint8", output="labels")
    artifact = backends.Artifact(
        path=Path("none"), backend="fake", batch_size=2, form=form, sha256="", weights_sha256=""
    )
    fake = SimpleNamespace(
        open_model=lambda *_: FakeModel(infer), versions=dict, watched=lambda _: nullcontext(backends.DeviceReadings())
    )
    monkeypatch.setattr("enet.backends.get", lambda _: fake)
    monkeypatch.setattr(FakeModel, "infer", lambda self, images: self.function(images))  # remembers nothing
    source: ImageSource = Endless(19 * 8)
    evidence = pipeline.measure_split(subject, artifact, source, workers=workers)
    np.testing.assert_array_equal(evidence.matrix, np.eye(19, dtype=np.int64) * 8 * SIDE * SIDE)
    assert workers <= most <= 2 * workers + 1  # and the one whose counts are being written down
    assert alive <= 1
