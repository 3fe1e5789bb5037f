"""What is measured from label maps, not guessed: displacement, and two faults at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from enet.diagnosis import pairs
from enet.diagnosis.bench import Bench
from enet.diagnosis.hypotheses import Hypothesis, moved
from enet.diagnosis.outputs import Output
from enet.diagnosis.places import displaced, displacement
from enet.diagnosis.trials import Row, sparse


def street(seed: int, side: int = 96) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Blocks of 12 pixels of four classes."""
    blocks = np.random.default_rng(seed).integers(0, 4, (side // 12, side // 12)).astype(np.uint8)
    return np.kron(blocks, np.ones((12, 12), np.uint8))


@pytest.mark.parametrize(("down", "right"), [(4, 4), (-6, 5), (0, -9), (2, 0)])
def test_displacement_is_measured(down: int, right: int) -> None:
    expected = [street(0), street(1)]
    seen = [moved(down, right)(each) for each in expected]
    expected[0][40:44] = 255  # which is not compared
    assert displacement(seen, expected) == (down, right)
    output = displaced(seen, expected)[0]
    assert np.array_equal(output.change(street(0)), seen[0])


def test_label_maps_that_are_merely_wrong_are_not_displaced() -> None:
    one, other = street(0), street(1)
    assert displacement([one], [one]) == displacement([one], [other]) == (0, 0)
    assert displaced([one], [one]) == displaced([moved(0, 1)(one)], [one]) == []  # one pixel is in the table
    assert displacement([one[:40, :40]], [one[:40, :40]]) == (0, 0)  # too small


def bench(seen: list[Any], expected: list[Any]) -> Bench:
    names = SimpleNamespace(dataset=SimpleNamespace(classes=SimpleNamespace(names=list("abcd"))))
    outputs = [[Output(each) for each in side] for side in (seen, expected)]
    return cast(
        Bench,
        SimpleNamespace(few=[0, 1], classes=4, subject=names, seen=outputs[0], expected=outputs[1], truths=expected),
    )


def tried(name: str, ran: str, labels: list[Any]) -> Row:
    known: dict[str, Any] = {"miou": (0.1, 0.2), "left": 0.9, "better": 2, "images": 2, "seconds": 0.1}
    return Row(name=name, ran=ran, labels=tuple(sparse(labels)), **known)


EXCHANGED = np.array([1, 0, 2, 3], np.uint8)
EXPECTED = [street(0), street(1)]
#: What the artifact gives for the input it was built for: right, but for two classes that are exchanged.
NEARLY = [EXCHANGED[each] for each in EXPECTED]
WRONG = [street(2), street(3)]


def test_two_faults_are_named_together() -> None:
    rows = [tried("BGR input", "artifact", NEARLY), tried("mirrored input", "artifact", WRONG)]
    found = pairs.by_difference(bench(WRONG, EXPECTED), rows)
    assert found is not None
    assert found.cause == "BGR input, and classes exchanged: a and b"
    assert found.sentence.endswith("classes exchanged: a and b (0 % of the difference is left with both)")
    by_truth = pairs.by_loss(bench(WRONG, EXPECTED), rows, 0.6)
    assert by_truth is not None
    assert by_truth.cause == found.cause
    assert "mIoU is 100.00 % instead of " in by_truth.sentence


def test_two_faults_of_which_one_is_of_the_network() -> None:
    rows = [tried("BGR input", "artifact", NEARLY), tried("dilation lost", "PyTorch", NEARLY)]
    found = pairs.by_difference(bench(WRONG, [street(4), street(5)]), rows)
    assert found is not None
    assert found.cause == "BGR input, and dilation lost"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="nothing was tried"),
        pytest.param([tried("BGR input", "artifact", WRONG)], id="nothing explains it"),
        pytest.param(
            [tried("a", "artifact", NEARLY), tried("b", "artifact", NEARLY)], id="two that are not told apart"
        ),
    ],
)
def test_two_faults_that_are_not_clear_accuse_nobody(rows: list[Row]) -> None:
    assert pairs.by_difference(bench(WRONG, EXPECTED), rows) is None
    assert pairs.by_difference(bench(EXPECTED, EXPECTED), rows) is None  # labels do not differ
    assert pairs.by_loss(bench(WRONG, EXPECTED), rows, 0.6) is None


def test_hypothesis_of_place_has_words() -> None:
    found: list[Hypothesis] = displaced([moved(-6, 5)(each) for each in EXPECTED], EXPECTED)
    assert [each.name for each in found] == [
        "the output moved by 5 to the right and 6 up",
        "the crop shifted by 5 to the right and 6 up",
    ]
