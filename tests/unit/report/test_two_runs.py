"""Two runs by number: changed outcomes first, differences with their direction, never of two deliverables."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from enet.errors import InputError
from enet.report import two_runs
from tests.unit.report.runs import FAULTY, SOUND, accuracy, contents, percent, verdict


def test_compared_lists_outcomes_then_values_then_the_rest() -> None:
    older = contents(verdict("network"), percent("miou", 69.0, in_words="bs1"), percent("miou", 69.0, in_words="bs16"))
    newer = contents(
        verdict("network"),
        percent("miou", 69.5, in_words="bs1"),
        percent("miou", 60.0, in_words="bs16"),
        verdict("cached_files", "NO EVIDENCE"),
    )
    found = two_runs.compared(older, newer)
    assert found["headline"] == "2 of 4 outcomes changed, 1 more values moved"
    rows = [[str(cell.text) for cell in row] for row in found["gates"].rows]
    assert rows == [
        [
            "mIoU, bs16 <small>miou was checked</small>",
            "pass → fail",
            "69.00 %",
            "60.00 %",
            "-9.00 pp worse",
            "68.00..70.00 %",
        ],
        ["cached files <small>cached_files was checked</small>", "not run → no evidence", "-", "-", "-", "-"],
        ["mIoU, bs1", "pass", "69.00 %", "69.50 %", "+0.50 pp worse", "68.00..70.00 %"],
        ["network source", "pass", "-", "-", "-", "-"],
    ]
    assert [row[0].style for row in found["gates"].rows] == ["other", "other", "moved", "same"]


@pytest.mark.parametrize(
    ("older", "newer", "text", "style"),
    [
        (percent("miou", 60.0), percent("miou", 61.0), "+1.00 pp better", "better"),
        (percent("miou", 69.5), percent("miou", 69.499), "-0.001 pp better", "better"),
        (verdict("a", measured=1.5, unit="x"), verdict("a", measured=1.25, unit="x"), "-0.25x", ""),
        (
            verdict("a", measured=900.0, unit="images/s"),
            verdict("a", measured=1000.0, unit="images/s"),
            "+100 images/s",
            "",
        ),
        (percent("miou", 69.0), percent("miou", 69.0), "0", ""),
        (verdict("a", measured=3, unit="of 8"), verdict("a", measured=5, unit="of 8"), "+2", ""),
        (verdict("a", measured=1.0, unit="x"), verdict("a", measured=2.0, unit="ms"), "-", "number"),
        (None, percent("miou", 69.0), "-", "number"),
    ],
)
def test_change_has_unit_and_direction(older: object, newer: object, text: str, style: str) -> None:
    cell = two_runs.moved(older, newer)  # type: ignore[arg-type]
    assert (cell.text, cell.style) == (text, style)


def test_classes_are_compared_of_the_run_that_both_have() -> None:
    older = contents(accuracies=(accuracy(SOUND), accuracy(SOUND, batch_size=4)))
    newer = contents(run="s", accuracies=(accuracy(FAULTY, artifact_sha256="b", versions={"numpy": "2"}),))
    found = two_runs.compared(older, newer)
    assert [row[0].text for row in found["classes"].rows] == ["road", "car", "sky"]
    assert found["classes"].titles[1:3] == ["older, IoU in %", "newer, IoU in %"]
    assert found["notes"] == ["other artifact: a and b", "other numpy: none and 2"]


def test_nothing_in_common_is_said() -> None:
    found = two_runs.compared(contents(), contents(run="s", accuracies=(accuracy(SOUND),)))
    assert (found["classes"], found["notes"]) == (
        None,
        ["no artifact was scored in both runs, so classes are not compared"],
    )


def test_two_deliverables_are_refused_in_one_line() -> None:
    with pytest.raises(InputError) as refused:
        two_runs.compared(contents(), contents(deliverable="other", folder=Path("new")))
    assert str(refused.value) == "new: a run of other, evidence of mine. Give two runs of one deliverable"


def test_two_runs_that_are_no_older_and_newer_one_are_noted() -> None:
    early, late = contents(began="2026-01-01"), contents(began="2026-01-02", run="s")
    assert two_runs.compared(early, early)["notes"][0] == "both folders hold the same run"
    assert two_runs.compared(late, early)["notes"][0] == "the run named older began later: exchange the folders"
    assert len(two_runs.compared(early, late)["notes"]) == 1


def test_other_classes_are_said_instead_of_compared() -> None:
    other = dataclasses.replace(accuracy(SOUND), classes=("way", "sky", "car"))
    found = two_runs.compared(contents(accuracies=(accuracy(SOUND),)), contents(run="s", accuracies=(other,)))
    assert not found["classes"]
    assert found["notes"] == ["other classes, so their IoU is not compared"]
