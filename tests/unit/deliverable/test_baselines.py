"""The recorded table and its ratios equal the guide's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enet.deliverable import baselines
from enet.deliverable.baselines import BEST
from enet.errors import InputError

#: The guide's own ratios, as printed: 310P3/310, 310P3(aoe)/310, 310P3(aoe)/T4.
PRINTED = {
    1: (0.886661812, 1.261681649, 11.72448769),
    4: (1.187262199, 1.387781994, 14.43480971),
    8: (1.085638486, 1.485486396, 13.72691296),
    16: (0.91691991, 1.517478883, 13.81221129),
    32: (None, None, 13.94181768),
    BEST: (1.147796669, 1.341651029, 12.46762286),
}
GUIDE = Path(__file__).resolve().parents[4] / "shared" / "reference"


@pytest.fixture
def table() -> baselines.Table:
    return baselines.load()


@pytest.mark.parametrize("batch", PRINTED)
def test_ratios_equal_the_guides(batch: baselines.BatchKey, table: baselines.Table) -> None:
    for ratio, printed in zip(table.ratios, PRINTED[batch], strict=True):
        ours = table.ratio(ratio, batch)
        if printed is None:
            assert ours is None
        else:
            assert ours == pytest.approx(printed, rel=0, abs=1e-8)


def test_every_value_is_in_the_guide(table: baselines.Table) -> None:
    files = sorted(GUIDE.glob("*.txt")) if GUIDE.is_dir() else []
    if not files:
        pytest.skip("../shared/reference is not here")
    text = files[0].read_text(encoding="utf-8")
    for batch in table.batches:
        name = "最优Batch" if batch == BEST else f"bs{batch}"
        (row,) = re.findall(rf"^\| {name} +\|(.*)\|$", text, re.MULTILINE)
        cells = [None if cell.strip() == "-" else float(cell) for cell in row.split("|")]
        figures = [column.at(batch) for column in table.columns]
        ratios = [table.ratio(ratio, batch) for ratio in table.ratios]
        assert cells[:4] == figures
        for cell, ratio in zip(cells[4:], ratios, strict=True):
            assert ratio == (None if cell is None else pytest.approx(cell, rel=0, abs=1e-8))


def test_filed_under_follows_the_guide(table: baselines.Table) -> None:
    tuned, untuned = table.column("310P3(aoe)").by_batch, table.column("310P3").by_batch
    assert table.filed_under(tuned) == "Benchmark/cv/segmentation"
    assert table.filed_under(untuned) is None
    assert table.filed_under({1: tuned[1]}) is None  # batch 16 is missing
    assert table.filed_under({1: tuned[1], 16: 1.19999 * table.column("310").by_batch[16]}) is None


def test_lines_are_aligned_in_80_columns(table: baselines.Table) -> None:
    lines = table.lines()
    assert {len(line) for line in lines} <= {*range(81)}
    assert len({len(line) for line in lines}) == 1
    titles, *rows = (line.split() for line in lines)
    assert titles == ["310", "310P3", "310P3(aoe)", "T4", "310P3/310", "310P3(aoe)/310", "310P3(aoe)/T4"]
    assert [row[0] for row in rows] == ["bs1", "bs4", "bs8", "bs16", "bs32", "best"]
    assert rows[0][1:4] == ["825.3", "731.7", "1041"]
    assert rows[4][1] == rows[4][5] == rows[4][6] == "-"


def test_column_unknown_name_names_the_nearest(table: baselines.Table) -> None:
    with pytest.raises(InputError, match=r"baseline='310p3' is not known: did you mean '310P3'\?"):
        table.column("310p3")
