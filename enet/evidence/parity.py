"""Agreement: how far two runs, two programs or two recipes that should agree do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from enet.evidence.provenance import SCHEMA, Provenance


@dataclass(frozen=True, kw_only=True)
class Parity:
    """On how many pixels two runs that should agree do not; per image, in order of ``images``.

    ``pixels`` are those of one image. ``non_finite`` counts images of either run with a logit that is no number;
    ``constant``: a run predicted one class everywhere. ``miou`` are the two runs' own, in 0..1, where both scored the
    whole split.
    """

    kind: ClassVar[str] = "parity"
    what: str
    first: Provenance
    second: Provenance
    images: tuple[str, ...]
    images_expected: int
    pixels: int
    differing_pixels: tuple[int, ...]
    non_finite: int
    constant: bool
    miou: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.differing_pixels) != len(self.images):
            raise ValueError(f"differing has {len(self.differing_pixels)} counts, but should have {len(self.images)}")

    @property
    def agreement(self) -> float:
        """Share of all compared pixels that agree, in 0..1; NaN if none were compared."""
        compared = self.pixels * len(self.images)
        return 1 - sum(self.differing_pixels) / compared if compared else float("nan")

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, "agreement": self.agreement, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Parity:
        return cls(
            what=table["what"],
            first=Provenance.from_json(table["first"]),
            second=Provenance.from_json(table["second"]),
            images=tuple(table["images"]),
            images_expected=table["images_expected"],
            pixels=table["pixels"],
            differing_pixels=tuple(table["differing_pixels"]),
            non_finite=table["non_finite"],
            constant=table["constant"],
            miou=tuple(table["miou"]) if table["miou"] else None,
        )


@dataclass(frozen=True, kw_only=True)
class LogitComparison:
    """How far two sets of numbers that should be equal are apart.

    ``largest`` is the largest absolute difference. ``over_limit`` counts those above ``limit``, or above ``relative``
    times
    an image's largest value where that is more.
    ``over_limit_unexcused`` counts those of them that a near-tie in a max-pool doesn't explain: there,
    rounding
    alone decides which of two equal pixels a value returns to, and no two programs round alike. ``near_tie_share`` is
    the
    share of values, in 0..1, near enough to such a tie.
    """

    kind: ClassVar[str] = "difference"
    what: str
    first: Provenance
    second: Provenance
    values: int
    largest: float
    limit: float
    relative: float
    over_limit: int
    over_limit_unexcused: int
    near_tie_share: float
    non_finite: int

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> LogitComparison:
        names = (
            "what",
            "values",
            "largest",
            "limit",
            "relative",
            "over_limit",
            "over_limit_unexcused",
            "near_tie_share",
            "non_finite",
        )
        return cls(
            first=Provenance.from_json(table["first"]),
            second=Provenance.from_json(table["second"]),
            **{n: table[n] for n in names},
        )


@dataclass(frozen=True, kw_only=True)
class Digests:
    """SHA-256 by name of things that should be equal to the byte."""

    kind: ClassVar[str] = "digests"
    what: str
    dataset_sha256: str
    preprocessing_sha256: str
    limited: bool
    images_expected: int
    ours: dict[str, str]
    theirs: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Digests:
        return cls(**{f.name: table[f.name] for f in fields(cls)})
