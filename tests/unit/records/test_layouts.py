"""Results in every layout give the right figures, or the right refusal: versions, formats, devices, pipeline, losses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from enet import gates
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.evidence import Parity
from enet.gates import Outcome
from enet.measure import parity, recorded_accuracy
from enet.measure.subject import Subject
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders
from tests.unit.recipes import SHARED
from tests.unit.records.results import MS, edit, summary_of

RECORDS = SHARED / "ais_bench_records"
LATER = "v0.0.2_2025"
TARGET = Target(soc_version="Ascend310P3")
#: Clocks of two devices, in seconds since 1970.
SPANS = ((1795612620.5, 1795612624.25), (1795612621.5, 1795612625.5))

Writer = Callable[[Path, Mapping[str, NDArray[Any]]], object]


def one(version: str = "June 2023", suffix: str = "bin", batch: int = 1) -> Writer:
    return lambda root, logits: result_folders.write(root, logits, batch, MS, version, suffix)


def several(name: str, *, suffix: str = "bin", divided: bool = True) -> Writer:
    """Two devices, each with a share or with all images; ``name`` has the places of device and index."""

    def write(root: Path, logits: Mapping[str, NDArray[Any]]) -> None:
        (root / "run").mkdir(parents=True)
        names, lines = list(logits), []
        for index, (device, span) in enumerate(zip((2, 3), SPANS, strict=True)):
            mine = {each: logits[each] for each in (names[index::2] if divided else names)}
            place, made = name.format(device=device, index=index), root / "made"
            text = result_folders.write(made, mine, 1, MS * (1 + index)).read_text()
            table = json.loads(text.replace("results/bs1", f"results/run/{place}"))
            table["args"] += ["--device", "2,3", *(["--divide_input", "1"] if divided else [])]
            (root / "run" / f"{place}_summary.json").write_text(json.dumps(table))
            (made / "bs1").rename(root / "run" / place)
            lines.append(f"[INFO] i:{index} device_{device} throughput:{table['throughput']}          ")
            lines[-1] += "       start_time:{} end_time:{}".format(*span)
            shutil.rmtree(made)
        (root / "console.txt").write_text("\n".join([*lines, "[INFO] get filesperbatch"]))

    return write


def pipeline(suffix: str = "bin", *, threads: bool = True) -> Writer:
    """As with --pipeline 1: no files are listed; on threads, starts and ends, of statistics only the mean."""

    def write(root: Path, logits: Mapping[str, NDArray[Any]]) -> None:
        path = result_folders.write(root, logits, 1, MS, suffix=suffix, console=False)
        table = json.loads(path.read_text())
        table |= {"filesinfo": {}, "args": [*table["args"], "--pipeline", "1"]}
        if threads:
            table["args"] += ["--threads", "2"]
            starts = [1000 + 2 * MS * number for number in range(len(logits))]
            times = zip(starts, table["npu_compute_time_list"], strict=True)
            table["npu_compute_time_list"] = [[start, start + time] for start, time in times]
            durations = [end - start for start, end in table["npu_compute_time_list"]]
            mean = sum(durations) / len(durations)
            table |= {"NPU_compute_time": {"mean": mean, "count": len(durations)}, "throughput": 1000 / mean}
        path.write_text(json.dumps(table))

    return write


#: Layout: its writer, milliseconds an execution, images/s by the clock (0: not told), and words of the verdict on speed.
LAYOUTS: dict[str, tuple[Writer, float, float, str]] = {
    **{version: (one(version), MS, 0, "") for version in result_folders.VERSIONS},
    **{f"{version} NPY": (one(version, "npy"), MS, 0, "") for version in ("July 2022", "June 2023")},
    **{f"{version} TXT": (one(version, "txt"), MS, 0, "") for version in ("June 2022", "June 2023")},
    "2023, two devices": (several("device{device}"), 1.4 * MS, 1 / 5, "mean of 2 devices"),
    "2024, two devices": (several("device{device}_{index}"), 1.4 * MS, 1 / 5, "mean of 2 devices"),
    "2024, not divided": (several("device{device}_{index}", divided=False), 1.5 * MS, 0, "every device ran all inputs"),
    "2025, pipeline": (pipeline(threads=False), MS, 0, ""),
    "2025, pipeline NPY": (pipeline("npy"), MS, 1000 / (2 * MS), "by the clock"),
    "2025, pipeline on threads": (pipeline(), MS, 1000 / (2 * MS), "by the clock"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_its_figures(
    layout: str, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    write, milliseconds, by_clock, words = LAYOUTS[layout]
    write(tmp_path / "results", logits)
    recorded, spec = results_folder.scan(tmp_path / "results"), subject.deliverable
    assert recorded.batch_sizes == (1,)
    timed = throughput_from_folder(recorded, 1, spec, TARGET)
    verdict = gates.throughput.throughput(timed, spec, baselines.load())
    assert verdict.outcome is Outcome.PASS, verdict
    assert words in str(verdict)
    assert timed.mean_ms == pytest.approx(milliseconds, rel=0.02)
    assert timed.images == len(logits)
    if by_clock < 1:
        assert (timed.wall_images_per_second or 0) == pytest.approx(len(logits) * by_clock)
    else:  # the last execution does not last until the next one's start
        assert timed.wall_images_per_second == pytest.approx(by_clock, rel=0.15)
    scored = recorded_accuracy.accuracy(recorded, 1, subject, labels_to=tmp_path / "labels.npy")
    assert gates.accuracy.miou(scored, spec).outcome is Outcome.PASS, scored.provenance.missing_reason


@pytest.mark.parametrize("divided", [True, False])
def test_device_without_summary_is_not_left_out(
    divided: bool, subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """It may have been the slow one."""
    several("device{device}_{index}", divided=divided)(tmp_path / "results", logits)
    (tmp_path / "results" / "run" / "device3_1_summary.json").unlink()
    timed = throughput_from_folder(results_folder.scan(tmp_path / "results"), 1, subject.deliverable, TARGET)
    verdict = gates.throughput.throughput(timed, subject.deliverable, baselines.load())
    assert verdict.outcome is Outcome.NO_EVIDENCE, verdict
    assert "device2_0_summary.json: ran on device 3, too, whose summary is absent" in verdict.sentence


def without(numbers: Collection[int], *sizes: int) -> Callable[[Path], None]:
    """Leave the images with these numbers out of summaries and folders; -1 is the last."""

    def change(root: Path) -> None:
        for size in sizes:
            table = json.loads(summary_of(root, size).read_text())
            keys = list(table["filesinfo"])
            for key in [keys[number] for number in numbers]:
                (root / f"bs{size}" / Path(table["filesinfo"].pop(key)["outfiles"][0]).name).unlink()
            summary_of(root, size).write_text(json.dumps(table))

    return change


def twice(root: Path) -> None:
    edit(summary_of(root, 4), lambda table: table["filesinfo"].update({"99": table["filesinfo"]["0"]}))


#: What is lost between two runs of one split, and words of the refusal; empty: of a verdict without evidence.
LOSSES: dict[str, tuple[Callable[[Path], object], str]] = {
    "the tail": (without([-1], 4), ""),
    "the tail of both": (without([-1], 1, 4), ""),
    "the tail of batch 1": (without([-1], 1), ""),
    "one in the middle": (without([2], 4), ""),
    "all but one": (without(range(1, 5), 4), ""),
    "the folder": (lambda root: shutil.rmtree(root / "bs4"), ""),
    "one file": (lambda root: sorted((root / "bs4").iterdir())[-1].unlink(), "1 listed outputs are absent"),
    "a file too many": (
        lambda root: shutil.copy(sorted((root / "bs4").iterdir())[0], root / "bs4" / "zzz_0.bin"),
        "1 outputs that bs4_summary.json does not list: zzz_0.bin",
    ),
    "one twice": (twice, "twice. Run ais_bench again over each image once"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_parity_of_a_run_with_losses_is_no_evidence(loss: str, good: Path, subject: Subject, tmp_path: Path) -> None:
    """Neither by the images that are left, nor by the mIoU of other images."""
    change, words = LOSSES[loss]
    change(good)
    labels = {size: tmp_path / f"labels{size}.npy" for size in (4, 1)}

    def compare(comparison: str, last: int | None) -> Parity:
        recorded = results_folder.scan(good)
        runs = [recorded_accuracy.accuracy(recorded, size, subject, labels_to=path) for size, path in labels.items()]
        return parity.compare_runs(comparison, (runs[0], runs[1]), (labels[4], labels[1]), last=last)

    for comparison, last in (("batch parity", None), ("padded tail", 1)):
        if words:
            with pytest.raises(InputError, match=words):
                compare(comparison, last)
        else:
            found = gates.parity.parity(compare(comparison, last), subject.deliverable)
            assert found.outcome is Outcome.NO_EVIDENCE, found


#: Genuine files of one run, its batch size, executions of all devices, and images/s by the clock, if it is told.
GENUINE: dict[str, tuple[tuple[str, ...], int, int, float | None]] = {
    "2023, batch 1": (("bs1_summary.json", "console_bs1.txt"), 1, 20, None),
    "2023, batch 16": (("bs16_summary.json", "console_bs16.txt"), 16, 2, None),
    "2025, two devices": (
        tuple(
            f"{LATER}/{name}"
            for name in ("device0_0_summary.json", "device1_1_summary.json", "console_two_devices.txt")
        ),
        1,
        20,
        3.136386429838049,
    ),
    "2025, threads": ((f"{LATER}/threads_summary.json", f"{LATER}/console_threads.txt"), 1, 20, None),
    "2025, batch 16": ((f"{LATER}/bs16_summary.json",), 16, 2, None),
}


@pytest.mark.parametrize("run", GENUINE)
def test_genuine_records_of_every_layout(run: str, subject: Subject, tmp_path: Path) -> None:
    files, size, executions, by_clock = GENUINE[run]
    if not RECORDS.is_dir():
        pytest.skip(f"{RECORDS} is not here")
    for name in files:
        shutil.copy(RECORDS / name, tmp_path)
    recorded = results_folder.scan(tmp_path)
    assert recorded.batch_sizes == (size,)
    timed = throughput_from_folder(recorded, size, subject.deliverable, TARGET)
    assert timed.contradictions == ()
    assert sum(each.executions for each in timed.device_timings) == executions
    assert timed.wall_images_per_second == (by_clock and pytest.approx(by_clock))
