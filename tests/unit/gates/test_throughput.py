"""Gates of throughput: PASS, FAIL and NO EVIDENCE, each for its own reason."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable, baselines
from enet.evidence import DeviceTiming, Throughput
from enet.gates import Outcome
from enet.gates.throughput import throughput
from tests.unit import recipes

TABLE = baselines.load()
IMAGES = 500
PLACE = {"backend": "ascend", "device": "310P3 0", "chip": "310P3"}


@pytest.fixture
def spec() -> Deliverable:
    return deliverable.load("cityscapes")


def timed(rate: float, batch: int = 1, *, where: dict[str, Any] | None = None, **changes: Any) -> Throughput:
    """One device at so many images/s over the whole data set."""
    executions = math.ceil(IMAGES / batch)
    mean = 1000 * batch / rate
    share = DeviceTiming(
        device="0", images=IMAGES, executions=executions, compute_ms=(mean,) * executions, mean_ms=mean, claimed=rate
    )
    known: dict[str, Any] = {
        "provenance": recipes.provenance(**{**PLACE, "batch_size": batch, **(where or {})}),
        "tool": "ais_bench",
        "batch_size": batch,
        "batch_size_source": "the model",
        "claimed_batch_size": batch,
        "device_timings": (share,),
        "images_expected": IMAGES,
    }
    return Throughput(**{**known, **changes})


@pytest.mark.parametrize(("batch", "ratio"), [(1, 1.2000001), (4, 1.3), (8, 1.5), (16, 2)])
def test_throughput_above_the_limit_passes(batch: int, ratio: float, spec: Deliverable) -> None:
    over = TABLE.column("310").by_batch[batch]
    verdict = throughput(timed(ratio * over, batch), spec, TABLE)
    assert verdict.outcome is Outcome.PASS, verdict
    assert verdict.measured == pytest.approx(ratio)
    assert verdict.numbers["baseline"] == over


@pytest.mark.parametrize("ratio", [1.1999, 0.917, 0.001])
def test_throughput_below_the_limit_fails(ratio: float, spec: Deliverable) -> None:
    verdict = throughput(timed(ratio * TABLE.column("310").by_batch[16], 16), spec, TABLE)
    assert verdict.outcome is Outcome.FAIL
    assert "expected at least 1.2x" in verdict.sentence


def test_throughput_batch_without_baseline_is_information(spec: Deliverable) -> None:
    verdict = throughput(timed(1068.4, 32), spec, TABLE)
    assert verdict.outcome is Outcome.INFO
    assert "no 310 baseline there" in verdict.sentence
    assert "1068.4 images/s" in verdict.sentence


def test_throughput_other_network_or_tool_is_information(spec: Deliverable) -> None:
    camvid = deliverable.load("camvid")
    assert throughput(timed(1e4, where={"deliverable": "camvid"}), camvid, TABLE).outcome is Outcome.INFO
    assert throughput(timed(1e4, tool="trtexec", where={"chip": "T4"}), spec, TABLE).outcome is Outcome.INFO


#: Much too fast to fail; what makes it no evidence; a word of the reason.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "simulated": ({}, {"simulated": True}, "simulated device"),
    "sick": ({}, {"devices_before": (recipes.device_state(health="Warning"),)}, "health is Warning"),
    "hot afterwards": ({}, {"devices_after": (recipes.device_state(temperature=91.0),)}, "91 °C, expected at most 85"),
    "cores in use": ({}, {"devices_before": (recipes.device_state(utilisation=40.0),)}, "40 % of its cores are in use"),
    "another process": ({}, {"devices_before": (recipes.device_state(processes=("python (4711)",)),)}, "python (4711)"),
    "another deliverable": ({}, {"deliverable": "scenes"}, "evidence for 'scenes'"),
    "another chip": ({}, {"chip": "910B1"}, "measured on a 910B1, expected a 310P3"),
    "chip not recorded": ({}, {"chip": ""}, "the device is not recorded"),
    "zeros": ({"zero_input": True}, {}, "run over zeros"),
    "batch not known": ({"batch_size": 0}, {}, "the model's batch size is unknown"),
    "limited": ({}, {"limited": True}, "only some images were requested"),
    "too few images": ({"images_expected": 501}, {}, "1 of 501 images missing"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_throughput_unusable_evidence_is_no_evidence(why: str, spec: Deliverable) -> None:
    changes, where, reason = REFUSED[why]
    verdict = throughput(timed(1e6, where=where, **changes), spec, TABLE)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert reason in verdict.sentence
    best = gates.throughput.best_batch([timed(1e6, where=where, **changes)], spec, TABLE)
    assert best.outcome is Outcome.NO_EVIDENCE
    assert reason in best.sentence


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"problems": ("its model unet.om names the network 'unet'",)}, "names the network 'unet'"),
        ({"gaps": ("1 of 500 inputs are no images of the data set: a",)}, "1 of 500 inputs"),
    ],
)
def test_throughput_unbound_record_is_no_evidence(fields: dict[str, Any], reason: str, spec: Deliverable) -> None:
    for verdict in (
        throughput(timed(1e4, **fields), spec, TABLE),
        gates.throughput.best_batch([timed(1e4, **fields)], spec, TABLE),
    ):
        assert verdict.outcome is Outcome.NO_EVIDENCE
        assert reason in verdict.sentence


def test_throughput_slow_run_over_other_inputs_fails_and_of_another_model_does_not(spec: Deliverable) -> None:
    assert throughput(timed(700, gaps=("other inputs",)), spec, TABLE).outcome is Outcome.FAIL
    assert throughput(timed(700, problems=("another model",)), spec, TABLE).outcome is Outcome.NO_EVIDENCE


@pytest.mark.parametrize(("rate", "outcome"), [(20_202, Outcome.PASS), (20_203, Outcome.NO_EVIDENCE)])
def test_throughput_beyond_the_chip_is_no_evidence(rate: float, outcome: Outcome, spec: Deliverable) -> None:
    verdict = throughput(timed(rate), spec, TABLE)
    assert verdict.outcome is outcome
    assert outcome is Outcome.PASS or "no 310P3 can exceed 20202 images/s: 204.8 GB/s" in verdict.sentence


def test_throughput_one_device_beyond_the_chip_is_no_evidence(spec: Deliverable) -> None:
    """Its slow neighbour hides it in the mean."""
    fast, slow = (timed(rate).device_timings[0] for rate in (1e6, 1000))
    shares = tuple(dataclasses.replace(share, images=250) for share in (fast, slow))
    verdict = throughput(timed(1000, device_timings=shares), spec, TABLE)
    assert "no 310P3 can exceed" in verdict.sentence


def test_pass_repeats_what_the_record_leaves_unproven(spec: Deliverable) -> None:
    run = timed(1e4, caveats=("model not proven",))
    assert throughput(run, spec, TABLE).caveats == ("model not proven",)
    assert gates.throughput.best_batch([run], spec, TABLE).caveats == ("model not proven",)


@pytest.mark.parametrize("other", [{"backend": "recorded"}, {"chip": "310"}])
def test_best_batch_of_mixed_evidence_is_no_evidence(other: dict[str, Any], spec: Deliverable) -> None:
    """One batch size timed here and another recorded, or on two kinds of chips."""
    runs = [timed(2000), timed(2000, 16, where=other)]
    verdict = gates.throughput.best_batch(runs, spec, TABLE)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "is mixed" in verdict.sentence
    assert "is mixed" in gates.throughput.model_directory(runs, spec, TABLE).sentence


def test_absent_evidence_is_no_evidence_and_no_mixture(spec: Deliverable) -> None:
    absent = timed(2000, 16, where={"missing_reason": "no run of batch size 16", "chip": "", "backend": "recorded"})
    assert throughput(absent, spec, TABLE).outcome is Outcome.NO_EVIDENCE
    assert gates.throughput.best_batch([absent], spec, TABLE).outcome is Outcome.NO_EVIDENCE
    assert gates.throughput.best_batch([timed(2000), absent], spec, TABLE).outcome is Outcome.PASS


def test_throughput_slow_and_incomplete_fails(spec: Deliverable) -> None:
    for why in ("chip not recorded", "limited", "too few images"):
        changes, where, _ = REFUSED[why]
        assert throughput(timed(700, where=where, **changes), spec, TABLE).outcome is Outcome.FAIL


def test_throughput_busy_device_allowed_passes(spec: Deliverable) -> None:
    where = {"devices_before": (recipes.device_state(processes=("python (1)",), temperature=99.0),), "allow_busy": True}
    assert throughput(timed(1e4, where=where), spec, TABLE).outcome is Outcome.PASS


def test_throughput_contradictory_record_fails(spec: Deliverable) -> None:
    evidence = timed(1e4, contradictions=("--batchsize 16, but the model's is 1: overstated 16 times",))
    verdict = throughput(evidence, spec, TABLE)
    assert verdict.outcome is Outcome.FAIL
    assert "overstated 16 times" in verdict.sentence
    best = gates.throughput.best_batch([evidence], spec, TABLE)
    assert best.outcome is Outcome.NO_EVIDENCE
    assert "overstated 16 times" in best.sentence


@pytest.mark.parametrize(("images", "outcome"), [(496, Outcome.PASS), (484, Outcome.NO_EVIDENCE)])
def test_throughput_dropped_tail_is_not_missing_images(images: int, outcome: Outcome, spec: Deliverable) -> None:
    evidence = timed(1e4, 16, tail_dropped=True)
    share = dataclasses.replace(evidence.device_timings[0], images=images)
    assert throughput(dataclasses.replace(evidence, device_timings=(share,)), spec, TABLE).outcome is outcome


def column(name: str) -> list[Throughput]:
    return [timed(rate, batch) for batch, rate in TABLE.column(name).by_batch.items()]


def test_best_batch_outcomes(spec: Deliverable) -> None:
    passed = gates.throughput.best_batch(column("310P3(aoe)"), spec, TABLE)
    assert passed.outcome is Outcome.PASS
    assert passed.measured == pytest.approx(1.341651029, abs=1e-8)
    assert "best at batch 4" in passed.notes
    failed = gates.throughput.best_batch(column("310P3"), spec, TABLE)
    assert failed.outcome is Outcome.FAIL
    assert failed.measured == pytest.approx(1.147796669, abs=1e-8)


def test_best_batch_of_some_sizes_is_no_evidence(spec: Deliverable) -> None:
    some = [evidence for evidence in column("310P3") if evidence.batch_size in (1, 16)]
    verdict = gates.throughput.best_batch(some, spec, TABLE)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert "not measured: batch 4, 8" in verdict.sentence
    assert gates.throughput.best_batch([], spec, TABLE).outcome is Outcome.NO_EVIDENCE


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
def test_recorded_columns_have_the_guides_ratios(name: str, batch: baselines.BatchKey, spec: Deliverable) -> None:
    assert spec.throughput is not None
    verdict, ratio = gates.throughput.recorded(name, batch, spec.throughput, TABLE), RECORDED[name, batch]
    if ratio is None:
        assert verdict.outcome is Outcome.INFO
        assert "no 310 baseline" in verdict.sentence
    else:
        assert verdict.outcome is (Outcome.PASS if name == "310P3(aoe)" else Outcome.FAIL)
        assert verdict.measured == pytest.approx(ratio, rel=0, abs=1e-8)


def test_throughput_of_two_devices_is_averaged(spec: Deliverable) -> None:
    fast, slow = timed(2000, 1), timed(1000, 1)
    shares = (
        dataclasses.replace(fast.device_timings[0], images=250, started=100.0, ended=100.2),
        dataclasses.replace(slow.device_timings[0], device="1", images=250, started=100.1, ended=100.5),
    )
    evidence = dataclasses.replace(fast, device_timings=shares)
    assert evidence.images == IMAGES
    assert evidence.images_per_second == pytest.approx(1000 / 0.75)
    assert evidence.seconds == pytest.approx(0.5)
    assert evidence.wall_images_per_second == pytest.approx(1000)  # not 3000, the sum of rates
    notes = "; ".join(throughput(evidence, spec, TABLE).notes)
    assert "device 0 2000, device 1 1000 images/s" in notes
    assert "1000 images/s by the clock" in notes


def test_percentile_99_equals_numpys() -> None:

    times = tuple(np.random.default_rng(0).lognormal(size=37).tolist())
    evidence = timed(1000, device_timings=(dataclasses.replace(timed(1000).device_timings[0], compute_ms=times),))
    assert evidence.percentile_99_ms == pytest.approx(np.percentile(times, 99), rel=1e-12)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({1: 1041.25, 16: 1063.89}, "filed under Benchmark/cv/segmentation"),
        ({1: 1041.25, 4: 1107.25, 16: 800.0}, "not filed under Benchmark/cv/segmentation"),
        ({1: 1041.25}, "no evidence for batch 16"),
    ],
)
def test_model_directory_follows_the_guide(rates: dict[int, float], words: str, spec: Deliverable) -> None:
    """The directory is information; no gate checks it."""
    verdict = gates.throughput.model_directory([timed(rate, batch) for batch, rate in rates.items()], spec, TABLE)
    assert verdict.outcome is Outcome.INFO
    assert verdict.sentence.startswith(words) or words in verdict.sentence.split("; ")[-1]


def test_model_directory_unusable_evidence_names_batches(spec: Deliverable) -> None:
    fast = [timed(2000, batch, where={"simulated": True}) for batch in (1, 16)]
    assert "no evidence for batch 1, 16" in gates.throughput.model_directory(fast, spec, TABLE).sentence


@pytest.mark.parametrize(("slower", "is_noted"), [(1.0, False), (1.05, False), (2.0, True), (0.5, True)])
def test_throughput_drift_gets_a_note(slower: float, is_noted: bool, spec: Deliverable) -> None:
    sound = timed(3000, 1)
    times = sound.device_timings[0].compute_ms
    half = len(times) // 2
    changed = (*times[:half], *(slower * time for time in times[half:]))
    share = dataclasses.replace(sound.device_timings[0], compute_ms=changed, mean_ms=sum(changed) / len(changed))
    evidence = dataclasses.replace(sound, device_timings=(share,))
    assert evidence.drift == pytest.approx(slower - 1)
    notes = "; ".join(throughput(evidence, spec, TABLE).notes)
    assert ("the device slowed down" in notes) == (is_noted and slower > 1)
    assert ("the device sped up" in notes) == (is_noted and slower < 1)
