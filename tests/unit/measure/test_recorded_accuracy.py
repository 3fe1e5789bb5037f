"""Recorded outputs score as a live run does, in every layout, name and format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from enet.evidence import Accuracy
from enet.measure import pipeline, recorded_accuracy
from enet.measure.subject import Subject
from enet.records import output_files, summary as ais_bench
from tests.unit import tiny as data
from tests.unit.measure.recorded import LAYOUTS, SCHEMES, outputs, record

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "ais_bench_records"


@pytest.fixture(scope="module")
def live(subject: Subject) -> Accuracy:
    return pipeline.measure_split(subject, subject.artifact("onnxruntime", 1), subject.image_files())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_score_outputs_in_every_layout_equals_a_live_run(
    scheme: str, layout: str, subject: Subject, live: Accuracy, tmp_path: Path
) -> None:
    evidence = recorded_accuracy.score_outputs(subject, [ais_bench.read(record(subject, tmp_path, scheme, layout))])
    np.testing.assert_array_equal(evidence.matrices, live.matrices)
    assert evidence.images == live.images
    assert (evidence.images_expected, evidence.non_finite) == (data.IMAGES, 0)
    assert evidence.miou == live.miou
    assert evidence.provenance.dataset_sha256 == live.provenance.dataset_sha256
    assert evidence.provenance.backend == "recorded"


@pytest.mark.parametrize("kind", ["float32.npy", "uint8.bin", "uint8.npy", "float16.bin", "float16.npy", "int64.npy"])
def test_score_outputs_of_every_format(kind: str, subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    evidence = recorded_accuracy.score_outputs(subject, [ais_bench.read(record(subject, tmp_path, kind=kind))])
    expected = live.matrices
    if kind.startswith("float16"):
        halves = {name: logits.astype(np.float16) for name, logits in data.slow_logits(subject).items()}
        expected = np.stack([data.slow_matrix(subject, name, halves[name].argmax(axis=0)) for name in evidence.images])
        assert np.abs(expected - live.matrices).sum() < 0.02 * expected.sum()
    np.testing.assert_array_equal(evidence.matrices, expected)


@pytest.mark.parametrize("shape", [(1, 19, 32, 32), (19, 32, 32)])
def test_score_outputs_with_and_without_batch_dimension(
    shape: tuple[int, ...], subject: Subject, live: Accuracy, tmp_path: Path
) -> None:
    summary = record(subject, tmp_path, kind="float32.npy")
    for path in outputs(summary):
        np.save(path, np.load(path).reshape(shape))
    np.testing.assert_array_equal(
        recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)]).matrices, live.matrices
    )


def test_score_outputs_with_several_files_in_an_entry(subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    entries = list(json.loads(summary.read_text())["filesinfo"].values())
    entry = {"infiles": [e["infiles"][0] for e in entries], "outfiles": [e["outfiles"][0] for e in entries]}
    summary.write_text(json.dumps({"filesinfo": {"0": entry}}))
    np.testing.assert_array_equal(
        recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)]).matrices, live.matrices
    )


def test_score_outputs_of_npy_inputs(subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    summary.write_text(summary.read_text().replace('.bin"], "outfiles', '.npy"], "outfiles'))
    assert ".npy" in summary.read_text()
    assert len(recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)]).images) == data.IMAGES


def test_score_outputs_of_some_images(subject: Subject, live: Accuracy, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    table = json.loads(summary.read_text())
    (removed,) = table["filesinfo"].pop("1")["outfiles"]
    (summary.parent / "2022_12_01-10_00_00" / Path(removed).name).unlink()
    summary.write_text(json.dumps(table))
    evidence = recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)])
    assert evidence.images == live.images[:1] + live.images[2:]
    assert evidence.images_expected == data.IMAGES
    np.testing.assert_array_equal(evidence.matrices, np.delete(live.matrices, 1, axis=0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_score_outputs_counts_non_finite_images(value: float, subject: Subject, tmp_path: Path) -> None:
    summary = record(subject, tmp_path)
    for path in outputs(summary)[:2]:
        logits = np.fromfile(path, np.float32)
        logits[7] = value
        logits.tofile(path)
    assert recorded_accuracy.score_outputs(subject, [ais_bench.read(summary)]).non_finite == 2


def test_find_outputs_of_a_real_record_without_outputs_is_none() -> None:
    summary = RECORDS / "bs16_summary.json"
    if not summary.is_file():
        pytest.skip(f"{RECORDS} is not here")
    assert output_files.find_outputs(ais_bench.read(summary)) is None
