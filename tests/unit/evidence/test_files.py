"""Evidence is loaded as it was saved, and edited files are refused."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import evidence
from enet.deliverable.target import DeviceState
from enet.errors import InputError
from enet.evidence import (
    SCHEMA,
    Accuracy,
    Agreement,
    DeviceTiming,
    Digests,
    GoldenComparison,
    GoldenLogits,
    LogitComparison,
    Parity,
    Rebuilt,
    Throughput,
)
from enet.metrics.agreement import compare_label_maps, compare_splits
from enet.storage.files import hash_json
from tests.unit import recipes

PROVENANCE = recipes.provenance(
    deliverable="scenes", batch_size=16, io_format={"input": "float"}, versions={"numpy": "2"}
)
MAPS = np.random.default_rng(0).integers(0, 2, (2, 3, 4), np.uint8)
STATE = DeviceState(
    device=1,
    npu=0,
    chip=1,
    name="310P3",
    health="OK",
    power=17.5,
    temperature=None,
    utilisation=0.0,
    memory_used=934,
    memory_total=23054,
    processes=("python (4711)",),
    driver="22.0.2",
)
MATRICES = np.array([[[5, 1], [0, 2]], [[2**40, 0], [3, 0]]], np.int64)
ALL: dict[str, evidence.Evidence] = {
    "accuracy": Accuracy(
        provenance=PROVENANCE,
        classes=("a", "b"),
        absent_classes="skip",
        images=("x", "y"),
        images_expected=3,
        matrices=MATRICES,
        non_finite=None,
        seconds=0.5,
    ),
    "parity": Parity(
        comparison="batch parity",
        first=PROVENANCE,
        second=PROVENANCE,
        images=("x", "y"),
        images_expected=2,
        pixels_per_image=10,
        differing_pixels=(0, 3),
        non_finite=0,
        is_single_class=False,
        miou=(0.5, 0.25),
    ),
    "agreement": Agreement(
        first=PROVENANCE,
        second=PROVENANCE,
        classes=("a", "b"),
        images=("x",),
        images_expected=2,
        pixels_per_image=12,
        counts=(compare_label_maps(MAPS[0], MAPS[1]),),
        split=compare_splits([(MAPS[0], MAPS[1])], 2),
    ),
    "difference": LogitComparison(
        comparison="logits",
        first=PROVENANCE,
        second=PROVENANCE,
        values=10,
        largest=1e-5,
        limit=1e-4,
        relative=1e-6,
        over_limit=2,
        over_limit_unexcused=1,
        near_tie_share=0.5,
        non_finite=0,
    ),
    "digests": Digests(
        comparison="preprocessing",
        dataset_sha256="d",
        preprocessing_sha256="p",
        limited=False,
        images_expected=1,
        ours={"x": "1"},
        theirs={"x": "2"},
    ),
    "golden": GoldenLogits(
        deliverable="tiny",
        variant="paper",
        limit=1e-4,
        relative=1e-6,
        comparisons=(
            GoldenComparison(
                name="variant paper", weights_sha256="", golden_weights_sha256="", values=9, largest=1e-6, over_limit=0
            ),
        ),
    ),
    "rebuilt": Rebuilt(cache="c", seed=1, limited=False, cached={"x": "1"}, built={"x": "2"}),
    "throughput": Throughput(
        provenance=dataclasses.replace(PROVENANCE, chip="310P3", devices_before=(STATE,), devices_after=(STATE,)),
        tool="ais_bench",
        batch_size=4,
        batch_size_source="the compiled model",
        claimed_batch_size=4,
        images_expected=10,
        device_timings=(
            DeviceTiming(
                device="0", images=5, executions=2, compute_ms=(1.25, 1.75), mean_ms=1.5, started=1.0, ended=3.0
            ),
            DeviceTiming(device="1", images=5, executions=2, compute_ms=(), mean_ms=2.0, claimed=2000.0),
        ),
        contradictions=("said so",),
    ),
}


@pytest.mark.parametrize("kind", ALL)
def test_load_returns_what_was_saved(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "evidence.json"
    evidence.save(ALL[kind], path)
    again = evidence.load(path)
    assert again.to_json() == ALL[kind].to_json()
    if isinstance(again, Accuracy):
        assert again.matrices.dtype == np.int64
        np.testing.assert_array_equal(again.matrices, MATRICES)
    assert [p.name for p in path.parent.iterdir()] == ["evidence.json"]


def edited(tmp_path: Path, kind: str, changes: dict[str, Any]) -> Path:
    """Evidence that was edited together with its checksum."""
    path = tmp_path / "evidence.json"
    table = json.loads(json.dumps(ALL[kind].to_json())) | changes
    path.write_text(json.dumps(table | {"sha256": hash_json(table)}))
    return path


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("accuracy", {"miou": 0.99}),
        ("accuracy", {"matrices": [[9, 9, 9, 9], [0, 0, 0, 0]]}),
        ("parity", {"pixel_agreement": 1.0}),
        ("parity", {"differing_pixels": [0, 0]}),
        ("agreement", {"pixel_agreement": 1.0}),
        ("throughput", {"images_per_second": 9999.0}),
    ],
)
def test_load_edited_figure_is_refused(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\w+=.*, expected .* from its counts: the file has been edited"):
        evidence.load(edited(tmp_path, kind, changes))


@pytest.mark.parametrize("kind", ALL)
def test_load_wrong_checksum_is_refused(kind: str, tmp_path: Path) -> None:
    """The checksum finds any changed byte, and its own absence is an error."""
    path = tmp_path / "evidence.json"
    evidence.save(ALL[kind], path)
    table = json.loads(path.read_text())
    for wrong in ({**table, "more": 1}, {name: value for name, value in table.items() if name != "sha256"}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match="checksum mismatch"):
            evidence.load(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": 1}, f"schema=1, expected {SCHEMA}"),
        ({"kind": "opinion"}, "KeyError: 'opinion'"),
        ({"matrices": [[1, 2]]}, "ValueError: cannot reshape"),
        ({"matrices": "none"}, "ValueError: invalid literal"),
        ({"image_names": ["x"]}, "matrices.shape="),
        ({"unknown": 1}, "unknown key 'unknown'"),
        ({"seconds": "0.5"}, "accuracy [seconds]: '0.5'"),
        ({"non_finite": True}, "accuracy [non_finite]: True"),
        ({"absent_classes": "ignore"}, "accuracy [absent_classes]"),
        ({"provenance": {}}, "deliverable, backend, device"),
        ({"devices": [{"device": "0", "images": 1}]}, "seconds missing"),
        ({"images_expected": None}, "accuracy [images_expected]: None"),
    ],
)
def test_load_of_other_fields_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{re.escape(words)}.*\. Measure again") as caught:
        evidence.load(edited(tmp_path, "accuracy", changes))
    assert recipes.is_plain(str(caught.value))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"schema": %d}' % SCHEMA])
def test_load_damaged_file_gives_one_line_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not evidence"):
        evidence.load(path)


def test_load_missing_file_gives_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        evidence.load(tmp_path / "absent.json")


def test_summary_has_both_rules_for_absent_classes() -> None:
    matrices = np.zeros((1, 3, 3), np.int64)
    matrices[0, 0, 0] = matrices[0, 1, 1] = 5
    measured = Accuracy(
        provenance=PROVENANCE,
        classes=("a", "b", "absent"),
        absent_classes="zero",
        images=("x",),
        images_expected=1,
        matrices=matrices,
        non_finite=0,
        seconds=2.0,
    )
    summary = measured.summary()
    assert summary["miou"] == summary["miou_absent_zero"] == pytest.approx(2 / 3)
    assert summary["miou_absent_skip"] == 1.0
    assert summary["miou_rule"] == "absent classes: zero"
    assert summary["iou_per_class"]["absent"] is None
    assert summary["images_per_second"] == 0.5
