"""Reader of summaries: anything that ais_bench does not write is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enet.ascend import simulation
from enet.measure.subject import Subject
from enet.records import summary as ais_bench
from tests.unit.records.results import (
    MS,
    REFUSED,
    WITHOUT,
    BrokenCase,
    check_broken,
    edit,
    set_entry,
    set_times,
    set_value,
    summary_of,
    write,
)
from tests.unit.records.summaries import summary

STATS = ("NPU_compute_time",)

BROKEN: dict[str, BrokenCase] = {
    "NaN time": (
        lambda root: summary_of(root, 1).write_text(
            summary_of(root, 1).read_text().replace('"mean": ', '"mean": NaN, "x": ')
        ),
        REFUSED,
        "holds NaN",
    ),
    "infinite throughput": (set_value(1, "throughput", value=1e400), REFUSED, "holds Infinity"),
    "huge whole number": (set_value(1, "throughput", value=10**400), REFUSED, "expected a finite number"),
    "text for a time": (set_times(lambda raw: ["fast", *raw[1:]]), REFUSED, "'fast', expected a finite number"),  # type: ignore[list-item]
    "null for the mean": (set_value(1, *STATS, "mean", value=None), REFUSED, "expected a finite number"),
    "times a table": (set_value(1, "npu_compute_time_list", value={"a": 1}), REFUSED, "'a', expected a finite number"),
    "args a number": (set_value(1, "args", value=3), REFUSED, "args='3', expected a list of words"),
    "summary empty": (write("bs1_summary.json", b""), REFUSED, "not valid JSON"),
    "summary cut short": (
        lambda root: summary_of(root, 1).write_bytes(summary_of(root, 1).read_bytes()[:300]),
        REFUSED,
        "not valid JSON",
    ),
    "summary a list": (write("bs1_summary.json", "[]"), REFUSED, "JSON of list"),
    "summary of something else": (write("bs1_summary.json", '{"a": 1}'), REFUSED, "not an ais_bench summary"),
    "summary nested without end": (write("bs1_summary.json", "[" * 200_000), REFUSED, "not valid JSON"),
    "summary binary": (write("bs1_summary.json", bytes(range(256))), REFUSED, "not valid JSON"),
    "summary of 51 MB": (write("bs1_summary.json", b" " * 51_000_000), REFUSED, "51000000 bytes"),
    "a path up": (set_entry("outfiles", ["./results/bs1/../../../etc/passwd"]), REFUSED, "leads out of the results"),
    "a path elsewhere": (set_entry("outfiles", ["/etc/passwd"]), REFUSED, "expected one folder"),
    "a name with a line break": (set_entry("infiles", ["./prep/a\nb.bin"]), REFUSED, "expected a file name"),
    "no name": (set_entry("outfiles", [""]), REFUSED, "expected a file name"),
    "a name that is a number": (set_entry("infiles", [7]), REFUSED, "not an ais_bench summary"),
    "two outputs of an image": (
        set_entry("outfiles", ["./results/bs1/a_0.bin", "./results/bs1/a_1.bin"]),
        REFUSED,
        "2 outputs for 1 inputs",
    ),
    "simulated": (set_value(1, "simulated", value=True), WITHOUT, "simulated device"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_summary_broken_is_reported(name: str, good: Path, subject: Subject) -> None:
    check_broken(BROKEN[name], good, subject)


def test_a_name_with_bytes_that_are_not_utf8_is_a_name() -> None:
    names = "./prep/alph\udce9_000001.bin", "./results/run/alph\udce9_000001_0.bin"
    ais_bench.check_paths(summary(pairs=(names,)))


@pytest.mark.parametrize("where", ["raw times", "statistics"])
def test_simulated_times_are_recognised_without_the_key(where: str, good: Path) -> None:
    """One changed time does not hide the others; statistics alone are enough."""

    def change(table: dict[str, Any]) -> None:
        raw = [simulation.marked(time) for time in table["npu_compute_time_list"]]
        table["npu_compute_time_list"] = [MS, *raw[1:]] if where == "raw times" else None
        table["NPU_compute_time"] |= {"min": min(raw), "max": max(raw)} if where == "statistics" else {}

    edit(summary_of(good, 1), change)
    assert ais_bench.read(summary_of(good, 1)).simulated
