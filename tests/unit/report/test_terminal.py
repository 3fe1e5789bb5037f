"""A verdict in the terminal: five columns in 80, digits as many as a reader needs, a reason for what did not pass."""

from __future__ import annotations

from typing import Any

import pytest

from enet.gates import Check, Outcome, Verdict
from enet.report import in_short, table_head, table_lines


def lines(check: Check | None, outcome: Outcome = Outcome.PASS, gate: str = "miou", **more: Any) -> list[str]:
    verdict = Verdict(gate=gate, outcome=outcome, sentence="something was found", check=check).to_json()
    return table_lines({**verdict, "case": "scenes-onnxruntime-bs16", "in_words": "onnxruntime, bs16", **more})


def test_head_and_line_share_their_columns() -> None:
    (line,) = lines(Check(measured=69.228, unit="%", low=68.5357, high=69.9203))
    assert table_head() == "outcome     gate                              measured           limit    margin"
    assert line == "PASS        mIoU, onnxruntime, bs16            69.23 %  68.54..69.92 %   0.69 pp"


@pytest.mark.parametrize(
    ("check", "cells"),
    [
        (Check(measured=0, unit="of 8", high=0), ("0 of 8", "0", "-")),
        (Check(measured=1.2449, unit="x", low=1.2), ("1.24x", "≥ 1.2x", "0.0449x")),
        (Check(measured=99.9999783, unit="%", low=99.99), ("100.00 %", "≥ 99.99 %", "0.01 pp")),
        (Check(measured=99.98999, unit="%", low=99.99), ("99.98999 %", "≥ 99.99000 %", "-0.00001 pp")),
        (Check(measured=0.004, unit="pp", high=5), ("0.00 pp", "≤ 5.00 pp", "5.00 pp")),
        (Check(measured=-0.0001, unit="pp", high=5), ("0.00 pp", "≤ 5.00 pp", "5.00 pp")),
        (Check(measured=1068.44, unit="images/s"), ("1068 images/s", "-", "-")),
        (Check(measured=float("nan"), unit="%", low=1), ("-", "-", "-")),
        (None, ("-", "-", "-")),
    ],
)
def test_cells_have_enough_digits(check: Check | None, cells: tuple[str, str, str]) -> None:
    (line,) = lines(check)
    assert line[44:].split() == " ".join(cells).split()


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.NO_EVIDENCE, Outcome.INFO])
def test_line_not_passed_has_its_reason_below(outcome: Outcome) -> None:
    first, *rest = lines(None, outcome, sentence="a reason " * 20, notes=["and a note"])
    assert first.startswith(outcome.value)
    assert all(line.startswith(" " * 12) and len(line) <= 80 for line in rest)
    assert " ".join(" ".join(rest).split()).endswith("a reason ; and a note")


def test_line_long_gate_moves_figures_to_the_next_line() -> None:
    first, second = lines(
        Check(measured=1.6, unit="x", low=1.5), gate="int8_speedup", in_words="openvino-int8, bs16, over-onnxruntime"
    )
    assert first == "PASS        INT8 speedup, openvino-int8, bs16, over-onnxruntime"
    assert second.split() == ["1.6x", "≥", "1.5x", "0.1x"]


def test_in_short_tells_failures_first_and_the_passes_of_a_gate_in_one_line() -> None:
    def verdict(gate: str, outcome: str, margin: float | None = None) -> dict[str, Any]:
        return {"gate": gate, "outcome": outcome, "margin": margin, "in_words": "bs1"}

    passes = [verdict("miou", "PASS", 0.7), verdict("miou", "PASS", 0.2), verdict("network", "PASS")]
    others = [verdict("class_iou", "PASS"), verdict("class_iou", "NO EVIDENCE"), verdict("class_iou", "FAIL", -1)]
    told = [(each["gate"], each["outcome"], each["margin"], each["in_words"]) for each in in_short(passes + others)]
    assert told == [
        ("class_iou", "FAIL", -1, "bs1"),
        ("class_iou", "NO EVIDENCE", None, "bs1"),
        ("miou", "PASS", 0.2, "2 cases"),
        ("network", "PASS", None, "bs1"),
        ("class_iou", "PASS", None, "bs1"),
    ]
