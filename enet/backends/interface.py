"""Input and output of a model that was handed over, as the file itself states them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from enet.datasets.preprocess import Normalise
from enet.deliverable import ArtifactSpec, Deliverable
from enet.errors import InputError, format_list
from enet.metrics.labels import to_classes
from enet.model.onnx_file import load_graph

#: Types of images and of results that can be used.
IMAGE_TYPES = ("float32", "float16", "float64", "uint8")
LABEL_TYPES = ("uint8", "int8", "int32", "int64", "uint16", "int16", "uint32", "uint64")
LOGIT_TYPES = ("float32", "float16", "float64")

#: What to do about an axis of another length.
ADVICE = {
    "N": "Export it with the axes (N, outputs, H, W) or (N, H, W)",
    "C": "Export it for images of three channels, or set [artifact] layout",
    "H": "Export it for [preprocessing] size, or set size",
    "W": "Export it for [preprocessing] size, or set size",
    "1": "Give logits as float32 or float16, labels with one channel or none",
}
SCALED = "Labels are scored at [preprocessing] size: let the model scale its output up to it"

#: Order of a result's axes by which of them are of the height and the width, for labels.
Axes = Literal["NCHW", "NHWC", "HW", "NHW", "N1HW", "NHW1"]


@dataclass(frozen=True)
class Value:
    """An input or output; ``shape`` has None for a free dimension, and is None itself if it is not stated."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, kw_only=True)
class Interface:
    """How images go into a model and labels or logits come out.

    Attributes:
        path: of the file.
        input, output: names; ``output_place`` is the output's place among all.
        input_dtype: numpy's name of the input's type.
        layout: order of the input's axes.
        batch: its batch size; None: any.
        gives: what comes out.
        axes: order of the output's axes.
        classes: number of outputs, or of label values.
        order: of the outputs, those of the classes first; None: as they are.
        scored: number of the classes; the others are never predicted.
        is_half: computes in float16, as its input or most of its weights are.
        spec: what the file does not say: channels, pixels.
    """

    path: Path
    input: str
    input_dtype: str
    layout: Literal["NCHW", "NHWC"]
    batch: int | None
    output: str
    gives: Literal["logits", "labels"]
    output_place: int
    output_dtype: str
    axes: Axes
    classes: int
    scored: int
    order: tuple[int, ...] | None = None
    is_half: bool = False
    spec: ArtifactSpec = field(default_factory=ArtifactSpec)

    @property
    def io_format(self) -> dict[str, str]:
        """The same as evidence records it."""
        types = {"input_type": self.input_dtype, "output_type": self.output_dtype}
        return {"input": self.layout, "output": self.gives, **types}

    @property
    def gives_float_logits(self) -> bool:
        """Whether the logits can be compared with PyTorch's, value by value."""
        return self.gives == "logits" and self.output_dtype != "float16" and not self.is_half

    @property
    def bin_files(self) -> Literal["float", "uint8"]:
        """The kind of the guide's preprocessed files that it takes; an ``InputError`` if it takes others."""
        form = (self.input_dtype, self.layout, self.spec.channels, self.spec.pixels)
        if form == ("float32", "NCHW", "RGB", "normalised"):
            return "float"
        if form[:3] == ("uint8", "NHWC", "RGB"):
            return "uint8"
        files = "normalised float32 (3, H, W) or uint8 RGB (H, W, 3)"
        raise InputError(
            f"{self.path}: input {' '.join(form)}, but files for ais_bench have {files}: it cannot be timed"
        )

    def images(self, batch: NDArray[np.uint8], normalise: Normalise) -> NDArray[Any]:
        """The input for RGB images, uint8, shape (N, H, W, 3)."""
        if self.input_dtype != "uint8" and self.spec.pixels == "normalised":
            values: NDArray[Any] = normalise(batch)
        else:
            values = batch.transpose(0, 3, 1, 2)
            if self.input_dtype != "uint8" and self.spec.pixels == "0..1":
                values = values.astype(np.float32) / np.float32(255)
        if self.spec.channels == "BGR":
            values = values[:, ::-1]
        if self.layout == "NHWC":
            values = values.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(values, self.input_dtype)

    def result(
        self, raw: NDArray[Any], batch_size: int, size: tuple[int, int]
    ) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Logits, float32, shape (N, C, H, W), or labels, uint8, shape (N, H, W), from what came out.

        Args:
            batch_size: of the images that went in.
            size: width and height of the network's input.
        Raises:
            InputError: it has another shape or other values than labels or logits.
        """
        width, height = size
        axes = {"N": batch_size, "C": self.classes, "H": height, "W": width, "1": 1}
        expected = tuple(axes[axis] for axis in self.axes)
        what = f"{self.path}: output {self.output!r}"
        if raw.shape != expected:
            of = f"of batch size {batch_size}" if batch_size > 1 else "of one image"
            raise InputError(f"{what} {of}: shape {shown(raw.shape)}, expected {shown(expected)}")
        if self.gives == "logits":
            logits = raw.transpose(0, 3, 1, 2) if self.axes == "NHWC" else raw
            in_order = logits if self.order is None else logits[:, list(self.order)]
            return np.ascontiguousarray(in_order, np.float32)
        labels = raw.reshape(batch_size, height, width)
        wrong = ~((labels >= 0) & (labels < self.classes))  # NaN is wrong, too
        if not np.issubdtype(labels.dtype, np.integer):
            wrong |= labels != np.floor(labels)
        if wrong.any():
            seen = labels[wrong].ravel()[0]
            rule = f"expected labels in 0..{self.classes - 1}"
            raise InputError(f"{what}: {np.count_nonzero(wrong)} pixels have labels such as {seen}, {rule}")
        classes = to_classes(labels.astype(np.uint8), self.order)
        if (void := classes >= self.scored).any():
            seen = f"{np.count_nonzero(void)} pixels have label {labels[void].ravel()[0]:g}, which is no class"
            raise InputError(f"{what}: {seen}. Deliver logits, or labels of the best class alone; see [network] order")
        return classes.astype(np.uint8)


def of_onnx(path: Path, deliverable: Deliverable) -> Interface:
    """Read the interface of an ONNX file.

    Raises:
        InputError: the file cannot be used, or does not say what is needed; the message asks for it.
    """
    model = load_graph(path)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [as_value(value) for value in graph.input if value.name not in constants]
    outputs = [as_value(value) for value in graph.output]
    if any(value.shape is None or None in value.shape[1:] for value in outputs):
        outputs = inferred_outputs(model)
    half, whole = (
        sum(math.prod(tensor.dims) for tensor in graph.initializer if tensor.data_type == kind)
        for kind in (TensorProto.FLOAT16, TensorProto.FLOAT)
    )
    return read(path, inputs, outputs, deliverable, is_half=half > whole)


def inferred_outputs(model: onnx.ModelProto) -> list[Value]:
    """A model's outputs; dimensions that it does not state are those that follow from its operators."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        found = onnx.shape_inference.infer_shapes(bare).graph.output
    except Exception:  # of types that do not fit; the runtime says more of them
        found = bare.graph.output
    return [filled(as_value(old), as_value(new)) for old, new in zip(model.graph.output, found, strict=True)]


def filled(stated: Value, found: Value) -> Value:
    """A value as stated, its free dimensions as found."""
    if stated.shape is None or found.shape is None:
        return found if stated.shape is None else stated
    if len(stated.shape) != len(found.shape):
        return stated
    pairs = zip(stated.shape, found.shape, strict=True)
    return replace(stated, shape=tuple(other if side is None else side for side, other in pairs))


def as_value(info: onnx.ValueInfoProto) -> Value:
    tensor = info.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name if tensor.elem_type else "an unknown type"
    if not tensor.HasField("shape"):
        return Value(info.name, dtype, None)
    return Value(info.name, dtype, tuple(dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim))


def read(
    path: Path, inputs: Sequence[Value], outputs: Sequence[Value], deliverable: Deliverable, *, is_half: bool = False
) -> Interface:
    """Find out which input takes images, in which form, and what the scored output is.

    Raises:
        InputError: it does not follow from the file; the message says which key answers the question.
    """
    spec, (width, height) = deliverable.artifact, deliverable.preprocessing.size
    if len(inputs) > 1:
        names = format_list([value.name for value in inputs])
        raise InputError(
            f"{path}: {len(inputs)} inputs: {names}; expected one, of images. Make constants of the others"
        )
    image = choose(path, "input", inputs, spec.input_name)
    if image.dtype not in IMAGE_TYPES:
        raise InputError(f"{path}: input {image.name!r} is of type {image.dtype}, expected {', '.join(IMAGE_TYPES)}")
    if image.shape is None or len(image.shape) != 4:
        raise InputError(f"{path}: input {image.name!r} has shape {shown(image.shape)}, expected 4 axes, batch first")
    layout = spec.layout or layout_of(image.shape)
    if layout is None and not any(side in (None, 3) for side in (image.shape[1], image.shape[3])):
        raise InputError(f"{path}: input {image.name!r} has shape {shown(image.shape)}, expected three channels")
    if layout is None:
        question = 'which axis has the channels? Set [artifact] layout = "NCHW" or "NHWC"'
        raise InputError(f"{path}: input {image.name!r} has shape {shown(image.shape)}: {question}")
    fits(path, "input", image, {"C": 3, "H": height, "W": width}, layout)
    result = choose(path, "output", outputs, spec.output_name)
    gives, axes = form_of(path, result, deliverable, image.shape[0])
    return Interface(
        path=path,
        input=image.name,
        input_dtype=image.dtype,
        layout=layout,
        batch=image.shape[0],
        output=result.name,
        output_place=list(outputs).index(result),
        gives=gives,
        output_dtype=result.dtype,
        axes=axes,
        classes=deliverable.network.outputs,
        scored=deliverable.scored_classes,
        order=deliverable.output_order,
        is_half=is_half or image.dtype == "float16",
        spec=spec,
    )


def choose(path: Path, side: str, values: Sequence[Value], name: str | None) -> Value:
    """The value of this name, or the only one."""
    names = [value.name for value in values]
    if name is None and len(values) == 1:
        return values[0]
    if name in names:
        return values[names.index(name)]
    seen = f"{len(names)} {side}s: {format_list(names) or 'none'}"
    question = f'which one? Set [artifact] {side}_name = "…"' if name is None else f"none is {side}_name={name!r}"
    raise InputError(f"{path}: {seen}; {question}")


def layout_of(shape: tuple[int | None, ...]) -> Literal["NCHW", "NHWC"] | None:
    """The layout of an input, if its shape tells."""
    first, last = shape[1] == 3, shape[3] == 3
    if first == last:
        return None
    return "NCHW" if first else "NHWC"


def form_of(
    path: Path, value: Value, deliverable: Deliverable, batch: int | None
) -> tuple[Literal["logits", "labels"], Axes]:
    """Whether an output gives logits or labels, and the order of its axes.

    Args:
        batch: batch size of the input; None: any.
    """
    outputs, (width, height) = deliverable.network.outputs, deliverable.preprocessing.size
    if value.dtype not in (*LABEL_TYPES, *LOGIT_TYPES):
        raise InputError(f"{path}: output {value.name!r} is of type {value.dtype}, expected numbers")
    shape = value.shape
    if shape is not None and len(shape) == 2 and batch == 1 and shape[1] in (None, width):
        fits(path, "output", value, {"H": height, "W": width}, "HW")
        return "labels", "HW"
    if shape is None or len(shape) not in (3, 4):
        question = "export it with the shape of its output, (N, outputs, H, W) or (N, H, W)"
        raise InputError(f"{path}: output {value.name!r} has shape {shown(shape)}: {question}")
    if len(shape) == 3:
        fits(path, "output", value, {**({"N": batch} if batch else {}), "H": height, "W": width}, "NHW")
        return "labels", "NHW"
    if value.dtype in LABEL_TYPES or (1 in (shape[1], shape[3]) and outputs > 1):
        axes: Axes = "NHW1" if shape[3] == 1 else "N1HW"
        fits(path, "output", value, {"1": 1, "H": height, "W": width}, axes)
        return "labels", axes
    is_last = shape[3] == outputs and shape[1] != outputs
    form: Axes = "NHWC" if is_last else "NCHW"
    channels = shape[3] if is_last else shape[1]
    if channels not in (None, outputs):
        advice = f"Set [network] outputs = {channels} if it has so many"
        raise InputError(
            f"{path}: output {value.name!r} has shape {shown(shape)}, expected {outputs} outputs. {advice}"
        )
    fits(path, "output", value, {"C": outputs, "H": height, "W": width}, form)
    return "logits", form


def fits(path: Path, side: str, value: Value, sizes: dict[str, int], axes: str) -> None:
    """Raise InputError if a stated dimension is another than expected."""
    for axis, seen in zip(axes, value.shape or (), strict=True):
        if axis in sizes and seen not in (None, sizes[axis]):
            expected = shown(tuple(sizes.get(each) for each in axes))
            advice = ADVICE[axis] if side == "input" or axis not in "HW" else SCALED
            raise InputError(
                f"{path}: {side} {value.name!r} has shape {shown(value.shape)}, expected {expected}. {advice}"
            )


def shown(shape: tuple[int | None, ...] | None) -> str:
    """A shape in words, "?" for a free dimension."""
    return "of unknown length" if shape is None else f"({', '.join('?' if n is None else str(n) for n in shape)})"
