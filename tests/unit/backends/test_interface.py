"""What a delivered model's file says of its input and output; what it does not say is one question."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enet import deliverable
from enet.backends.interface import Interface, Value, filled, read
from enet.datasets.preprocess import Normalise
from enet.deliverable import ArtifactSpec, Deliverable
from enet.errors import InputError

#: 19 classes at 480x480.
SPEC = deliverable.load("cityscapes")
IMAGE = Value("image", "float32", (None, 3, 480, 480))
CLASS = Value("class", "float32", (None, 19, 480, 480))


def stating(**artifact: Any) -> Deliverable:
    return replace(SPEC, artifact=ArtifactSpec(**artifact))


def reading(image: Value = IMAGE, result: Value = CLASS, spec: Deliverable = SPEC) -> Interface:
    return read(Path("mine.onnx"), [image], [result], spec)


def shape(value: Value, *sides: int | None, dtype: str | None = None) -> Value:
    return Value(value.name, dtype or value.dtype, sides)


@pytest.mark.parametrize(
    ("image", "result", "expected"),
    [
        (IMAGE, CLASS, ("NCHW", None, "logits", "NCHW")),
        (shape(IMAGE, 16, 3, 480, 480), shape(CLASS, 16, 19, 480, 480), ("NCHW", 16, "logits", "NCHW")),
        (shape(IMAGE, 1, 480, 480, 3), shape(CLASS, 1, 480, 480, 19), ("NHWC", 1, "logits", "NHWC")),
        (shape(IMAGE, None, 3, None, None), shape(CLASS, None, 19, None, None), ("NCHW", None, "logits", "NCHW")),
        (IMAGE, shape(CLASS, None, None, None, None), ("NCHW", None, "logits", "NCHW")),
        (IMAGE, shape(CLASS, None, 480, 480, dtype="int64"), ("NCHW", None, "labels", "NHW")),
        (IMAGE, shape(CLASS, None, 480, 480), ("NCHW", None, "labels", "NHW")),
        (IMAGE, shape(CLASS, None, 1, 480, 480, dtype="int32"), ("NCHW", None, "labels", "N1HW")),
        (IMAGE, shape(CLASS, None, 480, 480, 1, dtype="uint8"), ("NCHW", None, "labels", "NHW1")),
        (IMAGE, shape(CLASS, None, 1, 480, 480), ("NCHW", None, "labels", "N1HW")),
        (shape(IMAGE, 1, 480, 480, 3, dtype="uint8"), CLASS, ("NHWC", 1, "logits", "NCHW")),
        (shape(IMAGE, 1, 3, 480, 480), shape(CLASS, 480, 480, dtype="uint8"), ("NCHW", 1, "labels", "HW")),
    ],
)
def test_form_follows_from_the_file(image: Value, result: Value, expected: tuple[Any, ...]) -> None:
    found = reading(image, result)
    assert (found.layout, found.batch, found.gives, found.axes) == expected


#: What is asked or refused, and with what.
QUESTIONS: dict[str, tuple[Value, Value, Deliverable, str]] = {
    "no channels to be seen": (
        shape(IMAGE, None, None, None, None),
        CLASS,
        SPEC,
        "(?, ?, ?, ?): which axis has the channels? Set [artifact] layout",
    ),
    "another size": (shape(IMAGE, 1, 3, 512, 1024), CLASS, SPEC, "(1, 3, 512, 1024), expected (?, 3, 480, 480)"),
    "rows without channels": (shape(IMAGE, 1, 480, 480), CLASS, SPEC, "expected 4 axes, batch first"),
    "another type of image": (shape(IMAGE, 1, 3, 480, 480, dtype="int64"), CLASS, SPEC, "is of type int64"),
    "four channels": (shape(IMAGE, 1, 4, 480, 480), CLASS, SPEC, "(1, 4, 480, 480), expected three channels"),
    "smaller logits": (
        IMAGE,
        shape(CLASS, 1, 19, 60, 60),
        SPEC,
        "(1, 19, 60, 60), expected (?, 19, 480, 480). Labels are scored at [preprocessing] size",
    ),
    "logits as integers": (
        IMAGE,
        shape(CLASS, 1, 19, 480, 480, dtype="int32"),
        SPEC,
        "(1, 19, 480, 480), expected (?, 1, 480, 480). Give logits as float32",
    ),
    "logits of one image without its batch axis": (
        shape(IMAGE, 1, 3, 480, 480),
        shape(CLASS, 19, 480, 480),
        SPEC,
        "(19, 480, 480), expected (1, 480, 480). Export it with the axes (N, outputs, H, W)",
    ),
    "labels of one image, for any batch": (IMAGE, shape(CLASS, 480, 480, dtype="uint8"), SPEC, "export it with the"),
    "more outputs": (IMAGE, shape(CLASS, 1, 20, 480, 480), SPEC, "Set [network] outputs = 20 if it has so many"),
    "a vector": (IMAGE, shape(CLASS, 1, 1000), SPEC, "export it with the shape of its output"),
    "nothing known": (IMAGE, Value("class", "float32", None), SPEC, "has shape of unknown length"),
    "texts": (IMAGE, shape(CLASS, 1, 480, 480, dtype="object"), SPEC, "is of type object, expected numbers"),
    "the wrong layout stated": (IMAGE, CLASS, stating(layout="NHWC"), "expected (?, 480, 480, 3)"),
    "a name that is none": (IMAGE, CLASS, stating(output_name="logits"), "none is output_name='logits'"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_does_not_follow_is_asked_in_one_line(name: str) -> None:
    image, result, spec, words = QUESTIONS[name]
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        reading(image, result, spec)
    assert str(caught.value).startswith("mine.onnx: ")
    assert "\n" not in str(caught.value)


def test_free_dimensions_follow_from_the_operators() -> None:
    stated = shape(CLASS, None, None, None, 1)
    assert filled(stated, shape(CLASS, 1, 480, 480, None)) == shape(CLASS, 1, 480, 480, 1)
    assert filled(stated, shape(CLASS, 480, 480)) == stated
    assert filled(Value("class", "float32", None), CLASS) == CLASS


def test_other_inputs_than_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 inputs: image, scale; expected one, of images"):
        read(Path("mine.onnx"), [IMAGE, Value("scale", "float32", (1,))], [CLASS], SPEC)


def test_one_of_several_outputs_is_named() -> None:
    outputs = [Value("aux", "float32", (None, 19, 60, 60)), CLASS]
    with pytest.raises(InputError, match=r"2 outputs: aux, class; which one\? Set \[artifact\] output_name"):
        read(Path("mine.onnx"), [IMAGE], outputs, SPEC)
    found = read(Path("mine.onnx"), [IMAGE], outputs, stating(output_name="class"))
    assert (found.output, found.output_place) == ("class", 1)


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
NORMALISE = Normalise(replace(SPEC.preprocessing, size=(8, 8)))


def test_images_in_every_form() -> None:
    spec8 = replace(SPEC, preprocessing=replace(SPEC.preprocessing, size=(8, 8)))

    def given(dtype: str = "float32", *sides: int | None, **artifact: Any) -> np.ndarray[Any, Any]:
        spec = replace(spec8, artifact=ArtifactSpec(**artifact))
        values = Value("image", dtype, sides or (None, 3, 8, 8)), Value("class", "float32", (None, 19, 8, 8))
        found = read(Path("mine.onnx"), values[:1], values[1:], spec).images(PIXELS, NORMALISE)
        assert found.dtype == dtype
        assert found.flags.c_contiguous
        return found

    planes, normal = PIXELS.transpose(0, 3, 1, 2), NORMALISE(PIXELS)
    assert np.array_equal(given(), normal)
    assert np.array_equal(given("float16"), normal.astype(np.float16))
    assert np.array_equal(given(channels="BGR"), normal[:, ::-1])
    assert np.array_equal(given("float32", None, 8, 8, 3), normal.transpose(0, 2, 3, 1))
    assert np.array_equal(given("uint8"), planes)
    assert np.array_equal(given("uint8", None, 8, 8, 3, channels="BGR"), PIXELS[..., ::-1])
    assert np.array_equal(given(pixels="0..255"), planes)
    assert np.allclose(given(pixels="0..1"), planes / 255)


def labelling(dtype: str) -> Interface:
    return reading(result=shape(CLASS, None, 480, 480, dtype=dtype))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int64", 256), ("int64", 19), ("int8", -1), ("int32", -256), ("float32", 2.5), ("float32", np.nan)],
)
def test_labels_that_are_none_are_refused_and_never_wrap_around(dtype: str, value: float) -> None:
    raw = np.full((1, 4, 4), 3, dtype)
    assert (labelling(dtype).result(raw, 1, (4, 4)) == 3).all()
    raw[0, 1, 1] = value
    with pytest.raises(InputError, match=r"output 'class': 1 pixels have labels such as .*, expected labels in 0..18"):
        labelling(dtype).result(raw, 1, (4, 4))


@pytest.mark.parametrize(
    ("seen", "batch_size", "words"),
    [
        ((1, 19, 2, 2), 1, "of one image: shape (1, 19, 2, 2), expected (1, 19, 4, 4)"),
        ((1, 19, 4, 4), 4, "of batch size 4: shape (1, 19, 4, 4), expected (4, 19, 4, 4)"),
    ],
)
def test_a_result_of_another_shape_is_refused(seen: tuple[int, ...], batch_size: int, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"mine.onnx: output 'class' {words}")):
        reading(result=shape(CLASS, None, None, None, None)).result(np.zeros(seen, np.float32), batch_size, (4, 4))


def test_bin_files_that_a_model_takes() -> None:
    nhwc = shape(IMAGE, 1, 480, 480, 3, dtype="uint8")
    assert (reading().bin_files, reading(nhwc).bin_files) == ("float", "uint8")
    for image, spec in ((shape(IMAGE, 1, 480, 480, 3), SPEC), (IMAGE, stating(channels="BGR"))):
        with pytest.raises(InputError, match="it cannot be timed"):
            _ = reading(image, spec=spec).bin_files
