"""ONNX export: only standard operators, the same bytes every time, and PyTorch's results."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from enet import model as models
from enet.deliverable import VARIANTS, IoFormat, Preprocessing
from tests.unit import recipes

SPEC = Preprocessing(resize="exact", size=(128, 96))
FLOAT_LOGITS = IoFormat(input="float", output="logits")
FORMS = {
    f"{form.input} to {form.output}": form
    for form in (
        FLOAT_LOGITS,
        IoFormat(input="float", output="labels"),
        IoFormat(input="uint8", output="logits"),
        IoFormat(input="uint8", output="labels"),
    )
}


@functools.cache
def network_of(variant: str, outputs: int = 19) -> torch.nn.Module:
    return recipes.seeded(variant, outputs)


@functools.cache
def exported(variant: str, form: str = "float to logits") -> onnx.ModelProto:
    return models.export.to_onnx(network_of(variant), SPEC, FORMS[form])


def content(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def infer(model: onnx.ModelProto, images: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[Any]:
    """The model's output, by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content(model), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["class"], {"image": images})[0])


def images_of(count: int, seed: int = 11) -> NDArray[np.uint8]:
    width, height = SPEC.size
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def normalised(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As torchvision does: (N, H, W, 3) uint8 to (N, 3, H, W) float32."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
    mean, std = (torch.tensor(value).reshape(3, 1, 1) for value in (SPEC.mean, SPEC.std))
    return np.asarray(((x - mean) / std).contiguous())


def shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", FORMS)
def test_export_has_the_documented_interface(variant: str, form: str) -> None:
    model = exported(variant, form)
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 11)]
    (image,), (result,) = model.graph.input, model.graph.output
    kinds = {"float": onnx.TensorProto.FLOAT, "uint8": onnx.TensorProto.UINT8, "logits": 1, "labels": 2}
    given, wanted = FORMS[form].input, FORMS[form].output
    assert (image.name, image.type.tensor_type.elem_type) == ("image", kinds[given])
    assert shape(image) == (["batch", 3, 96, 128] if given == "float" else ["batch", 96, 128, 3])
    assert (result.name, result.type.tensor_type.elem_type) == ("class", kinds[wanted])
    assert shape(result) == (["batch", 19, 96, 128] if wanted == "logits" else ["batch", 96, 128])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", FORMS)
def test_export_uses_only_standard_operators(variant: str, form: str) -> None:
    model = exported(variant, form)
    assert {node.domain for node in model.graph.node} == {""}
    operators = {node.op_type for node in model.graph.node}
    assert all(onnx.defs.has(operator) for operator in operators)
    assert not {name for name in operators if name.startswith(("Scatter", "MaxUnpool", "Loop", "If", "BatchNorm"))}
    assert len(model.functions) == len(model.graph.sparse_initializer) == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_unique_and_every_constant_is_used(variant: str) -> None:
    graph = exported(variant, "uint8 to labels").graph
    names = [name for node in graph.node for name in node.output] + [constant.name for constant in graph.initializer]
    assert len(set(names)) == len(names)
    used = {name for node in graph.node for name in node.input}
    assert {constant.name for constant in graph.initializer} <= used


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", FORMS)
def test_repeated_export_gives_the_same_bytes(variant: str, form: str) -> None:
    again = models.export.to_onnx(recipes.seeded(variant), SPEC, FORMS[form])
    assert content(again) == content(exported(variant, form))


FRESH = """
import hashlib
from enet.deliverable import VARIANTS, IoFormat, Preprocessing
from enet.model import export
from tests.unit import recipes
spec = Preprocessing(resize="exact", size=(128, 96))
for variant in VARIANTS:
    model = export.to_onnx(recipes.seeded(variant), spec, IoFormat(input="uint8", output="labels"))
    print(hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest())
"""


def test_export_in_a_new_process_gives_the_same_bytes() -> None:
    here = Path(__file__).resolve()
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = os.environ | {"PYTHONPATH": str(here.parents[3]), "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FRESH], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ours = [hashlib.sha256(content(exported(variant, "uint8 to labels"))).hexdigest() for variant in VARIANTS]
    assert done.stdout.split() == ours


@pytest.mark.parametrize("variant", VARIANTS)
def test_export_does_not_change_the_network(variant: str) -> None:
    network = recipes.seeded(variant)
    names, before = [name for name, _ in network.named_modules()], recipes.seeded_state(network)
    models.export.to_onnx(network, SPEC, FLOAT_LOGITS)
    after = network.state_dict()
    assert [name for name, _ in network.named_modules()] == names
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_export_in_training_mode_raises() -> None:
    with pytest.raises(ValueError, match=r"network\.training=True, expected evaluation mode"):
        models.export.to_onnx(models.architectures.build("ascend").train(), SPEC, FLOAT_LOGITS)


def test_export_unknown_layer_raises() -> None:
    layers = torch.nn.MaxPool2d(2, 2), torch.nn.Sigmoid(), torch.nn.ConvTranspose2d(3, 2, 2, stride=2)
    odd = torch.nn.Sequential(*layers).eval()
    with pytest.raises(NotImplementedError, match="1: Sigmoid is not supported"):
        models.export.to_onnx(odd, SPEC, FLOAT_LOGITS)


def test_save_writes_the_model_and_nothing_else(tmp_path: Path) -> None:
    models.export.save(exported("ascend"), tmp_path / "enet.onnx")
    assert recipes.files(tmp_path) == ["enet.onnx"]
    assert (tmp_path / "enet.onnx").read_bytes() == content(exported("ascend"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch", [1, 16])
def test_export_logits_equal_pytorchs(variant: str, batch: int) -> None:
    images = np.random.default_rng(batch).normal(size=(batch, 3, 96, 128)).astype(np.float32)
    logits = infer(exported(variant), images)
    assert logits.dtype == np.float32
    assert np.abs(logits - recipes.run(network_of(variant), torch.from_numpy(images)).numpy()).max() <= 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("given", ["float", "uint8"])
def test_export_labels_are_the_argmax_of_the_logits(variant: str, given: str) -> None:
    images = images_of(2)
    feed = normalised(images) if given == "float" else images
    logits, labels = (
        infer(exported(variant, f"{given} to logits"), feed),
        infer(exported(variant, f"{given} to labels"), feed),
    )
    assert labels.dtype == np.uint8
    assert len(np.unique(labels)) > 3
    assert np.array_equal(labels, logits.argmax(axis=1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_export_uint8_input_gives_the_float_inputs_logits(variant: str) -> None:
    images = images_of(2, seed=3)
    by_float = infer(exported(variant), normalised(images))
    by_uint8 = infer(exported(variant, "uint8 to logits"), images)
    assert np.abs(by_float - by_uint8).max() <= 1e-4


def tied_images() -> dict[str, NDArray[np.uint8]]:
    """Images in which whole areas are exactly equal, so that most pooling windows tie."""
    coarse = np.random.default_rng(1).integers(0, 256, (1, 6, 8, 3), np.uint8)
    fine = np.random.default_rng(2).integers(0, 256, (1, 24, 32, 3), np.uint8)
    return {
        "black": np.zeros((1, 96, 128, 3), np.uint8),
        "constant": np.full((1, 96, 128, 3), 117, np.uint8),
        "blocks of 16": coarse.repeat(16, 1).repeat(16, 2),
        "blocks of 4": fine.repeat(4, 1).repeat(4, 2),
        "two values": np.random.default_rng(4).integers(0, 2, (1, 96, 128, 3)).astype(np.uint8) * 255,
        "stripes": np.tile(np.array([[[[0] * 3, [255] * 3]]], np.uint8), (1, 96, 64, 1)),
    }


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", tied_images())
def test_export_breaks_exact_ties_as_pytorch_does(variant: str, kind: str) -> None:
    """Where the exact sums tie, the last bit of a convolution decides which of four places max-unpool fills, and ONNX
    Runtime's and PyTorch's differ. So a few pixels may; the rule for ties itself is proved on whole numbers below."""
    images = normalised(tied_images()[kind])
    expected = recipes.run(network_of(variant), torch.from_numpy(images)).numpy()
    logits = infer(exported(variant), images)
    if variant == "ascend":
        assert np.abs(logits - expected).max() <= 1e-4
    assert np.mean(logits.argmax(axis=1) == expected.argmax(axis=1)) >= 0.99


def unpooling() -> torch.nn.Module:
    """Nothing but a pooling, its inverse and a classifier, to see where each maximum goes."""

    class Unpooling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.MaxPool2d(2, 2)
            self.pool = torch.nn.MaxPool2d(2, 2, return_indices=True)
            self.mix = torch.nn.Conv2d(3, 3, 1)
            self.unpool = torch.nn.MaxUnpool2d(2)
            self.fullconv = torch.nn.ConvTranspose2d(3, 4, 2, stride=2, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maximum, indices = self.pool(self.first(x))
            result: torch.Tensor = self.fullconv(self.unpool(self.mix(maximum), indices))
            return result

    return with_whole_numbers(Unpooling())


def with_whole_numbers(network: torch.nn.Module) -> torch.nn.Module:
    """All parameters from -3..3, so that float32 sums are exact in any order."""
    rng = np.random.default_rng(0)
    for parameter in network.parameters():
        values = rng.integers(-3, 4, tuple(parameter.shape)).astype(np.float32)
        parameter.data = torch.from_numpy(values)
    return network.eval()


@pytest.mark.parametrize("values", [1, 2, 3, 100])
def test_max_unpool_breaks_ties_as_pytorch_does(values: int) -> None:
    network = unpooling()
    rng = np.random.default_rng(values)
    images = rng.integers(-values // 2, values - values // 2, (16, 3, 96, 128)).astype(np.float32)
    expected = recipes.run(network, torch.from_numpy(images)).numpy()
    assert np.array_equal(infer(models.export.to_onnx(network, SPEC, FLOAT_LOGITS), images), expected)


def test_max_unpool_equals_pytorchs_for_every_pattern_of_ties() -> None:
    network = unpooling()
    windows = np.stack(np.meshgrid(*[[-1, 0, 1, -0.0]] * 4, indexing="ij"), -1).reshape(16, 16, 2, 2)
    small = windows.transpose(0, 2, 1, 3).reshape(32, 32).astype(np.float32)
    pattern = np.tile(small.repeat(2, 0).repeat(2, 1), (2, 2))[:96]  # the first pooling undoes the repetition
    images = np.ascontiguousarray(np.broadcast_to(pattern, (1, 3, 96, 128)))
    expected = recipes.run(network, torch.from_numpy(images)).numpy()
    assert np.array_equal(infer(models.export.to_onnx(network, SPEC, FLOAT_LOGITS), images), expected)


CLASSIFIERS: dict[str, dict[str, Any]] = {
    "2x2": {"kernel_size": 2, "bias": False},
    "2x2 with bias": {"kernel_size": 2},
    "3x3": {"kernel_size": 3, "padding": 1, "output_padding": 1, "bias": False},
    "3x3 with bias": {"kernel_size": 3, "padding": 1, "output_padding": 1},
}


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_transposed_convolution_equals_pytorchs(kind: str) -> None:
    classifier = torch.nn.ConvTranspose2d(3, 5, stride=2, **CLASSIFIERS[kind])
    network = with_whole_numbers(torch.nn.Sequential(torch.nn.MaxPool2d(2, 2), classifier))
    images = np.random.default_rng(0).integers(-9, 10, (2, 3, 96, 128)).astype(np.float32)
    expected = recipes.run(network, torch.from_numpy(images)).numpy()
    assert np.array_equal(infer(models.export.to_onnx(network, SPEC, FLOAT_LOGITS), images), expected)


def test_transposed_convolution_other_stride_raises() -> None:
    odd = torch.nn.Sequential(torch.nn.MaxPool2d(2, 2), torch.nn.ConvTranspose2d(3, 5, 3, stride=3)).eval()
    with pytest.raises(NotImplementedError, match=r"1: stride \(3, 3\) is not supported"):
        models.export.to_onnx(odd, SPEC, FLOAT_LOGITS)


@pytest.mark.parametrize(("kernel", "padding", "output_padding"), [(4, 1, 0), (3, 0, 0)])
def test_transposed_convolution_other_shape_is_right_or_raises(kernel: int, padding: int, output_padding: int) -> None:
    layer = torch.nn.ConvTranspose2d(3, 5, kernel, stride=2, padding=padding, output_padding=output_padding, bias=False)
    network = with_whole_numbers(torch.nn.Sequential(torch.nn.MaxPool2d(2, 2), layer))
    images = np.random.default_rng(0).integers(-9, 10, (1, 3, 96, 128)).astype(np.float32)
    try:
        result = infer(models.export.to_onnx(network, SPEC, FLOAT_LOGITS), images)
    except NotImplementedError:
        return
    assert np.array_equal(result, recipes.run(network, torch.from_numpy(images)).numpy())


def test_classes_below_outputs_exclude_the_void_output() -> None:
    network = recipes.seeded("paper", 20)
    network.get_parameter("transposed_conv.weight").data[:, 19] *= 10  # the void output wins often
    images = images_of(1)
    logits = infer(models.export.to_onnx(network, SPEC, FORMS["uint8 to logits"]), images)
    everything = infer(models.export.to_onnx(network, SPEC, FORMS["uint8 to labels"]), images)
    scored = infer(models.export.to_onnx(network, SPEC, FORMS["uint8 to labels"], classes=19), images)
    assert logits.shape[1] == 20
    assert (everything == 19).any()
    assert np.array_equal(everything, logits.argmax(axis=1))
    assert np.array_equal(scored, logits[:, :19].argmax(axis=1))


def test_classes_equal_to_the_outputs_change_nothing() -> None:
    model = models.export.to_onnx(network_of("ascend"), SPEC, FORMS["float to labels"], classes=19)
    assert content(model) == content(exported("ascend", "float to labels"))


def test_labels_of_equal_logits_are_the_first_class() -> None:
    network = recipes.seeded("ascend")
    torch.nn.init.zeros_(network.get_parameter("fullconv.weight"))
    labels = infer(models.export.to_onnx(network, SPEC, FORMS["uint8 to labels"]), images_of(1))
    assert not labels.any()
