"""Figures that follow from evidence: by hand, at their limits, and of nothing."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import sys
from typing import Any

import numpy as np
import pytest

from enet import evidence
from enet.evidence import Accuracy, DeviceShare, DeviceTiming, Parity, Throughput
from enet.evidence.provenance import RECORDED, now
from tests.unit import recipes

NAN = recipes.about(float("nan"))


# Provenance.


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "cityscapes-onnxruntime-bs1"),
        ({"precision": "int8", "batch_size": 16}, "cityscapes-onnxruntime-int8-bs16"),
        ({"precision": "fp16"}, "cityscapes-onnxruntime-bs1"),
    ],
)
def test_provenance_is_named_by_deliverable_backend_and_batch(changes: dict[str, Any], name: str) -> None:
    assert str(recipes.provenance(**changes)) == name


def test_provenance_is_of_a_real_run_unless_it_says_otherwise() -> None:
    plain = recipes.provenance()
    assert (plain.simulated, plain.missing_reason, plain.chip, plain.allow_busy, plain.limited) == (
        False, "", "", False, False
    )  # fmt: skip
    assert (plain.precision, plain.calibration_sha256, plain.devices_before, plain.devices_after) == (
        "fp32",
        "",
        (),
        (),
    )
    assert plain.argv == tuple(sys.argv)
    assert RECORDED == "recorded"
    assert datetime.datetime.fromisoformat(now()).utcoffset() == datetime.timedelta(0)
    assert len(now()) == len("2026-01-01T00:00:00+00:00")


HOT, SICK = recipes.device_state(temperature=91.0), recipes.device_state(health="Alarm")


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"devices_before": (recipes.device_state(),)}, []),
        ({"devices_before": (HOT,)}, ["91 °C"]),
        ({"devices_after": (HOT,)}, ["91 °C"]),
        ({"devices_before": (SICK, HOT), "devices_after": (HOT, SICK)}, ["health is Alarm", "91 °C"]),
        ({"devices_before": (HOT,), "devices_after": (SICK,), "allow_busy": True}, []),
    ],
)
def test_device_problems_are_those_before_and_after_each_once(changes: dict[str, Any], problems: list[str]) -> None:
    found = recipes.provenance(**changes).device_problems()
    assert len(found) == len(problems)
    assert all(words in problem for words, problem in zip(problems, found, strict=True))


# Accuracy.

#: Two images of three classes and a fourth that is nowhere; the second image gets one class everywhere.
MATRICES = np.array(
    [[[5, 1, 0, 0], [0, 2, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0]], [[3, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]]
)


def scored(**changes: Any) -> Accuracy:
    known: dict[str, Any] = {
        "provenance": recipes.provenance(),
        "classes": ("a", "b", "c", "d"),
        "absent_classes": "zero",
        "images": ("x", "y"),
        "images_expected": 3,
        "matrices": MATRICES,
        "non_finite": 1,
        "seconds": 4.0,
    }
    return Accuracy(**{**known, **changes})


def test_accuracy_summary_is_that_by_hand() -> None:
    found = scored(devices=(DeviceShare(device="0", images=2, seconds=1.5),), claimed_miou_percent=12.5)
    iou = [8 / 12, 2 / 4, 4 / 6]
    assert found.matrix.tolist() == [[8, 1, 0, 0], [1, 2, 0, 0], [2, 0, 4, 0], [0, 0, 0, 0]]
    assert found.miou == pytest.approx(sum(iou) / 4)
    assert scored(absent_classes="skip").miou == pytest.approx(sum(iou) / 3)
    assert found.summary() == {
        "miou": pytest.approx(sum(iou) / 4),
        "miou_rule": "absent classes: zero",
        "miou_absent_zero": pytest.approx(sum(iou) / 4),
        "miou_absent_skip": pytest.approx(sum(iou) / 3),
        "order_hint": "",
        "pixel_accuracy": pytest.approx(14 / 18),
        "iou_per_class": {"a": pytest.approx(iou[0]), "b": iou[1], "c": pytest.approx(iou[2]), "d": None},
        "confusion_matrix": found.matrix.tolist(),
        "images": 2,
        "images_per_second": 0.5,
        "provenance": dataclasses.asdict(found.provenance),
        "images_expected": 3,
        "seconds": 4.0,
        "devices": ({"device": "0", "images": 2, "seconds": 1.5},),
        "claimed_miou_percent": 12.5,
        "duplicate_images": 0,
        "label_grid": "network",
        "borders": None,
        "run": found.run,
    }
    assert scored(seconds=0.0).summary()["images_per_second"] is None


def test_accuracy_in_json_is_its_fields_and_summary() -> None:
    found = scored()
    assert found.to_json() == {
        "kind": "accuracy",
        "schema": evidence.SCHEMA,
        **found.summary(),
        "classes": ("a", "b", "c", "d"),
        "absent_classes": "zero",
        "image_names": ("x", "y"),
        "matrices": [matrix.ravel().tolist() for matrix in MATRICES],
        "non_finite": 1,
    }


def test_accuracy_is_rebuilt_from_json() -> None:
    """Two images of four classes: the counts of an image are one row of the file."""
    table = json.loads(json.dumps(scored().to_json()))
    again = Accuracy.from_json(table)
    assert isinstance(again, Accuracy)
    np.testing.assert_array_equal(again.matrices, MATRICES)
    assert (again.images, again.classes) == (("x", "y"), ("a", "b", "c", "d"))


@pytest.mark.parametrize("changes", [{"images": ("x",)}, {"classes": ("a", "b")}, {"matrices": MATRICES[:, :3]}])
def test_accuracy_of_another_shape_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"matrices\.shape=.*, expected "):
        scored(**changes)


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([[3, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]], True),  # one predicted, three true
        ([[0, 0, 3, 0], [0, 0, 1, 0], [0, 0, 2, 0]], True),
        ([[3, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], False),  # two true: an artifact may see one of them
        ([[3, 0, 0, 0], [1, 1, 0, 0], [2, 0, 0, 0]], False),  # two predicted
        ([[3, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], False),
        ([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], False),
    ],
)
def test_single_class_images_have_more_than_two_true_classes(rows: list[list[int]], counted: bool) -> None:
    matrices = np.array([[*rows, [0] * 4], MATRICES[0].tolist()])
    assert scored(matrices=matrices).single_class_images == (("x",) if counted else ())


# Parity.


def compared(*differing: int, pixels: int = 10) -> Parity:
    side, names = recipes.provenance(), tuple("xyz"[: len(differing)])
    return Parity(
        comparison="batch parity", first=side, second=side, images=names, images_expected=3, pixels_per_image=pixels,
        differing_pixels=differing, non_finite=0, is_single_class=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("differing", "pixels", "agreement"),
    [((0, 3), 10, 0.85), ((0,), 10, 1.0), ((10,), 10, 0.0), ((), 10, NAN), ((0,), 0, NAN)],
)
def test_pixel_agreement_is_over_all_images(differing: tuple[int, ...], pixels: int, agreement: float) -> None:
    found = compared(*differing, pixels=pixels)
    assert found.pixel_agreement == agreement
    assert found.summary() == {"pixel_agreement": agreement}
    assert found.miou is None


def test_parity_needs_a_count_for_each_image() -> None:
    with pytest.raises(ValueError, match="differing_pixels has 2 counts, expected 1"):
        dataclasses.replace(compared(0, 3), images=("x",))


# Throughput.


def timing(*compute_ms: float, device: str = "0", images: int = 0, **changes: Any) -> DeviceTiming:
    known: dict[str, Any] = {"executions": len(compute_ms), "mean_ms": 8.0}
    return DeviceTiming(**{"device": device, "images": images, "compute_ms": compute_ms, **known, **changes})


def timed(*timings: DeviceTiming, batch_size: int = 4) -> Throughput:
    return Throughput(
        provenance=recipes.provenance(), tool="ais_bench", batch_size=batch_size, batch_size_source="the model",
        claimed_batch_size=None, device_timings=timings, images_expected=10,
    )  # fmt: skip


def test_throughput_is_a_weighted_mean_over_devices() -> None:
    """The second device keeps no raw times, and ran three of five executions."""
    found = timed(
        timing(1.0, 3.0, images=6, started=10.0, ended=10.5),
        timing(device="1", images=4, executions=3, mean_ms=7.0, started=10.25, ended=12.0),
    )
    assert [each.mean for each in found.device_timings] == [2.0, 7.0]
    assert found.mean_ms == pytest.approx((2 * 2 + 3 * 7) / 5)
    assert found.images_per_second == pytest.approx(1000 * 4 / 5)
    assert (found.device_images_per_second(2.0), found.device_images_per_second(0.5)) == (2000, 8000)
    assert (found.images, found.seconds, found.wall_images_per_second) == (10, 2.0, 5.0)
    assert found.percentile_99_ms == pytest.approx(1 + 2 * 0.99)
    assert found.drift == pytest.approx(2.0)
    assert found.summary() == {
        "images": 10,
        "mean_ms": found.mean_ms,
        "percentile_99_ms": found.percentile_99_ms,
        "images_per_second": found.images_per_second,
        "seconds": 2.0,
        "wall_images_per_second": 5.0,
    }


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ({"started": 1.0, "ended": 3.0}, {"started": 0.0, "ended": 2.0}, 3.0),
        ({"started": 0.0, "ended": 3.0}, {"started": 0.0, "ended": 2.0}, 3.0),
        ({"started": 1.0, "ended": 3.0}, {}, None),
        ({"started": 1.0, "ended": 3.0}, {"started": 1.0}, None),
        ({"started": 1.0}, {"ended": 2.0}, None),
        ({"ended": 2.0}, {"ended": 2.0}, None),
        ({}, {}, None),
    ],
)
def test_wall_clock_needs_the_times_of_every_device(
    first: dict[str, Any], second: dict[str, Any], seconds: float | None
) -> None:
    found = timed(timing(1.0, images=6, **first), timing(1.0, device="1", images=6, **second))
    assert found.seconds == seconds
    assert found.wall_images_per_second == (12 / seconds if seconds else None)


def test_throughput_of_nothing_is_not_a_number() -> None:
    found = timed(timing(), batch_size=0)
    assert (found.mean_ms, found.images_per_second) == (NAN, NAN)
    assert math.isnan(found.device_images_per_second(0.0))
    assert math.isnan(found.device_images_per_second(-1.0))
    assert (found.percentile_99_ms, found.drift) == (None, 0.0)
    assert (found.zero_input, found.tail_dropped, found.contradictions, found.batch_ambiguity) == (False, False, (), "")
    with pytest.raises(ValueError, match="device_timings is empty"):
        timed()


def test_drift_is_that_of_the_device_that_changed_most() -> None:
    steady, faster = timing(1.0, 1.1), timing(1.0, 0.5, device="1")
    assert timed(steady, faster).drift == timed(faster, steady).drift == pytest.approx(-0.5)
