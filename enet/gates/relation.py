"""What two measurements must share, and in what they must differ, before they are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enet.evidence import RECORDED, Provenance
from enet.gates.base import provenance_problem


@dataclass(frozen=True)
class Relation:
    """How two pieces of evidence must be related to be compared; names of ``Provenance``'s fields.

    ``exact``: no pixel may differ.
    """

    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    exact: bool = False


#: What every comparison must have in common, and must know.
COMMON_FIELDS = ("deliverable", "weights_sha256", "dataset_sha256", "preprocessing_sha256")


RELATIONS = {
    "batch parity": Relation(
        same=("backend", "onnx_sha256", "form", "precision", "calibration_sha256"),
        different=("batch_size", "artifact_sha256"),
    ),
    "padded tail": Relation(
        same=("backend", "onnx_sha256", "form", "precision", "calibration_sha256"),
        different=("batch_size", "artifact_sha256"),
    ),
    "equal rows": Relation(same=("artifact_sha256",), exact=True),
    "forms": Relation(same=("backend", "batch_size"), different=("form",)),
}


def relation_problem(provenances: Iterable[Provenance], relation: Relation = Relation()) -> str | None:
    """Why pieces of evidence don't belong together, or None."""
    first, *others = provenances
    if absent := next((p.absent for p in (first, *others) if p.absent), None):
        return absent
    # Of recorded results the model isn't at hand; that they belong together follows from their data alone.
    recorded = all(provenance.backend == RECORDED for provenance in (first, *others))
    for name in COMMON_FIELDS:
        if name == "weights_sha256" and recorded:
            continue
        if not all(getattr(provenance, name) for provenance in (first, *others)):
            return f"{name.removesuffix('_sha256')} not recorded: measure anew"
    for other in others:
        for name in (*COMMON_FIELDS, *relation.same):
            if getattr(first, name) != getattr(other, name):
                return f"evidence from different {name.removesuffix('_sha256')}: measure both anew"
        for name in relation.different:
            if getattr(first, name) == getattr(other, name):
                return f"evidence from the same {name.removesuffix('_sha256')}, so nothing is compared"
    return next((reason for reason in map(provenance_problem, (first, *others)) if reason), None)
