"""Consistency checks: the batch size is found, and every overstated or edited value is reported."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from enet import gates
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.gates import Outcome
from enet.measure.subject import Subject
from enet.records import results_folder
from enet.records.throughput import throughput_from_folder
from enet.selftest import result_folders
from tests.unit.records.results import (
    FAILS,
    MS,
    WITHOUT,
    BrokenCase,
    check_broken,
    edit,
    set_times,
    set_value,
    summary_of,
    verdicts,
    write,
)


def scale_throughput(batch: int, factor: float, *, flag: int | None = None) -> Callable[[Path], None]:
    """Scale the recorded throughput, and set the flag of the batch size if one is given; there is no console."""

    def change(table: dict[str, Any]) -> None:
        table["throughput"] *= factor
        if flag is not None:
            table["args"][-1] = str(flag)

    def apply(root: Path) -> None:
        (root / f"console_bs{batch}.txt").unlink()
        edit(summary_of(root, batch), change)

    return apply


def double_runs(root: Path) -> None:
    """The console says twice as many executions as there are times."""
    path = root / "console_bs4.txt"
    path.write_text(re.sub(r"runcount:(\d+)", lambda found: f"runcount:{2 * int(found[1])}", path.read_text()))


STATS = ("NPU_compute_time",)

BROKEN: dict[str, BrokenCase] = {
    "batchsize 16 of a model of batch 1": (scale_throughput(1, 16, flag=16), FAILS, "overstated 16 times"),
    "batchsize 16 of a model of batch 4": (scale_throughput(4, 4, flag=16), FAILS, "overstated"),
    "other executions in the console": (double_runs, FAILS, "executions, bs4_summary.json"),
    "batchsize 1 of a model of batch 4": (
        scale_throughput(4, 0.25, flag=1),
        WITHOUT,
        "no run of batch size 4, only of 1, 3",
    ),
    "throughput doubled": (scale_throughput(1, 2), FAILS, "throughput is claimed for batch 2, the model has 1"),
    "throughput up by a tenth": (scale_throughput(1, 1.1), FAILS, "throughput is claimed as"),
    "throughput edited, console not": (set_value(1, "throughput", value=2500.0), FAILS, "throughput is claimed as"),
    "mean lowered": (
        set_value(1, *STATS, "mean", value=0.4),
        FAILS,
        "mean is claimed as 0.4 ms, but its raw times give",
    ),
    "min lowered": (set_value(1, *STATS, "min", value=0.1), FAILS, "min is claimed as"),
    "p99 lowered": (set_value(1, *STATS, "percentile(99%)", value=0.5), FAILS, "p99 is claimed as"),
    "count": (set_value(1, *STATS, "count", value=50), FAILS, "50 executions are claimed, but there are 5 raw times"),
    "a slow execution left out": (set_times(lambda raw: raw[:-1]), FAILS, "4 executions do not fit 5 images"),
    "every time halved": (set_times(lambda raw: [time / 2 for time in raw]), FAILS, "but its raw times give"),
    "a time of 0": (set_times(lambda raw: [0.0, *raw[1:]]), FAILS, "an execution of 0 ms"),
    "a negative time": (set_times(lambda raw: [-1.0, *raw[1:]]), FAILS, "an execution of -1 ms"),
    "loops that do not fit": (
        set_value(1, "args", value=["x", "--loop", "3", "--batchsize", "1"]),
        FAILS,
        "do not fit",
    ),
    "another run's console": (
        write(
            "console_bs1.txt",
            "[INFO] output path:./results/bs1\n[INFO] throughput 1000*batchsize.mean(1)/"
            "NPU_compute_time.mean(0.25): 4000.0\n",
        ),
        FAILS,
        "console_bs1.txt says 4000 images/s",
    ),
    "a console that says the model has batch 2": (
        write(
            "console_bs1.txt",
            "[INFO] output path:./results/bs1\n[INFO] get filesperbatch files0 size:1 "
            "tensor0size:2 filesperbatch:2 runcount:3\n",
        ),
        FAILS,
        "the model has 2",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_record_contradictory_is_reported(name: str, good: Path, subject: Subject) -> None:
    check_broken(BROKEN[name], good, subject)


def test_batch_size_without_console_is_ambiguous(good: Path, subject: Subject) -> None:
    for path in good.glob("console*"):
        path.unlink()
    assert results_folder.scan(good).batch_sizes == (1, 4)
    found = verdicts(good, subject)
    assert [verdict.outcome for verdict in found].count(Outcome.PASS) == 4
    (ambiguous,) = [verdict for verdict in found if verdict.outcome is not Outcome.PASS]
    assert ambiguous.outcome is Outcome.NO_EVIDENCE
    assert (
        "batch sizes 3 to 4 all give 5 images in 2 executions: add the ais_bench console output" in ambiguous.sentence
    )


def test_console_of_several_runs_fits_each_run(good: Path, subject: Subject) -> None:
    """Runs whose console output was saved in one file."""
    consoles = sorted(good.glob("console*"))
    text = "".join(path.read_text() for path in consoles)
    for path in consoles:
        path.unlink()
    (good / "all.txt").write_text(text)
    assert results_folder.scan(good).batch_sizes == (1, 4)
    assert [verdict.outcome for verdict in verdicts(good, subject)] == [Outcome.PASS] * 5


def test_image_listed_repeatedly_fails(good: Path, subject: Subject) -> None:
    """Throughput must count images, not lines, even if there are no outputs."""

    def repeat(table: dict[str, Any]) -> None:
        table["filesinfo"] = {str(n): {"infiles": ["a.bin"], "outfiles": ["./results/bs1/a_0.bin"]} for n in range(5)}

    edit(summary_of(good, 1), repeat)
    shutil.rmtree(good / "bs1")
    spec = subject.deliverable
    timed = throughput_from_folder(results_folder.scan(good), 1, spec, Target(soc_version="Ascend310P3"))
    verdict = gates.throughput.throughput(timed, spec, baselines.load())
    assert verdict.outcome is Outcome.FAIL
    assert "lists a more than once" in verdict.sentence


def test_devices_with_the_same_images_contradict(
    subject: Subject, logits: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    root = tmp_path / "results"
    (root / "run").mkdir(parents=True)
    for device in (0, 1):
        summary = result_folders.write(root / "made", logits, 1, MS)
        text = summary.read_text().replace('"--batchsize"', '"--divide_input", "1", "--batchsize"')
        (root / "run" / f"device{device}_summary.json").write_text(text)
        shutil.rmtree(root / "made")
    timed = throughput_from_folder(results_folder.scan(root), 1, subject.deliverable, Target(soc_version="Ascend310P3"))
    assert any("also ran on another device" in each for each in timed.contradictions)
