"""The page's tables and facts: what is largest comes first, nothing is empty, a record tells its device and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enet.report import figures
from tests.unit.recipes import device_state, provenance
from tests.unit.report.runs import FAULTY, SOUND, accuracy, contents, parity, percent, timed, verdict


def texts(table: figures.Table | None) -> list[list[str]]:
    assert table is not None
    return [[str(cell.text) for cell in row] for row in table.rows]


def test_families_hold_the_passes_of_a_gate_and_failures_come_first() -> None:
    passes = [percent("miou", 69.0, in_words="bs1"), percent("miou", 68.1, in_words="bs4")]
    found = figures.families([verdict("network"), *passes, percent("miou", 60.0, in_words="bs16")])
    told = [(head["outcome"], head["gate"], head["in_words"], len(members)) for head, members in found]
    assert told == [("FAIL", "miou", "bs16", 0), ("PASS", "network", "", 0), ("PASS", "miou", "2 cases", 2)]


def test_miou_interval_is_of_the_difference_to_pytorch() -> None:
    ends: dict[str, Any] = {"numbers": {"difference_low": -3.0, "difference_high": -1.0}}
    drawn = figures.miou(contents(percent("reference_miou", 69.0), percent("miou", 67.0, in_words="bs1", **ends)))
    assert drawn is not None
    assert drawn.count('class="interval"') == 1
    assert "bs1: 67.00 %, outside the accepted band" in drawn
    assert figures.miou(contents(verdict("miou", "NO EVIDENCE"))) is None
    assert figures.miou(contents({**percent("miou", 69.0), "measured": None})) is None  # it was not a number


def test_classes_largest_loss_is_first() -> None:
    rows = texts(figures.classes(accuracy(FAULTY), accuracy(SOUND)))
    assert [(row[0], row[3]) for row in rows] == [("road", "-50.00"), ("car", "-39.76"), ("sky", "+3.09")]
    assert [row[4].count("<svg") for row in rows] == [1, 1, 1]


def test_classes_of_equal_runs_have_neither_signs_nor_bars() -> None:
    rows = texts(figures.classes(accuracy(SOUND), accuracy(SOUND)))
    assert [row[3:] for row in rows] == [["0.00"]] * 3
    alone = figures.classes(accuracy(FAULTY), None)
    assert [row[0] for row in texts(alone)] == ["road", "car", "sky"]
    assert len(alone.titles) == 2


def test_confusions_are_listed_by_share_beside_pytorch_s() -> None:
    rows = texts(figures.confusions(accuracy(FAULTY), accuracy(SOUND)))
    assert rows == [["road", "car", "60.00", "0.00", "60"], ["sky", "car", "6.00", "0.00", "6"]]


def test_confusion_matrix_has_numbers_above_the_limit_only() -> None:
    matrix = figures.confusion(accuracy([[94, 5, 1], [0, 100, 0], [0, 0, 100]]))
    assert [cell["text"] for cell in matrix[0][1]] == ["94", "", ""]
    assert matrix[0][1][1]["tip"] == "road as sky: 5.00 %, 5 pixels"


def test_shown_is_the_artifact_of_the_lowest_miou() -> None:
    runs = (accuracy(SOUND, backend="pytorch"), accuracy(SOUND), accuracy(FAULTY, batch_size=16))
    found = figures.shown(contents(accuracies=runs))
    assert found is runs[2]
    assert figures.shown(contents()) is None


def test_parity_has_no_empty_rows() -> None:
    found = figures.parity(
        contents(parities=(parity(0, 3), parity(0, 0), parity(comparison="padded tail", missing_reason="no outputs")))
    )
    row = ["batch parity", "onnxruntime batch 16", "onnxruntime batch 1", "20 pixels", "3", "3 in image1"]
    assert texts(found["table"]) == [row]
    assert found["equal"] == ["batch parity: onnxruntime batch 16 and onnxruntime batch 1, 20 pixels"]
    assert found["missing"] == ["padded tail: onnxruntime batch 16 and onnxruntime batch 1; no outputs"]


def test_interval_of_times_is_about_the_rate() -> None:
    found = figures.interval_of(timed((9.0, 10.0, 11.0), batch=4))
    assert found is not None
    assert found == pytest.approx((4000 / (10 + 1.96 / 3**0.5), 4000 / (10 - 1.96 / 3**0.5)))
    assert figures.interval_of(timed((10.0,))) is None
    assert figures.interval_of(timed((0.1, 100.0))) is None  # it has no upper end


RECORDED: dict[str, Any] = {"chip": "310P3", "time": "2026-03-04T05:06:07+00:00"}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (
            timed((1.0, 2.0), started=1.7e9, devices_before=(device_state(driver="22.0.2"),), **RECORDED),
            {
                "recorded on": "310P3, device 0, driver 22.0.2",
                "recorded": "2023-11-14, 22:13 UTC",
                "checked here": "2026-03-04, 05:06 UTC",
            },
        ),
        (
            timed((1.0, 2.0), simulated=True, time=RECORDED["time"]),
            {"recorded on": "chip not recorded, device 0, simulated", "recorded": "time not in the record"},
        ),
        (
            timed((1.0,), started=4711.0, device="0, 1"),
            {"recorded on": "chip not recorded, device 0, 1", "recorded": "time not in the record"},
        ),
    ],
)
def test_origin_of_a_record_names_device_and_both_times(run: Any, expected: dict[str, str]) -> None:
    told = dict(figures.origin(contents(throughputs=(run,))))
    assert {name: told[name] for name in expected} == expected
    assert "device" not in told  # this machine's processor measured nothing


def test_layers_have_a_sentence_figures_and_a_picture(tmp_path: Path) -> None:
    first = {"shape": [1, 16, 8, 8], "largest": 0.51234, "median": 0.01, "allowed": 1e-6, "picture": "../first.png"}
    found = {"cause": "", "sentence": "", "layers": {"sentence": "the first is Conv 'a'", "first": first}}
    run = contents(diagnosis=found, folder=tmp_path)
    told = figures.layers(run)
    assert told is not None
    assert told["facts"] == [
        ("shape", "1 x 16 x 8 x 8"),
        ("largest", "0.512"),
        ("median", "0.01"),
        ("allowed", "1e-06"),
    ]
    assert told["picture"] == ""
    (tmp_path / "first.png").write_bytes(b"x")
    assert (figures.layers(run) or {})["picture"].startswith("data:image/png;base64,")
    found["layers"] = {"sentence": "all agree", "first": None}
    assert figures.layers(run) == {"sentence": "all agree", "facts": [], "picture": ""}
    assert figures.layers(contents()) is None


def test_origin_of_a_run_here_names_its_device() -> None:
    one, two = (provenance(time=f"2026-03-04T05:0{minute}:00+00:00", host="Linux") for minute in (1, 2))
    runs = (accuracy(SOUND, time=one.time, host="Linux"), accuracy(SOUND, time=two.time, host="Linux", batch_size=4))
    told = dict(figures.origin(contents(accuracies=runs)))
    assert (told["device"], told["measured"]) == ("cpu on Linux", "2026-03-04, 05:01 to 05:02 UTC")
    assert figures.origin(contents()) == []
