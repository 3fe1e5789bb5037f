"""Exact scores: by hand, by properties that must hold, and by the official Cityscapes evaluator."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from enet.datasets import IGNORE, cityscapes
from enet.metrics.segmentation import confusion_matrix, iou_per_class, miou, pixel_accuracy
from tests.unit import recipes

Labels = NDArray[np.uint8]


def labels(*values: int) -> Labels:
    return np.array(values, np.uint8)


def test_scores_of_2x2_pixels_are_those_by_hand() -> None:
    target, prediction = labels(0, 0, 1, 1).reshape(2, 2), labels(0, 1, 1, 1).reshape(2, 2)
    matrix = confusion_matrix(prediction, target, classes=2)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[1, 1], [0, 2]]  # row = target, column = prediction
    assert iou_per_class(matrix).tolist() == [1 / 2, 2 / 3]
    assert miou(matrix, "zero") == miou(matrix, "skip") == (1 / 2 + 2 / 3) / 2
    assert pixel_accuracy(matrix) == 3 / 4


def test_scores_of_perfect_and_wrong_predictions() -> None:
    target = labels(0, 1, 0, 1)
    perfect, wrong = confusion_matrix(target, target, 2), confusion_matrix(1 - target, target, 2)
    assert (miou(perfect, "zero"), pixel_accuracy(perfect)) == (1.0, 1.0)
    assert (miou(wrong, "zero"), pixel_accuracy(wrong)) == (0.0, 0.0)


def test_miou_absent_class_follows_both_rules() -> None:
    matrix = confusion_matrix(labels(0, 0, 1, 1), labels(0, 0, 1, 1), classes=4)
    assert np.isnan(iou_per_class(matrix)).tolist() == [False, False, True, True]
    assert miou(matrix, "zero") == 0.5
    assert miou(matrix, "skip") == 1.0


def test_miou_class_only_predicted_or_only_true_is_not_absent() -> None:
    assert iou_per_class(confusion_matrix(labels(1, 0), labels(0, 0), 2)).tolist() == [0.5, 0.0]
    assert iou_per_class(confusion_matrix(labels(0, 0), labels(1, 0), 2)).tolist() == [0.5, 0.0]


def test_confusion_matrix_skips_ignored_pixels() -> None:
    matrix = confusion_matrix(labels(0, 1, 1, 0), labels(0, IGNORE, 1, IGNORE), classes=2)
    assert matrix.tolist() == [[1, 0], [0, 1]]


def test_scores_of_nothing_are_nan() -> None:
    matrix = confusion_matrix(labels(0, 1), labels(IGNORE, IGNORE), classes=2)
    assert matrix.tolist() == [[0, 0], [0, 0]]
    assert all(math.isnan(value) for value in (miou(matrix, "zero"), miou(matrix, "skip"), pixel_accuracy(matrix)))


def test_confusion_matrix_of_no_pixels_is_zero() -> None:
    assert confusion_matrix(labels(), labels(), classes=3).tolist() == [[0] * 3] * 3


@pytest.mark.parametrize("classes", [1, 2, 11, 19, 255])
def test_confusion_matrix_counts_the_largest_ids(classes: int) -> None:
    last = labels(classes - 1)
    matrix = confusion_matrix(last, last, classes)
    assert matrix.shape == (classes, classes)
    assert (matrix[-1, -1], matrix.sum()) == (1, 1)


def test_confusion_matrix_different_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"prediction\.shape=\(2,\), expected the target's \(1, 2\)"):
        confusion_matrix(labels(0, 0), labels(0, 0).reshape(1, 2), 2)


@pytest.mark.parametrize("wrong", [19, 33, 254, 255])
def test_confusion_matrix_prediction_out_of_range_is_an_error(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"prediction holds {wrong}, expected 0\.\.18"):
        confusion_matrix(labels(0, wrong), labels(0, 0), 19)


@pytest.mark.parametrize("wrong", [19, 33, 254])
def test_confusion_matrix_target_out_of_range_is_an_error(wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"target holds {wrong}, expected 0\.\.18 or 255"):
        confusion_matrix(labels(0, 0), labels(0, wrong), 19)
    with pytest.raises(ValueError, match=rf"target holds {wrong}, "):  # the smallest of several
        confusion_matrix(labels(0, 0, 0), labels(254, wrong, 254), 19)


def test_confusion_matrix_checks_predictions_of_ignored_pixels() -> None:
    with pytest.raises(ValueError, match="prediction holds 19"):
        confusion_matrix(labels(19), labels(IGNORE), 19)


def test_confusion_matrix_counts_beyond_float32_are_exact() -> None:
    pixels = 2**24 + 1
    prediction = np.zeros(pixels, np.uint8)
    prediction[-1] = 1
    matrix = confusion_matrix(prediction, np.zeros(pixels, np.uint8), classes=2)
    assert matrix.tolist() == [[2**24, 1], [0, 0]]
    assert iou_per_class(matrix)[0] == 2**24 / pixels


def test_scores_of_sums_beyond_float64_are_exact() -> None:
    big = 2**53 + 1
    matrix = np.array([[big, 1], [3, big]], np.int64)
    assert (matrix + matrix)[0, 0] == 2 * big
    assert iou_per_class(matrix)[0] == float(Fraction(big, big + 4))
    assert pixel_accuracy(matrix) == pytest.approx(float(Fraction(2 * big, 2 * big + 4)), rel=1e-15)


def drawn(rng: np.random.Generator) -> tuple[Labels, Labels, int]:
    """Prediction, target and the number of classes; now and then empty, or all ignored."""
    classes, pixels = int(rng.integers(1, 7)), int(rng.integers(0, 60))
    target = rng.integers(-1, classes, pixels) if rng.random() < 0.9 else np.full(pixels, -1)
    prediction = rng.integers(0, classes, pixels)
    return prediction.astype(np.uint8), np.where(target < 0, IGNORE, target).astype(np.uint8), classes


@pytest.fixture(params=range(40))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """What a property is tried on; forty of them."""
    return np.random.default_rng(request.param)


def test_confusion_matrix_equals_counting_one_by_one(rng: np.random.Generator) -> None:
    prediction, target, classes = drawn(rng)
    expected = np.zeros((classes, classes), np.int64)
    for p, t in zip(prediction.tolist(), target.tolist(), strict=True):
        if t != IGNORE:
            expected[t, p] += 1
    matrix = confusion_matrix(prediction, target, classes)
    assert np.array_equal(matrix, expected)
    for number, iou in enumerate(iou_per_class(matrix)):
        scored = target != IGNORE
        both = int((scored & (prediction == number) & (target == number)).sum())
        either = int((scored & ((prediction == number) | (target == number))).sum())
        assert iou == both / either if either else math.isnan(iou)


def test_confusion_matrix_of_parts_adds_up(rng: np.random.Generator) -> None:
    prediction, target, classes = drawn(rng)
    cut = int(rng.integers(0, 60))
    parts = confusion_matrix(prediction[:cut], target[:cut], classes) + confusion_matrix(
        prediction[cut:], target[cut:], classes
    )
    assert np.array_equal(parts, confusion_matrix(prediction, target, classes))


def test_confusion_matrix_is_independent_of_pixel_order(rng: np.random.Generator) -> None:
    prediction, target, classes = drawn(rng)
    order = list(range(len(prediction)))
    rng.shuffle(order)
    shuffled = confusion_matrix(prediction[order], target[order], classes)
    assert np.array_equal(shuffled, confusion_matrix(prediction, target, classes))


def test_scores_permute_with_the_classes(rng: np.random.Generator) -> None:
    prediction, target, classes = drawn(rng)
    names = list(range(classes))
    rng.shuffle(names)
    table = labels(*names, *[IGNORE] * (256 - classes))
    before = confusion_matrix(prediction, target, classes)
    after = confusion_matrix(table[prediction], table[target], classes)
    assert np.array_equal(after[np.ix_(names, names)], before)
    assert np.array_equal(iou_per_class(after)[names], iou_per_class(before), equal_nan=True)
    for rule in ("zero", "skip"):
        assert miou(after, rule) == pytest.approx(miou(before, rule), nan_ok=True)


def test_scores_are_in_0_to_1_and_symmetric(rng: np.random.Generator) -> None:
    matrix = confusion_matrix(*drawn(rng))
    if matrix.sum():
        assert 0 <= miou(matrix, "zero") <= miou(matrix, "skip") <= 1
        assert 0 <= pixel_accuracy(matrix) <= 1
    assert np.array_equal(iou_per_class(matrix), iou_per_class(matrix.T), equal_nan=True)


@pytest.mark.parametrize("absent", [0, 3, 17])
def test_scores_agree_with_the_official_evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: int) -> None:
    for variable in ("CITYSCAPES_DATASET", "CITYSCAPES_EXPORT_DIR", "CITYSCAPES_RESULTS"):
        monkeypatch.delenv(variable, raising=False)
    rng = np.random.default_rng(absent)
    scored_ids = labels(*[label_id for _, label_id, _ in cityscapes.LABELS])
    kept = 19 - absent
    lookup, matrix = cityscapes.CLASSES.lookup(), np.zeros((19, 19), np.int64)
    predictions, truths = [], []
    for number in range(4):
        ids = np.setdiff1d(np.arange(34), scored_ids[kept:]).astype(np.uint8)
        truth = rng.choice(ids, (40, 50))
        guess = rng.integers(0, kept, truth.shape).astype(np.uint8)
        train_ids = lookup[truth]
        guess = np.where((rng.random(truth.shape) < 0.6) & (train_ids != IGNORE), train_ids, guess)
        matrix += confusion_matrix(guess, train_ids, 19)
        predictions.append(tmp_path / f"{number}_pred.png")
        truths.append(tmp_path / f"{number}_gtFine_labelIds.png")
        Image.fromarray(scored_ids[guess]).save(predictions[-1])
        Image.fromarray(truth).save(truths[-1])
    theirs = recipes.official(predictions, truths)
    scores = [theirs["classScores"][name] for name in cityscapes.CLASSES.names]
    assert np.isnan(scores).sum() == absent
    np.testing.assert_allclose(iou_per_class(matrix), scores, rtol=0, atol=1e-9)
    assert miou(matrix, "skip") == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)
    assert miou(matrix, "zero") == pytest.approx(np.nansum(scores) / 19, abs=1e-9)


def test_train_ids_are_those_of_the_official_scripts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        helpers = pytest.importorskip("cityscapesscripts.helpers.labels")
    theirs = sorted((label for label in helpers.labels if label.trainId in range(19)), key=lambda label: label.trainId)
    assert [(label.name, label.id, label.color) for label in theirs] == list(cityscapes.LABELS)
    table = cityscapes.CLASSES.train_ids
    assert table == {label.id: label.trainId for label in helpers.labels if label.id >= 0}
