"""``enet diagnose``: of which run, what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enet import evidence
from enet.commands.diagnose import worst_run
from enet.errors import InputError
from enet.evidence import Accuracy
from enet.measure.subject import Subject
from tests.unit import recipes
from tests.unit.recipes import enet

NAMES = ("one", "two")


def accuracy(backend: str, batch_size: int, right: int, images: tuple[str, ...] = NAMES) -> Accuracy:
    """A run of two classes, of which so many of ten pixels an image are right."""
    return Accuracy(
        provenance=recipes.provenance(backend=backend, batch_size=batch_size),
        classes=("road", "sky"),
        absent_classes="zero",
        images=images,
        images_expected=len(images),
        matrices=np.array([[[right, 10 - right], [0, 5]]] * len(images)),
        non_finite=0,
        seconds=1.0,
    )


def saved(folder: Path, *runs: Accuracy) -> Path:
    for run in runs:
        evidence.save(run, folder / f"accuracy-{run.provenance}.json")
    return folder


def test_run_of_the_lowest_miou_is_chosen_pytorch_last(tmp_path: Path) -> None:
    runs = accuracy("pytorch", 1, 2), accuracy("onnxruntime", 1, 6), accuracy("onnxruntime", 16, 5)
    folder = saved(tmp_path, *runs)
    assert worst_run(folder, None, None).provenance.batch_size == 16
    assert worst_run(folder, None, 1).provenance.backend == "onnxruntime"
    assert worst_run(folder, "pytorch", None).provenance.backend == "pytorch"
    with pytest.raises(InputError, match=r"no run of accuracy that can be diagnosed.*cityscapes-onnxruntime-bs1"):
        worst_run(folder, "openvino", None)


def test_exact_port_of_a_bad_checkpoint(
    folder: Path, work: Path, subject: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    names, classes = subject.prepared().names, subject.dataset.classes.names
    run = accuracy("onnxruntime", 2, 6)
    matrices = np.ones((len(names), len(classes), len(classes)), np.int64)
    known = replace(run, images=names, images_expected=len(names), classes=classes, matrices=matrices)
    saved(work / "evidence", known)
    arguments = ["--deliverable", folder / "tiny.toml", "--data-root", folder / "data", "--json", "d.json"]
    assert enet("diagnose", "evidence", *arguments) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert output.startswith(
        "diagnosis of onnxruntime, batch 2: the port is exact: look at checkpoint or data; none of"
    )
    assert "this speaks for the checkpoint" in output
    table = json.loads((work / "d.json").read_text())
    assert (table["cause"], len(table["images"]), table["left_out"]) == ("", 5, [])
    assert len(table["rows"]) > 50
    assert {"name", "miou_before", "miou_after", "images", "seconds"} <= table["rows"][0].keys()


def test_run_over_other_images_is_refused(folder: Path, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(work / "evidence", accuracy("onnxruntime", 1, 6))
    assert enet("diagnose", "evidence", "--deliverable", folder / "tiny.toml", "--data-root", folder / "data") == 2
    message = capsys.readouterr().err
    assert recipes.is_plain(message)
    assert "its run is over 2 images" in message
