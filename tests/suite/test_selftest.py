"""``enet selftest``, a representative part of it: the gates notice what is broken on purpose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import cli, selftest
from enet.selftest import drawn, families, fuzz
from enet.selftest.fuzzed import KINDS, Trial
from enet.selftest.table import SOUND, Row, closing, line, rates
from tests.unit.tiny import tiny

pytestmark = pytest.mark.selftest

#: Rows of each part's quick table.
ROWS = {"faults": 37, "sensitivity": 12, "diagnosis": 4, "families": 8, "fuzz": 4}


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


def test_rates_count_each_family_and_false_alarms() -> None:
    def row(stage: str, **changes: Any) -> Row:
        return replace(Row(name="x", stage=stage, expected="miou", observed="", ok=True), **changes)

    rows = [row("rows"), row("rows", ok=False), row("rows", within_tolerance=True), row("files")]
    rows += [replace(row("none", ok=ok), expected=SOUND) for ok in (True, False)]
    assert [each.split() for each in rates(rows)] == [
        ["family", "drawn", "caught", "unseen", "missed"],
        ["rows", "3", "1", "1", "1"],
        ["files", "1", "1", "0", "0"],
        ["false", "alarms:", "1", "of", "2", "sound", "runs"],
    ]


def test_families_of_a_seed_are_the_same_again(tmp_path: Path) -> None:
    subject = tiny(tmp_path)
    for number, family in enumerate(drawn.FAMILIES):
        words = [family.draw(np.random.default_rng([seed, number]), subject).words for seed in (5, 5, 6)]
        assert words[0] == words[1]
    assert len({family.name for family in drawn.FAMILIES}) == len(drawn.FAMILIES)
    assert families.COUNT >= 200


def test_fault_that_no_gate_notices_is_missed_unless_it_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tiny(tmp_path)
    monkeypatch.setattr(families, "verdicts", lambda _: iter(()))
    family = drawn.FAMILIES[0]
    for reason in ("", "too small"):
        fault = drawn.Drawn(words="x", inject=drawn.changing(lambda s, _: s), too_small=lambda *_, r=reason: r)
        subject.store.root.mkdir(exist_ok=True)
        row = families.check_drawn("x", family, fault, subject, tmp_path / f"own{reason}")
        assert (row.ok, row.within_tolerance, row.observed) == (bool(reason), bool(reason), reason or "not noticed")


def test_fuzzer_reports_what_passes_although_it_was_changed() -> None:
    kind = KINDS[0]
    found = [(True, Trial(words="a", passed=True)), (True, Trial(words="b", passed=False))]
    found += [(False, Trial(words="c", passed=False)), (False, Trial(words="d", passed=True))]
    row = fuzz.summary(kind, found)
    assert not row.ok
    assert row.observed == "1 of 2 noticed, 1 of 2 false alarms; passed: a; refused: c"


def test_selftest_missed_fault_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a line that names it, and JSON with one entry per row."""
    rows = [
        Row(name="caught", stage="export", expected="onnx_logits", observed="noticed by onnx_logits", ok=True),
        Row(name="slipped", stage="export", expected="onnx_logits", observed="not noticed", ok=False),
    ]
    monkeypatch.setattr(selftest, "run", lambda *_, **__: iter(rows))
    assert cli.main(["selftest", "--only", "faults", "--json", str(tmp_path / "found.json")]) == 1
    output = capsys.readouterr().out
    assert "MISSED  export         slipped" in output
    assert closing("faults", rows) == "faults: 1 of 2 ok; missed: slipped"
    assert closing("faults", rows) in output
    table = json.loads((tmp_path / "found.json").read_text())
    expected = {"name": "slipped", "stage": "export", "gate": "onnx_logits", "found": "not noticed"}
    assert table["faults"][1] == {**expected, "caught": False, "ok": False}
