"""The guide's steps, one command each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enet.measure.subject import Subject
from enet.storage.files import hash_file
from tests.unit import tiny
from tests.unit.recipes import enet


@pytest.mark.parametrize("kind", ["float", "uint8"])
def test_postprocess_after_all_steps_equals_evaluate(
    kind: str, folder: Path, work: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ["--deliverable", folder / "tiny.toml"]
    steps: list[list[object]] = [
        ["pth2onnx", "--input-file", folder / "tiny.pth", "--output-file", "enet.onnx", *shared, "--input", kind],
        ["preprocess", "--src-path", folder / "data", "--save-path", "prep", *shared, "--input", kind, "--json", "f"],
        ["infer", "--model", "enet.onnx", "--input", "prep", "--output", "out/bs2", "--batch-size", 2, "--json", "i"],
        ["postprocess", "--src-path", folder / "data", "--result-dir", "out/bs2_summary.json", *shared, "--json", "p"],
        ["evaluate", *shared, "--data-root", folder / "data", "--batch-size", 2, "--input", kind, "--json", "e"],
    ]
    for step in steps:
        assert enet(*step) == 0, step
    assert "prep: 5 files, preprocessed.json" in capsys.readouterr().out
    files, inferred, by_steps, at_once = (json.loads((work / name).read_text()) for name in "fipe")
    assert (files["folder"], len(files["files"])) == ("prep", 5)
    assert files["dataset_sha256"] == by_steps["provenance"]["dataset_sha256"]
    assert (inferred["summaries"], inferred["batch_size"]) == (["out/bs2_summary.json"], 2)
    assert inferred["model_sha256"] == hash_file(work / "enet.onnx")
    expected = tiny.slow_matrices(subject).sum(axis=0)
    assert by_steps["confusion_matrix"] == at_once["confusion_matrix"] == expected.tolist()
    assert by_steps["miou"] == at_once["miou"]
    assert by_steps["provenance"]["dataset_sha256"] == at_once["provenance"]["dataset_sha256"]
