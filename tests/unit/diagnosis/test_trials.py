"""The rule by which a cause is named, and distances of outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from enet.diagnosis.outputs import Output, distance, label_distance, miou, score
from enet.diagnosis.trials import LARGEST_LEAD, LEAST_EXPLAINED, Ranking, Row, judge


def row(name: str, left: float, **changes: Any) -> Row:
    known: dict[str, Any] = {"ran": "artifact", "miou": (0.3, 0.5), "better": 8, "images": 8, "seconds": 0.1}
    return Row(**{"name": name, "left": left, **known, **changes})


def judged(*rows: Row) -> Ranking:
    return judge(list(rows), lambda row: row.left <= 1 - LEAST_EXPLAINED, lambda a, b: a.left <= LARGEST_LEAD * b.left)


@pytest.mark.parametrize(
    ("rows", "best", "rivals"),
    [
        pytest.param([row("a", 0.01), row("b", 0.9)], "a", [], id="one explains all"),
        pytest.param([row("a", 0.3), row("b", 0.9)], "", [], id="explains too little"),
        pytest.param([row("a", 0.1), row("b", 0.15)], "", ["a", "b"], id="two cannot be told apart"),
        pytest.param([row("a", 0.19), row("b", 0.3)], "", [], id="the next is as near, but explains too little itself"),
        pytest.param([row("a", 0.01, better=6), row("b", 0.9)], "", [], id="helps on some images only"),
        pytest.param([row("a", 0.01, better=7), row("b", 0.9)], "a", [], id="helps on all but one"),
        pytest.param([row("a", 0.01, better=1, images=2)], "", [], id="of two images, on one"),
        pytest.param([], "", [], id="nothing was tried"),
    ],
)
def test_cause_is_named_only_if_it_is_clear(rows: list[Row], best: str, rivals: list[str]) -> None:
    ranking = judged(*rows)
    assert (ranking.best.name if ranking.best else "") == best
    assert [each.name for each in ranking.rivals] == rivals


def test_distances() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 12, 12)).astype(np.float32)
    one, other = Output.of(logits, 3), Output.of(logits * np.float32(1.5), 3)
    assert (distance(one, one), label_distance(one, one)) == (0, 0)
    assert label_distance(one, other) == 0
    assert distance(other, one) == pytest.approx(0.5, rel=0.1)
    labels = Output(one.labels)
    assert distance(labels, one) == 0  # by labels, as one side has no logits
    broken = logits.copy()
    broken[0, 0, 0] = np.nan
    assert Output.of(broken, 3).non_finite == 1
    assert distance(Output.of(broken, 3), one) == 0  # only finite values are compared


def test_score_counts_labels_that_are_no_class_as_wrong() -> None:
    truth = np.array([[0, 1], [1, 255]], np.uint8)
    matrix = score(Output(np.array([[0, 1], [7, 7]], np.uint8)), truth, 2)
    assert matrix.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert miou([matrix]) == pytest.approx((1 + 0.5) / 2)
