"""What was edited by hand is refused in one line, and never drawn."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from enet.errors import InputError
from enet.report import rows
from tests.unit.report.runs import ROW, percent

FIRST = {"largest": 1.0, "median": 0.5, "allowed": 0.1, "shape": [1, 2], "picture": "first-layer.png"}
DIAGNOSIS = {
    "artifact": "onnxruntime, batch 1",
    "cause": "BGR",
    "sentence": "it is BGR",
    "facts": ["so"],
    "images": ["a"],
    "rows": [ROW],
    "layers": {"sentence": "it is Conv", "first": FIRST},
}
VERDICT = percent("miou", 69.0, notes=["a"], numbers={"difference_low": -1})


def values(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all values in a JSON value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*place, key)
        yield from values(value, (*place, key))


@pytest.mark.parametrize(
    ("read", "table"), [(rows.as_verdict, VERDICT), (rows.as_diagnosis, DIAGNOSIS)], ids=["verdict", "diagnosis"]
)
def test_no_value_may_be_of_another_type(read: Callable[[object], object], table: dict[str, Any]) -> None:
    assert read(table) == table
    for *place, key in values(table):
        edited = copy.deepcopy(table)
        node: Any = edited
        for each in place:
            node = node[each]
        node[key] = object()
        with pytest.raises(InputError):
            read(edited)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": float("nan")}, "verdict test_miou[]: nan, expected finite numbers"),
        ({"numbers": {"low": float("inf")}}, "verdict test_miou[]: inf, expected finite numbers"),
        ({"outcome": "PASSED"}, "verdict [outcome]: 'PASSED', expected one of PASS, FAIL, NO EVIDENCE, INFO"),
        ({"notes": "a text"}, "verdict [notes]: ('a text',), expected a list"),
    ],
)
def test_verdict_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        rows.as_verdict(VERDICT | change)


def test_diagnosis_of_an_earlier_version_may_lack_parts() -> None:
    found = rows.as_diagnosis({"cause": "", "sentence": "nothing helps"})
    assert found == {"cause": "", "sentence": "nothing helps", "facts": [], "images": [], "artifact": "", "rows": []}
    assert rows.as_diagnosis(None) is None
