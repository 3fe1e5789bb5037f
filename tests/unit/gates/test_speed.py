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
from enet.evidence import RecordedSpeed, Speed, TimedOutputs, speed_record
from enet.gates import Outcome
from enet.host import host_fingerprint
from enet.measure import race as speed
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.metrics.latency import Rate, Ratio, Times
from tests.unit import tiny as data

#: Whatever else runs on the machine of the tests.
IDLE = {"waited_artifact": 0.0, "waited_reference": 0.0, "limits_reference": []}


SOUND_OUTPUTS = TimedOutputs(seed=0, executions=9, compared=9, agreement=1.0, repeated=3, repeat_agreement=1.0)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("speed"))


@pytest.fixture(scope="module")
def raced(subject: Subject) -> Speed:
    with speed.race(subject, "onnxruntime", 2, subject.prepared()) as race:
        race.run(TimingSettings(warmup_seconds=0, min_seconds=0.01, min_rounds=4), 1.2)
    measured = race.evidence()
    return dataclasses.replace(measured, conditions=measured.conditions | IDLE)


@pytest.fixture
def spec() -> Deliverable:
    """The embedded deliverable, for weights of any name."""
    scenes = deliverable.load("scenes")
    return dataclasses.replace(scenes, network=dataclasses.replace(scenes.network, sha256=None))


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
    known = {"cpu", "mhz", "vector_flags", "cores", "torch", "governor", "affinity", "environment", "limits_reference"}
    assert known | {"waited_artifact", "waited_reference", "artifact_engine"} <= set(raced.conditions)
    assert raced.conditions["reference_engine"]["cpu_capability"]
    evidence.save(raced, tmp_path / "speed.json")
    again = evidence.load(tmp_path / "speed.json")
    assert again.to_json() == json.loads(json.dumps(raced.to_json())) | {
        key: again.to_json()[key] for key in ("provenance", "reference", "times", "reference_times", "outputs")
    }
    table = json.loads((tmp_path / "speed.json").read_text()) | {"images_per_second": 1e6}
    (tmp_path / "speed.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match="has been edited"):
        evidence.load(tmp_path / "speed.json")


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ([1.0] * 5, [1.3] * 5, Outcome.PASS),
        ([1.0] * 5, [1.2] * 5, Outcome.PASS),
        ([1.0] * 5, [1.1999] * 5, Outcome.FAIL),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [1.3] * 5, Outcome.NO_EVIDENCE),
        # The lower end of the interval decides, and it may be the limit itself.
        ([1.0] * 5, [1.2, 1.2, 1.2, 1.3, 1.3], Outcome.PASS),
        ([1.0] * 5, [1.1, 1.1, 1.1, 1.2, 1.2], Outcome.NO_EVIDENCE),
        ([1.0] * 3, [9.0] * 3, Outcome.PASS),
        ([1.0] * 2, [9.0] * 2, Outcome.NO_EVIDENCE),
        ([1.0] * 3, [9.0] * 2, Outcome.NO_EVIDENCE),
        ([1.0] * 2, [9.0] * 3, Outcome.NO_EVIDENCE),
    ],
)
def test_speedup_outcomes(
    ours: list[float], theirs: list[float], outcome: Outcome, raced: Speed, spec: Deliverable
) -> None:
    verdict = gates.speed.speedup(altered(raced, ours, theirs), spec)
    assert verdict.outcome is outcome, verdict
    few = min(len(ours), len(theirs)) < 3
    assert ("rounds, expected at least 3" in verdict.sentence) == few
    assert ("too noisy" in verdict.sentence) == (outcome is Outcome.NO_EVIDENCE and not few)


def test_speedup_says_that_no_recorded_speed_holds(raced: Speed, spec: Deliverable) -> None:
    fast = altered(raced, [1.0] * 5, [3.0] * 5)
    assert gates.speed.NOT_HELD in gates.speed.speedup(fast, spec, held=False).notes
    assert gates.speed.NOT_HELD not in gates.speed.speedup(fast, spec).notes


@pytest.mark.parametrize(
    ("precision", "found", "words"),
    [
        ("fp32", {}, ""),
        ("fp32", {"repeat_agreement": 0.999, "agreement": 0.99}, ""),
        ("fp32", {"repeat_agreement": 0.9989}, "other labels than the artifact untimed (99.89 %"),
        ("fp32", {"agreement": 0.9899}, "labels of another input than pytorch's (98.99 %"),
        ("int8", {"repeat_agreement": 0.9989}, "other labels than the artifact untimed"),
        ("int8", {"agreement": 0.8}, ""),
        ("int8", {"agreement": 0.7999}, "labels of another input"),
        ("fp32", {"repeated": 0}, "were not checked"),
        ("fp32", {"compared": 0}, "were not checked"),
        ("fp32", None, "were not checked"),
    ],
)
def test_speedup_outputs_of_timed_executions(
    precision: str, found: dict[str, float] | None, words: str, raced: Speed, spec: Deliverable
) -> None:
    """Times of executions that gave something else are no evidence of speed, however fast."""
    sound = dataclasses.replace(SOUND_OUTPUTS, **found or {})  # type: ignore[arg-type]
    timed = altered(raced, [1.0] * 5, [9.0] * 5, precision=precision)
    verdict = gates.speed.speedup(dataclasses.replace(timed, outputs=None if found is None else sound), spec)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if words else Outcome.PASS), verdict
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"limits_reference": ["ONEDNN_MAX_CPU_ISA"]}, "ONEDNN_MAX_CPU_ISA may slow pytorch down: unset it"),
        ({"vector_flags": ["avx2"], "reference_engine": {"cpu_capability": "DEFAULT"}}, "does not use this CPU's AVX2"),
        ({"reference_engine": {"onednn": False}}, "without oneDNN"),
        ({"vector_flags": ["asimd"], "reference_engine": {"cpu_capability": "DEFAULT", "onednn": True}}, ""),
        ({"vector_flags": ["avx2"], "reference_engine": {"cpu_capability": "AVX2"}}, ""),
        ({"vector_flags": None, "reference_engine": None, "limits_reference": None}, ""),
    ],
)
def test_speedup_over_a_limited_reference_is_no_evidence(
    conditions: dict[str, Any], words: str, raced: Speed, spec: Deliverable
) -> None:
    timed = altered(raced, [1.0] * 5, [9.0] * 5)
    verdict = gates.speed.speedup(dataclasses.replace(timed, conditions=raced.conditions | conditions), spec)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if words else Outcome.PASS), verdict
    assert words in verdict.sentence


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


def recorded(ratio: Ratio, reference: float = 1.0) -> RecordedSpeed:
    """A speed that was recorded while the reference gave so many images/s."""

    def exact(value: float) -> Rate:
        return Rate(value, value, value)

    return RecordedSpeed(ratio=ratio, artifact=exact(reference * ratio.value), reference=exact(reference))


@pytest.mark.parametrize(
    ("earlier", "outcome", "shipped"),
    [
        (Ratio(3.0, 2.95, 3.05), Outcome.PASS, Outcome.PASS),
        (Ratio(3.2, 3.15, 3.25), Outcome.PASS, Outcome.PASS),
        (Ratio(4.0, 3.9, 4.1), Outcome.FAIL, Outcome.PASS),
        (Ratio(3.3, 2.0, 5.0), Outcome.NO_EVIDENCE, Outcome.PASS),
        (Ratio(4.99, 4.9, 5.0), Outcome.FAIL, Outcome.PASS),
        (Ratio(5.0, 4.9, 5.1), Outcome.FAIL, Outcome.NO_EVIDENCE),
        (Ratio(6.0, 5.8, 6.2), Outcome.FAIL, Outcome.FAIL),
    ],
)
def test_regression_outcomes(
    earlier: Ratio, outcome: Outcome, shipped: Outcome, raced: Speed, spec: Deliverable
) -> None:
    """Three times PyTorch now. An artifact that does everything twice (6x before) fails on any machine of the kind."""
    now = altered(raced, [1 / 3] * 5, [1.0] * 5)
    for is_shipped, expected in ((False, outcome), (True, shipped)):
        verdict = gates.speed.regression(now, recorded(earlier), spec, shipped=is_shipped)
        assert verdict.outcome is expected, verdict


def test_record_states_images_per_second_without_other_processes(raced: Speed) -> None:
    """By the median round, so that an interrupted one changes nothing; divided by what the others left."""
    now = altered(raced, [0.5, 0.5, 0.5, 9.0], [1.0, 2.0, 2.0, 2.0])
    now = dataclasses.replace(now, conditions={"waited_artifact": 0.2, "waited_reference": None})
    assert now.record.ratio == now.ratio
    assert now.record.artifact.value == pytest.approx(2 / 0.8)
    assert (now.record.reference.low, now.record.reference.value, now.record.reference.high) == (0.5, 0.5, 1.0)
    assert now.waited == 0.2
    assert dataclasses.replace(now, conditions={"waited_artifact": 1.0}).record.artifact.value == pytest.approx(200)


def test_regression_without_a_figure_is_no_evidence(raced: Speed, spec: Deliverable) -> None:
    verdict = gates.speed.regression(altered(raced, [1 / 3] * 5, [1.0] * 5), None, spec)
    assert (verdict.outcome, verdict.check) == (Outcome.NO_EVIDENCE, None)
    assert "no figure for this case" in verdict.sentence


@pytest.mark.parametrize(
    ("ours", "theirs", "busy", "outcome", "notes"),
    [
        (1 / 3, 1.0, 0.0, Outcome.PASS, []),
        # The reference lost speed, which makes the factor larger.
        (1 / 3, 1.6, 0.0, Outcome.PASS, ["pytorch at 0.625x"]),
        (1 / 3, 1.7, 0.0, Outcome.NO_EVIDENCE, ["pytorch at 0.5882x"]),
        # Both lost the same: the factor alone would pass.
        (2 / 3, 2.0, 0.0, Outcome.NO_EVIDENCE, ["pytorch at 0.5x", "the artifact (onnxruntime) at 0.5x"]),
        (0.36, 1.08, 0.0, Outcome.PASS, []),
        (0.38, 1.14, 0.0, Outcome.PASS, ["pytorch at 0.8772x", "the artifact (onnxruntime) at 0.8772x"]),
        # Others used half of the CPU, which explains it.
        (2 / 3, 2.0, 0.5, Outcome.PASS, []),
        (2 / 3, 3.5, 0.5, Outcome.NO_EVIDENCE, ["pytorch at 0.5714x"]),
        # The artifact alone is slower: a regression, unless the machine was busy.
        (1 / 2, 1.0, 0.0, Outcome.FAIL, ["the artifact (onnxruntime) at 0.6667x"]),
        (1 / 2, 1.0, 0.1, Outcome.FAIL, ["the artifact (onnxruntime) at 0.7407x"]),
        (1 / 2, 1.0, 0.2, Outcome.NO_EVIDENCE, ["the artifact (onnxruntime) at 0.8333x", "threads waited 20 %"]),
    ],
)
def test_regression_holds_both_sides_to_their_recorded_speed(
    ours: float, theirs: float, busy: float, outcome: Outcome, notes: list[str], raced: Speed, spec: Deliverable
) -> None:
    """Recorded: 1 image/s of PyTorch, 3 of the artifact."""
    now = altered(raced, [ours] * 5, [theirs] * 5)
    load = {"waited_artifact": busy, "waited_reference": busy}
    now = dataclasses.replace(now, conditions=now.conditions | load)
    verdict = gates.speed.regression(now, recorded(Ratio(3.0, 3.0, 3.0)), spec)
    assert verdict.outcome is outcome, verdict
    said = "; ".join(verdict.notes)
    assert all(note in said for note in notes), said
    assert said.count("recorded images/s") == sum("at 0." in note for note in notes)


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
    speeds = {"scenes-onnxruntime-bs1": recorded(Ratio(3.0, 2.9, 3.1))}
    speed_record.save(speeds, path)
    assert speed_record.load(path) == speeds


def speeds_of(value: object, low: float = 1, high: float = 2) -> dict[str, Any]:
    """A case of a record: only its last figure is given."""
    good = {"value": 1, "low": 1, "high": 2}
    return {"ratio": good, "artifact": good, "reference": {"value": value, "low": low, "high": high}}


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
    "a side is missing": ({"speeds": {"a": {"ratio": {"value": 1, "low": 1, "high": 1}}}}, "reference missing"),
    "an interval beside its value": ({"speeds": {"a": speeds_of(9)}}, "do not contain"),
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
        speed_record.save({"a": recorded(Ratio(3.0, 2.9, 3.1))}, path)
        path.write_text(json.dumps(json.loads(path.read_text()) | content))
    with pytest.raises(InputError) as caught:
        speed_record.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_shipped_speeds_hold_on_this_kind_of_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold for included deliverables, never for a user's file."""
    monkeypatch.setattr(speed_record, "MACHINES", tmp_path)
    speeds = {"scenes-onnxruntime-bs1": recorded(Ratio(3.0, 2.9, 3.1))}
    assert speed_record.shipped(deliverable.load("scenes")) == {}
    speed_record.save(speeds, tmp_path / "here.json")
    table = json.loads((tmp_path / "here.json").read_text())
    table["machine"]["cores"] += 1
    (tmp_path / "another.json").write_text(json.dumps(table))
    assert speed_record.shipped(deliverable.load("scenes")) == speeds
    own = dataclasses.replace(deliverable.load("scenes"), path=tmp_path / "scenes.toml")
    assert speed_record.shipped(own) == {}
    (tmp_path / "here.json").unlink()
    assert speed_record.shipped(deliverable.load("scenes")) == {}


def test_included_records_name_their_machine() -> None:
    """Every file can be read, names each part of a fingerprint, and has figures for cases that are raced."""
    for path in speed_record.MACHINES.glob("*.json"):
        machine, speeds = speed_record.read(path)
        assert set(machine) == set(host_fingerprint())
        names = {case.split("-onnxruntime-")[0].split("-openvino-")[0] for case in speeds}
        assert names <= set(deliverable.builtin_names())


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
