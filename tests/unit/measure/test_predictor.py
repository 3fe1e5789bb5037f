"""Predictor: padding, normalisation, void outputs and non-finite logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.datasets import preprocess
from enet.deliverable import IoFormat, Preprocessing
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from tests.unit.measure.models import FakeModel, artifact


def predictor(model: Any, batch_size: int, io_format: IoFormat, classes: int = 19) -> Predictor:
    normalise = preprocess.Normalise(Preprocessing(size=(8, 8)))
    return Predictor(model, artifact(batch_size, io_format), normalise, classes, (8, 8))


def random_images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)


def first_channel(images: NDArray[Any]) -> NDArray[Any]:
    """Labels that differ between the images."""
    return images[..., 0] % 19


@pytest.mark.parametrize("count", [1, 3, 4])
def test_short_batch_is_padded_with_its_first_image(count: int) -> None:
    model = FakeModel(first_channel)
    images = random_images(count)
    labels, broken = predictor(model, 4, IoFormat(input="uint8", output="labels")).labels(images)
    (fed,) = model.seen
    assert fed.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(fed[:count], images)
    for row in fed[count:]:
        np.testing.assert_array_equal(row, images[0])
    np.testing.assert_array_equal(labels, first_channel(images))
    assert (str(labels.dtype), broken) == ("uint8", 0)


def test_float_images_are_normalised_and_uint8_are_not() -> None:
    images = random_images(2)
    seen = {}
    for io_format in (IoFormat(input="float"), IoFormat(input="uint8")):
        model = FakeModel(lambda x: np.zeros((len(x), 19, 8, 8), np.float32))
        predictor(model, 2, io_format).infer_batch(images)
        (seen[io_format.input],) = model.seen
    np.testing.assert_array_equal(seen["uint8"], images)
    spec = Preprocessing()
    expected = (images / 255 - np.array(spec.mean)) / np.array(spec.std)
    assert str(seen["float"].dtype) == "float32"
    np.testing.assert_allclose(seen["float"], expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_outputs_after_the_classes_are_never_predicted() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 20, 8, 8)).astype(np.float32)
    logits[:, 19] += 100
    labels, _ = predictor(FakeModel(lambda _: logits), 2, IoFormat()).labels(random_images(2))
    np.testing.assert_array_equal(labels, logits[:, :19].argmax(axis=1))


def test_non_finite_images_are_counted_without_padding() -> None:
    logits = np.zeros((4, 19, 8, 8), np.float32)
    logits[1, 3, 2, 1], logits[2, 0], logits[3] = np.nan, np.inf, np.nan
    fake = predictor(FakeModel(lambda _: logits), 4, IoFormat())
    assert fake.labels(random_images(4))[1] == 3
    assert fake.labels(random_images(3))[1] == 2
    assert fake.labels(random_images(1))[1] == 0


def test_open_predictor_uses_the_deliverable(void_subject: Subject) -> None:
    built = void_subject.artifact("onnxruntime", 2, IoFormat(input="uint8"))
    with open_predictor(void_subject, built) as opened:
        assert (opened.batch_size, opened.is_uint8, opened.classes) == (2, True, 19)
