"""What two measurements must share, and in what they must differ, before they are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from enet.evidence import RECORDED, Provenance
from enet.gates.base import provenance_problem


@dataclass(frozen=True)
class Relation:
    """How two pieces of evidence must be related to be compared.

    Attributes:
        same, different: names of ``Provenance``'s fields.
        exact: no pixel may differ.
    """

    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    exact: bool = False


#: Fields that every comparison must know, and that must be equal.
COMMON_FIELDS = ("deliverable", "weights_sha256", "dataset_sha256", "preprocessing_sha256")

OTHER_BATCH_SIZE = Relation(
    same=("backend", "onnx_sha256", "io_format", "precision", "calibration_sha256"),
    different=("batch_size", "artifact_sha256"),
)

#: Delivered files of several batch sizes may be files of their own, or one that takes any.
OTHER_DELIVERED_SIZE = Relation(same=("backend", "io_format", "precision"), different=("batch_size",))

#: By gate.
RELATIONS = {
    "batch_parity": OTHER_BATCH_SIZE,
    "padded_tail": OTHER_BATCH_SIZE,
    "equal_rows": Relation(same=("artifact_sha256",), exact=True),
    "io_formats": Relation(same=("backend", "batch_size"), different=("io_format",)),
}


def relation_problem(provenances: Iterable[Provenance], relation: Relation = Relation()) -> str | None:
    """Return the reason why pieces of evidence cannot be compared, or None."""
    first, *others = provenances
    if reason := next((each.missing_reason for each in (first, *others) if each.missing_reason), None):
        return reason
    for name in COMMON_FIELDS:
        if not all(getattr(each, name) for each in (first, *others) if not is_unrecorded(each, name)):
            return f"{name.removesuffix('_sha256')} not recorded: measure again"
    for other in others:
        for name in (*COMMON_FIELDS, "code_sha256", *relation.same):
            if is_unrecorded(first, name) or is_unrecorded(other, name):
                continue
            if getattr(first, name) != getattr(other, name):
                return f"evidence from different {name.removesuffix('_sha256')}: measure both again"
        for name in relation.different:
            if getattr(first, name) == getattr(other, name):
                return f"evidence from the same {name.removesuffix('_sha256')}, so nothing is compared"
    return next(filter(None, map(provenance_problem, (first, *others))), None)


def is_unrecorded(provenance: Provenance, name: str) -> bool:
    """Whether it is a field that recorded results and delivered files cannot state: they do not name their checkpoint.

    That they belong to something follows from their data, and from labels that agree.
    """
    is_foreign = provenance.backend == RECORDED or provenance.delivered
    return bool(name in ("weights_sha256", "code_sha256") and is_foreign and not getattr(provenance, name))
