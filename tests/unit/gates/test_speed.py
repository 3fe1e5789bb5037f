"""Speed: contests, their gates, and the comparison with an earlier run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable, evidence, gates
from enet.deliverable import Deliverable
from enet.errors import InputError
from enet.evidence import Speed, speed_record
from enet.gates import Outcome
from enet.measure import race as speed
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.metrics.latency import Ratio, Times
from tests.unit import tiny as data


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("speed"))


@pytest.fixture(scope="module")
def raced(subject: Subject) -> Speed:
    with speed.race(subject, "onnxruntime", 2, subject.prepared()) as race:
        race.run(TimingSettings(warmup_seconds=0, min_seconds=0.01, min_rounds=4), limit=1.2)
        return race.evidence()


@pytest.fixture
def spec() -> Deliverable:
    return deliverable.load("scenes")


def altered(raced: Speed, ours: list[float], theirs: list[float], **where: Any) -> Speed:
    """The same race with other times, in seconds a round of one image."""

    def times(rounds: list[float]) -> Times:
        return Times(images=1, rounds=tuple(rounds), executions=tuple(rounds))

    provenance = dataclasses.replace(raced.provenance, **{"deliverable": "scenes", **where})
    return dataclasses.replace(raced, provenance=provenance, times=times(ours), reference_times=times(theirs))


def test_race_evidence_is_saved_and_loaded(raced: Speed, tmp_path: Path) -> None:
    assert (raced.provenance.backend, raced.reference.backend, raced.batch_size) == ("onnxruntime", "pytorch", 2)
    assert len(raced.times.rounds) == len(raced.reference_times.rounds) >= 4
    assert raced.times.images % 2 == 0
    assert {"cpu", "cores", "governor", "threads", "busy_before"} <= set(raced.conditions)
    evidence.save(raced, tmp_path / "speed.json")
    again = evidence.load(tmp_path / "speed.json")
    assert again.to_json() == json.loads(json.dumps(raced.to_json())) | {
        key: again.to_json()[key] for key in ("provenance", "reference", "times", "reference_times")
    }
    table = json.loads((tmp_path / "speed.json").read_text()) | {"images_per_second": 1e6}
    (tmp_path / "speed.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match="has been edited"):
        evidence.load(tmp_path / "speed.json")


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ([1.0] * 5, [1.3] * 5, Outcome.PASS),
        ([1.0] * 5, [1.1] * 5, Outcome.FAIL),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [1.3] * 5, Outcome.NO_EVIDENCE),
        ([1.0] * 2, [9.0] * 2, Outcome.NO_EVIDENCE),
    ],
)
def test_speedup_outcomes(
    ours: list[float], theirs: list[float], outcome: Outcome, raced: Speed, spec: Deliverable
) -> None:
    verdict = gates.speed.speedup(altered(raced, ours, theirs), spec)
    assert verdict.outcome is outcome, verdict
    assert ("too noisy" in verdict.sentence) == (outcome is Outcome.NO_EVIDENCE and len(ours) > 3)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"deliverable": "camvid"}, "evidence for 'camvid'"),
        ({"weights_sha256": "other"}, "different weights"),
        ({"batch_size": 9}, "different batch sizes"),
        ({"simulated": True}, "simulated device"),
    ],
)
def test_speedup_unrelated_evidence_is_no_evidence(
    where: dict[str, Any], words: str, raced: Speed, spec: Deliverable
) -> None:
    verdict = gates.speed.speedup(altered(raced, [1.0] * 5, [9.0] * 5, **where), spec)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("earlier", "outcome"),
    [
        (Ratio(3.0, 2.95, 3.05), Outcome.PASS),
        (Ratio(3.2, 3.15, 3.25), Outcome.PASS),
        (Ratio(4.0, 3.9, 4.1), Outcome.FAIL),
        (Ratio(3.3, 2.0, 5.0), Outcome.NO_EVIDENCE),
    ],
)
def test_regression_outcomes(earlier: Ratio, outcome: Outcome, raced: Speed, spec: Deliverable) -> None:
    """Three times PyTorch now."""
    verdict = gates.speed.regression(altered(raced, [1.0] * 5, [3.0] * 5), earlier, spec)
    assert verdict.outcome is outcome, verdict


@pytest.mark.parametrize(
    ("theirs", "where", "outcome", "words"),
    [
        (1.6, {"precision": "int8"}, Outcome.PASS, "in INT8 is 1.6x"),
        (1.4, {"precision": "int8"}, Outcome.FAIL, "expected at least 1.5x"),
        (1.6, {}, Outcome.NO_EVIDENCE, "not INT8 against float32"),
        (1.6, {"precision": "int8", "simulated": True}, Outcome.NO_EVIDENCE, "simulated device"),
    ],
)
def test_int8_speedup_outcomes(
    theirs: float, where: dict[str, Any], outcome: Outcome, words: str, raced: Speed, spec: Deliverable
) -> None:
    verdict = gates.speed.int8_speedup(altered(raced, [1.0] * 5, [theirs] * 5, **where), spec)
    assert verdict.outcome is outcome, verdict
    assert words in verdict.sentence


@pytest.mark.parametrize(("has", "is_noted"), [([], True), (["avx512_vnni"], False), (None, False)])
def test_int8_speedup_failure_names_missing_instructions(
    has: list[str] | None, is_noted: bool, raced: Speed, spec: Deliverable
) -> None:
    """It fails in any case; the note is there only if the host's instructions are recorded."""
    slow = altered(raced, [1.0] * 5, [1.1] * 5, precision="int8")
    conditions = {key: value for key, value in slow.conditions.items() if key != "int8_instructions"}
    if has is not None:
        conditions["int8_instructions"] = has
    verdict = gates.speed.int8_speedup(dataclasses.replace(slow, conditions=conditions), spec)
    assert verdict.outcome is Outcome.FAIL
    assert any("no instructions for INT8" in note for note in verdict.notes) == is_noted


def test_speed_record_load_returns_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "base.json"
    speeds = {"scenes-onnxruntime-bs1": Ratio(3.0, 2.9, 3.1)}
    speed_record.save(speeds, path)
    assert speed_record.load(path) == speeds


WRONG = {
    "absent": (None, "Record one with --record-baseline"),
    "text": ("fast", "not a record of speeds"),
    "another schema": ({"schema": 9}, "schema=9"),
    "another machine": ({"machine": {"cpu": "Z80", "cores": 999}}, "recorded on another host (different cpu, cores"),
    "no numbers": ({"over_pytorch": {"a": {"value": "x", "low": 1, "high": 1}}}, "not a record of speeds"),
    "an interval beside its value": ({"over_pytorch": {"a": {"value": 9, "low": 1, "high": 2}}}, "do not contain"),
}


@pytest.mark.parametrize("what", WRONG)
def test_speed_record_unusable_gives_one_line_error(what: str, tmp_path: Path) -> None:
    content, words = WRONG[what]
    path = tmp_path / "base.json"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        speed_record.save({"a": Ratio(3.0, 2.9, 3.1)}, path)
        path.write_text(json.dumps(json.loads(path.read_text()) | content))
    with pytest.raises(InputError) as caught:
        speed_record.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ({1: 1.0, 4: 4.0, 16: 16.2}, "compute-bound"),
        ({1: 1.0, 4: 3.0, 16: 10.0}, "costs that a batch shares"),
        ({1: 1.0, 4: 4.0, 16: 24.0}, "outgrow the caches"),
        ({1: 1.0}, "says nothing of scaling"),
    ],
)
def test_describe_scaling_names_the_cause(seconds: dict[int, float], words: str) -> None:
    sweep = {size: Times(images=size, rounds=(took,), executions=(took,)) for size, took in seconds.items()}
    assert words in speed.describe_scaling(sweep)


def test_sweep_times_every_batch_size(subject: Subject) -> None:
    artifacts = [subject.artifact("onnxruntime", size) for size in (1, 2)]
    settings = TimingSettings(warmup_seconds=0, min_seconds=0, min_rounds=2)
    times = speed.sweep(subject, artifacts, subject.prepared(), settings)
    assert list(times) == [1, 2]
    row = speed.timing_row(times[2])
    assert row["images/s"] == pytest.approx(times[2].images_per_second)
    assert row["MLPerf p90 ms"] is None
