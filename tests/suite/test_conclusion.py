"""The conclusion from outside: what did not run is not accepted, however it was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suite.acceptance import run_pytest

#: Node ids of every gate at batch size 1 that the small deliverable has: they pass, and batch size 4 never ran.
BATCH_1 = [
    f"tests/acceptance/{node}"
    for node in (
        "test_accuracy.py::test_reference_miou[small]",
        "test_accuracy.py::test_miou[small-onnxruntime-bs1]",
        "test_accuracy.py::test_class_iou[small-onnxruntime-bs1]",
        "test_network.py::test_network[small]",
        "test_preprocessing.py::test_preprocessing[small]",
        "test_parity.py::test_onnx_logits[small-bs1]",
        "test_parity.py::test_io_formats[small-float-labels]",
        "test_parity.py::test_io_formats[small-uint8-logits]",
        "test_parity.py::test_io_formats[small-uint8-labels]",
    )
]

#: Ways to leave cases out, and how many passes remain.
LEFT_OUT = {
    "node ids": (["-m", "accuracy", *BATCH_1], 9),
    "-k": (["-m", "accuracy", "-k", "not bs4"], 12),
    "--batch-size": (["-m", "accuracy", "--batch-size", "1"], 12),
    "--deselect": (["-m", "accuracy", "--deselect", "tests/acceptance/test_parity.py::test_equal_rows"], 17),
}


def accept(small: Path, scenes: Path, cache: Path, folder: Path, *more: str) -> tuple[str, dict[str, Any]]:
    """Terminal output, and ``verdicts.json``."""
    inputs = ["--deliverable", small, "--data-root", scenes, "--artifact-cache", cache]
    done = run_pytest(*inputs, "--evidence", folder, *more)
    return done.stdout, json.loads((folder / "verdicts.json").read_text())


@pytest.mark.parametrize("way", LEFT_OUT)
def test_cases_left_out_are_not_accepted(way: str, small: Path, scenes: Path, cache: Path, tmp_path: Path) -> None:
    words, passes = LEFT_OUT[way]
    output, table = accept(small, scenes, cache, tmp_path, *words)
    assert f"small: NOT ACCEPTED: {passes} gates passed, not run: " in output
    assert (table["accepted"], table["counts"]["PASS"]) == (False, passes)
    left = {(row["gate"], row["case"]) for row in table["not_run"]}
    assert ("equal_rows", "small-onnxruntime-bs4") in left
    assert len(left) == 19 - passes


def test_recorded_figures_are_no_part_of_the_conclusion(small: Path, scenes: Path, cache: Path, tmp_path: Path) -> None:
    output, table = accept(small, scenes, cache, tmp_path, "tests/acceptance/test_recorded.py")
    assert "small: NOT ACCEPTED: nothing was checked" in output
    assert (table["verdicts"], table["accepted"]) == ([], False)
    assert {row["gate"] for row in table["recorded_figures"]} == {"recorded"}
