"""Fuzzer of records: what ais_bench and npu-smi wrote, with one value, line or file changed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.random import Generator

from enet import gates
from enet.deliverable import baselines
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.gates import Outcome
from enet.records import results_folder, throughput_from_folder
from enet.selftest import result_folders
from enet.selftest.fuzzed.base import Attempt, Kind, Trial, pick
from enet.selftest.planted.records import BATCH, guide, read_run

Summary = dict[str, Any]


def factor(rng: Generator) -> float:
    """A factor that no rounding explains."""
    return float(pick(rng, (0.5, 0.9, 0.99, 1.01, 1.1, 2.0)))


def scale(path: tuple[str, ...]) -> Callable[[Generator, Summary], object]:
    """One number of the summary is another."""

    def change(rng: Generator, summary: Summary) -> None:
        table = summary
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] *= factor(rng)

    return change


def one_time(rng: Generator, summary: Summary) -> None:
    times = summary["npu_compute_time_list"]
    times[int(rng.integers(len(times)))] *= factor(rng)


def times_left_out(rng: Generator, summary: Summary) -> None:
    times = summary["npu_compute_time_list"]
    del times[: int(rng.integers(1, len(times)))]


def all_times(rng: Generator, summary: Summary) -> None:
    """Every time, but not what follows from them."""
    by = factor(rng)
    summary["npu_compute_time_list"] = [by * each for each in summary["npu_compute_time_list"]]


def images_left_out(rng: Generator, summary: Summary) -> None:
    names = list(summary["filesinfo"])
    for name in rng.permutation(names)[: int(rng.integers(BATCH, len(names)))]:
        del summary["filesinfo"][str(name)]


def image_twice(rng: Generator, summary: Summary) -> None:
    first, second = rng.choice(len(summary["filesinfo"]), 2, replace=False)
    summary["filesinfo"][str(first)] = summary["filesinfo"][str(second)]


def other_batch(rng: Generator, summary: Summary) -> None:
    """The command line, and the figure that it scales, claim another batch size."""
    size = int(pick(rng, (1, 8, 32, 64)))
    summary["args"][summary["args"].index("--batchsize") + 1] = str(size)
    summary["throughput"] *= size / BATCH


def count(rng: Generator, summary: Summary) -> None:
    summary["NPU_compute_time"]["count"] += int(pick(rng, (-16, -1, 1, 32)))


STATISTICS = ("min", "max", "mean", "median", "percentile(99%)")

#: Changes of the summary that matter, in words.
SUMMARY: dict[str, Callable[[Generator, Summary], object]] = {
    **{name: scale(("NPU_compute_time", name)) for name in STATISTICS},
    "count": count,
    "throughput": scale(("throughput",)),
    "one time": one_time,
    "times left out": times_left_out,
    "all times": all_times,
    "images left out": images_left_out,
    "an image twice": image_twice,
    "batch size": other_batch,
    "zeros": lambda _, summary: summary.update(
        filesinfo={"0": {"infiles": ["pure_infer_data"], "outfiles": ["results/pure_infer_data_0.bin"]}}
    ),
}

#: Changes of the console's figures: pattern of the number. The text is that of ``result_folders``.
CONSOLE = {
    "console's throughput": r"(?<=\): )[\d.]+",
    "console's mean": r"(?<=mean\()[\d.]+",
    "console's batch size": r"(?<=filesperbatch:)\d+",
    "console's executions": r"(?<=runcount:)\d+",
}

#: Changes of npu-smi's table: what is replaced, by one of these.
NPU_SMI = {
    "health": ("| OK   ", ("| Alarm", "| Warn ")),
    "temperature": (" 56 ", (" 86 ", " 99 ")),
    "utilisation": ("| 0            934", ("| 3            934", "| 87           934")),
    "name": ("310P3", ("910B ", "310  ", "310P1")),
}

#: Changes that no verdict should depend on.
HARMLESS: dict[str, Callable[[Generator, Path], object]] = {
    "process id": lambda rng, folder: edit_summary(folder, lambda table: table.update(pid=int(rng.integers(99999)))),
    "order of keys": lambda _, folder: edit_summary(folder, lambda _: None, sort_keys=True),
    "a note beside": lambda _, folder: (folder / "README").write_text("results of Monday"),
    "lines around": lambda _, folder: edit_console(folder, lambda text: f"$ run\n{text}$ exit\n"),
}


def edit_summary(folder: Path, change: Callable[[Summary], object], *, sort_keys: bool = False) -> None:
    (path,) = folder.glob("*_summary.json")
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table, sort_keys=sort_keys), encoding="utf-8")


def edit_console(folder: Path, change: Callable[[str], str]) -> None:
    (path,) = folder.glob("console_*.txt")
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def scaled_number(rng: Generator) -> Callable[[re.Match[str]], str]:
    """Another number of the same form."""
    by = factor(rng)
    return lambda found: str(float(found[0]) * by if "." in found[0] else 2 * int(found[0]))


def change(rng: Generator, folder: Path) -> str:
    """Change one thing that matters; returns what, in words."""
    where = pick(rng, ("summary", "summary", "console", "npu-smi"))
    if where == "summary":
        name = pick(rng, SUMMARY)
        edit_summary(folder, lambda table: SUMMARY[name](rng, table))
    elif where == "console":
        name = pick(rng, CONSOLE)
        edit_console(folder, lambda text: re.sub(CONSOLE[name], scaled_number(rng), text))
    else:
        name = pick(rng, NPU_SMI)
        old, new = NPU_SMI[name]
        (folder / "npu-smi.txt").write_text(result_folders.NPU_SMI.replace(old, pick(rng, new)), encoding="utf-8")
    return str(name)


def prepare(folder: Path) -> Attempt:
    """A sound folder of results; each trial changes a copy of it."""
    sound, copy = folder / "sound", folder / "copy"
    read_run(sound)

    def attempt(rng: Generator, changes: bool) -> Trial:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(sound, copy, ignore=shutil.ignore_patterns("*.bin"))  # the outputs are not looked at
        if changes:
            words = change(rng, copy)
        else:
            words = pick(rng, HARMLESS)
            HARMLESS[words](rng, copy)
        return Trial(words=words, passed=passes(copy))

    return attempt


def passes(folder: Path) -> bool:
    """Whether the gate of throughput passes at the batch size of the sound folder."""
    try:
        measured = throughput_from_folder(results_folder.scan(folder), BATCH, guide(), Target())
    except InputError:
        return False
    return gates.throughput.throughput(measured, guide(), baselines.load()).outcome is Outcome.PASS


KINDS = (Kind(name="records of throughput", prepare=prepare),)
