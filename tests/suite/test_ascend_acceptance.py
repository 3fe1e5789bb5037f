"""Acceptance on Ascend devices, on the simulator: it runs whole, its figures are right, and no device gate passes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from enet import deliverable, evidence, gates
from enet.deliverable import baselines
from enet.evidence import Accuracy, Parity, Throughput
from enet.gates import Outcome, Plan
from tests.suite.simulator import MS, accept, run, verdicts, without_mark

PLAN = Plan(deliverable=deliverable.load("cityscapes"), backends=("ascend",), device_backends=("ascend",))
DEVICE_GATES = {gate.name for gate, case in PLAN.required() if case.backend == "ascend"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def live(small: Path, scenes: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of an acceptance on two devices at once with the tools of 2025, by two workers, on a cold cache."""
    folder = tmp_path_factory.mktemp("acceptance")
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache]
    device = ["--backend", "ascend", "--batch-size", 1, "--batch-size", 4, "--device", "0,1", "-n", 2]
    folders = ["--evidence", folder / "live", "--basetemp", folder / "temp"]
    done = accept(inputs, *device, *folders, ms=MS, devices=2, ais_bench="2025-12")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "without evidence" in done.stdout
    return folder / "live"


def test_acceptance_on_simulated_devices_gives_no_evidence(live: Path) -> None:
    device = [verdict for verdict in verdicts(live) if "ascend" in verdict["test"]]
    assert {verdict["gate"] for verdict in device} == DEVICE_GATES
    for verdict in device:
        assert verdict["outcome"] == "NO EVIDENCE", verdict
        assert "simulated device" in verdict["sentence"]
    others = [verdict for verdict in verdicts(live) if "ascend" not in verdict["test"]]
    assert {verdict["outcome"] for verdict in others} == {"PASS"}


@pytest.mark.parametrize("kind", ["accuracy", "parity", "padded-tail", "equal-rows", "throughput"])
def test_evidence_of_simulated_devices_is_marked(kind: str, live: Path) -> None:
    found = sorted(live.glob(f"{kind}-small-ascend-bs*.json"))
    assert found
    for path in found:
        table = json.loads(path.read_text())
        places = [table[key] for key in ("provenance", "first", "second") if key in table]
        assert all(place["simulated"] is True for place in places)
        assert all("--device" in place["argv"] for place in places)  # of the user's command, also in a worker
        assert all(len(place["devices_before"]) == len(place["devices_after"]) == 2 for place in places)


@pytest.mark.parametrize(("size", "images"), [(1, (5, 5)), (4, (4, 6))])
def test_evidence_of_simulated_devices_has_the_right_figures(
    size: int, images: tuple[int, int], live: Path, small: Path
) -> None:
    spec = deliverable.load(str(small))
    scored = evidence.load(live / f"accuracy-small-ascend-bs{size}.json")
    assert isinstance(scored, Accuracy)
    assert 100 * scored.miou == pytest.approx(spec.reference.miou_percent, abs=0.05)  # half precision
    assert [(share.device, share.images) for share in scored.devices] == [*zip("01", images, strict=True)]
    timed = evidence.load(live / f"throughput-small-ascend-bs{size}.json")
    assert isinstance(timed, Throughput)
    assert timed.images_per_second == pytest.approx(1000 / MS, rel=1e-6)
    assert timed.batch_size_source == "the compiled model"
    assert (timed.batch_size, timed.images, timed.contradictions) == (size, 10, ())
    assert timed.seconds is not None
    assert timed.wall_images_per_second is not None
    assert timed.wall_images_per_second < 2 * timed.images_per_second


def test_batch_parity_on_simulated_devices_is_high(live: Path) -> None:
    parity = evidence.load(live / "parity-small-ascend-bs4.json")
    assert isinstance(parity, Parity)
    assert parity.pixel_agreement > 0.9999


def test_om_of_each_batch_size_is_built_once(live: Path, cache: Path) -> None:
    assert live.is_dir()
    built = [json.loads(path.read_text())["key"] for path in (cache / "ascend").glob("*/manifest.json")]
    assert sorted(key["batch_size"] for key in built) == [1, 4]
    assert {key["backend"]["soc_version"] for key in built} == {"Ascend310P3"}


IDLE = {"HEALTH": "OK", "TEMPERATURE": "50", "AICORE": "0", "PROCESSES": ""}

#: Problem that npu-smi shows, and the states of the device, one per look.
PROBLEMS = {
    "other processes run on it: python (4711)": [IDLE | {"PROCESSES": "python:4711"}],
    "health is Warning": [IDLE | {"HEALTH": "Warning"}],
    "96 °C, expected at most 85": [IDLE, IDLE, IDLE, IDLE | {"TEMPERATURE": "96"}],
    "40 % of its cores are in use": [IDLE, IDLE, IDLE, IDLE | {"AICORE": "40"}],
}


@pytest.mark.parametrize(("problem", "allowed"), [(problem, number == 0) for number, problem in enumerate(PROBLEMS)])
def test_device_state_before_or_after_a_run_is_evidence_against_it(
    problem: str, allowed: bool, small: Path, scenes: Path, cache: Path, tmp_path: Path
) -> None:
    """Unless the user accepts it with --allow-busy-device."""
    spec, table = deliverable.load(str(small)), baselines.load()
    states = tmp_path / "states"
    states.write_text("".join(json.dumps(state) + "\n" for state in PROBLEMS[problem]))
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache]
    options = ["--backend", "ascend", "--batch-size", 1, "-k", "test_throughput", "--evidence", tmp_path]
    done = accept(inputs, *options, *["--allow-busy-device"] * allowed, ms=MS, states=states)
    assert done.returncode == 1, done.stdout + done.stderr
    recorded = evidence.load(tmp_path / "throughput-small-ascend-bs1.json")
    assert isinstance(recorded, Throughput)
    timed = without_mark(recorded)
    if allowed:
        verdict = gates.throughput.throughput(timed, spec, table)
        assert verdict.outcome is Outcome.PASS, verdict
        timed = without_mark(timed, allow_busy=False)
    verdict = gates.throughput.throughput(timed, spec, table)
    assert verdict.outcome is Outcome.NO_EVIDENCE
    assert problem in verdict.sentence
    if PROBLEMS[problem][0] == IDLE:  # without the look after the run nothing speaks against it
        assert gates.throughput.throughput(without_mark(timed, devices_after=()), spec, table).outcome is Outcome.PASS


def test_om_fixtures_of_two_workers_build_each_om_once(small: Path, scenes: Path, tmp_path: Path) -> None:
    words = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "-n", 2, "tests/suite/compiled.py"]
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", tmp_path / "oms"]
    done = run(sys.executable, *words, *inputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert len(list((tmp_path / "oms" / "ascend").glob("*/manifest.json"))) == 5
