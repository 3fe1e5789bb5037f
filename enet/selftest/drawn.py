"""Families of faults: how each draws its place and size, and what about it cannot be seen."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from PIL import Image

from enet.backends import DEFAULT, REFERENCE
from enet.backends.onnxruntime import OnnxRuntimeModel
from enet.datasets import image_source
from enet.datasets.preprocess import load_image, load_label
from enet.measure import measure_split, one_device, predictor
from enet.measure.subject import Subject
from enet.metrics import segmentation
from enet.model import checkpoint
from enet.selftest.planted.base import REFUSED, Inject
from enet.selftest.planted.images import change_data, normalise_by
from enet.selftest.planted.network import State, change_weights, export_model
from enet.selftest.planted.running import infer_with

Array = NDArray[Any]

#: Why a fault that no gate noticed is too small to be seen, from the sound subject and the faulty one; empty if it is
#: not.
TooSmall = Callable[[Subject, Subject], str]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A fault that was drawn: ``words`` say what and where."""

    words: str
    inject: Inject
    too_small: TooSmall = field(default=lambda _, __: "")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Faults of one kind.

    Attributes:
        name: in a few words; the table of catch rates has a line for each.
        gates: meant to notice; any gate counts.
        draw: draws one fault for the sound subject.
        rebuilds: kinds of cache entries that the fault would change, although their keys do not show it.
        unseen: what is too small to be seen, in words.
    """

    name: str
    gates: tuple[str, ...]
    draw: Callable[[Generator, Subject], Drawn]
    rebuilds: tuple[str, ...] = ()
    unseen: str = ""


def patching(make: Callable[[Subject], contextlib.AbstractContextManager[Any]]) -> Inject:
    """A fault that is a patch of the code, in memory."""

    @contextlib.contextmanager
    def inject(subject: Subject, _: Path) -> Iterator[Subject]:
        with make(subject):
            yield subject

    return inject


def changing(change: Callable[[Subject, Path], Subject]) -> Inject:
    """A fault of the subject's files."""
    return lambda subject, folder: contextlib.nullcontext(change(subject, folder))


def pick(rng: Generator, items: Any) -> Any:
    """Draw one item."""
    chosen = list(items)
    return chosen[int(rng.integers(len(chosen)))]


def small_miou_change(sound: Subject, faulty: Subject) -> str:
    """Both sides of the comparison have the fault, and PyTorch's mIoU stays within the band."""
    allowed = sound.deliverable.tolerances.miou_relative
    values = [measure_split(each, each.artifact(REFERENCE, 1), each.prepared()).miou for each in (sound, faulty)]
    change = values[1] / values[0] - 1
    return f"mIoU {100 * change:+.2f} %, {100 * allowed:g} % allowed" if abs(change) <= allowed else ""


def small_logit_change(sound: Subject, faulty: Subject) -> str:
    """No logit of the exported ONNX moves by more than the limit, nor a label in any form."""
    source, limits = sound.prepared(), sound.deliverable.tolerances
    images = np.stack([source.load(index)[0] for index in range(len(source.names))])
    sides = []
    for subject in (sound, faulty):
        with predictor.open_predictor(subject, subject.artifact(DEFAULT, 1)) as opened:
            sides.append(np.concatenate([opened.infer_batch(image[None]) for image in images]))
    change, largest = float(np.abs(sides[0] - sides[1]).max()), float(np.abs(sides[0]).max())
    allowed = max(limits.logits, limits.logits_relative * largest)
    return f"logits {change:.2g}, {allowed:.2g} allowed" if change <= allowed else ""


# Weights.


def scale_weight(rng: Generator, subject: Subject) -> Drawn:
    """One weight of any layer, in a checkpoint that the deliverable names by its hash."""
    state = checkpoint.read(subject.weights)
    key = pick(rng, [name for name, value in state.items() if value.is_floating_point()])
    index, factor = int(rng.integers(state[key].numel())), float(rng.choice([-1.0, 0.99, 1.01, 3.0]))

    def change(values: State) -> None:
        flat = values[key].reshape(-1)
        flat[index] = flat[index] * factor if flat[index] != 0 else 1.0

    return Drawn(words=f"{key}[{index}] times {factor:g}", inject=changing(change_weights(change, named=True)))


def disturb_layer(rng: Generator, subject: Subject) -> Drawn:
    """The weights of one layer, in a checkpoint without a name."""
    state = checkpoint.read(subject.weights)
    key = pick(rng, [name for name, value in state.items() if value.ndim == 4])
    share, seed = float(rng.uniform(0.5, 2.0)), int(rng.integers(1 << 30))

    def change(values: State) -> None:
        noise = torch.randn(values[key].shape, generator=torch.Generator().manual_seed(seed))
        values[key] += share * values[key].std() * noise

    words = f"{key} with noise of {100 * share:.0f} % of its spread"
    return Drawn(words=words, inject=changing(change_weights(change)), too_small=small_miou_change)


# Export.


def change_channel(rng: Generator, _: Subject) -> Drawn:
    """One output channel of any constant of the exported ONNX, in each of its forms."""
    place, kind = float(rng.random()), pick(rng, ("negated", "zero", "doubled", "swapped with the next"))
    channel = float(rng.random())

    def change(model: ModelProto) -> None:
        tensors = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4 and tensor.dims[0] > 1]
        tensor = tensors[int(place * len(tensors))]
        value = numpy_helper.to_array(tensor).copy()
        row = int(channel * len(value))
        other = (row + 1) % len(value)
        if kind == "swapped with the next":
            value[[row, other]] = value[[other, row]]
        else:
            value[row] *= {"negated": -1, "zero": 0, "doubled": 2}[kind]
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))

    words = f"channel {100 * channel:.0f} % of constant {100 * place:.0f} % {kind}"
    return Drawn(words=words, inject=patching(lambda _: export_model(change)), too_small=small_logit_change)


# Preprocessing.


def some_images(rng: Generator, subject: Subject) -> tuple[set[str], str]:
    """One image, several, or all; in words."""
    names = [sample.name for sample in subject.dataset.samples]
    count = int(pick(rng, (1, 1, len(names) // 2, len(names))))
    chosen = set(rng.permutation(names)[:count].tolist())
    return chosen, f"{count} of {len(names)} images"


def one_pixel(rng: Generator) -> Callable[[Array], Array]:
    y, x, c = rng.random(3)

    def change(image: Array) -> Array:
        image[int(y * len(image)), int(x * image.shape[1]), int(c * 3)] ^= 1
        return image

    return change


def changed_image(rng: Generator) -> tuple[str, Callable[[Array], Array]]:
    """A change of an image, uint8, shape (H, W, 3), that no image of a street survives unchanged."""
    size, axis = int(rng.integers(1, 9)), int(rng.integers(2))
    order = pick(rng, [each for each in itertools.permutations(range(3)) if each != (0, 1, 2)])
    changes: dict[str, Callable[[Array], Array]] = {
        f"shifted by {size} along axis {axis}": lambda image: np.roll(image, size, axis),
        f"brighter by {size}": lambda image: np.clip(image.astype(int) + size, 0, 255).astype(np.uint8),
        f"channels in order {order}": lambda image: image[..., order],
        f"flipped along axis {axis}": lambda image: np.flip(image, axis),
        f"multiplied by {1 - size / 100:g}": lambda image: (image * (1 - size / 100)).astype(np.uint8),
        "one value off by one": one_pixel(rng),
    }
    return pick(rng, changes.items())


def change_images(rng: Generator, subject: Subject) -> Drawn:
    """Images after their preprocessing."""
    (chosen, where), (what, change) = some_images(rng, subject), changed_image(rng)

    def faulty(path: Path, *more: Any) -> Array:
        image = load_image(path, *more)
        return np.ascontiguousarray(change(image.copy())) if path.stem in chosen else image

    patch = lambda _: mock.patch.object(image_source, "load_image", faulty)  # noqa: E731
    return Drawn(words=f"{where} {what}", inject=patching(patch))


def change_labels(rng: Generator, subject: Subject) -> Drawn:
    """Label maps after their preprocessing."""
    chosen, where = some_images(rng, subject)
    labels = {sample.label: sample.name for sample in subject.dataset.samples}
    size, axis = int(rng.integers(1, 9)), int(rng.integers(2))
    first, second = rng.choice(8, 2, replace=False).tolist()

    def swap(label: Array) -> Array:
        swapped = np.where(label == first, second, np.where(label == second, first, label))
        return swapped.astype(np.uint8)

    changes: dict[str, Callable[[Array], Array]] = {
        f"shifted by {size} along axis {axis}": lambda label: np.roll(label, size, axis),
        f"flipped along axis {axis}": lambda label: np.flip(label, axis),
        f"with classes {first} and {second} swapped": swap,
    }
    what, change = pick(rng, changes.items())

    def faulty(path: Path, *more: Any) -> Array:
        label = load_label(path, *more)
        return np.ascontiguousarray(change(label)) if labels[path] in chosen else label

    patch = lambda _: mock.patch.object(image_source, "load_label", faulty)  # noqa: E731
    return Drawn(words=f"label maps of {where} {what}", inject=patching(patch))


def change_constants(rng: Generator, subject: Subject) -> Drawn:
    """The means and standard deviations that images are normalised by."""
    spec, channel = subject.deliverable.preprocessing, int(rng.integers(3))
    size = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-4, -1))
    mean, std = list(spec.mean), list(spec.std)
    side = pick(rng, ("mean", "std"))
    values = mean if side == "mean" else std
    values[channel] += size
    words = f"{side} of channel {channel} off by {size:.1g}"
    return Drawn(words=words, inject=patching(lambda _: normalise_by(tuple(mean), tuple(std))))  # type: ignore[arg-type]


# Data.


def change_files(rng: Generator, subject: Subject) -> Drawn:
    """Files of the data set, before anything is built from them."""
    count = len(subject.dataset.samples)
    first, second = rng.choice(count, 2, replace=False).tolist()
    place, y, x, old = float(rng.uniform(0.1, 0.9)), *rng.uniform(0, 0.5, 2), int(pick(rng, (7, 8, 11, 21, 23, 26)))

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(place * path.stat().st_size)])

    def rot(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= 16
        path.write_bytes(data)

    def relabel(path: Path) -> None:
        label = np.asarray(Image.open(path)).copy()
        part = label[int(y * len(label)) :, int(x * label.shape[1]) :]
        part[...] = old
        Image.fromarray(label).save(path)

    def swap(paths: list[Path]) -> None:
        contents = [paths[index].read_bytes() for index in (second, first)]
        for index, content in zip((first, second), contents, strict=True):
            paths[index].write_bytes(content)

    def copy(paths: list[Path]) -> None:
        paths[first].write_bytes(paths[second].read_bytes())

    corner = f"{100 * y:.0f} %, {100 * x:.0f} %"
    changes: dict[str, Callable[[list[Path], list[Path]], object]] = {
        f"label maps {first} and {second} swapped": lambda _, labels: swap(labels),
        f"images {first} and {second} swapped": lambda images, _: swap(images),
        f"label map {first} of one class from {corner} on": lambda _, labels: relabel(labels[first]),
        f"image {first} is a copy of {second}": lambda images, _: copy(images),
        f"image {first} cut at {100 * place:.0f} %": lambda images, _: cut(images[first]),
        f"a bit of image {first} changed": lambda images, _: rot(images[first]),
        f"a bit of label map {first} changed": lambda _, labels: rot(labels[first]),
        f"sample {first} missing": lambda images, labels: [side[first].unlink() for side in (images, labels)],
    }
    what, change = pick(rng, changes.items())
    return Drawn(words=what, inject=changing(change_data(change)), too_small=small_miou_change)


# Batches, rows, calls.


def on_call(number: int | None, change: Callable[[Array], Array], *, least: int) -> Any:
    """Change the results of ONNX Runtime for batches of at least ``least``, in one call or (None) in all."""
    calls, lock = itertools.count(), threading.Lock()

    def changed(images: Array, result: Array) -> Array:
        if len(images) < least:
            return result
        with lock:
            call = next(calls)
        return change(result) if number in (None, call) else result

    return infer_with(changed)


def change_rows(rng: Generator, subject: Subject) -> Drawn:
    """Rows of a batch change places, or one of them is another's."""
    size = max(subject.deliverable.batch_sizes)
    tail = len(subject.dataset.samples) % size
    row, other = rng.choice(tail if tail > 1 else size, 2, replace=False).tolist()  # rows that every batch fills
    call = pick(rng, (None, 0, 1))

    def swap(result: Array) -> Array:
        result[[row, other]] = result[[other, row]]
        return result

    def copy(result: Array) -> Array:
        result[row] = result[other]
        return result

    def shift(result: Array) -> Array:
        result[row] = np.roll(result[row], 1, axis=-1)
        return result

    what, change = pick(
        rng,
        {
            f"row {row} swapped with {other}": swap,
            f"row {row} is a copy of {other}": copy,
            f"row {row} shifted by a pixel": shift,
        }.items(),
    )
    words = f"{what} in {'every call' if call is None else f'call {call}'}"
    return Drawn(words=words, inject=patching(lambda _: on_call(call, change, least=2)))


# The device.


def non_finite(rng: Generator, subject: Subject) -> Drawn:
    """One logit, anywhere, in any call of a run, is not finite."""
    value = pick(rng, (np.nan, np.inf, -np.inf))
    call, place = int(rng.integers(len(subject.dataset.samples))), rng.random(4)

    def change(result: Array) -> Array:
        if result.dtype.kind == "f":  # the first row: padding is not looked at
            index = (0, *(int(part * side) for part, side in zip(place[1:], result.shape[1:], strict=True)))
            result[index] = value
        return result

    return Drawn(words=f"{value} in call {call}", inject=patching(lambda _: on_call(call, change, least=1)))


def coarse_logits(rng: Generator, _: Subject) -> Drawn:
    """All logits with a step, or up to a limit, as in numbers of too few bits."""
    step, limit = float(2 ** -rng.uniform(3, 10)), float(rng.uniform(1, 6))
    changes: dict[str, Callable[[Array], Array]] = {
        f"in steps of {step:.2g}": lambda result: (np.round(result / step) * step).astype(result.dtype),
        f"at most {limit:.2g}": lambda result: np.minimum(result, limit).astype(result.dtype),
    }
    what, change = pick(rng, changes.items())
    only_logits = lambda result: change(result) if result.dtype.kind == "f" else result  # noqa: E731
    return Drawn(words=f"logits {what}", inject=patching(lambda _: on_call(None, only_logits, least=1)))


#: Share of an image's pixels below which a change of the artifact's labels in that image alone need not be seen.
UNSEEN_PIXELS = 0.01


def region(rng: Generator, subject: Subject) -> Drawn:
    """The artifact's labels in a part of one image, the same at every batch size and call."""
    index = int(rng.integers(len(subject.dataset.samples)))
    height, width = rng.uniform(0.4, 1, 2)
    y, x = rng.uniform(0, 1 - height), rng.uniform(0, 1 - width)
    size, axis, label = int(rng.integers(1, 9)), int(rng.integers(2)), int(rng.integers(19))
    changes: dict[str, Callable[[Array], Array]] = {
        f"mirrored along axis {axis}": lambda part: np.flip(part, axis),
        f"shifted by {size} along axis {axis}": lambda part: np.roll(part, size, axis),
        f"of class {label}": lambda part: np.full_like(part, label),
    }
    what, change = pick(rng, changes.items())
    shares = [0.0]

    def patch(given: Subject) -> Any:
        pixels, _ = given.prepared().load(index)
        original = predictor.Predictor.labels

        def faulty(self: predictor.Predictor, images: Array) -> tuple[Array, int]:
            labels, broken = original(self, images)
            if isinstance(self.model, OnnxRuntimeModel):
                for row in (row for row, image in enumerate(images) if np.array_equal(image, pixels)):
                    rows, columns = labels[row].shape
                    part = np.s_[
                        int(y * rows) : int((y + height) * rows), int(x * columns) : int((x + width) * columns)
                    ]
                    before = labels[row].copy()
                    labels[row][part] = change(before[part])
                    shares.append(float(np.mean(before != labels[row])))
            return labels, broken

        return mock.patch.object(predictor.Predictor, "labels", faulty)

    def too_small(_: Subject, __: Subject) -> str:
        share = max(shares)
        return f"{100 * share:.2f} % of one image's pixels" if share < UNSEEN_PIXELS else ""

    words = f"{100 * height * width:.0f} % of image {index} {what}"
    return Drawn(words=words, inject=patching(patch), too_small=too_small)


def earlier_result(rng: Generator, _: Subject) -> Drawn:
    """From some call on, each returns the result of one or several calls before."""
    behind, start = int(rng.integers(1, 4)), int(rng.integers(3))
    kept: dict[tuple[int, ...], list[Array]] = {}
    lock = threading.Lock()

    def change(_: Array, result: Array) -> Array:
        with lock:
            earlier = kept.setdefault(result.shape, [])
            earlier.append(result)
            late = len(earlier) > start and len(earlier) > behind
            return earlier[-1 - behind] if late else result

    words = f"the result of {behind} calls before, from call {max(start, behind)} on"
    return Drawn(words=words, inject=patching(lambda _: infer_with(change)))


# Scoring.


def miscount(rng: Generator, _: Subject) -> Drawn:
    """Pixels are counted wrongly, for PyTorch and the artifact alike."""
    first, second = rng.choice(8, 2, replace=False).tolist()
    share = float(rng.uniform(0.2, 0.8))

    def move(matrix: Array) -> Array:
        matrix[:, second] += matrix[:, first]
        matrix[:, first] = 0
        return matrix

    def drop(matrix: Array) -> Array:
        matrix[first] = 0
        return matrix

    def flatter(matrix: Array) -> Array:
        wrong = matrix - np.diag(np.diag(matrix))
        return matrix - (share * wrong).astype(matrix.dtype)

    what, change = pick(
        rng,
        {
            f"class {first} counted as {second}": move,
            f"pixels of class {first} not counted": drop,
            f"{100 * share:.0f} % of the wrong pixels not counted": flatter,
        }.items(),
    )

    def faulty(*given: Any) -> segmentation.Matrix:
        return change(segmentation.confusion_matrix(*given))

    patch = lambda _: mock.patch.object(one_device, "confusion_matrix", faulty)  # noqa: E731
    return Drawn(words=what, inject=patching(patch), too_small=small_miou_change)


MIOU = "PyTorch's mIoU moves by less than 1 % (relative)"

FAMILIES = (
    Family(name="a weight, named by hash", gates=("reference_miou", "miou"), draw=scale_weight),
    Family(name="a layer, not named", gates=("reference_miou",), draw=disturb_layer, unseen=MIOU),
    Family(
        name="a channel of the ONNX", gates=("onnx_logits", "io_formats"), draw=change_channel, rebuilds=("onnx",),
        unseen="no logit moves by more than 1e-4",
    ),
    Family(name="images preprocessed", gates=("preprocessing",), draw=change_images, rebuilds=("prepared",)),
    Family(name="label maps preprocessed", gates=("preprocessing",), draw=change_labels, rebuilds=("prepared",)),
    Family(name="normalisation", gates=("preprocessing",), draw=change_constants),
    Family(name="files of the data set", gates=("reference_miou", REFUSED), draw=change_files, unseen=MIOU),
    Family(name="rows of a batch", gates=("batch_parity", "padded_tail", "equal_rows"), draw=change_rows),
    Family(name="a logit not finite", gates=("miou", "batch_parity"), draw=non_finite),
    Family(name="coarse logits", gates=("onnx_logits",), draw=coarse_logits),
    Family(
        name="a part of one image", gates=("miou", "class_iou"), draw=region,
        unseen=f"less than {100 * UNSEEN_PIXELS:g} % of the image's pixels change",
    ),
    Family(name="an earlier call's result", gates=("miou", "batch_parity"), draw=earlier_result),
    Family(name="scoring", gates=("reference_miou",), draw=miscount, unseen=MIOU),
)  # fmt: skip
