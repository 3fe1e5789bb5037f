"""Run a folder of preprocessed ``.bin`` files through an ONNX file, and leave what ais_bench would leave.

One output file per input, ``<name>_0.bin`` or ``.npy``, and ``<folder>_summary.json`` beside the folder, which maps
inputs to outputs as ais_bench's own summary does: ``enet postprocess`` scores either.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from tqdm import tqdm

from enet.backends.onnxruntime import OnnxRuntimeModel, compile_model
from enet.errors import InputError, listing
from enet.measure.pipeline import filled
from enet.storage.store import make_folder, require_plain_file, write_bytes, write_text

#: Operators that can make a large tensor of a small one, and which of their inputs says how large.
SHAPED_BY = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}

#: More values than this, no ENet needs (1 GB of float32).
MAX_CONSTANT = 1 << 28


def run(
    model: Path, inputs: Path, outputs: Path, batch_size: int, outfmt: Literal["BIN", "NPY"], *, progress: bool
) -> Path:
    """Infer every ``.bin`` file of a folder, in order of name; a last batch that isn't full is filled with its first.

    Args:
        model: an ONNX file with one input and one output whose first axis is the batch.
    Returns:
        The summary's path.
    Raises:
        InputError: the model can't be loaded, there are no files, or a file hasn't the size of one input.
    """
    dtype, shape = input_of(model)
    files = sorted(inputs.glob("*.bin"))
    if not files:
        raise InputError(f"{inputs}: no .bin files. Write them with: enet preprocess --save-path {inputs}")
    size = int(np.prod(shape)) * dtype.itemsize
    wrong = [f"{path.name} ({path.stat().st_size})" for path in files if path.stat().st_size != size]
    if wrong:
        raise InputError(f"{inputs}: files that haven't the {size} bytes of {dtype} {list(shape)}: {listing(wrong)}")
    make_folder(outputs)
    with tempfile.TemporaryDirectory() as folder:
        compile_model(model, batch_size, Path(folder))
        opened = OnnxRuntimeModel(Path(folder) / "model.onnx", batch_size)
    written: dict[str, dict[str, list[str]]] = {}
    milliseconds = []
    bar = tqdm(total=len(files), desc="inferring", unit="image", disable=None if progress else True)
    with bar:
        for start in range(0, len(files), batch_size):
            chunk = files[start : start + batch_size]
            rows = np.stack([np.fromfile(path, dtype).reshape(shape) for path in chunk])
            batch = filled(rows, batch_size)
            begin = time.perf_counter()
            results = inferred(model, opened, batch)
            milliseconds.append(1000 * (time.perf_counter() - begin))
            for path, result in zip(chunk, results, strict=False):  # the filling's rows are dropped
                output = outputs / f"{path.stem}_0.{outfmt.lower()}"
                write_bytes(output, encoded(result, outfmt))
                written[str(len(written))] = {"infiles": [str(path)], "outfiles": [str(output)]}
            bar.update(len(chunk))
    summary = outputs.with_name(f"{outputs.name}_summary.json")
    table = {
        "filesinfo": written, "backend": "onnxruntime", "batch_size": batch_size,
        "compute_time_list_ms": milliseconds,
    }  # fmt: skip
    write_text(summary, json.dumps(table))
    return summary


def inferred(model: Path, opened: OnnxRuntimeModel, batch: NDArray[Any]) -> NDArray[Any]:
    """One output a row of the batch.

    Raises:
        InputError: the model fails, or its output's first axis isn't the batch.
    """
    try:
        results = opened.infer(batch)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"model {model}: ONNX Runtime can't run it ({reason}). Export it again") from error
    if results.shape[:1] != (len(batch),):
        found = list(results.shape)
        raise InputError(f"model {model}: output of shape {found}, but its first axis should be {len(batch)}")
    return results


def input_of(model: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of one image, without the batch axis.

    Raises:
        InputError: the file isn't ONNX with one input and one output, or its input isn't of a fixed size per image.
    """
    try:
        require_plain_file(model)
        graph = onnx.load(model, load_external_data=False).graph
        refuse_hostile(model, graph)
        (value,) = graph.input
        (_,) = graph.output
        tensor = value.type.tensor_type
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)[1:]
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except OSError as error:
        raise InputError(f"model {model}: {error.strerror}. Export one with: enet pth2onnx") from error
    except InputError:
        raise
    except Exception as error:  # protobuf's and onnx's own exceptions share no base class
        wanted = "an ONNX file with one input and one output"
        raise InputError(f"model {model}: not {wanted}. Export one with: enet pth2onnx") from error
    if not shape or min(shape) < 1:
        raise InputError(f"model {model}: input of shape {list(shape)}, but height and width should be fixed")
    return dtype, shape


def refuse_hostile(model: Path, graph: onnx.GraphProto) -> None:
    """Refuse constants in other files, and the plain ways to make a large constant of a few bytes when it is loaded.

    No proof that a model is harmless: what it computes from its input, or from computed shapes, can still be large.

    Raises:
        InputError: the model does either; no export of an ENet would.
    """
    graphs = [graph]
    for outer in graphs:  # grows: branches and loops hold graphs
        attributes = [item for node in outer.node for item in node.attribute]
        graphs += [inner for item in attributes for inner in (*item.graphs, *([item.g] if item.HasField("g") else []))]
    nodes = [node for each in graphs for node in each.node]
    constants = {tensor.name: tensor for each in graphs for tensor in each.initializer}
    held = [*constants.values(), *(item.t for node in nodes for item in node.attribute)]
    made = [node for node in nodes if node.op_type == "Constant"]
    constants |= {node.output[0]: item.t for node in made for item in node.attribute if item.name == "value"}
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in held):
        raise InputError(f"model {model}: keeps its constants in other files. Export it into one")
    for node in nodes:
        position = SHAPED_BY.get(node.op_type)
        name = node.input[position] if position is not None and position < len(node.input) else ""
        if name and name in constants and volume(constants[name]) > MAX_CONSTANT:
            raise InputError(f"model {model}: {node.op_type} {node.name or name} would fill memory. Refused")


def volume(shape: onnx.TensorProto) -> int:
    """How many values a constant shape makes."""
    return math.prod(abs(int(side)) for side in numpy_helper.to_array(shape).ravel())


def encoded(result: NDArray[Any], outfmt: Literal["BIN", "NPY"]) -> bytes:
    """One output as a file's bytes."""
    if outfmt == "BIN":
        return np.ascontiguousarray(result).tobytes()
    buffer = io.BytesIO()
    np.save(buffer, result)
    return buffer.getvalue()
