"""The first layer that differs: of an ONNX from PyTorch, or of a compiled artifact from its ONNX."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from torch import nn

from enet import backends
from enet.backends import DEFAULT, DEVICE_BACKENDS, REFERENCE, Artifact, InnerValue
from enet.backends.pytorch import PyTorchModel
from enet.deliverable import IoFormat
from enet.diagnosis import error_map, halving, traces
from enet.diagnosis.bench import Bench
from enet.diagnosis.evaluation import Array, evaluate
from enet.diagnosis.layers import FirstLayer, Known, Layers, all_errors, first_difference, views
from enet.diagnosis.recipe import DECLARED
from enet.measure.subject import Subject
from enet.model import onnx_cache
from enet.storage.files import write_bytes

#: Seconds for this after the time for hypotheses is over.
SECONDS = 10.0
#: File with the picture of the errors.
PICTURE = "first-layer.png"
#: Precision modes of atc in which it computes in float32.
WHOLE_MODES = ("force_fp32", "must_keep_origin_dtype")


def find(bench: Bench, artifact: Artifact, folder: Path | None) -> Layers | None:
    """Compare the worst image's run layer by layer.

    Args:
        folder: for the picture of the errors; None: none is written.
    Returns:
        None if there is nothing to compare with.
    """
    if artifact.backend == REFERENCE or (artifact.backend == DEFAULT and not bench.expected):
        return None
    path = onnx_of(bench.subject, artifact)
    if path is None:
        return Layers("not compared: the ONNX that it was compiled from is not here. Give it with --onnx, without --om")
    try:
        model = halving.with_names(onnx.load(path))
        if bench.expected:
            found = against_pytorch(bench, artifact, model, folder)
            if found.first is not None or artifact.backend == DEFAULT:
                return found
        return against_onnx(bench, artifact, model, folder)
    except Exception as error:  # of foreign graphs and own code; this part adds to a diagnosis, which stands without it
        return Layers(f"not compared: {str(error).strip().splitlines()[0] if str(error) else type(error).__name__}")


def against_pytorch(bench: Bench, artifact: Artifact, model: onnx.ModelProto, folder: Path | None) -> Layers:
    """The first layer of the ONNX that is none of PyTorch's."""
    network, spec = network_of(bench), bench.subject.deliverable.preprocessing
    image = DECLARED["normalised"](bench.pixels[:1], spec)
    is_half = artifact.interface is not None and artifact.interface.is_half
    arithmetic = torch.float16 if is_half else torch.float32
    known, given = traces.of_pytorch(network, image, arithmetic), input_of(bench, model)
    steps = traces.of_onnx(model, given, known)
    found = first_difference(known, steps)
    name = "float16" if is_half else "float32"
    if isinstance(found, int):
        words = f"{found} of {len(steps)} layers of the ONNX are PyTorch's, and no other differs by more than {name}"
        behind = ". What is wrong is behind the ONNX" if artifact.backend == DEFAULT else ""
        return Layers(f"{words} allows{behind}")
    step, like = steps[found.step], known[found.known]
    truth = traces.record(network, image, torch.float64, keep=found.known).whole
    (value,) = traces.fetch(model, given, [step.name])
    seen = views(halving.first_row(value, len(given)), [like.shape])[like.shape]
    after = "" if found.last is None else steps[found.last].name
    node = next(node for node in model.graph.node if step.name in node.output)
    about = {"name": node.name, "op": step.op, "shape": step.shape, "beside": "PyTorch", "like": like.name}
    about |= {"after": after, "agreeing": found.agreeing, "total": len(steps), "arithmetic": name}
    return accused(bench, seen, truth, like, about, folder)


def against_onnx(bench: Bench, artifact: Artifact, model: onnx.ModelProto, folder: Path | None) -> Layers:
    """The first layer that a compiler gets wrong."""
    name = arithmetic_of(bench.subject, artifact)
    given = input_of(bench, model)
    known = halving.known_values(model, given, name)
    images = bench.prepared(bench.pixels[:1])
    engine, spec, target = backends.get(artifact.backend), bench.subject.deliverable, bench.subject.target
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "named.onnx"
        write_bytes(path, model.SerializeToString())

        def run(wanted: Sequence[InnerValue]) -> list[Array] | None:
            if time.monotonic() > bench.deadline + SECONDS:
                return None
            return engine.inner_values(artifact, path, wanted, images, spec, target)

        found = halving.halve(model, known, artifact.batch_size, run)
    many = f"{found.runs} compilations with inner values as outputs"
    if found.between is not None:
        last, first = found.between
        return Layers(f"between {last!r} and {first!r}; time ran out after {many}. Give more with --seconds")
    if found.node is None or found.seen is None:
        advice = ": look at what the compiler fuses" if bench.expected else ""  # else it may be sound
        return Layers(f"none differs from the ONNX by more than {name} allows, in {many}{advice}")
    output = next(each for each in found.node.output if each in known)
    like, place = known[output], list(found.node.output).index(output)
    truth = next(values[place] for node, values in evaluate(model, given, "float64") if output in node.output)
    about: dict[str, Any] = {"name": found.node.name, "op": found.node.op_type, "shape": like.shape}
    about |= {"beside": "the ONNX", "like": found.node.name, "after": "its inputs"}
    about |= {"arithmetic": name, "compilations": found.runs}
    about["total"] = sum(node.output[0] in known for node in model.graph.node)
    return accused(bench, found.seen.reshape(like.shape), halving.first_row(truth, len(given)), like, about, folder)


def accused(
    bench: Bench, seen: Array, truth: Array | None, like: Known, about: dict[str, Any], folder: Path | None
) -> Layers:
    """Measure the layer's errors on all of its values, and draw them."""
    assert truth is not None
    errors = all_errors(seen, truth)
    finite = errors[np.isfinite(errors)]
    first = FirstLayer(
        **about,
        largest=float(finite.max(initial=0.0)),
        median=float(np.median(finite)) if finite.size else 0.0,
        allowed=like.allowed,
        non_finite=errors.size - finite.size,
    )
    if folder is not None and errors.ndim == 4:
        first = replace(first, picture=PICTURE)
        layer, name = f"{first.op} {first.name} {first.shape}", bench.photos[0].name
        error_map.save(error_map.draw(errors[0], like.allowed, bench.pixels[0], layer, name), folder / PICTURE)
    return Layers(str(first), first)


def arithmetic_of(subject: Subject, artifact: Artifact) -> str:
    """The type that a compiled artifact computes in.

    Raises:
        ValueError: what it allows is not known.
    """
    mode = subject.target.precision_mode if artifact.backend in DEVICE_BACKENDS else ""
    if artifact.precision == "int8" or "bf16" in mode:
        raise ValueError(f"what {mode or artifact.precision} allows is not known")
    if (mode and mode not in WHOLE_MODES) or artifact.precision == "fp16":
        return "float16"
    return "float32"


def input_of(bench: Bench, model: onnx.ModelProto) -> Array:
    """The worst image as an ONNX takes it; as often as its batch size is fixed to."""
    constants = {tensor.name for tensor in model.graph.initializer}
    (value,) = (each for each in model.graph.input if each.name not in constants)
    tensor = value.type.tensor_type
    images = bench.prepared(bench.pixels[:1])
    if images.dtype != helper.tensor_dtype_to_np_dtype(tensor.elem_type):  # the pixels become values behind the ONNX
        images = DECLARED["normalised"](bench.pixels[:1], bench.subject.deliverable.preprocessing)
    return np.repeat(images[:1], tensor.shape.dim[0].dim_value or 1, axis=0)


def network_of(bench: Bench) -> nn.Module:
    model = bench.reference.model if bench.reference else None
    return model.network if isinstance(model, PyTorchModel) else nn.Module()


def onnx_of(subject: Subject, artifact: Artifact) -> Path | None:
    """The ONNX that the artifact is, or was made from; None if it is not here."""
    if (interface := artifact.interface) is not None:
        return interface.path if interface.path.suffix == ".onnx" else None
    form = artifact.io_format  # a device's pixels become values in the compiled file
    form = IoFormat(output=form.output) if artifact.backend in DEVICE_BACKENDS else form
    return onnx_cache.get_onnx(subject.deliverable, subject.weights, form, subject.store)
