"""Agreement of label maps: every count against a slow one, and a map that is moved against itself."""

from __future__ import annotations

import numpy as np
import pytest

from enet.metrics.agreement import ImageAgreement, certain_pixels, compare_label_maps, compare_splits, line_share

RNG = np.random.default_rng(0)
BLOCKS = RNG.integers(0, 5, (8, 10), np.uint8).repeat(6, 0).repeat(6, 1)


def slow_counts(labels: np.ndarray, reference: np.ndarray) -> dict[str, int]:
    """The counts that need neighbours, pixel by pixel in plain Python."""
    height, width = reference.shape
    counts = dict.fromkeys(("differing", "border", "border_differing", "far_differing"), 0)
    for y in range(height):
        for x in range(width):
            around = reference[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].ravel().tolist()
            differing, border = labels[y, x] != reference[y, x], len(set(around)) > 1
            counts["differing"] += differing
            counts["border"] += border
            counts["border_differing"] += differing and border
            counts["far_differing"] += labels[y, x] not in around
    return counts


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.5])
def test_compare_label_maps_counts_as_a_slow_loop_does(noise: float) -> None:
    wrong = RNG.random(BLOCKS.shape) < noise
    labels = np.where(wrong, RNG.integers(0, 5, BLOCKS.shape, np.uint8), BLOCKS)
    found = compare_label_maps(labels, BLOCKS)
    assert {name: getattr(found, name) for name in slow_counts(labels, BLOCKS)} == slow_counts(labels, BLOCKS)
    assert found.differing <= found.border_differing + found.far_differing
    lost = {c: np.mean(labels[c == BLOCKS] != c) for c in np.unique(BLOCKS).tolist()}
    assert lost[found.lost_class] == max(lost.values())
    assert found.lost_class_pixels == np.count_nonzero(found.lost_class == BLOCKS)
    assert found.lost_class_differing == round(max(lost.values()) * found.lost_class_pixels)


def test_compare_label_maps_of_a_moved_map() -> None:
    """Twice the number of edges: at each, the map agrees with one neighbour and differs from the other by two."""
    reference = np.zeros((20, 24), np.uint8)
    reference[6:14, 8:16] = 1
    expected = {(0, 1): (32, 0), (0, -1): (-32, 0), (1, 0): (0, 32), (-1, 0): (0, -32)}
    for step, moved in expected.items():
        found = compare_label_maps(np.roll(reference, step, axis=(0, 1)), reference)
        assert found.edges == (16, 16)
        assert found.moved == moved
        assert (found.far_differing, found.differing) == (0, 16)
    grown = np.zeros_like(reference)
    grown[5:15, 7:17] = 1
    found = compare_label_maps(grown, reference)
    assert (found.moved, found.edges) == ((0, 0), (16, 16))  # all borders moved, but not one way


def test_compare_label_maps_of_equal_maps_and_tiny_classes() -> None:
    flat = np.zeros((40, 50), np.uint8)
    assert compare_label_maps(flat, flat) == ImageAgreement(
        differing=0, border=0, border_differing=0, far_differing=0, edges=(0, 0), moved=(0, 0),
        lost_class=0, lost_class_pixels=2000, lost_class_differing=0,
    )  # fmt: skip
    speck = flat.copy()
    speck[3, 3] = 7  # one of 2000 pixels: below the smallest class
    speck[20:22, 20] = 9
    found = compare_label_maps(flat, speck)
    assert (found.lost_class, found.lost_class_pixels, found.lost_class_differing) == (9, 2, 2)
    assert (found.differing, found.far_differing) == (3, 0)  # the label around them is near
    assert compare_label_maps(speck, flat).far_differing == 3


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_compare_splits_counts_as_a_slow_loop_does(noise: float) -> None:
    references = [BLOCKS, BLOCKS[::-1].copy(), np.roll(BLOCKS, 7, axis=1)]
    maps = [np.where(RNG.random(each.shape) < noise, np.uint8(2), np.roll(each, 1, axis=0)) for each in references]
    found = compare_splits(zip(maps, references, strict=True), 6)
    ours, theirs = np.stack(maps), np.stack(references)
    assert found.pixel == (ours != theirs).sum(axis=0).max()
    assert found.class_pixels == tuple(np.count_nonzero(theirs == c) for c in range(6))
    assert found.gained == tuple(np.count_nonzero((ours == c) & (theirs != c)) for c in range(6))
    assert found.lost == tuple(np.count_nonzero((ours != c) & (theirs == c)) for c in range(6))
    edges, moved = np.zeros((2, 6, 2), int)
    for axis in (0, 1):
        # The second axis of each image is compared first.
        for labels, reference in zip(maps, references, strict=True):
            a, b = (labels, reference) if axis == 0 else (labels.T, reference.T)
            for y, x in np.ndindex(b.shape[0], b.shape[1] - 1):
                sides = b[y, x], b[y, x + 1]
                for side in sides if sides[0] != sides[1] else ():
                    edges[side, axis] += 1
                    moved[side, axis] += int(a[y, x + 1] == sides[0]) - int(a[y, x] == sides[1])
    assert (found.class_edges, found.class_moved) == (tuple(map(tuple, edges)), tuple(map(tuple, moved)))


def test_compare_splits_of_lines_that_were_copied() -> None:
    references = [RNG.integers(0, 5, (30, 40), np.uint8) for _ in range(4)]
    for position in ("last row", "first row", "last column", "first column"):
        maps = [each.copy() for each in references]
        for each in maps:
            lines = each.T if "column" in position else each
            lines[-1 if "last" in position else 0] = lines[-2 if "last" in position else 1]
        edges, taken = compare_splits(zip(maps, references, strict=True), 5).line
        assert taken == edges > 80, position
    assert compare_splits(zip(references, references, strict=True), 5).line[1] == 0
    assert (line_share(100, 50, 1), line_share(10, 8, 1), line_share(100, 40, 40)) == (0.5, 0.125, 0.25)


def test_compare_splits_of_no_images() -> None:
    found = compare_splits([], 2)
    assert (found.pixel, found.line, found.gained, found.class_moved) == (0, (0, 0), (0, 0), ((0, 0), (0, 0)))


def test_certain_pixels_are_half_of_all_and_count_apart() -> None:
    logits = RNG.normal(size=(40, 6, 8)).astype(np.float32)
    mask = certain_pixels(logits)
    ordered = np.sort(logits, axis=0)
    lead = ordered[-1] - ordered[-2]
    assert np.count_nonzero(mask) == 24
    assert lead[mask].min() > lead[~mask].max()
    labels = logits.argmax(axis=0).astype(np.uint8)
    wrong = np.where(np.arange(8) < 3, (labels + 1) % 40, labels).astype(np.uint8)
    assert compare_label_maps(wrong, labels, mask).certain_differing == np.count_nonzero(mask[:, :3])
    assert compare_label_maps(wrong, labels).certain_differing is None
    assert np.count_nonzero(certain_pixels(logits[:, :3, :3])) == 4  # of 9: more than the median
    assert not certain_pixels(np.zeros((2, 4, 4), np.float32)).any()


@pytest.mark.parametrize(
    ("sizes", "lost", "worst"),
    [
        ({7: 9, 9: 10}, {7: 9, 9: 10}, 9),  # a thousandth of 10,000 pixels is not tiny
        ({7: 9, 9: 10}, {7: 9}, 0),
        ({3: 10_000}, {}, 3),  # classes that are absent lose nothing
        ({3: 20, 4: 100}, {3: 10, 4: 60}, 4),
    ],
)
def test_lost_class_is_the_one_of_the_largest_share(sizes: dict[int, int], lost: dict[int, int], worst: int) -> None:
    pixels = np.repeat([0, *sizes], [10_000 - sum(sizes.values()), *sizes.values()]).astype(np.uint8)
    labels = pixels.copy()
    for of_class, count in lost.items():
        labels[np.flatnonzero(pixels == of_class)[:count]] = 20
    found = compare_label_maps(labels.reshape(100, 100), pixels.reshape(100, 100))
    assert (found.lost_class, found.lost_class_differing) == (worst, lost.get(worst, 0))


def test_single_pixel_of_a_small_image_may_be_the_lost_class() -> None:
    reference = np.array([[0, 0, 0, 0, 1]], np.uint8)
    found = compare_label_maps(np.array([[2, 2, 2, 0, 2]], np.uint8), reference)
    assert (found.lost_class, found.lost_class_pixels, found.lost_class_differing) == (1, 1, 1)
