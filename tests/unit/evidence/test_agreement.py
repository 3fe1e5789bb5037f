"""Figures of agreement with PyTorch: by hand, of one image and over all."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from enet.evidence import Agreement
from enet.metrics.agreement import ImageAgreement, SplitAgreement
from tests.unit.recipes import provenance

#: Images of 100 pixels: a line across them has 10.
FIRST = ImageAgreement(
    differing=12, border=40, border_differing=8, far_differing=4, edges=(20, 10), moved=(-4, 5),
    lost_class=1, lost_class_pixels=50, lost_class_differing=10, certain_differing=2,
)  # fmt: skip
SECOND = ImageAgreement(
    differing=4, border=5, border_differing=2, far_differing=0, edges=(2, 30), moved=(10, 0),
    lost_class=0, lost_class_pixels=1, lost_class_differing=1, certain_differing=0,
)  # fmt: skip
UNKNOWN = dataclasses.replace(SECOND, certain_differing=None, lost_class_pixels=0, lost_class_differing=0)
#: Of classes "a" and "b".
SPLIT = SplitAgreement(
    pixel=4, line=(100, 40), class_pixels=(200, 10), gained=(12, 0), lost=(2, 6),
    class_edges=((40, 60), (30, 10)), class_moved=((-4, 3), (0, 6)),
)  # fmt: skip


def evidence(*counts: ImageAgreement, **changes: Any) -> Agreement:
    known: dict[str, Any] = {
        "first": provenance(),
        "second": provenance(backend="pytorch"),
        "classes": ("a", "b"),
        "images": tuple("xyz"[: len(counts)]),
        "images_expected": len(counts),
        "pixels_per_image": 100,
        "counts": counts,
        "split": SPLIT,
    }
    return Agreement(**{**known, **changes})


def test_agreement_shares_of_each_image() -> None:
    """Of few border pixels or edges, the share is that of a line across the image."""
    shares = {name: values.tolist() for name, values in evidence(FIRST, SECOND).shares().items()}
    assert shares == {
        "far": [0.04, 0.0],
        "border": [8 / 40, 2 / 10],
        "moved": [max(4 / 2 / 20, 5 / 2 / 10), 10 / 2 / 10],
        "lost": [10 / 50, 1.0],
        "certain": [0.02, 0.0],
    }


def test_agreement_shares_over_all_images_are_of_sums() -> None:
    """Movements the other way cancel out; no class is the lost one of all images."""
    found = evidence(FIRST, SECOND, SECOND)
    shares = {name: values.tolist() for name, values in found.shares(over_all=True).items()}
    assert {name: shares[name] for name in ("far", "border", "moved", "certain")} == {
        "far": [4 / 300], "border": [12 / 50], "moved": [16 / 2 / 30], "certain": [2 / 300]
    }  # fmt: skip
    least = evidence(SECOND, SECOND, SECOND).shares(over_all=True)
    assert least["border"].tolist() == [6 / 30]


def test_agreement_shares_of_places_and_classes() -> None:
    """Of few images, edges or pixels of a class, the share is that of as many as are enough."""
    shares = {name: values.tolist() for name, values in evidence(FIRST, SECOND, SECOND).shares(over_all=True).items()}
    assert shares["pixel"] == [4 / 16]
    assert shares["line"] == [40 / 100]
    assert shares["gain"] == [10 / 200, 6 / 30]
    assert shares["class moved"] == [4 / 40, 6 / 30]
    many = evidence(*[FIRST] * 40, images=tuple(map(str, range(40)))).shares(over_all=True)
    assert (many["pixel"].tolist(), many["line"].tolist()) == ([4 / 40], [40 / 160])
    assert "pixel" not in evidence(FIRST).shares()


def test_agreement_has_counts_of_every_class() -> None:
    with pytest.raises(ValueError, match="counts of other than 2 classes"):
        evidence(FIRST, split=dataclasses.replace(SPLIT, gained=(1,)))


@pytest.mark.parametrize("counts", [(FIRST, UNKNOWN), (UNKNOWN, FIRST)])
def test_agreement_knows_certain_pixels_of_every_image_or_of_none(counts: tuple[ImageAgreement, ...]) -> None:
    assert not evidence(*counts).has_certain
    shares = evidence(*counts).shares()
    assert "certain" not in shares
    assert sorted(shares["lost"]) == [0, 0.2]  # of no pixels, none is lost
    assert evidence(FIRST, SECOND).has_certain


def test_agreement_of_pixels() -> None:
    found = evidence(FIRST, SECOND)
    assert found.pixel_agreement == pytest.approx(0.92)
    assert found.summary() == {"pixel_agreement": found.pixel_agreement}
    assert str(evidence().pixel_agreement) == "nan"


def test_agreement_has_a_count_for_every_image() -> None:
    with pytest.raises(ValueError, match="1 counts, expected 2"):
        evidence(FIRST, images=("x", "y"))
    assert Agreement.kind == "agreement"
