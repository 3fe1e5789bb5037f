"""Races: what is timed, saved and described."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from torch.nn import Conv2d
from torch.nn.modules.module import register_module_forward_hook

from enet import evidence, gates
from enet.backends.pytorch import PyTorchModel
from enet.errors import InputError
from enet.evidence import Speed
from enet.gates import Outcome
from enet.measure import race as speed
from enet.measure.contest import TimingSettings
from enet.measure.predictor import open_predictor
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
    used = {"waited_artifact", "waited_reference", "idle_reference", "workers", "artifact_engine"}
    assert known | used <= set(raced.conditions)
    assert raced.conditions["reference_engine"]["hooks"] == []
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


def test_race_records_hooks_and_sleep_of_the_reference(subject: Subject) -> None:
    """A hook of all modules makes PyTorch as slow as one likes, and its threads neither run nor wait for the CPU."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("this system does not tell what threads wait for")
    hook = register_module_forward_hook(lambda module, *_: time.sleep(0.01) if isinstance(module, Conv2d) else None)
    try:
        with speed.race(subject, "onnxruntime", 1, subject.prepared()) as race:
            race.run(TimingSettings(warmup_seconds=0, min_seconds=0.01, min_rounds=3))
    finally:
        hook.remove()
    slept = race.evidence()
    assert slept.conditions["reference_engine"]["hooks"] == ["_global_forward_hooks"]
    assert slept.conditions["idle_reference"] > gates.speed.IDLE
    assert gates.speed.speedup(slept, subject.deliverable).outcome is Outcome.NO_EVIDENCE


def test_hooks_of_the_network_are_conditions_of_the_reference(subject: Subject) -> None:
    artifact = subject.artifact("pytorch", 1)
    with open_predictor(subject, artifact) as predictor:
        assert isinstance(predictor.model, PyTorchModel)
        convolution = next(each for each in predictor.model.network.modules() if isinstance(each, Conv2d))
        convolution.register_forward_pre_hook(lambda *_: None)
        assert predictor.model.conditions() == {"hooks": ["Conv2d._forward_pre_hooks"]}


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
