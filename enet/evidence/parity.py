"""Parity: differences between two runs, two programs or two recipes that must agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from enet.evidence.base import Evidence
from enet.evidence.provenance import Provenance
from enet.storage.files import hash_text


@dataclass(frozen=True, kw_only=True)
class Parity(Evidence):
    """Pixels with different labels in two runs that must agree.

    Attributes:
        comparison: what was compared, such as "batch parity"; a key of ``gates.RELATIONS``.
        images: names of the compared images.
        pixels_per_image: number of compared pixels of each image.
        differing_pixels: count for each image, in the order of ``images``.
        non_finite: number of images of either run with a NaN or infinite logit.
        is_single_class: a run predicted a single class everywhere.
        miou: of the two runs, in 0..1, if both scored the whole split.
        seed: of the generator that drew the images, if they were drawn.
    """

    kind: ClassVar[str] = "parity"
    comparison: str
    first: Provenance
    second: Provenance
    images: tuple[str, ...]
    images_expected: int
    pixels_per_image: int
    differing_pixels: tuple[int, ...]
    non_finite: int
    is_single_class: bool
    miou: tuple[float, float] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if len(self.differing_pixels) != len(self.images):
            raise ValueError(f"differing_pixels has {len(self.differing_pixels)} counts, expected {len(self.images)}")

    @property
    def pixel_agreement(self) -> float:
        """Fraction of all compared pixels with equal labels, in 0..1; NaN if none were compared."""
        compared = self.pixels_per_image * len(self.images)
        return 1 - sum(self.differing_pixels) / compared if compared else float("nan")

    def summary(self) -> dict[str, Any]:
        return {"pixel_agreement": self.pixel_agreement}


@dataclass(frozen=True, kw_only=True)
class LogitComparison(Evidence):
    """Differences between the logits of two programs that must agree.

    Rounding decides which of two nearly equal pixels a max-unpool returns a value to, and no two programs round alike.
    Differences that such a near-tie in a max-pool explains are excused.

    Attributes:
        values: number of compared values.
        largest: largest absolute difference.
        limit: accepted absolute difference.
        relative: accepted difference as a fraction of an image's largest absolute logit, if that is more.
        over_limit: number of values above both.
        over_limit_unexcused: number of those that no near-tie explains.
        near_tie_share: fraction of all values, in 0..1, in reach of a near-tie.
        non_finite: number of values that are NaN or infinite.
    """

    kind: ClassVar[str] = "difference"
    comparison: str
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


@dataclass(frozen=True, kw_only=True)
class Digests(Evidence):
    """SHA-256 by name of data that must be equal to the byte.

    Attributes:
        limited: the user requested only some of the images.
        ours, theirs: digest by name, of this package's result and of the reference's; in the order of the images.
    """

    kind: ClassVar[str] = "digests"
    comparison: str
    dataset_sha256: str
    preprocessing_sha256: str
    limited: bool
    images_expected: int
    ours: dict[str, str]
    theirs: dict[str, str]

    @property
    def inputs_sha256(self) -> str:
        """SHA-256 of the reference's digests, sorted and each on a line: of all inputs and label maps together."""
        return hash_text("".join(f"{each}\n" for each in sorted(self.theirs.values())))

    def summary(self) -> dict[str, Any]:
        return {"inputs_sha256": self.inputs_sha256}


@dataclass(frozen=True, kw_only=True)
class GoldenComparison:
    """Logits of one network beside recorded ones.

    Attributes:
        name: of the network or of the file with the recorded logits.
        weights_sha256: of the checkpoint that was run; empty for weights by formula.
        golden_weights_sha256: of the checkpoint that the recorded logits are of; likewise.
        values: number of compared values.
        largest: largest absolute difference.
        over_limit: number of values beyond both limits, or not finite.
    """

    name: str
    weights_sha256: str
    golden_weights_sha256: str
    values: int
    largest: float
    over_limit: int


@dataclass(frozen=True, kw_only=True)
class GoldenLogits(Evidence):
    """Logits that PyTorch gives now, beside recorded ones that no code of this package decides any more.

    Attributes:
        limit: accepted absolute difference.
        relative: accepted difference as a fraction of the largest recorded logit, if that is more.
        comparisons: of the variant with weights by formula; and of the checkpoint, if the deliverable has its logits.
    """

    kind: ClassVar[str] = "golden"
    deliverable: str
    variant: str
    limit: float
    relative: float
    comparisons: tuple[GoldenComparison, ...]
