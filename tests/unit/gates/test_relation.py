"""Relations: what two measurements must share, in what they must differ, and that both must be fit to be compared."""

from __future__ import annotations

from typing import Any

import pytest

from enet.evidence import Provenance
from enet.gates.relation import RELATIONS, Relation, relation_problem
from tests.unit import recipes

ALWAYS = ("deliverable", "weights_sha256", "dataset_sha256", "preprocessing_sha256")
OTHER_BATCH = ("backend", "onnx_sha256", "io_format", "precision", "calibration_sha256")
#: By gate: fields that must be equal, fields that must differ.
RULES = {
    "batch_parity": ((*ALWAYS, *OTHER_BATCH), ("batch_size", "artifact_sha256")),
    "padded_tail": ((*ALWAYS, *OTHER_BATCH), ("batch_size", "artifact_sha256")),
    "equal_rows": ((*ALWAYS, "artifact_sha256"), ()),
    "io_formats": ((*ALWAYS, "backend", "batch_size"), ("io_format",)),
}
#: Another value of a field than ``recipes.provenance`` has.
OTHER: dict[str, Any] = {
    "batch_size": 16,
    "io_format": {"input": "uint8"},
    "precision": "int8",
    **dict.fromkeys(("deliverable", "backend", "calibration_sha256"), "other"),
    **{f"{what}_sha256": "other" for what in ("weights", "onnx", "artifact", "dataset", "preprocessing")},
}


def pair(gate: str) -> tuple[Provenance, Provenance]:
    """Two measurements that may be compared."""
    return recipes.provenance(), recipes.provenance(**{name: OTHER[name] for name in RULES[gate][1]})


def words(field: str) -> str:
    return field.removesuffix("_sha256")


def changed(side: Provenance, **fields: Any) -> Provenance:
    return recipes.provenance(**{**{name: getattr(side, name) for name in OTHER}, **fields})


def test_relations_are_those_of_the_gates_that_compare() -> None:
    assert list(RELATIONS) == list(RULES)
    assert [gate for gate, relation in RELATIONS.items() if relation.exact] == ["equal_rows"]


@pytest.mark.parametrize("gate", RULES)
def test_relation_holds_of_a_sound_pair(gate: str) -> None:
    first, second = pair(gate)
    assert relation_problem([first, second], RELATIONS[gate]) is None
    assert relation_problem([second, first], RELATIONS[gate]) is None


@pytest.mark.parametrize(("gate", "field"), [(gate, field) for gate, (same, _) in RULES.items() for field in same])
def test_relation_of_different_inputs_is_a_problem(gate: str, field: str) -> None:
    first, second = pair(gate)
    found = relation_problem([first, changed(second, **{field: OTHER[field]})], RELATIONS[gate])
    assert found == f"evidence from different {words(field)}: measure both again"


@pytest.mark.parametrize(
    ("gate", "field"), [(gate, field) for gate, (_, different) in RULES.items() for field in different]
)
def test_relation_of_one_side_to_itself_is_a_problem(gate: str, field: str) -> None:
    first, second = pair(gate)
    found = relation_problem([first, changed(second, **{field: getattr(first, field)})], RELATIONS[gate])
    assert found == f"evidence from the same {words(field)}, so nothing is compared"


@pytest.mark.parametrize("gate", RULES)
def test_relation_leaves_other_fields_free(gate: str) -> None:
    first, second = pair(gate)
    free = {name: value for name, value in OTHER.items() if name not in RULES[gate][0]}
    elsewhere = {"device": "310P3 0", "chip": "310P3", "host": "another", "time": "later", "versions": {"numpy": "9"}}
    kept = {name: getattr(second, name) for name in RULES[gate][1]}
    assert relation_problem([first, changed(second, **{**free, **kept, **elsewhere})], RELATIONS[gate]) is None


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "absent": ({"missing_reason": "no run of batch size 16"}, "no run of batch size 16"),
    "simulated": ({"simulated": True}, "measured on a simulated device"),
    "hot": ({"devices_after": (recipes.device_state(temperature=91.0),)}, "91 °C, expected at most 85"),
    "busy": ({"devices_before": (recipes.device_state(utilisation=40.0),)}, "40 % of its cores are in use"),
}


@pytest.mark.parametrize("why", UNFIT)
@pytest.mark.parametrize("gate", RULES)
@pytest.mark.parametrize("side", [0, 1, 2])
def test_relation_needs_every_side_fit(gate: str, why: str, side: int) -> None:
    """A busy or simulated device on the second side is as bad as on the first; so is one of three."""
    sides, (where, reason) = [*pair(gate), pair(gate)[1]], UNFIT[why]
    sides[side] = changed(sides[side], **where)
    assert reason in str(relation_problem(sides, RELATIONS[gate]))
    assert reason in str(relation_problem([changed(sides[0], **where)]))


def test_relation_of_absent_evidence_says_why_it_is_absent() -> None:
    """Whatever else such evidence lacks."""
    absent = recipes.provenance(missing_reason="nothing ran", deliverable="other", weights_sha256="", simulated=True)
    assert relation_problem([recipes.provenance(), absent]) == "nothing ran"
    first = recipes.provenance(missing_reason="first")
    assert relation_problem([first, absent]) == "first"


@pytest.mark.parametrize("field", ALWAYS)
@pytest.mark.parametrize("missing", [(True, False), (False, True), (True, True)])
def test_relation_of_unknown_inputs_is_a_problem(field: str, missing: tuple[bool, bool]) -> None:
    """Two unknowns are equal, which proves nothing."""
    sides = [recipes.provenance(**({field: ""} if absent else {})) for absent in missing]
    assert relation_problem(sides) == f"{words(field)} not recorded: measure again"


@pytest.mark.parametrize(
    ("backends", "weights", "problem"),
    [
        (("recorded", "recorded"), ("", ""), None),
        (("recorded", "recorded"), ("w", ""), None),
        (("recorded", "onnxruntime"), ("", "w"), None),
        (("onnxruntime", "recorded"), ("w", ""), None),
        (("onnxruntime", "recorded"), ("w", "w"), None),
        (("onnxruntime", "recorded"), ("w", "x"), "evidence from different weights: measure both again"),
        (("recorded", "onnxruntime"), ("x", "w"), "evidence from different weights: measure both again"),
        (("onnxruntime", "recorded"), ("", ""), "weights not recorded: measure again"),
        (("onnxruntime", "recorded"), ("", "w"), "weights not recorded: measure again"),
        (("onnxruntime", "onnxruntime"), ("", ""), "weights not recorded: measure again"),
    ],
)
def test_only_recorded_results_need_not_name_their_weights(
    backends: tuple[str, str], weights: tuple[str, str], problem: str | None
) -> None:
    sides = [recipes.provenance(backend=b, weights_sha256=w) for b, w in zip(backends, weights, strict=True)]
    assert relation_problem(sides) == problem


@pytest.mark.parametrize("field", ["deliverable", "dataset_sha256", "preprocessing_sha256"])
def test_relation_of_records_needs_all_but_weights(field: str) -> None:
    side = recipes.provenance(**{"backend": "recorded", "weights_sha256": "", field: ""})
    assert relation_problem([side, side]) == f"{words(field)} not recorded: measure again"


def test_relation_without_rules_compares_common_inputs_only() -> None:
    assert Relation() == Relation(same=(), different=(), exact=False)
    assert relation_problem([recipes.provenance(), recipes.provenance(backend="pytorch", batch_size=9)]) is None
    assert relation_problem([recipes.provenance(), recipes.provenance(), recipes.provenance(dataset_sha256="x")])
