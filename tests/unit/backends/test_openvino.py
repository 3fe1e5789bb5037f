"""OpenVINO gives PyTorch's labels; for INT8 it is calibrated on train images only."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from enet import backends, datasets, deliverable
from enet.backends import calibration
from enet.deliverable.target import Target
from enet.diagnosis import traces
from enet.errors import InputError
from enet.measure import pipeline, predictor
from enet.measure.subject import Subject
from enet.model import onnx_cache
from tests.unit import tiny as data

installed = pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="openvino is not installed")
quantiser = pytest.mark.skipif(not importlib.util.find_spec("nncf"), reason="nncf is not installed")


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A subject that also has a train split, of other images."""
    found = data.tiny(tmp_path_factory.mktemp("openvino"))
    assert found.data_root is not None
    data.data_set(found.data_root, images=60, seed=1, split="train")
    return found


@installed
def test_inner_values_are_those_of_the_onnx(subject: Subject) -> None:
    artifact, spec = subject.artifact("openvino", 2), subject.deliverable
    exported = onnx_cache.get_onnx(spec, subject.weights, artifact.io_format, subject.store)
    width, height = spec.preprocessing.size
    images = np.random.default_rng(0).normal(size=(2, 3, height, width)).astype(np.float32)
    names = ["bottleneck1_0.conv1.0", "class"]
    wanted = [backends.InnerValue(name, 0, name) for name in names]
    found = backends.get("openvino").inner_values(artifact, exported, wanted, images, spec, subject.target)
    for seen, expected in zip(found, traces.fetch(onnx.load(exported), images, names), strict=True):
        np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def with_int8(subject: Subject) -> Subject:
    return dataclasses.replace(subject, target=Target(precision="int8"))


@installed
@pytest.mark.parametrize(
    ("batch_size", "form"), [*((1, form) for form in data.FORMS), (2, "float to logits"), (8, "uint8 to labels")]
)
def test_openvino_float32_gives_labels_of_pytorch(batch_size: int, form: str, subject: Subject) -> None:
    artifact = subject.artifact("openvino", batch_size, data.FORMS[form])
    evidence = pipeline.measure_split(subject, artifact, subject.image_files())
    np.testing.assert_array_equal(evidence.matrices, data.slow_matrices(subject))
    where = evidence.provenance
    assert (where.backend, where.precision, where.calibration_sha256) == ("openvino", "fp32", "")
    assert str(where) == f"tiny-openvino-bs{batch_size}"


@installed
def test_openvino_logits_survive_the_next_run(subject: Subject) -> None:
    images = np.stack([subject.prepared().load(index)[0] for index in range(2)])
    with predictor.open_predictor(subject, subject.artifact("openvino", 1)) as opened:
        first = opened.infer_batch(images[:1])
        kept = first.copy()
        assert not np.array_equal(opened.infer_batch(images[1:]), kept)
    np.testing.assert_array_equal(first, kept)


@installed
def test_openvino_damaged_artifact_gives_one_line_error(subject: Subject, tmp_path: Path) -> None:
    artifact = subject.artifact("openvino", 1)
    for content in (b"", b"no blob", artifact.path.read_bytes()[:1000]):
        damaged = dataclasses.replace(artifact, path=tmp_path / "model.blob")
        damaged.path.write_bytes(content)
        with (
            pytest.raises(InputError, match=r"model\.blob: OpenVINO cannot load it"),
            predictor.open_predictor(subject, damaged),
        ):
            pass


@installed
@quantiser
@pytest.mark.parametrize("form", ["float to logits", "uint8 to labels"])
def test_openvino_int8_gives_most_labels_at_every_batch_size(form: str, subject: Subject) -> None:
    quantised = with_int8(subject)
    runs = [quantised.artifact("openvino", size, data.FORMS[form]) for size in (1, 3)]
    first, second = (pipeline.measure_split(quantised, run, quantised.image_files()) for run in runs)
    np.testing.assert_array_equal(first.matrices, second.matrices)
    plain = subject.artifact("openvino", 1, data.FORMS[form])
    float_matrices = pipeline.measure_split(subject, plain, subject.image_files()).matrices
    assert not np.array_equal(first.matrices, float_matrices)
    assert np.abs(first.matrices - float_matrices).sum() < 0.4 * float_matrices.sum()  # random weights decide narrowly
    where = first.provenance
    assert (str(where), where.precision) == ("tiny-openvino-int8-bs1", "int8")
    assert len(where.calibration_sha256) == 64
    assert runs[0].onnx_sha256 == plain.onnx_sha256
    assert runs[0].sha256 != plain.sha256
    assert quantised.artifact("openvino", 1, data.FORMS[form], precision="fp32").sha256 == plain.sha256
    assert quantised.artifact("onnxruntime", 1).precision == "fp32"


def test_calibration_uses_train_images_spread_over_the_split(subject: Subject) -> None:
    found = subject.calibration()
    names = found.source.names
    assert len(names) == calibration.IMAGES < 60
    every = [sample.name for sample in datasets.find("cityscapes", subject.data_root or Path(), "train").samples]
    assert names[0] == every[0]
    assert set(names) <= set(every)
    assert every.index(names[-1]) > 0.95 * len(every)
    first = next(iter(found.inputs(data.FORMS["uint8 to labels"])))
    assert (first.shape, str(first.dtype)) == ((1, data.SIDE, data.SIDE, 3), "uint8")
    first = next(iter(found.inputs(data.FORMS["float to logits"])))
    assert (first.shape, str(first.dtype)) == ((1, 3, data.SIDE, data.SIDE), "float32")
    assert subject.calibration().sha256 == found.sha256
    path = next((subject.data_root or Path()).glob(f"leftImg8bit/train/*/{names[0].split('/')[-1]}*.png"))
    content = path.read_bytes()
    altered = dataclasses.replace(subject)
    Image.fromarray(np.full((32, 64, 3), 60, np.uint8)).save(path)
    assert altered.calibration().sha256 != found.sha256
    path.write_bytes(subject.dataset.samples[0].image.read_bytes())
    with pytest.raises(InputError, match=f"{names[0]} of the split train are among the scored images"):
        dataclasses.replace(subject).calibration()
    path.write_bytes(content)


def test_calibration_without_train_images_gives_input_error(tmp_path: Path) -> None:
    found = data.tiny(tmp_path)
    with pytest.raises(InputError, match=r"calibrated on train images: .*leftImg8bit/train"):
        found.calibration()
    scored = dataclasses.replace(found.deliverable.dataset, split="train")
    same = dataclasses.replace(found, deliverable=dataclasses.replace(found.deliverable, dataset=scored))
    with pytest.raises(InputError, match="but they are scored"):
        same.calibration()


def test_require_precision_int8_elsewhere_gives_input_error() -> None:
    for name in ("pytorch", "onnxruntime", "ascend"):
        with pytest.raises(
            InputError, match=f"--precision int8: not supported by backend {name}. Use --backend openvino"
        ):
            backends.require_precision(name, "int8")
    assert deliverable.load("scenes").tolerances.int8_speedup == 1.5
