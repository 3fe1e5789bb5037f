"""Races: what is timed, saved and described."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet import evidence
from enet.errors import InputError
from enet.evidence import Speed
from enet.measure import race as speed
from enet.measure.contest import TimingSettings
from enet.measure.subject import Subject
from enet.metrics.latency import Times
from tests.unit import tiny as data


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("speed"))


@pytest.fixture(scope="module")
def raced(subject: Subject) -> Speed:
    with speed.race(subject, "onnxruntime", 2, subject.prepared()) as race:
        race.run(TimingSettings(warmup_seconds=0, min_seconds=0.01, min_rounds=4), 1.2)
    return race.evidence()


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
