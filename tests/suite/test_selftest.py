"""``enet selftest``, a representative part of it: the gates notice what is broken on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet import cli, selftest
from enet.selftest.table import Row, closing, line

pytestmark = pytest.mark.selftest

#: Rows of each part's quick table.
ROWS = {"faults": 37, "sensitivity": 12}


@pytest.mark.parametrize("part", selftest.PARTS)
def test_selftest_quick_part_notices_everything(part: str, tmp_path: Path) -> None:
    rows = list(selftest.run(part, tmp_path, quick=True))
    assert not [line(row) for row in rows if not row.ok]
    assert len(rows) == ROWS[part]
    assert len({(row.name, row.stage) for row in rows}) == len(rows)


def test_faults_all_are_selected_without_quick() -> None:
    whole, quick = (selftest.faults.select_faults(quick=quick) for quick in (False, True))
    assert sorted(fault.name for fault in whole) == sorted(fault.name for fault in selftest.planted.FAULTS)
    assert len(whole) == 82
    assert {fault.stage for fault in quick} == {*selftest.planted.STAGES}
    assert len(quick) < len(whole)


def test_row_within_tolerance_is_not_caught() -> None:
    row = Row(name="small", stage="weights", expected="none", observed="-0.2 pp", ok=True, within_tolerance=True)
    assert (row.to_json()["caught"], row.to_json()["ok"]) == (False, True)
    assert line(row).startswith("within ")
    assert closing("faults", [row]) == "faults: 1 of 1 ok, 1 of them within the tolerances"


def test_selftest_missed_fault_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a line that names it, and JSON with one entry per row."""
    rows = [
        Row(name="caught", stage="export", expected="onnx_logits", observed="noticed by onnx_logits", ok=True),
        Row(name="slipped", stage="export", expected="onnx_logits", observed="not noticed", ok=False),
    ]
    monkeypatch.setattr(selftest, "run", lambda part, folder, *, quick: iter(rows))
    assert cli.main(["selftest", "--only", "faults", "--json", str(tmp_path / "found.json")]) == 1
    output = capsys.readouterr().out
    assert "MISSED  export         slipped" in output
    assert closing("faults", rows) == "faults: 1 of 2 ok; missed: slipped"
    assert closing("faults", rows) in output
    table = json.loads((tmp_path / "found.json").read_text())
    expected = {"name": "slipped", "stage": "export", "gate": "onnx_logits", "found": "not noticed"}
    assert table["faults"][1] == {**expected, "caught": False, "ok": False}
