"""Records of ais_bench 0.0.2 (2024 to 2025): several devices, --pipeline and --threads, and names of forks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from enet import gates
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.gates import Outcome
from enet.measure import parity, recorded_accuracy
from enet.measure.subject import Subject
from enet.records import consistency, console, output_files, results_folder, summary as ais_bench
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders
from tests.unit.recipes import SHARED
from tests.unit.records.results import MS, edit, summary_of

GENUINE = SHARED / "ais_bench_records" / "v0.0.2_2025"
TARGET = Target(soc_version="Ascend310P3")


@pytest.fixture
def genuine(tmp_path: Path) -> Path:
    """A copy of what the real front end of December 2025 wrote."""
    if not GENUINE.is_dir():
        pytest.skip(f"{GENUINE} is not here")
    return Path(shutil.copytree(GENUINE, tmp_path / "genuine"))


def test_genuine_devices_are_one_run_by_the_clock(genuine: Path, subject: Subject) -> None:
    for other in (*genuine.glob("bs16*"), *genuine.glob("*threads*")):
        other.unlink()
    (run,) = results_folder.scan(genuine).runs
    timed = throughput_from_folder(results_folder.scan(genuine), 1, subject.deliverable, TARGET)
    assert (run.batch_size, len(run.images), timed.contradictions) == (1, 20, ())
    assert [(share.device, share.images) for share in timed.device_timings] == [("0", 10), ("1", 10)]
    assert timed.wall_images_per_second == pytest.approx(20 / (1795612629.2619305 - 1795612622.8851652))


def test_genuine_threads_are_timed_by_pairs(genuine: Path) -> None:
    summary = ais_bench.read(genuine / "threads_summary.json")
    timing = consistency.recorded_timing(summary, [console.read(genuine / "console_threads.txt")])
    assert not summary.is_pure_inference
    assert (timing.share.executions, timing.contradictions, timing.problems) == (20, (), ())
    assert timing.share.mean == pytest.approx(168.6660262000165, rel=1e-9)
    assert timing.share.started == pytest.approx(2057.631947414)
    assert timing.share.ended == pytest.approx(2061.4541986199997)


def as_mean_alone(table: dict[str, Any]) -> None:
    as_threads(table)
    del table["npu_compute_time_list"]


def as_backwards(table: dict[str, Any]) -> None:
    as_threads(table)
    table["npu_compute_time_list"][2].reverse()


def as_threads(table: dict[str, Any]) -> None:
    """As a run with --pipeline 1 --threads 2 is written: no files, mean and count, pairs of start and end."""
    times = table["npu_compute_time_list"]
    starts = 1000 + np.cumsum([0, *times[:-1]])
    table["filesinfo"] = {}
    table["args"] += ["--pipeline", "1", "--threads", "2"]
    table["npu_compute_time_list"] = [[start, start + time] for start, time in zip(starts.tolist(), times, strict=True)]
    table["NPU_compute_time"] = {key: table["NPU_compute_time"][key] for key in ("mean", "count")}


def rename_percentile(table: dict[str, Any]) -> None:
    table["NPU_compute_time"]["P99"] = table["NPU_compute_time"].pop("percentile(99%)")


#: A form of the timing, the outcome of throughput at batch 1 and words of its verdict. Outputs are scored in all.
FORMS: dict[str, tuple[Callable[[dict[str, Any]], object], Outcome, str]] = {
    "pipeline and threads": (as_threads, Outcome.PASS, "by the clock"),
    "P99": (rename_percentile, Outcome.PASS, "images/s at batch 1"),
    "no min": (lambda table: table["NPU_compute_time"].pop("min"), Outcome.PASS, "images/s at batch 1"),
    "no mean": (
        lambda table: table["NPU_compute_time"].pop("mean"),
        Outcome.NO_EVIDENCE,
        "its NPU_compute_time has no mean, only count, max, median, min",
    ),
    "no throughput": (lambda table: table.pop("throughput"), Outcome.NO_EVIDENCE, "it has no throughput"),
    "triples": (
        lambda table: table.update(npu_compute_time_list=[[1.0, 2.0, 3.0]] * 5),
        Outcome.NO_EVIDENCE,
        "holds neither times nor pairs of start and end",
    ),
    "pairs in a list of each thread": (
        lambda table: table.update(npu_compute_time_list=[[[1.0, 2.0]] * 5]),
        Outcome.NO_EVIDENCE,
        "holds neither times nor pairs of start and end",
    ),
    "tables of start and end": (
        lambda table: table.update(npu_compute_time_list=[{"start": 1.0, "end": 2.0}] * 5),
        Outcome.NO_EVIDENCE,
        "holds neither times nor pairs of start and end",
    ),
    "no statistics": (lambda table: table.pop("NPU_compute_time"), Outcome.NO_EVIDENCE, "it has no NPU_compute_time"),
    "mean and count alone": (as_mean_alone, Outcome.NO_EVIDENCE, "its list of times is missing"),
    "a pair backwards": (as_backwards, Outcome.FAIL, "an execution of -"),
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_scored_whatever_the_timing(form: str, good: Path, subject: Subject, tmp_path: Path) -> None:
    change, outcome, words = FORMS[form]
    edit(summary_of(good, 1), lambda table: (change(table), None)[1])
    (good / "console_bs1.txt").unlink()
    recorded, spec = results_folder.scan(good), subject.deliverable
    timed = throughput_from_folder(recorded, 1, spec, TARGET)
    verdict = gates.throughput.throughput(timed, spec, baselines.load())
    assert verdict.outcome is outcome, verdict
    assert words in str(verdict)
    scored = recorded_accuracy.accuracy(recorded, 1, subject, labels_to=tmp_path / "labels.npy")
    assert gates.accuracy.miou(scored, spec).outcome is Outcome.PASS, scored.provenance.missing_reason


def test_pipeline_without_outputs_is_no_run_without_input(good: Path, subject: Subject, tmp_path: Path) -> None:
    edit(summary_of(good, 1), as_threads)
    shutil.rmtree(good / "bs1")
    timed = throughput_from_folder(results_folder.scan(good), 1, subject.deliverable, TARGET)
    verdict = gates.throughput.throughput(timed, subject.deliverable, baselines.load())
    assert (verdict.outcome, timed.wall_images_per_second) == (Outcome.NO_EVIDENCE, None)
    assert "none of its outputs is here: images and batch size are unknown" in verdict.sentence
    scored = recorded_accuracy.accuracy(results_folder.scan(good), 1, subject, labels_to=tmp_path / "labels.npy")
    assert "none of the listed outputs is here" in scored.provenance.missing_reason


@pytest.mark.parametrize("broken", ["filesinfo", "infiles", "NPU_compute_time"])
def test_no_python_error_reaches_a_user(broken: str, good: Path) -> None:
    path = summary_of(good, 1)
    path.write_text(path.read_text().replace(f'"{broken}": ', f'"{broken}": 3, "x{broken}": '))
    with pytest.raises(InputError, match="not an ais_bench summary") as caught:
        ais_bench.read(path)
    assert "Error" not in str(caught.value)


def on_every_device(name: str, logits: dict[str, NDArray[Any]], root: Path) -> Path:
    """Two devices that ran all images each, the second at half the speed."""
    (root / "run").mkdir(parents=True)
    for device in (0, 1):
        summary, place = result_folders.write(root / "made", logits, 1, MS * (1 + device)), name.format(device)
        text = summary.read_text().replace("results/bs1", f"results/run/{place}")
        (root / "run" / f"{place}_summary.json").write_text(text)
        (root / "made" / "bs1").rename(root / "run" / place)
        shutil.rmtree(root / "made")
    return root / "run"


@pytest.mark.parametrize("name", ["device{0}", "device{0}_{0}"])
def test_devices_that_ran_everything_are_all_judged(
    name: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """Each image counts once, each device's speed counts, and a device with other outputs spoils the run."""
    run = on_every_device(name, logits, tmp_path / "results")
    recorded = results_folder.scan(run.parent)
    timed = throughput_from_folder(recorded, 1, subject.deliverable, TARGET)
    assert (timed.images, len(timed.device_timings), timed.contradictions) == (len(logits), 2, ())
    assert timed.images_per_second == pytest.approx(1000 / (1.5 * MS), rel=0.02)
    assert "every device ran all inputs (no --divide_input 1)" in timed.batch_size_source
    labels = tmp_path / "labels.npy"
    scored = recorded_accuracy.accuracy(recorded, 1, subject, labels_to=labels)
    assert len(scored.images) == len(logits)
    other = sorted((run / name.format(1)).iterdir())[2]
    data = other.read_bytes()
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=rf"{other.name}: differs from .*, what another device gave for the same"):
        recorded_accuracy.accuracy(recorded, 1, subject, labels_to=labels)
    shutil.rmtree(other.parent)
    with pytest.raises(InputError, match="listed outputs is here"):
        recorded_accuracy.accuracy(results_folder.scan(run.parent), 1, subject, labels_to=labels)


def test_guide_sumary_json_means_the_summary_beside_it(good: Path) -> None:
    read = ais_bench.read(good / "bs1" / "sumary.json")
    assert read.path == summary_of(good, 1)
    with pytest.raises(InputError, match=r"beside it are bs1_summary\.json, bs4_summary\.json\. Give one"):
        ais_bench.read(good / "sumary.json")
    summary_of(good, 4).unlink()
    assert ais_bench.read(good / "sumary.json").path == summary_of(good, 1)


@pytest.mark.parametrize("batch", [2, 3, 4])
def test_dropped_tail_is_no_evidence_of_parity(
    batch: int, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """Also where the images that both have end with others than the split."""
    for size in (1, batch):
        result_folders.write(tmp_path / "results", logits, size, MS, "June 2022")
    recorded = results_folder.scan(tmp_path / "results")
    labels = tmp_path / "many.npy", tmp_path / "one.npy"
    many, one = (
        recorded_accuracy.accuracy(recorded, size, subject, labels_to=path)
        for size, path in zip((batch, 1), labels, strict=True)
    )
    for comparison, last in (("batch parity", None), ("padded tail", len(logits) % batch)):
        evidence = parity.compare_runs(comparison, (many, one), labels, last=last)
        assert gates.parity.parity(evidence, subject.deliverable).outcome is Outcome.NO_EVIDENCE
        if last:
            assert evidence.images == ()


DECIMALS = {
    "rows": (b"1.500000 -2.000000 \n0.250000 4.000000 \n", [1.5, -2, 0.25, 4]),
    "Windows": (b"1.500000\r\n-2.000000\r\n0.250000\r\n4.000000", [1.5, -2, 0.25, 4]),
    "an exponent": (b"1.500000 2e0 0.250000 4.000000", None),
    "NaN": (b"1.500000 nan 0.250000 4.000000", None),
    "two points": (b"1.500000 2.000000.250000 4.000000 1", None),
    "a sign within": (b"1.500000 2-3.000000 0.250000 4.000000", None),
    "another number of digits": (b"1.5 2.000000 0.250000 4.000000", None),
    "one whole number": (b"1.500000 2.000000 7 0.250000 4.000000", None),
    "empty": (b"", None),
}


@pytest.mark.parametrize("form", DECIMALS)
def test_decimals_are_parsed_only_in_their_form(form: str) -> None:
    data, expected = DECIMALS[form]
    found = output_files.parse_decimals(data, 4)
    assert (found is None) == (expected is None)
    assert expected is None or (found is not None and found.ravel().tolist() == expected)
