"""Results that were recorded on a device, and evidence, that are damaged or odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from enet.report import contents
from enet.selftest import result_folders
from enet.selftest.tiny import IMAGES, SIDE
from tests.bad_input.case import EVALUATE, Folders, Setup, case, cases_of, file, huge_file, write

NAMES = [f"{('beta', 'alpha')[number % 2]}_{number:06d}_leftImg8bit" for number in range(IMAGES)]

SCORE_ALL = "postprocess --src-path {tiny}/data --deliverable {tiny}/tiny.toml --result-dir {bad}/bs1_summary.json"
SCORE_SUMMARY = SCORE_ALL.replace("bs1_summary", "sumary")
REPORT = "report {bad} --html report.html"


def write_results(bad: Path, suffix: str = "bin") -> Path:
    """Write a run over the tiny data set as ais_bench does; returns the summary's path."""
    rng = np.random.default_rng(0)
    outputs = {name: rng.normal(size=(19, SIDE, SIDE)).astype(np.float32) for name in NAMES}
    return result_folders.write(bad, outputs, 1, 1.0, suffix=suffix)


def output(change: Callable[[Path], object], suffix: str = "bin") -> Setup:
    """Results of which one output file is changed."""

    def make(folders: Folders) -> None:
        write_results(folders.bad, suffix)
        change(folders.bad / "bs1" / f"{NAMES[0]}_0.{suffix}")

    return make


def summary(**changes: object) -> Setup:
    """Results of which the summary is changed."""

    def make(folders: Folders) -> None:
        path = write_results(folders.bad)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return make


def equal_outputs(path: Path) -> None:
    for other in path.parent.iterdir():
        other.write_bytes(path.read_bytes())


def conclusion(deliverable: str) -> bytes:
    """``verdicts.json`` of a run without verdicts."""
    words = dict.fromkeys(("run", "conclusion", "scope", "began"), "")
    lists: dict[str, Any] = {name: [] for name in ("delivered", "verdicts", "recorded_figures")}
    table = {"schema": contents.SCHEMA, "deliverable": deliverable, "accepted": False, **words, **lists}
    return json.dumps(contents.signed(table)).encode()


def two_deliverables(folders: Folders) -> None:
    for name in ("x", "y"):
        write(folders.bad / name / "verdicts.json", conclusion(name))


def evidence(content: bytes | None = None) -> Setup:
    """An evidence folder of a finished run, with one more file."""

    def make(folders: Folders) -> None:
        write(folders.bad / "verdicts.json", conclusion("x"))
        if content is not None:
            write(folders.bad / "accuracy-x.json", content)

    return make


def evidence_and_a_file(folders: Folders) -> None:
    evidence()(folders)
    write(folders.bad / "file", b"")


score = cases_of(SCORE_ALL)

CASES = [
    case("empty summary", SCORE_SUMMARY, "not valid JSON", file("sumary.json")),
    case("summary that is a list", SCORE_SUMMARY, "JSON of list", file("sumary.json", b"[]")),
    case("summary nested deeply", SCORE_SUMMARY, "not valid JSON", file("sumary.json", b"[" * 200_000)),
    score("summary with NaN", "holds NaN", summary(throughput=float("nan"))),
    score("summary without files", "sumary", summary(filesinfo=None)),
    score("summary with words as times", "summary", summary(npu_compute_time_list=["fast", "faster"])),
    case("summary of a gigabyte", SCORE_SUMMARY, "1073741824 bytes", huge_file("sumary.json")),
    score("output cut short", "1000 bytes", output(lambda path: path.write_bytes(path.read_bytes()[:1000]))),
    score("missing output", "1 listed outputs are absent", output(Path.unlink)),
    score(
        "output of another shape",
        "(19, 8, 8)",
        output(lambda path: np.save(path, np.zeros((19, 8, 8), np.float32)), "npy"),
    ),
    score("output of words", NAMES[0], output(lambda path: path.write_text("not a number\n"), "txt")),
    score(
        "output in NumPy's format cut short",
        NAMES[0],
        output(lambda path: path.write_bytes(path.read_bytes()[:200]), "npy"),
    ),
    score("equal outputs", "byte for byte", output(equal_outputs)),
    case("report of nothing", "report {bad}/none --html report.html", "none"),
    case("report of an empty folder", REPORT, "Give the evidence folder of a run of pytest"),
    case("report of text", REPORT, "not evidence", evidence(b"accuracy: good")),
    case("report of JSON nested deeply", REPORT, "not evidence", evidence(b"[" * 200_000)),
    case("report of another schema", REPORT, "schema=1, expected", evidence(b'{"schema": 1, "kind": "accuracy"}')),
    case(
        "report into no folder",
        "report {bad} --html {bad}/file/report.html",
        "file: cannot be created",
        evidence_and_a_file,
    ),
    case(
        "comparison of two deliverables",
        "report {bad}/x {bad}/y --html report.html",
        "y: a run of y, {bad}/x of x. Give two runs of one deliverable",
        two_deliverables,
    ),
    case("diagnosis of nothing", "diagnose {bad}/none", "none: no run of accuracy that can be diagnosed"),
    case(
        "overlays onto a file",
        EVALUATE + "--save-overlays {bad}/mine",
        "mine: cannot be created",
        file("mine", b"mine"),
    ),
    case("bench of no time", "bench --seconds 0", "'0', expected a whole number in 1.."),
    case(
        "bench of an unknown backend",
        "bench --backend tensorrt --deliverable {tiny}/tiny.toml --data-root {tiny}/data",
        "backend='tensorrt' is not known",
    ),
    case("self-test of an unknown part", "selftest --only everything", "everything"),
    case("baselines of an unknown device", "baselines 310", "unrecognized arguments: 310"),
]
