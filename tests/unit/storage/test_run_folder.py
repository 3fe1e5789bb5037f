"""The folder of a run's evidence: that of one deliverable, and what others keep there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet.storage import run_folder

SCENES = {"deliverable": "scenes", "weights": "a", "delivered files": ""}
#: Another deliverable, and what the message says of the evidence of ``SCENES``.
OTHERS = {
    "name": (SCENES | {"deliverable": "camvid"}, "scenes"),
    "weights": (SCENES | {"weights": "b"}, "scenes with other weights"),
    "files": (SCENES | {"weights": "b", "delivered files": "c"}, "scenes with other weights and delivered files"),
}

EVIDENCE = json.dumps({"kind": "accuracy", "schema": 6, "run": "x"})
INDEX = json.dumps({"time": "", "images": [{"stem": "00-a[1]"}], "legend": []})
OURS = {"a.json": EVIDENCE, "pictures/x/index.json": INDEX, "pictures/x/00-a[1]-photo.jpg": ""}
#: Files of the user's own, among them such that look much like evidence.
FOREIGN = {
    "notes.txt": "",
    "b.json": "[1]",
    "c.json": "{",
    "d.json": '{"kind": "x"}',
    "pictures/x/me.jpg": "",
    "e.csv": "",
}


def fill(folder: Path) -> None:
    for name, text in (OURS | FOREIGN).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("what", OTHERS)
def test_evidence_of_another_deliverable_goes_with_a_word(what: str, tmp_path: Path) -> None:
    other, word = OTHERS[what]
    assert run_folder.take_over(tmp_path, SCENES) == ""
    fill(tmp_path)
    assert run_folder.take_over(tmp_path, other) == word
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {*FOREIGN, run_folder.OWNER}
    assert run_folder.take_over(tmp_path, other) == ""


@pytest.mark.parametrize("before", [json.dumps(SCENES), "{", "[]", None])
def test_evidence_of_the_same_deliverable_or_of_nobody_known_stays(before: str | None, tmp_path: Path) -> None:
    fill(tmp_path)
    if before is not None:
        (tmp_path / run_folder.OWNER).write_text(before)
    assert run_folder.take_over(tmp_path, SCENES) == ""
    assert all((tmp_path / name).is_file() for name in OURS | FOREIGN)


def test_a_report_is_emptied_and_keeps_its_permissions(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("may ship")
    page.chmod(0o640)
    run_folder.delete_conclusion(tmp_path / "none", [page])
    assert (page.read_bytes(), page.stat().st_mode & 0o777) == (b"", 0o640)
