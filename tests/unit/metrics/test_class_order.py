"""The hint that classes are in another order: given where one explains the errors, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from enet.metrics.class_order import order_hint

NAMES = tuple(f"class{i}" for i in range(19))


def matrix(order: NDArray[np.intp] | None = None, quality: float = 0.8, seed: int = 0) -> NDArray[np.int64]:
    """Of a network whose class i is in output order[i]; the rest of its pixels go anywhere."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1000, 100_000, 19)
    found = np.stack([rng.multinomial(round(size * (1 - quality)), np.full(19, 1 / 19)) for size in sizes])
    for number, size in enumerate(sizes):
        found[number, number] += round(size * quality)
    return found[:, np.argsort(order)] if order is not None else found


def exchanged(*pairs: tuple[int, int]) -> NDArray[np.intp]:
    order = np.arange(19)
    for a, b in pairs:
        order[[a, b]] = b, a
    return order


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((np.arange(19) + 1) % 19, "the classes look shifted: class i is in output i + 1: mIoU"),
        ((np.arange(19) - 1) % 19, "the classes look shifted: class i is in output i - 1: mIoU"),
        ((np.arange(19) + 7) % 19, "the classes look shifted: class i is in output i + 7: mIoU"),
        (
            exchanged((0, 13), (2, 5), (8, 9), (10, 11)),
            "classes look exchanged: class0 and class13, class2 and class5, class8 and class9 and 1 more",
        ),
        (np.random.default_rng(3).permutation(19), "the classes look permuted: class0 in the place of class"),
    ],
)
def test_order_is_named(order: NDArray[np.intp], words: str) -> None:
    found = order_hint(matrix(order), NAMES)
    assert found.startswith(words)
    assert found.endswith("Check the order of the classes, or state [network] order")


def test_void_first_is_a_shift_although_the_last_class_is_never_predicted() -> None:
    shifted = np.zeros((19, 19), np.int64)
    shifted[:, 1:] = matrix()[:, :-1]
    assert "class i is in output i + 1" in order_hint(shifted, NAMES)


def test_absent_classes_make_no_difference() -> None:
    some = matrix((np.arange(19) + 1) % 19)
    some[5:15] = 0
    assert "class i is in output i + 1" in order_hint(some, NAMES)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("quality", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_no_hint_for_a_network_good_or_poor_in_its_own_order(quality: float, seed: int) -> None:
    assert order_hint(matrix(quality=quality, seed=seed), NAMES) == ""


@pytest.mark.parametrize("seed", range(20))
def test_no_hint_for_untrained_networks(seed: int) -> None:
    """They predict a few classes, whatever the truth."""
    rng = np.random.default_rng(seed)
    outputs = rng.dirichlet(np.full(19, 0.1))
    sizes = rng.integers(0, 100_000, 19)
    assert order_hint(np.stack([rng.multinomial(size, outputs) for size in sizes]), NAMES) == ""


def test_two_exchanged_classes_of_many_are_named() -> None:
    assert order_hint(matrix(exchanged((3, 7))), NAMES).startswith("classes look exchanged: class3 and class7: mIoU")


def test_no_hint_without_pixels() -> None:
    assert order_hint(np.zeros((19, 19), np.int64), NAMES) == ""


@pytest.mark.parametrize("present", [2, 3, 5])
@pytest.mark.parametrize("seed", range(20))
def test_no_hint_for_untrained_networks_on_images_with_few_classes(seed: int, present: int) -> None:
    rng = np.random.default_rng(seed)
    outputs, found = rng.dirichlet(np.full(19, 0.2)), np.zeros((19, 19), np.int64)
    for row in rng.choice(19, present, replace=False):
        found[row] = rng.multinomial(rng.integers(1000, 100_000), outputs)
    assert order_hint(found, NAMES) == ""
