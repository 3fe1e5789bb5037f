"""GitHub's annotations: what did not pass, with gate, value and limit; nothing in them can be another command."""

from __future__ import annotations

from typing import Any

import pytest

from enet.report.annotations import MOST, workflow_command, workflow_commands


def verdict(outcome: str, **changed: Any) -> dict[str, Any]:
    figures = {"measured": 53.1, "low": 54.0807, "high": 55.1733, "margin": -0.9807, "unit": "%"}
    words = {
        "gate": "miou",
        "in_words": "onnxruntime, bs16",
        "sentence": "mIoU is 53.1 %",
        "notes": ["a class is lost"],
    }
    return {"outcome": outcome, **figures, **words, **changed}


def table(*verdicts: dict[str, Any], accepted: bool = False) -> dict[str, Any]:
    conclusion = "ACCEPTED" if accepted else "NOT ACCEPTED: 1 of 2 gates failed"
    return {"deliverable": "mine", "accepted": accepted, "conclusion": conclusion, "verdicts": list(verdicts)}


def test_annotations_have_gate_value_and_limit() -> None:
    unknown = verdict("NO EVIDENCE", measured=None, sentence="20 % of the images are missing", notes=[])
    assert workflow_commands(table(unknown, verdict("PASS"), verdict("FAIL"), verdict("INFO"))) == [
        "::error title=mine::NOT ACCEPTED: 1 of 2 gates failed",
        "::error title=FAIL%3A mIoU%2C onnxruntime%2C bs16::"
        "measured 53.10 %25, limit 54.08..55.17 %25, margin -0.98 pp. mIoU is 53.1 %25; a class is lost",
        "::error title=NO EVIDENCE%3A mIoU%2C onnxruntime%2C bs16::20 %25 of the images are missing",
    ]


def test_annotations_of_an_acceptance_are_one_notice() -> None:
    assert workflow_commands(table(verdict("PASS"), accepted=True)) == ["::notice title=mine::ACCEPTED"]


def test_annotations_are_as_many_as_github_keeps() -> None:
    assert len(workflow_commands(table(*[verdict("FAIL")] * 20))) == MOST


@pytest.mark.parametrize(
    ("title", "message", "expected"),
    [
        ("a,b: c", "50 %\r\nx", "::error title=a%2Cb%3A c::50 %25\\r\\nx"),
        (
            "x::stop-commands::y",
            "\n::set-env name=A::b",
            "::error title=x%3A %3Astop-commands%3A %3Ay::\\n: :set-env name=A: :b",
        ),
    ],
)
def test_command_escapes_text_from_outside(title: str, message: str, expected: str) -> None:
    assert workflow_command("error", title, message) == expected
