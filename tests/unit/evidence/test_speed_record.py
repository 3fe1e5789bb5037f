"""Recorded speeds: read as they were written, for the right machine and deliverable."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable
from enet.errors import InputError
from enet.evidence import RecordedSpeed, speed_record
from enet.host import host_fingerprint
from enet.metrics.latency import Rate, Ratio
from enet.storage.files import hash_json
from fixtures.options import earlier_speeds

SPEEDS = {
    "scenes-onnxruntime-bs1": RecordedSpeed(
        ratio=Ratio(3.0, 2.9, 3.1), artifact=Rate(3.0, 3.0, 3.0), reference=Rate(1.0, 1.0, 1.0)
    )
}


def test_speed_record_load_returns_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "base.json"
    speed_record.save(SPEEDS, path)
    assert speed_record.load(path) == SPEEDS


def sign(path: Path, **changes: Any) -> None:
    """Change a record, and give it the checksum of what it then says."""
    table = {key: value for key, value in json.loads(path.read_text()).items() if key != "sha256"} | changes
    path.write_text(json.dumps(table | {"sha256": hash_json(table)}))


def test_speed_record_that_was_edited_is_refused(tmp_path: Path) -> None:
    """A quarter of every figure would let an artifact pass that has become four times as slow."""
    path = tmp_path / "base.json"
    speed_record.save(SPEEDS, path)
    table = json.loads(path.read_text())
    for estimates in table["speeds"].values():
        for estimate in estimates.values():
            estimate.update({key: value / 4 for key, value in estimate.items()})
    for edited in (table, {key: value for key, value in table.items() if key != "sha256"}):
        path.write_text(json.dumps(edited))
        with pytest.raises(InputError, match="checksum mismatch, the file has been edited"):
            speed_record.load(path)


def speeds_of(value: object, low: float = 1, high: float = 2, side: str = "reference") -> dict[str, Any]:
    """A case of a record with one figure that is given."""
    good = {"value": 1, "low": 1, "high": 2}
    return {"ratio": good, "artifact": good, "reference": good, side: {"value": value, "low": low, "high": high}}


WRONG: dict[str, tuple[Any, str]] = {
    "absent": (None, "Record one with --record-baseline"),
    "text": ("fast", "not a record of speeds"),
    "another schema": ({"schema": 9}, "schema=9"),
    "another machine": (
        {"machine": {"cpu": "Z80", "cores": 999}},
        "recorded on another host (different cpu, mhz, vector_flags, cores",
    ),
    "of the first schema": ({"schema": 1, "speeds": None, "over_pytorch": {}}, "schema=1, expected 2. Record it again"),
    "no numbers": ({"speeds": {"a": speeds_of("x")}}, "not a record of speeds"),
    "a side is missing": (
        {"speeds": {"a": {"ratio": {"value": 1, "low": 1, "high": 1}}}},
        "speeds: artifact, reference missing",
    ),
    "an interval beside its value": ({"speeds": {"a": speeds_of(9)}}, "do not contain"),
    "a ratio beside its value": ({"speeds": {"a": speeds_of(9, side="ratio")}}, "do not contain"),
    "an artifact beside its value": ({"speeds": {"a": speeds_of(9, side="artifact")}}, "do not contain"),
    "a list": ("[1]", "not a record of speeds (TypeError: "),
    "no schema": ("{}", "not a record of speeds (KeyError: 'schema')"),
    "a list of speeds": ({"speeds": [1]}, "not a record of speeds (AttributeError: "),
    "too deep": ("[" * 100_000, "not a record of speeds (RecursionError: "),
    "infinite": ({"speeds": {"a": speeds_of(9, high=float("inf"))}}, "do not contain"),
    "zero": ({"speeds": {"a": speeds_of(0, low=0)}}, "do not contain"),
}


@pytest.mark.parametrize("what", WRONG)
def test_speed_record_unusable_gives_one_line_error(what: str, tmp_path: Path) -> None:
    content, words = WRONG[what]
    path = tmp_path / "base.json"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        speed_record.save(SPEEDS, path)
        sign(path, **content)
    with pytest.raises(InputError) as caught:
        speed_record.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_shipped_speeds_hold_on_this_kind_of_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold for included deliverables, never for a user's file."""
    monkeypatch.setattr(speed_record, "MACHINES", tmp_path)
    assert speed_record.shipped(deliverable.load("scenes")) == {}
    speed_record.save(SPEEDS, tmp_path / "here.json")
    (tmp_path / "another.json").write_text((tmp_path / "here.json").read_text())
    sign(tmp_path / "another.json", machine=host_fingerprint() | {"cores": 999})
    assert speed_record.shipped(deliverable.load("scenes")) == SPEEDS
    own = dataclasses.replace(deliverable.load("scenes"), path=tmp_path / "scenes.toml")
    assert speed_record.shipped(own) == {}
    (tmp_path / "here.json").unlink()
    assert speed_record.shipped(deliverable.load("scenes")) == {}


@pytest.mark.parametrize("workers", [{}, {"numprocesses": 1}])
def test_stated_speeds_hold_with_workers(
    workers: dict[str, int], pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise ``-n 1`` would drop the cases of ``regression``."""
    monkeypatch.setattr(speed_record, "MACHINES", tmp_path)
    speed_record.save(SPEEDS, tmp_path / "here.json")
    for name, value in ({"deliverable": "scenes", "baseline": None} | workers).items():
        monkeypatch.setattr(pytestconfig.option, name, value, raising=False)
    assert earlier_speeds(pytestconfig, deliverable.load("scenes")) == SPEEDS


def test_included_records_name_their_machine() -> None:
    """Every file can be read, names each part of a fingerprint, and has figures for cases that are raced."""
    paths = list(speed_record.MACHINES.glob("*.json"))
    assert paths
    for path in paths:
        machine, speeds = speed_record.read(path)
        assert set(machine) == set(host_fingerprint())
        names = {case.split("-onnxruntime-")[0].split("-openvino-")[0] for case in speeds}
        assert names <= set(deliverable.builtin_names())
