"""Results that were brought back, and evidence, that are damaged or odd."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from enet.selftest import result_folders
from enet.selftest.tiny import IMAGES, SIDE
from tests.bad_input.base import cases, evaluating, file_with, scoring

case = cases("results")


def names() -> list[str]:
    return [f"{('beta', 'alpha')[number % 2]}_{number:06d}_leftImg8bit" for number in range(IMAGES)]


def results(bad: Path, suffix: str = "bin") -> Path:
    """A run of the tiny data set as ais_bench leaves it; the summary's path."""
    rng = np.random.default_rng(0)
    outputs = {name: rng.normal(size=(19, SIDE, SIDE)).astype(np.float32) for name in names()}
    return result_folders.write(bad, outputs, 1, 1.0, suffix=suffix)


def first(summary: Path, suffix: str = "bin") -> Path:
    """One of the outputs."""
    return summary.parent / "bs1" / f"{names()[0]}_0.{suffix}"


def summary_with(bad: Path, **changes: object) -> Path:
    path = results(bad)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@case
def empty_summary(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(file_with(bad / "sumary.json", b""), here), "not valid JSON"


@case
def summary_that_is_a_list(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(file_with(bad / "sumary.json", b"[]"), here), "JSON of list"


@case
def summary_nested_deeply(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(file_with(bad / "sumary.json", b"[" * 200_000), here), "not valid JSON"


@case
def summary_with_not_a_number(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(summary_with(bad, throughput=float("nan")), here), "holds NaN"


@case
def summary_without_files(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(summary_with(bad, filesinfo=None), here), "sumary"


@case
def summary_with_words_for_times(here: Path, bad: Path) -> tuple[list[object], str]:
    return scoring(summary_with(bad, npu_compute_time_list=["fast", "faster"]), here), "summary"


@case
def summary_of_a_gigabyte(here: Path, bad: Path) -> tuple[list[object], str]:
    path = bad / "sumary.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return scoring(path, here), "1073741824 bytes"


@case
def output_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad)
    first(summary).write_bytes(first(summary).read_bytes()[:1000])
    return scoring(summary, here), "1000 bytes"


@case
def output_absent(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad)
    first(summary).unlink()
    return scoring(summary, here), "1 listed outputs are absent"


@case
def output_of_another_shape(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad, "npy")
    np.save(first(summary, "npy"), np.zeros((19, 8, 8), np.float32))
    return scoring(summary, here), "(19, 8, 8)"


@case
def output_of_words(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad, "txt")
    first(summary, "txt").write_text("not a number\n")
    return scoring(summary, here), names()[0]


@case
def output_npy_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad, "npy")
    first(summary, "npy").write_bytes(first(summary, "npy").read_bytes()[:200])
    return scoring(summary, here), names()[0]


@case
def outputs_all_the_same(here: Path, bad: Path) -> tuple[list[object], str]:
    summary = results(bad)
    for path in (bad / "bs1").iterdir():
        path.write_bytes(first(summary).read_bytes())
    return scoring(summary, here), "byte for byte"


def evidence(here: Path, bad: Path) -> list[object]:
    """Reporting of a folder where a run of the suite has ended."""
    if bad.is_dir():
        file_with(bad / "verdicts.json", json.dumps({"deliverable": "x", "conclusion": "", "verdicts": []}).encode())
    return ["report", bad, "--html", "report.html"]


@case
def report_of_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    return evidence(here, bad / "none"), "none"


@case
def report_of_an_empty_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["report", bad, "--html", "report.html"], "Give the evidence folder of a run of pytest"


@case
def report_of_text(here: Path, bad: Path) -> tuple[list[object], str]:
    file_with(bad / "accuracy-x.json", b"accuracy: good")
    return evidence(here, bad), "not evidence"


@case
def report_of_json_nested_deeply(here: Path, bad: Path) -> tuple[list[object], str]:
    file_with(bad / "accuracy-x.json", b"[" * 200_000)
    return evidence(here, bad), "not evidence"


@case
def report_of_another_schema(here: Path, bad: Path) -> tuple[list[object], str]:
    file_with(bad / "accuracy-x.json", b'{"schema": 1, "kind": "accuracy"}')
    return evidence(here, bad), "schema 1, but should be"


@case
def report_into_no_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    return [*evidence(here, bad)[:-1], file_with(bad / "file", b"") / "report.html"], "file: can't be made"


@case
def overlays_onto_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    return evaluating(here, "--save-overlays", file_with(bad / "mine", b"mine")), "mine: can't be made"


@case
def bench_of_no_time(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["bench", "--seconds", "0"], "'0', but should be a whole number of at least 1"


@case
def bench_of_an_absent_backend(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["bench", "--backend", "tensorrt", "--deliverable", here / "tiny.toml", "--data-root", here / "data"], (
        "backend='tensorrt' is not known"
    )


@case
def self_test_of_an_unknown_part(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["selftest", "--only", "everything"], "everything"


@case
def baselines_of_something(here: Path, bad: Path) -> tuple[list[object], str]:
    return ["baselines", "310"], "unrecognized arguments: 310"
