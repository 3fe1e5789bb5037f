"""The first layer that differs: what counts as equal, which layer is accused, and what a sound run says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image
from torch import nn

from enet.deliverable import IoFormat
from enet.diagnosis import error_map, layers, traces
from enet.diagnosis.bench import open_bench
from enet.diagnosis.first_layer import PICTURE, find
from enet.diagnosis.layers import Difference, FirstLayer, Known, Layers, Step, first_difference, sample, views
from enet.measure.subject import Subject
from enet.model import checkpoint, export
from tests.unit.tiny import tiny

EPSILON = float(np.finfo(np.float32).eps)


def known(name: str, truth: NDArray[np.float64], error: float = 0.0) -> Known:
    """A layer in which the arithmetic is off by so much everywhere."""
    values = sample(truth)
    return Known.measured(name, "op", truth.shape, values, values + error, EPSILON)


def step(name: str, value: NDArray[np.float64], *inputs: str, op: str = "Conv") -> Step:
    return Step(name, op, value.shape, inputs, {value.shape: sample(value)})


def test_allowed_error_is_a_multiple_of_the_arithmetics_own() -> None:
    truth = np.linspace(-1, 1, 1000)
    assert known("a", truth, 1e-3).allowed == pytest.approx(layers.MULTIPLE * 1e-3)
    assert known("a", truth).allowed == pytest.approx(layers.MULTIPLE * EPSILON / 2)
    assert known("a", truth, np.inf).allowed == known("a", truth).allowed  # what overflows tells nothing


def test_single_values_may_differ_where_rounding_moves_them() -> None:
    truth = np.zeros(1000)
    rounded = truth.copy()
    rounded[:4] = 1.0  # a max-pool has decided otherwise
    turned = Known.measured("a", "op", truth.shape, truth, rounded, EPSILON)
    assert turned.share == pytest.approx(layers.SHARES * 0.004)
    assert turned.is_met(np.roll(rounded, 7))
    assert not turned.is_met(np.where(np.arange(1000) < 20, 1.0, 0.0))
    assert not known("a", truth).is_met(rounded)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_beyond_what_is_allowed(value: float) -> None:
    seen = np.ones(100)
    seen[3] = value
    assert not known("a", np.ones(100), 1e-3).is_met(seen)
    assert layers.all_errors(seen, np.ones(100)).tolist() == [0.0] * 3 + [np.inf] + [0.0] * 96


def test_values_are_found_with_channels_last_and_as_phases() -> None:
    whole = np.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    phases = np.concatenate([whole[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=1)
    for value in (whole, whole.transpose(0, 2, 3, 1), phases):
        assert (views(value, [whole.shape])[whole.shape] == whole).all()
    assert views(whole, [(1, 2, 4, 5)]) == {}


#: A network of four layers of one shape: its values, by name.
VALUES = {name: np.random.default_rng(at).normal(size=(1, 4, 8, 8)) for at, name in enumerate("abcd")}
KNOWN = [known(name, value) for name, value in VALUES.items()]
WRONG = {name: value + 0.1 for name, value in VALUES.items()}

#: What runs: name, value, inputs; and which layer is accused, beside which, after which; or how many agree.
RUNS: dict[str, tuple[list[Step], tuple[str, str, str] | int]] = {
    "sound": ([step("x", VALUES["a"]), step("y", VALUES["b"], "x"), step("z", VALUES["d"], "y")], 3),
    "sound, with a layer of its own": (
        [step("x", VALUES["a"]), step("own", WRONG["b"], "x"), step("z", VALUES["d"], "own")],
        2,
    ),
    "one differs, and what follows": (
        [step("x", VALUES["a"]), step("y", WRONG["b"], "x"), step("z", WRONG["d"], "y")],
        ("y", "b", "x"),
    ),
    "a branch agrees beside it": (
        [step("y", WRONG["b"]), step("x", VALUES["a"]), step("z", WRONG["d"], "x", "y", op="Concat")],
        ("y", "b", ""),
    ),
    "only behind the last": ([step("x", VALUES["d"]), step("y", WRONG["d"], "x", op="Gather")], ("y", "d", "x")),
    "probabilities behind the last": ([step("x", VALUES["d"]), step("y", WRONG["d"], "x", op="Softmax")], 1),
    "a sum whose terms have no counterpart": (
        [step("x", VALUES["d"]), step("y", WRONG["d"], "x"), step("z", VALUES["a"] + 0.01, "x", "y", op="Add")],
        ("y", "d", "x"),
    ),
    "pixels become values": (
        [step("p", 99 * VALUES["a"], op="Cast"), step("q", WRONG["a"], "p", op="Sub"), step("z", WRONG["b"], "q")],
        ("q", "a", ""),
    ),
    "a sum of parts of a layer": (
        [step("p", 9 * VALUES["c"]), step("q", 7 * VALUES["d"]), step("z", VALUES["b"] + 0.01, "p", "q", op="Add")],
        ("z", "b", ""),
    ),
}


@pytest.mark.parametrize("what", RUNS)
def test_first_difference(what: str) -> None:
    steps, expected = RUNS[what]
    found = first_difference(KNOWN, steps)
    if isinstance(expected, int):
        assert found == expected
        return
    assert isinstance(found, Difference)
    last = "" if found.last is None else steps[found.last].name
    if expected[1] != "d" or found.known == 3:  # beside the last layer, all others may be nearer
        assert (steps[found.step].name, KNOWN[found.known].name, last) == expected


def test_first_layer_in_words() -> None:
    about = {"name": "conv2_1", "op": "Conv", "shape": (1, 64, 120, 120), "beside": "PyTorch", "like": "bottleneck2_1"}
    first = FirstLayer(**about, largest=3.1, median=0.004, allowed=0.0129, arithmetic="float32")  # type: ignore[arg-type]
    assert str(first) == (
        "the first that differs from PyTorch is Conv 'conv2_1' (1, 64, 120, 120): "
        "largest error 3.1, median 0.004, 240 times what float32 allows"
    )
    assert "3 values are NaN or infinite, but not in PyTorch" in str(replace(first, non_finite=3))
    assert str(replace(first, compilations=9)).endswith("allows. Found in 9 compilations")


def test_picture_shows_where_a_layer_is_wrong() -> None:
    errors = np.zeros((3, 8, 8))
    errors[1, :4], errors[2, 0, 0] = 5.0, np.inf
    photo = np.full((16, 16, 3), 200, np.uint8)
    strength = error_map.strength(errors, 1e-3)
    assert strength[0, 0] == 1
    assert strength[3, 3] == pytest.approx(1)
    assert (strength[4:] == 0).all()
    drawn = error_map.draw(errors, 1e-3, photo, "Conv", "one")
    assert {error_map.ALLOWED, error_map.LARGEST} <= {colour for _, colour in drawn.getcolors(1 << 20) or []}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return tiny(tmp_path_factory.mktemp("tiny"))


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def change_weight(model: onnx.ModelProto, name: str, change: Callable[[NDArray[np.float32]], object]) -> None:
    tensor = initializer(model, name)
    value = numpy_helper.to_array(tensor).copy()
    change(value)
    tensor.CopyFrom(numpy_helper.from_array(value, name))


def node_of(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def perturb(model: onnx.ModelProto) -> None:
    change_weight(model, "bottleneck2_3.conv2.0.weight", lambda value: np.multiply(value, 1.1, out=value))


def misfold(model: onnx.ModelProto) -> None:
    """As if a channel's running mean were forgotten."""
    change_weight(model, "bottleneck3_2.conv1.0.bias", lambda value: np.add(value, [0.1] + [0] * 31, out=value))


def pad_otherwise(model: onnx.ModelProto) -> None:
    next(item for item in node_of(model, "bottleneck1_1.conv2.0").attribute if item.name == "pads").ints[:] = [
        2,
        2,
        0,
        0,
    ]


def interpolate(model: onnx.ModelProto) -> None:
    node = node_of(model, "bottleneck4_0.upsampling")
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("mode", "linear"))


def overflow(model: onnx.ModelProto) -> None:
    """A layer in float16 whose values are too large for it, and then are made small again."""
    node = node_of(model, "bottleneck2_1.conv1.0")
    inner = [f"{node.output[0]}.{name}" for name in ("whole", "scaled", "half", "float")]
    output, node.output[0] = node.output[0], inner[0]
    for name, value in (("large", 1e6), ("small", 1e-6)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    at = list(model.graph.node).index(node) + 1
    half, whole = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    added = [
        helper.make_node("Mul", [inner[0], "large"], [inner[1]], name="scale"),
        helper.make_node("Cast", [inner[1]], [inner[2]], name="half", to=half),
        helper.make_node("Cast", [inner[2]], [inner[3]], name="float", to=whole),
        helper.make_node("Mul", [inner[3], "small"], [output], name="unscale"),
    ]
    for place, each in enumerate(added):
        model.graph.node.insert(at + place, each)


#: Faults of an ONNX, and the layers that may be accused.
FAULTS: dict[Callable[[onnx.ModelProto], None], tuple[str, ...]] = {
    perturb: ("bottleneck2_3.conv2.0",),
    misfold: ("bottleneck3_2.conv1.0",),
    pad_otherwise: ("bottleneck1_1.conv2.0",),
    interpolate: ("bottleneck4_0.upsampling",),
    overflow: ("scale", "half", "float"),  # the values in between have no counterpart
}


def compared(subject: Subject, model: onnx.ModelProto, folder: Path) -> Layers | None:
    onnx.save(model, folder / "enet.onnx")
    delivered = replace(subject, onnx=(folder / "enet.onnx",))
    artifact = delivered.artifact("onnxruntime", 1)
    with open_bench(delivered, artifact, delivered.prepared(), None) as bench:
        return find(bench, artifact, folder)


@pytest.fixture(scope="module")
def exported(subject: Subject) -> onnx.ModelProto:
    network = checkpoint.load(subject.weights, "ascend", 19)
    return export.to_onnx(network, subject.deliverable.preprocessing, IoFormat())


@pytest.fixture(scope="module")
def image(subject: Subject) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(1, 3, *subject.deliverable.preprocessing.size)).astype(np.float32)


@pytest.fixture(scope="module")
def of_pytorch(subject: Subject, image: NDArray[np.float32]) -> list[Known]:
    return traces.of_pytorch(checkpoint.load(subject.weights, "ascend", 19), image, torch.float32)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_layer_with_a_fault_is_the_first_that_differs(
    fault: Callable[[onnx.ModelProto], None],
    of_pytorch: list[Known],
    exported: onnx.ModelProto,
    image: NDArray[np.float32],
) -> None:
    model = copy.deepcopy(exported)
    fault(model)
    steps = traces.of_onnx(model, image, of_pytorch)
    found = first_difference(of_pytorch, steps)
    assert isinstance(found, Difference)
    assert steps[found.step].name in [node_of(model, name).output[0] for name in FAULTS[fault]]


def test_layer_is_told_and_drawn(subject: Subject, exported: onnx.ModelProto, tmp_path: Path) -> None:
    model = copy.deepcopy(exported)
    perturb(model)
    found = compared(subject, model, tmp_path)
    assert found is not None
    assert found.first is not None, found
    assert (found.first.name, found.first.like) == ("bottleneck2_3.conv2.0", "bottleneck2_3.conv2.0")
    assert found.first.largest > found.first.allowed
    assert found.sentence.startswith("the first that differs from PyTorch is Conv 'bottleneck2_3.conv2.0' (1, 32, ")
    with Image.open(tmp_path / PICTURE) as picture:
        assert picture.size[0] == 2 * error_map.SIDE + error_map.GAP


def test_sound_onnx_accuses_no_layer(subject: Subject, exported: onnx.ModelProto, tmp_path: Path) -> None:
    found = compared(subject, exported, tmp_path)
    assert found is not None
    assert found.first is None
    assert found.sentence.startswith("199 of 201 layers of the ONNX are PyTorch's, and no other differs by more than")
    assert not (tmp_path / PICTURE).exists()


def test_recorder_names_layers_and_keeps_one(subject: Subject) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    recorder = traces.record(network, np.ones((1, 3, 2, 2), np.float32), torch.float64, keep=2)
    assert [(name, op) for name, op, _ in recorder.steps[-2:]] == [("0", "conv2d"), ("1", "relu")]
    assert recorder.whole is None or recorder.whole.dtype == np.float64
    assert network[0].weight.dtype == torch.float32
