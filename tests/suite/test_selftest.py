"""``enet selftest``, a representative part of it: what is broken on purpose is noticed, and what is killed recovers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet import cli, selftest
from enet.selftest import faults
from enet.selftest.planted import FAULTS
from enet.selftest.planted.base import STAGES
from enet.selftest.table import Row, closing, line

pytestmark = pytest.mark.selftest

#: How many rows the quick table of each part must have at least.
LEAST = {"faults": 35, "sensitivity": 12, "bad-input": 80, "crashes": 6}


@pytest.mark.parametrize("part", selftest.PARTS)
def test_everything_is_noticed(part: str, tmp_path: Path) -> None:
    tmp_path.parent.chmod(0o755)  # some cases run as somebody without rights
    tmp_path.parents[1].chmod(0o755)
    rows = list(selftest.run(part, tmp_path, quick=True))
    assert not [line(row) for row in rows if not row.ok]
    assert len(rows) >= LEAST[part]
    assert len({row.name for row in rows}) == len(rows) or part == "sensitivity"


def test_every_fault_is_planted_when_all_are_asked_for() -> None:

    whole, quick = (faults.chosen(quick=quick) for quick in (False, True))
    assert {fault.name for fault in whole} == {fault.name for fault in FAULTS}
    assert {fault.stage for fault in quick} == {*STAGES}
    assert len(quick) < len(whole)


def test_what_is_below_is_not_called_caught() -> None:
    row = Row(name="small", stage="weights", meant="none", found="-0.2 points", ok=True, below=True)
    assert (row.to_json()["caught"], row.to_json()["ok"]) == (False, True)
    assert line(row).startswith("below ")
    assert closing("faults", [row]) == "faults: 1 of 1 ok, 1 of them below what is asked"


def test_a_missed_fault_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a line that says so, and JSON with one entry a row."""
    rows = [
        Row(name="caught", stage="export", meant="logits", found="noticed by logits", ok=True),
        Row(name="slipped", stage="export", meant="logits", found="not noticed", ok=False),
    ]
    monkeypatch.setattr(selftest, "run", lambda part, folder, *, quick: iter(rows))
    assert cli.main(["selftest", "--only", "faults", "--json", str(tmp_path / "found.json")]) == 1
    output = capsys.readouterr().out
    assert "MISSED  export         slipped" in output
    assert closing("faults", rows) == "faults: 1 of 2 ok; not: slipped"
    assert closing("faults", rows) in output
    table = json.loads((tmp_path / "found.json").read_text())
    assert table["faults"][1] == {
        "name": "slipped",
        "stage": "export",
        "gate": "logits",
        "found": "not noticed",
        "caught": False,
        "ok": False,
    }
