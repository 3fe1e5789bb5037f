"""Throughput passes, fails and is refused, each for its own reason."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable, baselines
from enet.deliverable.target import DeviceState
from enet.evidence import DeviceTiming, Provenance, Throughput
from enet.gates import Outcome

TABLE = baselines.load()
IMAGES = 500


@pytest.fixture
def judged() -> Deliverable:
    return deliverable.load("cityscapes")


def state(**changes: Any) -> DeviceState:
    known: dict[str, Any] = {
        "device": 0,
        "npu": 0,
        "chip": 0,
        "name": "310P3",
        "health": "OK",
        "power": 17.0,
        "temperature": 56.0,
        "utilisation": 0.0,
        "memory_used": 934,
        "memory_total": 23054,
    }
    return DeviceState(**{**known, **changes})


def provenance(**changes: Any) -> Provenance:
    known: dict[str, Any] = {
        "deliverable": "cityscapes",
        "backend": "ascend",
        "device": "310P3 0",
        "batch_size": 1,
        "form": {},
        "weights_sha256": "w",
        "onnx_sha256": "o",
        "artifact_sha256": "a",
        "dataset_sha256": "d",
        "preprocessing_sha256": "p",
        "versions": {},
        "chip": "310P3",
    }
    return Provenance(**{**known, **changes})


def timed(rate: float, batch: int = 1, *, where: dict[str, Any] | None = None, **changes: Any) -> Throughput:
    """One device at so many images/s over the whole data set."""
    executions = math.ceil(IMAGES / batch)
    mean = 1000 * batch / rate
    share = DeviceTiming(
        device="0", images=IMAGES, executions=executions, compute_ms=(mean,) * executions, mean_ms=mean, stated=rate
    )
    known: dict[str, Any] = {
        "provenance": provenance(batch_size=batch, **(where or {})),
        "tool": "ais_bench",
        "batch_size": batch,
        "batch_size_source": "the model",
        "claimed_batch_size": batch,
        "shares": (share,),
        "images_expected": IMAGES,
    }
    return Throughput(**{**known, **changes})


@pytest.mark.parametrize(("batch", "ratio"), [(1, 1.2000001), (4, 1.3), (8, 1.5), (16, 2)])
def test_fast_enough(batch: int, ratio: float, judged: Deliverable) -> None:
    over = TABLE.column("310").by_batch[batch]
    verdict = gates.throughput(timed(ratio * over, batch), judged, TABLE)
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.numbers["ratio"] == pytest.approx(ratio)
    assert verdict.numbers["baseline"] == over


@pytest.mark.parametrize("ratio", [1.1999, 0.917, 0.001])
def test_too_slow(ratio: float, judged: Deliverable) -> None:
    verdict = gates.throughput(timed(ratio * TABLE.column("310").by_batch[16], 16), judged, TABLE)
    assert verdict.outcome is Outcome.FAIL
    assert "should be at least 1.2 x" in verdict.sentence


def test_a_batch_without_a_baseline_is_told(judged: Deliverable) -> None:
    verdict = gates.throughput(timed(1068.4, 32), judged, TABLE)
    assert (verdict.outcome, verdict.reported) == (Outcome.NO_EVIDENCE, True)
    assert "no 310 baseline there: not judged" in verdict.sentence
    assert "1068.4 images/s" in verdict.sentence


def test_nothing_is_asked_of_other_networks_and_tools(judged: Deliverable) -> None:
    camvid = deliverable.load("camvid")
    assert gates.throughput(timed(1e4, where={"deliverable": "camvid"}), camvid, TABLE).reported
    assert gates.throughput(timed(1e4, tool="trtexec", where={"chip": "T4"}), judged, TABLE).reported


#: Much too fast to fail; what makes it no evidence; a word of the reason.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "simulated": ({}, {"simulated": True}, "simulated device"),
    "sick": ({}, {"devices_before": (state(health="Warning"),)}, "health is Warning"),
    "hot afterwards": ({}, {"devices_after": (state(temperature=91.0),)}, "91 °C, should be at most 85"),
    "cores in use": ({}, {"devices_before": (state(utilisation=40.0),)}, "40 % of its cores are in use"),
    "another process": ({}, {"devices_before": (state(processes=("python (4711)",)),)}, "python (4711)"),
    "another deliverable": ({}, {"deliverable": "scenes"}, "evidence for 'scenes'"),
    "another chip": ({}, {"chip": "910B1"}, "measured on a 910B1, but should be on a 310P3"),
    "chip not recorded": ({}, {"chip": ""}, "which device it ran on isn't recorded"),
    "zeros": ({"zero_input": True}, {}, "run over zeros"),
    "batch not known": ({"batch_size": 0}, {}, "nothing tells the model's batch size"),
    "limited": ({}, {"limited": True}, "only some images were asked for"),
    "too few images": ({"images_expected": 501}, {}, "500 images of 501 expected"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_no_evidence(why: str, judged: Deliverable) -> None:
    changes, where, reason = REFUSED[why]
    verdict = gates.throughput(timed(1e6, where=where, **changes), judged, TABLE)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert not verdict.reported
    assert reason in verdict.sentence
    best = gates.best_batch([timed(1e6, where=where, **changes)], judged, TABLE)
    assert best.outcome is Outcome.NO_EVIDENCE
    assert reason in best.sentence


def test_slow_is_a_failure_even_where_a_pass_would_lack_something(judged: Deliverable) -> None:
    for why in ("chip not recorded", "limited", "too few images"):
        changes, where, _ = REFUSED[why]
        assert gates.throughput(timed(700, where=where, **changes), judged, TABLE).outcome is Outcome.FAIL


def test_a_busy_device_that_the_user_accepts(judged: Deliverable) -> None:
    where = {"devices_before": (state(processes=("python (1)",), temperature=99.0),), "allow_busy": True}
    assert gates.throughput(timed(1e4, where=where), judged, TABLE).outcome is Outcome.PASS


def test_a_record_that_denies_itself_fails(judged: Deliverable) -> None:
    evidence = timed(1e4, contradictions=("--batchsize 16, but the model's is 1: overstated 16 times",))
    verdict = gates.throughput(evidence, judged, TABLE)
    assert verdict.outcome is Outcome.FAIL
    assert "overstated 16 times" in verdict.sentence
    best = gates.best_batch([evidence], judged, TABLE)
    assert best.outcome is Outcome.NO_EVIDENCE
    assert "overstated 16 times" in best.sentence


@pytest.mark.parametrize(("images", "outcome"), [(496, Outcome.PASS), (484, Outcome.NO_EVIDENCE)])
def test_a_dropped_tail_is_no_missing_image(images: int, outcome: Outcome, judged: Deliverable) -> None:
    evidence = timed(1e4, 16, tail_dropped=True)
    share = dataclasses.replace(evidence.shares[0], images=images)
    assert gates.throughput(dataclasses.replace(evidence, shares=(share,)), judged, TABLE).outcome is outcome


def column(name: str) -> list[Throughput]:
    return [timed(rate, batch) for batch, rate in TABLE.column(name).by_batch.items()]


def test_best_batch(judged: Deliverable) -> None:
    passed = gates.best_batch(column("310P3(aoe)"), judged, TABLE)
    assert passed.outcome is Outcome.PASS
    assert passed.numbers["ratio"] == pytest.approx(1.341651029, abs=1e-8)
    assert "best at batch 4" in passed.notes
    failed = gates.best_batch(column("310P3"), judged, TABLE)
    assert failed.outcome is Outcome.FAIL
    assert failed.numbers["ratio"] == pytest.approx(1.147796669, abs=1e-8)


def test_best_of_some_batches_fails_nobody(judged: Deliverable) -> None:
    some = [evidence for evidence in column("310P3") if evidence.batch_size in (1, 16)]
    verdict = gates.best_batch(some, judged, TABLE)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "not measured: batch 4, 8" in verdict.sentence
    assert gates.best_batch([], judged, TABLE).outcome is Outcome.NO_EVIDENCE


#: The recorded columns over the 310, as the guide prints them; None where no baseline is.
RECORDED = {
    ("310P3(aoe)", 1): 1.261681649,
    ("310P3(aoe)", 4): 1.387781994,
    ("310P3(aoe)", 8): 1.485486396,
    ("310P3(aoe)", 16): 1.517478883,
    ("310P3(aoe)", 32): None,
    ("310P3(aoe)", "best"): 1.341651029,
    ("310P3", 1): 0.886661812,
    ("310P3", 4): 1.187262199,
    ("310P3", 8): 1.085638486,
    ("310P3", 16): 0.91691991,
    ("310P3", 32): None,
    ("310P3", "best"): 1.147796669,
}


@pytest.mark.parametrize(("name", "batch"), RECORDED)
def test_recorded(name: str, batch: baselines.BatchKey, judged: Deliverable) -> None:
    assert judged.throughput is not None
    verdict, ratio = gates.recorded(name, batch, judged.throughput, TABLE), RECORDED[name, batch]
    if ratio is None:
        assert verdict.reported
        assert "no 310 baseline" in verdict.sentence
    else:
        assert verdict.outcome is (Outcome.PASS if name == "310P3(aoe)" else Outcome.FAIL)
        assert verdict.numbers["ratio"] == pytest.approx(ratio, rel=0, abs=1e-8)


def test_devices_are_averaged_and_wall_clock_is_told_beside(judged: Deliverable) -> None:
    fast, slow = timed(2000, 1), timed(1000, 1)
    shares = (
        dataclasses.replace(fast.shares[0], images=250, started=100.0, ended=100.2),
        dataclasses.replace(slow.shares[0], device="1", images=250, started=100.1, ended=100.5),
    )
    evidence = dataclasses.replace(fast, shares=shares)
    assert evidence.images == IMAGES
    assert evidence.images_per_second == pytest.approx(1000 / 0.75)
    assert evidence.seconds == pytest.approx(0.5)
    assert evidence.wall_images_per_second == pytest.approx(1000)  # not 3000, the sum of rates
    notes = "; ".join(gates.throughput(evidence, judged, TABLE).notes)
    assert "device 0 2000, device 1 1000 images/s" in notes
    assert "1000 images/s by the clock" in notes


def test_percentile_is_numpys() -> None:

    times = tuple(np.random.default_rng(0).lognormal(size=37).tolist())
    evidence = timed(1000, shares=(dataclasses.replace(timed(1000).shares[0], compute_ms=times),))
    assert evidence.percentile_99 == pytest.approx(np.percentile(times, 99), rel=1e-12)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({1: 1041.25, 16: 1063.89}, "filed under Benchmark/cv/segmentation"),
        ({1: 1041.25, 4: 1107.25, 16: 800.0}, "not filed under Benchmark/cv/segmentation"),
        ({1: 1041.25}, "no evidence for batch 16"),
    ],
)
def test_directory(rates: dict[int, float], words: str, judged: Deliverable) -> None:
    """As the guide files a model; told, never judged."""
    verdict = gates.directory([timed(rate, batch) for batch, rate in rates.items()], judged, TABLE)
    assert verdict.reported
    assert verdict.sentence.startswith(words) or words in verdict.sentence.split("; ")[-1]


def test_directory_of_what_cannot_be_judged(judged: Deliverable) -> None:
    fast = [timed(2000, batch, where={"simulated": True}) for batch in (1, 16)]
    assert "no evidence for batch 1, 16" in gates.directory(fast, judged, TABLE).sentence


@pytest.mark.parametrize(("slower", "told"), [(1.0, False), (1.05, False), (2.0, True), (0.5, True)])
def test_a_change_of_speed_is_told(slower: float, told: bool, judged: Deliverable) -> None:
    sound = timed(3000, 1)
    times = sound.shares[0].compute_ms
    half = len(times) // 2
    changed = (*times[:half], *(slower * time for time in times[half:]))
    share = dataclasses.replace(sound.shares[0], compute_ms=changed, mean_ms=sum(changed) / len(changed))
    evidence = dataclasses.replace(sound, shares=(share,))
    assert evidence.drift == pytest.approx(slower - 1)
    notes = "; ".join(gates.throughput(evidence, judged, TABLE).notes)
    assert ("the device slowed down" in notes) == (told and slower > 1)
    assert ("the device sped up" in notes) == (told and slower < 1)
