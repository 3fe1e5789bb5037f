"""The report shows what the evidence holds, of the latest run alone, and takes nothing for markup."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from enet import evidence, gates, report
from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.report import page, pictures
from enet.storage.run_folder import run_id
from tests.unit import tiny as data
from tests.unit.report import runs

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def measured(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> tuple[Accuracy, Accuracy, Path]:
    """PyTorch's and ONNX Runtime's evidence, and the label maps of the latter."""
    labels = tmp_path_factory.mktemp("labels") / "labels.npy"
    theirs = pipeline.measure_split(subject, subject.artifact("pytorch", 1), subject.prepared())
    ours = pipeline.measure_split(subject, subject.artifact("onnxruntime", 1), subject.prepared(), labels_to=labels)
    return theirs, ours, labels


def verdict(test: str, outcome: str = "PASS", **more: Any) -> dict[str, Any]:
    gate = test.partition("[")[0].removeprefix("test_")
    case = test.partition("[")[2].rstrip("]")
    made = gates.Verdict(gate=gate, outcome=gates.Outcome(outcome), sentence=f"{gate} was checked").to_json()
    return {
        "test": test,
        **made,
        "case": case,
        "in_words": case.removeprefix("tiny-"),
        "backend": None,
        "batch_size": None,
        **more,
    }


@pytest.fixture
def folder(subject: Subject, measured: tuple[Accuracy, Accuracy, Path], tmp_path: Path) -> Path:
    """What a run of the suite would leave."""
    theirs, ours, labels = measured
    evidence.save(theirs, tmp_path / "accuracy-tiny-pytorch-bs1.json")
    evidence.save(ours, tmp_path / "accuracy-tiny-onnxruntime-bs1.json")
    case = tmp_path / "pictures" / str(ours.provenance)
    pictures.keep_worst(ours, labels, subject.prepared(), subject.dataset.classes, case, count=3)
    interval = {"difference_low": -1.0, "difference_high": 1}
    percent: dict[str, Any] = {
        "measured": 100 * ours.miou,
        "low": 1.0,
        "high": 90.0,
        "unit": "%",
        "margin": 1.0,
        "numbers": interval,
    }
    conclude(
        tmp_path,
        "ACCEPTED (accuracy): all 2 gates passed",
        theirs.provenance.time,
        [verdict("test_reference_miou[tiny]", **percent), verdict("test_miou[tiny-onnxruntime-bs1]", **percent)],
    )
    return tmp_path


def conclude(folder: Path, conclusion: str, began: str, verdicts: list[dict[str, Any]]) -> None:
    table = {
        "schema": report.SCHEMA,
        "delivered": [],
        "run": run_id(),
        "deliverable": "tiny",
        "accepted": conclusion.startswith("ACCEPTED"),
        "scope": "accuracy",
        "conclusion": conclusion,
        "began": began,
        "verdicts": verdicts,
        "recorded_figures": [],
    }
    (folder / "verdicts.json").write_text(json.dumps(report.signed(table)))


def test_read_returns_the_runs_contents(folder: Path, measured: tuple[Accuracy, Accuracy, Path]) -> None:
    contents = report.read(folder)
    theirs, ours, _ = measured
    assert contents.reference is not None
    assert contents.reference.provenance == theirs.provenance
    assert [each.provenance for each in contents.artifacts] == [ours.provenance]
    assert contents.accepted
    assert len(contents.pictures) == 3
    assert page.headline(contents) == "tiny may ship, as far as accuracy goes."


def test_read_ignores_evidence_of_an_earlier_run(folder: Path) -> None:
    table = json.loads((folder / "verdicts.json").read_text())
    del table["sha256"]
    (folder / "verdicts.json").write_text(json.dumps(report.signed(table | {"run": "another"})))
    contents = report.read(folder)
    assert (contents.accuracies, contents.pictures) == ((), ())


def test_read_ignores_a_file_of_an_earlier_version(folder: Path) -> None:
    """It was there before the run began; one that is as young as the run's own is looked into, and refused."""
    old = folder / "accuracy-old.json"
    old.write_text('{"schema": 1}')
    with pytest.raises(InputError, match="schema=1"):
        report.read(folder)
    os.utime(old, (0, 0))
    assert report.read(folder).accuracies


def test_read_refuses_an_edited_conclusion(folder: Path) -> None:
    table = json.loads((folder / "verdicts.json").read_text())
    (folder / "verdicts.json").write_text(json.dumps(table | {"accepted": not table["accepted"]}))
    with pytest.raises(InputError, match="edited"):
        report.read(folder)


@pytest.mark.parametrize(
    ("outcome", "conclusion", "words"),
    [
        ("FAIL", "NOT ACCEPTED: 1 gate failed, 1 passed", "tiny may not ship: mIoU failed."),
        ("NO EVIDENCE", "NOT ACCEPTED: 1 gate without evidence, 1 passed", "may not ship yet"),
        ("PASS", "NOT ACCEPTED: 1 gate passed", "may not ship yet"),
    ],
)
def test_headline_not_accepted_may_not_ship(outcome: str, conclusion: str, words: str, folder: Path) -> None:
    conclude(folder, conclusion, "", [verdict("test_miou[tiny-onnxruntime-bs1]", outcome)])
    contents = report.read(folder)
    assert not contents.accepted
    assert words in page.headline(contents)


def test_write_escapes_markup(folder: Path) -> None:
    wanted = [verdict(f"test_miou[{EVIL}]", sentence=EVIL, notes=[EVIL], measured=1, low=0, high=2, unit="%", margin=1)]
    conclude(folder, EVIL, "", wanted)
    path = folder / "out" / "report.html"
    report.write(report.read(folder), path)
    text = path.read_text(encoding="utf-8")
    assert EVIL not in text
    assert "&lt;img src=x onerror" in text
    report.compare(report.read(folder), report.read(folder), path)
    assert EVIL not in path.read_text(encoding="utf-8")


def test_markdown_lists_every_gate_failures_first(folder: Path) -> None:
    conclude(
        folder,
        "NOT ACCEPTED: 1 gate failed, 1 passed",
        "",
        [verdict("test_reference_miou[tiny]"), verdict("test_miou[a|b]", "FAIL", sentence=f"{EVIL}\n# no heading")],
    )
    lines = report.summary(report.read(folder)).splitlines()
    assert lines[0] == "## tiny may not ship: mIoU failed."
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert table[2].startswith(r"| ✗ fail | mIoU, a\|b | - | - | - | \</script\>")
    assert table[3].startswith("| ✓ pass | ")
    assert not [line for line in lines[1:] if line.startswith("#")]


def test_markdown_says_why_and_what_next() -> None:
    layers = {"sentence": "the first that differs is Conv"}
    found = {"cause": "BGR", "sentence": "with *BGR* it is right", "facts": ["the port is exact"], "layers": layers}
    run = runs.accuracy([[1, 0, 0]] * 3, argv=("pytest", "-m", "accuracy"))
    text = report.summary(runs.contents(runs.percent("miou", 50), diagnosis=found, accuracies=(run,)))
    assert "\n**Diagnosis:** with \\*BGR\\* it is right.\n\n" in text
    assert "\n* the first that differs is Conv\n* the port is exact\n" in text
    assert "\nMend the cause, then run the same again:\n\n    pytest -m accuracy\n" in text
    assert "Diagnosis" not in report.summary(runs.contents(accepted=True))


def test_write_gives_one_small_file_that_loads_nothing(folder: Path) -> None:
    path = folder / "report.html"
    report.write(report.read(folder), path)
    assert path.stat().st_size < 5e6
    head = path.read_text(encoding="utf-8").partition("<script")[0]
    assert "http" not in head
    assert head.count("data:image/jpeg;base64,") == 3
    assert head.count("data:image/png;base64,") == 4 * 3  # prediction twice: shown, and to come back to


def test_compare_lists_changes_first(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    conclude(
        other,
        "NOT ACCEPTED: 1 gate failed, 2 passed",
        "",
        [verdict("test_new"), verdict("test_miou[tiny-onnxruntime-bs1]", "FAIL", sentence="worse")],
    )
    path = tmp_path / "compare.html"
    report.compare(report.read(folder), report.read(other), path)
    text = path.read_text(encoding="utf-8")
    assert "3 of 3 outcomes changed" in text
    assert "<small>worse</small>" in text
    assert text.count("not run") == 2


WRONG = {
    "absent": (None, "Give the evidence folder of a run of pytest"),
    "no JSON": ("{", "no verdicts"),
    "a list": ("[]", "no verdicts"),
    "without sentences": (json.dumps({"deliverable": "a", "conclusion": "b", "verdicts": [{}]}), "no verdicts"),
}


@pytest.mark.parametrize("what", WRONG)
def test_read_other_folder_gives_one_line_error(what: str, tmp_path: Path) -> None:
    content, words = WRONG[what]
    if content is not None:
        (tmp_path / "verdicts.json").write_text(content)
    with pytest.raises(InputError, match=words):
        report.read(tmp_path)


def test_read_edited_evidence_or_missing_picture_gives_one_line_error(folder: Path) -> None:
    path = folder / "accuracy-tiny-onnxruntime-bs1.json"
    sound = path.read_text()
    path.write_text(json.dumps(json.loads(sound) | {"miou": 0.99}))
    with pytest.raises(InputError, match="has been edited"):
        report.read(folder)
    path.write_text(sound)
    next(folder.glob("pictures/*/*-photo.jpg")).unlink()
    with pytest.raises(InputError, match="a picture is missing"):
        report.read(folder)


def test_save_overlays_shows_the_worst_images(
    subject: Subject, measured: tuple[Accuracy, Accuracy, Path], tmp_path: Path
) -> None:
    _, ours, labels = measured
    source = subject.prepared()
    pictures.keep_worst(ours, labels, source, subject.dataset.classes, tmp_path, count=3)
    index = json.loads((tmp_path / pictures.INDEX).read_text())
    shares = [image["pixel_accuracy"] for image in index["images"]]
    every = sorted(np.trace(m) / m.sum() for m in ours.matrices)
    assert shares == pytest.approx(every[:3])
    first = index["images"][0]
    row = ours.images.index(first["name"])
    truth, predicted = source.load(row)[1], np.load(labels)[row]
    error = np.asarray(Image.open(tmp_path / f"{first['stem']}-error.png").convert("RGB"))
    for colour, where in ((pictures.UNSCORED, truth == 255), (pictures.RIGHT, truth == predicted)):
        np.testing.assert_array_equal((error == colour).all(axis=-1), where)
    shown = np.asarray(Image.open(tmp_path / f"{first['stem']}-prediction.png").convert("RGB"))
    np.testing.assert_array_equal(shown, np.array(subject.dataset.classes.colours, np.uint8)[predicted])
    again = dataclasses.replace(ours)
    pictures.keep_worst(again, labels, source, subject.dataset.classes, tmp_path, count=99)
    assert len(json.loads((tmp_path / pictures.INDEX).read_text())["images"]) == data.IMAGES
