"""The JSON schema accepts what the reader accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from enet import deliverable
from enet.deliverable.schema import schema
from enet.deliverable.toml_reader import tables
from tests.unit.recipes import enet

VALIDATOR = jsonschema.Draft202012Validator(schema())


def table() -> dict[str, Any]:
    return tables((deliverable.BUILTIN / "cityscapes.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", deliverable.builtin_names())
def test_included_files_fit(name: str) -> None:
    VALIDATOR.validate(tables((deliverable.BUILTIN / f"{name}.toml").read_text(encoding="utf-8")))


def test_template_fits() -> None:
    VALIDATOR.check_schema(schema())
    VALIDATOR.validate(tables(deliverable.template()))


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("network", "variant", "enet"),
        ("network", "outputs", "19"),
        ("network", "weihgts", "a.pth"),
        ("dataset", "images", 1.5),
        ("preprocessing", "size", [480]),
        ("tolerances", "logits", "small"),
        ("dataset", "labels", {"255": 3}),
    ],
)
def test_wrong_key_or_type_is_refused(place: str, key: str, value: object) -> None:
    changed = table()
    changed[place][key] = value
    assert [list(error.path)[:1] for error in VALIDATOR.iter_errors(changed)] == [[place]]


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("artifact", "onnx", "mine.onnx"),
        ("artifact", "onnx", ["a.onnx", "b.onnx"]),
        ("dataset", "labels", {"255": "ignore"}),
        ("providers", "OpenVINO", {"device_type": "CPU"}),
        ("reference", "class_iou_percent", {"road": 97}),
    ],
)
def test_every_form_is_known(place: str, key: str, value: object) -> None:
    changed = table()
    changed.setdefault(place, {})[key] = value
    VALIDATOR.validate(changed)


def test_missing_tables_are_told() -> None:
    changed = table()
    del changed["reference"]
    (error,) = VALIDATOR.iter_errors(changed)
    assert "'reference' is a required property" in error.message


def test_command_prints_it_with_the_fields_comments(capsys: pytest.CaptureFixture[str]) -> None:
    assert enet("deliverables", "schema") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(schema()))
    assert printed["properties"]["network"]["properties"]["outputs"]["description"] == "Channels of the logits."
