"""Properties that hold for every input: of scoring, preprocessing, gates, and evidence as JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from enet import deliverable, evidence, gates
from enet.datasets import preprocess
from enet.deliverable import Deliverable, Preprocessing
from enet.evidence import Accuracy, Parity
from enet.gates import Outcome
from enet.measure import reference_preprocessing
from enet.metrics import segmentation
from tests.unit import recipes

thorough = settings(max_examples=100, deadline=None, derandomize=True, database=None)

CLASSES = 5
SEEDS = st.integers(0, 2**32 - 1)


def maps(seed: int, ignored: float = 0.2) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A prediction and a truth."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 12, 2))
    truth = rng.integers(0, CLASSES, shape).astype(np.uint8)
    prediction = np.where(rng.random(shape) < 0.6, truth, rng.integers(0, CLASSES, shape)).astype(np.uint8)
    truth[rng.random(shape) < ignored] = 255
    return prediction, truth


# Scoring.


@thorough
@given(SEEDS)
def test_confusion_matrix_is_independent_of_pixel_order(seed: int) -> None:
    prediction, truth = maps(seed)
    order = np.random.default_rng(seed).permutation(truth.size)
    shuffled = segmentation.confusion_matrix(prediction.ravel()[order], truth.ravel()[order], CLASSES)
    assert (shuffled == segmentation.confusion_matrix(prediction, truth, CLASSES)).all()


@thorough
@given(SEEDS)
def test_confusion_matrix_of_parts_adds_up(seed: int) -> None:
    prediction, truth = maps(seed)
    cut = seed % (truth.shape[0] + 1)
    parts = [
        segmentation.confusion_matrix(prediction[rows], truth[rows], CLASSES) for rows in (slice(cut), slice(cut, None))
    ]
    assert (parts[0] + parts[1] == segmentation.confusion_matrix(prediction, truth, CLASSES)).all()


@thorough
@given(SEEDS)
def test_miou_is_independent_of_class_numbers(seed: int) -> None:
    prediction, truth = maps(seed)
    names = np.append(np.random.default_rng(seed).permutation(CLASSES), np.full(256 - CLASSES, 255)).astype(np.uint8)
    matrix = segmentation.confusion_matrix(prediction, truth, CLASSES)
    renamed = segmentation.confusion_matrix(names[prediction], names[truth], CLASSES)
    assert (renamed[np.ix_(names[:CLASSES], names[:CLASSES])] == matrix).all()
    for rule in ("zero", "skip"):
        first, second = (segmentation.miou(each, rule) for each in (renamed, matrix))
        assert first == pytest.approx(second, rel=1e-12, nan_ok=True)


@thorough
@given(SEEDS)
def test_scores_are_within_bounds(seed: int) -> None:
    """Every IoU is in 0..1 and at most the share of its truth that was found; equal maps score 1."""
    prediction, truth = maps(seed)
    matrix = segmentation.confusion_matrix(prediction, truth, CLASSES)
    assert matrix.sum() == np.count_nonzero(truth != 255)
    iou, found = segmentation.iou_per_class(matrix), matrix.sum(axis=1)
    present = found > 0
    assert ((iou[present] >= 0) & (iou[present] <= np.diagonal(matrix)[present] / found[present])).all()
    if (truth != 255).any():
        assert segmentation.miou(matrix, "zero") <= segmentation.miou(matrix, "skip")
        same = segmentation.confusion_matrix(np.where(truth == 255, 0, truth).astype(np.uint8), truth, CLASSES)
        assert segmentation.miou(same, "skip") == segmentation.pixel_accuracy(same) == 1


# Preprocessing.


@settings(thorough, max_examples=40)
@given(
    st.integers(8, 300),
    st.integers(8, 300),
    st.sampled_from(["exact", "short-side"]),
    st.integers(1, 12),
    st.integers(1, 12),
    SEEDS,
)
def test_preprocessing_of_every_size_follows_the_recipe(
    width: int, height: int, resize: Any, columns: int, rows: int, seed: int
) -> None:
    """Whole pixels of the network's size; and the same bytes as the slow restatement of the reference scripts."""
    size = (8 * columns, 8 * (columns if resize == "short-side" else rows))
    spec = Preprocessing(resize=resize, size=size)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(pixels)
    window = preprocess.window(image.size, spec)
    found = window.of_image(image)
    assert found.size == size
    assert found.tobytes() == reference_preprocessing.resize(image, spec, Image.Resampling.BILINEAR).tobytes()
    label = Image.fromarray(pixels[..., 0])
    expected = reference_preprocessing.resize(label, spec, Image.Resampling.NEAREST)
    assert window.of_label(label).tobytes() == expected.tobytes()


# Gates.

PROVENANCE = recipes.provenance()


def deliverable_of(images: int) -> Deliverable:
    spec = deliverable.load("cityscapes")
    return dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, images=images))


def accuracy(seed: int, right: float) -> Accuracy:
    """Evidence in which about so much is right."""
    rng = np.random.default_rng(seed)
    images = int(rng.integers(1, 6))
    matrices = rng.integers(0, 50, (images, CLASSES, CLASSES))
    matrices[:, range(CLASSES), range(CLASSES)] += round(2000 * right)
    return Accuracy(
        provenance=PROVENANCE,
        classes=tuple("abcde"),
        absent_classes="zero",
        images=tuple(f"image{i}" for i in range(images)),
        images_expected=images,
        matrices=matrices,
        non_finite=0,
        seconds=1.0,
    )


@thorough
@given(SEEDS, st.floats(0.01, 1), st.floats(0, 1))
def test_miou_gate_fails_further_outside_the_band(seed: int, right: float, more: float) -> None:
    """What lies further below a figure that is too low fails, too; above alike."""
    nearer, spec = accuracy(seed, right), deliverable_of(len(accuracy(seed, right).images))
    further = dataclasses.replace(nearer, matrices=nearer.matrices.copy())
    wrong = np.ones((CLASSES, CLASSES), np.int64) - np.eye(CLASSES, dtype=np.int64)
    further.matrices[:] += round(1000 * more) * wrong
    assert further.miou <= nearer.miou
    verdicts = [gates.accuracy.miou(side, spec) for side in (nearer, further)]
    if verdicts[0].outcome is Outcome.FAIL and 100 * nearer.miou < spec.reference.miou_percent:
        assert verdicts[1].outcome is Outcome.FAIL
    if verdicts[1].outcome is Outcome.FAIL and 100 * further.miou > spec.reference.miou_percent:
        assert verdicts[0].outcome is Outcome.FAIL


@thorough
@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(0, 7), st.integers(1, 1000))
def test_parity_gate_fails_with_more_differing_pixels(differing: list[int], at: int, more: int) -> None:
    def verdict(counts: list[int]) -> Outcome:
        batched = dataclasses.replace(PROVENANCE, batch_size=16, artifact_sha256="b")
        between = Parity(
            comparison="batch parity",
            first=batched,
            second=PROVENANCE,
            images=tuple(map(str, range(len(counts)))),
            images_expected=len(counts),
            pixels_per_image=10_000,
            differing_pixels=tuple(counts),
            non_finite=0,
            is_single_class=False,
        )
        return gates.parity.parity(between, deliverable_of(len(counts))).outcome

    worse = [count + more * (number == at % len(differing)) for number, count in enumerate(differing)]
    if verdict(differing) is Outcome.FAIL:
        assert verdict(worse) is Outcome.FAIL
    if verdict(worse) is Outcome.PASS:
        assert verdict(differing) is Outcome.PASS


# Evidence.


@settings(thorough, max_examples=50)
@given(seed=SEEDS, right=st.floats(0, 1), name=st.text(max_size=20), non_finite=st.none() | st.integers(0, 5))
def test_evidence_load_returns_what_was_saved(
    seed: int, right: float, name: str, non_finite: int | None, folder: Path
) -> None:
    written = dataclasses.replace(
        accuracy(seed, right), non_finite=non_finite, provenance=dataclasses.replace(PROVENANCE, device=name)
    )
    evidence.save(written, folder / "evidence.json")
    found = evidence.load(folder / "evidence.json")
    assert isinstance(found, Accuracy)
    assert (found.matrices == written.matrices).all()
    table = {field.name for field in dataclasses.fields(Accuracy)} - {"matrices"}
    assert all(getattr(found, field) == getattr(written, field) for field in table)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")
