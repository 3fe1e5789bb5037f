"""Rules of throughput at their limits: what a pass needs, which run is the best, what stands beside a figure."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from enet import deliverable, gates
from enet.deliverable import Deliverable, baselines, chips
from enet.deliverable.baselines import BEST
from enet.evidence import DeviceTiming, Throughput
from enet.gates import Outcome
from tests.unit import recipes

TABLE = baselines.load()
#: The 310's images/s at each batch size.
OVER = TABLE.column("310").by_batch
IMAGES = 500


@pytest.fixture(scope="module")
def spec() -> Deliverable:
    """1.5 times the 310: a factor that float64 holds exactly, unlike 1.2."""
    guide = deliverable.load("cityscapes")
    assert guide.throughput is not None
    assert (guide.throughput.at_least, guide.throughput.baseline, guide.dataset.images) == (1.2, "310", IMAGES)
    return dataclasses.replace(guide, throughput=dataclasses.replace(guide.throughput, at_least=1.5))


def timed(rate: float, batch: int = 1, where: dict[str, Any] | None = None, **changes: Any) -> Throughput:
    """One 310P3 at so many images/s, by the tool's own mean."""
    executions = math.ceil(IMAGES / batch)
    known: dict[str, Any] = {
        "provenance": recipes.provenance(**{"chip": "310P3", "batch_size": batch, **(where or {})}),
        "tool": "ais_bench",
        "batch_size": batch,
        "batch_size_source": "the model",
        "claimed_batch_size": batch,
        "device_timings": (part(rate, batch, images=IMAGES, executions=executions),),
        "images_expected": IMAGES,
    }
    return Throughput(**{**known, **changes})


def part(rate: float, batch: int = 1, **changes: Any) -> DeviceTiming:
    known: dict[str, Any] = {"device": "0", "images": IMAGES, "executions": IMAGES, "compute_ms": ()}
    return DeviceTiming(**{**known, "mean_ms": 1000 * batch / rate, **changes})


#: Just beyond, by more than the rounding of a mean in ms.
LITTLE = 1e-9


@pytest.mark.parametrize("batch", [1, 4, 8, 16])
@pytest.mark.parametrize(("factor", "outcome"), [(1.5 + LITTLE, Outcome.PASS), (1.5 - LITTLE, Outcome.FAIL)])
def test_throughput_limit_is_exact_at_every_batch_size(
    batch: int, factor: float, outcome: Outcome, spec: Deliverable
) -> None:
    rate = factor * OVER[batch]
    verdict = gates.throughput.throughput(timed(rate, batch), spec, TABLE)
    assert (verdict.gate, verdict.outcome) == ("throughput", outcome)
    assert verdict.check == gates.Check(measured=recipes.about(factor, rel=1e-12), unit="x", low=1.5)
    assert verdict.numbers == {"images_per_second": pytest.approx(rate), "baseline": OVER[batch]}
    assert spec.throughput is not None
    assert verdict.sentence == (
        f"{rate:.6g} images/s at batch {batch} is 1.5x the 310's {OVER[batch]:.6g}, expected at least 1.5x "
        f"[{spec.throughput.source}]"
    )


@pytest.mark.parametrize(("batch", "words"), [(4, "at batch 4"), (BEST, "at the best batch of each")])
def test_recorded_figures_are_compared_like_measured_ones(
    batch: baselines.BatchKey, words: str, spec: Deliverable
) -> None:
    assert spec.throughput is not None
    at_limit = dataclasses.replace(spec.throughput, baseline="310P3", at_least=1.0)
    verdict = gates.throughput.recorded("310P3", batch, at_limit, TABLE)
    assert (verdict.gate, verdict.outcome, verdict.measured) == ("recorded", Outcome.PASS, 1.0)
    assert words in verdict.sentence
    missing = gates.throughput.recorded("310", 32, at_limit, TABLE)
    assert (missing.gate, missing.outcome, missing.sentence) == ("recorded", Outcome.INFO, "310 has no figure at bs32")


def test_throughput_without_a_limit_is_information(spec: Deliverable) -> None:
    """Which fails all the same if the record contradicts itself."""
    words = "2000 images/s at batch 1, mean compute 0.5 ms"
    none = dataclasses.replace(spec, throughput=None)
    run = timed(2000.0)
    for verdict, reason in (
        (gates.throughput.throughput(run, none, TABLE), "no recorded baseline is of this network"),
        (gates.throughput.throughput(timed(2000.0, tool="trtexec"), spec, TABLE), "no limit applies to trtexec"),
    ):
        assert (verdict.gate, verdict.outcome, verdict.sentence) == ("throughput", Outcome.INFO, f"{words}; {reason}")
        assert verdict.check == gates.Check(measured=recipes.about(2000), unit="images/s")
    at_32 = gates.throughput.throughput(timed(2000.0, 32), spec, TABLE)
    assert (at_32.gate, at_32.outcome) == ("throughput", Outcome.INFO)
    assert at_32.sentence == "2000 images/s at batch 32; no 310 baseline there"
    assert at_32.check == gates.Check(measured=recipes.about(2000), unit="images/s")
    for gate, evidence in ((gates.throughput.best_batch, [run]), (gates.throughput.model_directory, [run])):
        verdict = gate(evidence, none, TABLE)
        assert (verdict.gate, verdict.outcome) == (gate.__name__, Outcome.INFO)
        assert verdict.sentence == "no recorded baseline is of this network"
    wrong = gates.throughput.throughput(timed(2000.0, contradictions=("one", "two", "three")), none, TABLE)
    assert (wrong.gate, wrong.outcome) == ("throughput", Outcome.FAIL)
    assert wrong.sentence == f"contradictory record: one, two and 1 more; {words}"
    assert wrong.check == gates.Check(measured=recipes.about(2000), unit="images/s")


#: Changes to a fast run of batch 16, its provenance, and why it is no evidence.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "absent": ({}, {"missing_reason": "no run of batch size 16"}, "no run of batch size 16"),
    "simulated": ({}, {"simulated": True}, "measured on a simulated device"),
    "another deliverable": ({}, {"deliverable": "x"}, "evidence for 'x', expected 'cityscapes'"),
    "another chip": ({}, {"chip": "310"}, "measured on a 310, expected a 310P3"),
    "zeros": ({"zero_input": True}, {}, "run over zeros, not over the data set: speed on images is unknown"),
    "unknown batch": ({"batch_size": 0}, {}, "the model's batch size is unknown: add the ais_bench console output"),
    "ambiguous batch": ({"batch_ambiguity": "3 or 4"}, {}, "3 or 4"),
    "no execution": ({"device_timings": (part(1.0, executions=0),)}, {}, "no execution was timed"),
    "no time": ({"device_timings": (part(1.0, mean_ms=0.0),)}, {}, "no execution was timed"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_throughput_of_an_unfit_run_is_no_evidence(why: str, spec: Deliverable) -> None:
    changes, where, reason = REFUSED[why]
    run = timed(3 * OVER[16], 16, where=where, **changes)
    verdict = gates.throughput.throughput(run, spec, TABLE)
    assert (verdict.gate, verdict.outcome, verdict.incomplete) == ("throughput", Outcome.NO_EVIDENCE, False)
    if why == "absent":
        assert verdict.sentence == reason
    else:
        assert verdict.sentence.startswith(f"{reason}; ")
        assert f"images/s at batch {run.batch_size or 'unknown'}, mean compute " in verdict.sentence
    assert (verdict.check is None) == (why in ("no execution", "no time"))
    best = gates.throughput.best_batch([run], spec, TABLE)
    assert (best.gate, best.outcome) == ("best_batch", Outcome.NO_EVIDENCE)
    assert best.sentence == f"no batch size can be compared: {reason}"
    if why == "another chip":  # runs of several chips are not compared at all
        return
    # An unfit run is not the best one, however fast, and does not keep a fit one from being it.
    sound = timed(1.6 * TABLE.column("310").best, 4)
    assert gates.throughput.best_batch([run, sound], spec, TABLE).notes == ("best at batch 4",)
    assert "batch 16" in gates.throughput.model_directory([run, timed(9e3)], spec, TABLE).sentence.split("; ")[-1]


#: Changes to a fast run of batch 16; whether it can pass; what is missing if not.
COMPLETE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "all": ({}, {}, ""),
    "more than all": ({"images_expected": IMAGES - 1}, {}, ""),
    "one missing": ({"images_expected": IMAGES + 1}, {}, "1 of 501 images missing"),
    "a full tail dropped": ({"images_expected": IMAGES + 15, "tail_dropped": True}, {}, ""),
    "more than a tail dropped": (
        {"images_expected": IMAGES + 16, "tail_dropped": True},
        {},
        "16 of 516 images missing",
    ),
    "no chip": (
        {},
        {"chip": ""},
        "the device is not recorded: add the output of npu-smi info, or give --soc-version Ascend310P3",
    ),
    "limited": ({}, {"limited": True}, "only some images were requested"),
}


@pytest.mark.parametrize("why", COMPLETE)
def test_throughput_passes_only_complete_and_fails_all_the_same(why: str, spec: Deliverable) -> None:
    changes, where, reason = COMPLETE[why]
    fast, slow = (timed(factor * OVER[16], 16, where=where, **changes) for factor in (1.6, 1.4))
    verdict = gates.throughput.throughput(fast, spec, TABLE)
    assert verdict.outcome is (Outcome.NO_EVIDENCE if reason else Outcome.PASS)
    assert verdict.incomplete == bool(reason)
    assert verdict.sentence.endswith(f"; {reason}" if reason else "]")
    assert gates.throughput.throughput(slow, spec, TABLE).outcome is Outcome.FAIL
    runs = [timed(1.6 * OVER[size], size, where=where, **changes) for size in OVER]
    best = gates.throughput.best_batch(runs, spec, TABLE)
    # The fastest of all has a smaller batch, and so may drop a smaller tail.
    assert best.outcome is (Outcome.NO_EVIDENCE if reason or "tail" in why else Outcome.PASS), best
    filed = gates.throughput.model_directory([timed(9e3, 1, where=where, **changes), fast], spec, TABLE).sentence
    assert filed.startswith("filed under") == (best.outcome is Outcome.PASS)


def test_best_batch_is_the_fastest_run_against_the_baselines_best(spec: Deliverable) -> None:
    best = TABLE.column("310").best
    for factor, outcome in ((1.5 + LITTLE, Outcome.PASS), (1.5 - LITTLE, Outcome.FAIL)):
        runs = [timed((factor if size == 8 else 1.0) * best, size) for size in OVER]
        verdict = gates.throughput.best_batch(runs, spec, TABLE)
        assert (verdict.gate, verdict.outcome, verdict.notes) == ("best_batch", outcome, ("best at batch 8",))
        assert verdict.check == gates.Check(measured=recipes.about(factor, rel=1e-12), unit="x", low=1.5)
        assert verdict.numbers == {"images_per_second": pytest.approx(factor * best), "baseline": best}


@pytest.mark.parametrize(
    ("sizes", "outcome", "words"),
    [
        ((1, 4, 8, 16), Outcome.FAIL, ""),
        ((1, 4, 8, 16, 32), Outcome.FAIL, ""),
        ((1, 4, 16), Outcome.NO_EVIDENCE, "; not measured: batch 8"),
        ((32,), Outcome.NO_EVIDENCE, "; not measured: batch 1, 4, 8, 16"),
        ((), Outcome.NO_EVIDENCE, "no batch size can be compared: nothing was measured"),
    ],
)
def test_best_batch_fails_only_if_every_size_of_the_baseline_was_measured(
    sizes: tuple[int, ...], outcome: Outcome, words: str, spec: Deliverable
) -> None:
    """A pass needs one size only: the best one can only be better."""
    slow = [timed(500.0, size) for size in sizes]
    verdict = gates.throughput.best_batch(slow, spec, TABLE)
    assert (verdict.gate, verdict.outcome) == ("best_batch", outcome)
    assert verdict.sentence.endswith(words or "]")
    if sizes:
        assert verdict.check is not None
        assert verdict.check.low == 1.5
        fast = gates.throughput.best_batch([*slow, timed(2 * TABLE.column("310").best, 2)], spec, TABLE)
        assert fast.outcome is Outcome.PASS


def test_best_batch_names_a_contradiction_before_a_problem(spec: Deliverable) -> None:
    run = timed(3e3, where={"simulated": True}, contradictions=("a contradiction", "another"))
    verdict = gates.throughput.best_batch([run], spec, TABLE)
    assert verdict.sentence == "no batch size can be compared: a contradiction"
    unsound = timed(9e3, 16, contradictions=("a contradiction",))
    assert gates.throughput.best_batch([unsound, timed(2e3)], spec, TABLE).notes == ("best at batch 1",)
    directory = gates.throughput.model_directory([unsound, timed(9e3)], spec, TABLE)
    assert directory.sentence.endswith("; no evidence for batch 16")


def test_model_directory_says_what_it_requires(spec: Deliverable) -> None:
    rule = TABLE.directory
    required = f"batch 1 and 16 at {rule.at_least:g}x the {rule.over} or more"
    fast, slow = ([timed(rate, size) for size in (1, 16)] for rate in (9e3, 10.0))
    for runs, sentence in (
        (fast, f"filed under {rule.name}, which requires {required}"),
        (slow, f"not filed under {rule.name}, which requires {required}"),
        ([], f"{rule.name} requires {required}; no evidence for batch 1, 16"),
    ):
        verdict = gates.throughput.model_directory(runs, spec, TABLE)
        assert (verdict.gate, verdict.outcome, verdict.sentence) == ("model_directory", Outcome.INFO, sentence)


def changing(slower: float) -> DeviceTiming:
    return part(1000.0, images=4, executions=4, compute_ms=(1.0, 1.0, slower, slower))


NO_RAW = "by the recorded mean: this version of the tool keeps no raw times"


@pytest.mark.parametrize(
    ("timings", "notes"),
    [
        ((part(2000.0),), [NO_RAW]),
        ((changing(1.0),), []),
        ((changing(1.09),), []),
        ((changing(1.11),), ["the second half of the run took +11 %: the device slowed down"]),
        ((changing(2.0),), ["the second half of the run took +100 %: the device slowed down"]),
        ((changing(0.91),), []),
        ((changing(0.89),), ["the second half of the run took -11 %: the device sped up"]),
        ((dataclasses.replace(changing(1.0), started=1.0, ended=3.0),), ["2 images/s by the clock"]),
        ((changing(1.0), part(500.0, device="1")), ["mean of 2 devices: device 0 1000, device 1 500 images/s", NO_RAW]),
    ],
)
def test_notes_stand_beside_the_figure(timings: tuple[DeviceTiming, ...], notes: list[str], spec: Deliverable) -> None:
    run = timed(2000.0, device_timings=timings, images_expected=4)
    assert list(gates.throughput.throughput(run, spec, TABLE).notes) == ["batch from the model", *notes]


def test_first_two_of_several_reasons_are_named(spec: Deliverable) -> None:
    reasons = ("one", "two", "three")
    refused = gates.throughput.throughput(timed(2000.0, problems=reasons), spec, TABLE)
    assert (refused.outcome, refused.sentence.split("; ")[0]) == (Outcome.NO_EVIDENCE, "one, two and 1 more")
    missing = gates.throughput.throughput(timed(3 * OVER[16], 16, gaps=reasons), spec, TABLE)
    assert (missing.outcome, missing.sentence.split("; ")[-1]) == (Outcome.NO_EVIDENCE, "one, two and 1 more")


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (({"chip": "310P3"}, {"chip": "310"}), "evidence of several chips is mixed: 310, 310P3"),
        (({"backend": "b"}, {"backend": "a"}), "evidence of several backends is mixed: a, b"),
        (({"chip": "310P3"}, {"chip": ""}), None),  # unknown
        (({"chip": "310"}, {"chip": "310P3", "missing_reason": "no run"}), None),  # not there
    ],
)
def test_runs_of_several_devices_are_not_compared(
    where: tuple[dict[str, Any], dict[str, Any]], sentence: str | None, spec: Deliverable
) -> None:
    runs = [timed(2000.0, batch, where=each) for batch, each in zip((1, 4), where, strict=True)]
    assert gates.throughput.mixture_problem(runs) == sentence
    verdict = gates.throughput.best_batch(runs, spec, TABLE)
    assert (verdict.sentence == sentence) == (sentence is not None)


def test_bound_of_the_chip_may_be_reached_but_not_exceeded(spec: Deliverable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chips, "largest_rate", lambda *_: (4000.0, "as it is"))
    assert gates.throughput.throughput(timed(4000.0, 4), spec, TABLE).outcome is Outcome.PASS
    beyond = gates.throughput.throughput(timed(4001.0, 4), spec, TABLE)
    assert beyond.outcome is Outcome.NO_EVIDENCE
    assert beyond.sentence.endswith("; no 310P3 can exceed 4000 images/s: as it is")
