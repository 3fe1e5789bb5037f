"""Check of an ONNX file from anywhere, and the type and shape of its input."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from enet.errors import InputError
from enet.storage.files import require_plain_file

#: Operators that can make a large tensor from a small one, and the position of the input that gives the size.
SHAPED_BY = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}
#: Largest number of values of a constant (1 GB of float32); no ENet needs more.
MAX_CONSTANT = 1 << 28


def input_of(model: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of one image, without the batch axis.

    Raises:
        InputError: the file is not ONNX with one input and one output, or its input has no fixed size per image.
    """
    graph = load_graph(model).graph
    try:
        (value,) = graph.input
        (_,) = graph.output
        tensor = value.type.tensor_type
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)[1:]
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except (ValueError, KeyError, TypeError) as error:
        problem = "not an ONNX file with one input and one output"
        raise InputError(f"model {model}: {problem}. Export one with: enet pth2onnx") from error
    if not shape or min(shape) < 1:
        raise InputError(f"model {model}: input of shape {list(shape)}, expected a fixed size. Export it again")
    return dtype, shape


def load_graph(model: Path) -> onnx.ModelProto:
    """Read an ONNX file, without constants that are in other files.

    Raises:
        InputError: the file cannot be read, is not ONNX, or is not harmless.
    """
    try:
        require_plain_file(model)
        loaded = onnx.load(model, load_external_data=False)
        require_harmless(model, loaded.graph)
    except OSError as error:
        raise InputError(f"model {model}: {error.strerror}. Export one with: enet pth2onnx") from error
    except InputError:
        raise
    except Exception as error:  # protobuf's and onnx's own exceptions share no base class
        raise InputError(f"model {model}: not an ONNX file. Export one with: enet pth2onnx") from error
    if not loaded.graph.node:
        raise InputError(f"model {model}: not an ONNX file, or an empty one. Export one with: enet pth2onnx")
    return loaded


def require_harmless(model: Path, graph: onnx.GraphProto) -> None:
    """Refuse constants in files elsewhere, and the simple ways to make a large constant from a few bytes.

    This does not prove that a model is harmless: tensors that it computes from its input can still be large.

    Raises:
        InputError: the model has such a constant; no export of an ENet has one.
    """
    graphs = [graph, *inner_graphs(graph)]
    nodes = [node for each in graphs for node in each.node]
    constants = {tensor.name: tensor for each in graphs for tensor in each.initializer}
    made = [node for node in nodes if node.op_type == "Constant"]
    constants |= {node.output[0]: item.t for node in made for item in node.attribute if item.name == "value"}
    for tensor in external_constants(graph):
        require_beside(model, tensor)
    for node in nodes:
        position = SHAPED_BY.get(node.op_type)
        name = node.input[position] if position is not None and position < len(node.input) else ""
        sides = numpy_helper.to_array(constants[name]).ravel().tolist() if name and name in constants else [0]
        if math.prod(abs(int(side)) for side in sides) > MAX_CONSTANT:
            raise InputError(f"model {model}: {node.op_type} {node.name or name} would fill memory. Export it again")


def inner_graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """Graphs of branches and loops, and those in them."""
    attributes = [item for node in graph.node for item in node.attribute]
    inner = [each for item in attributes for each in (*item.graphs, *([item.g] if item.HasField("g") else []))]
    return [*inner, *(deeper for each in inner for deeper in inner_graphs(each))]


def external_constants(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Constants of a graph and of those in it whose values are in other files."""
    graphs = [graph, *inner_graphs(graph)]
    attributes = [item for each in graphs for node in each.node for item in node.attribute]
    held = [*(tensor for each in graphs for tensor in each.initializer), *(item.t for item in attributes)]
    held += [tensor for item in attributes for tensor in item.tensors]
    return [tensor for tensor in held if tensor.data_location == onnx.TensorProto.EXTERNAL]


def external_files(model: Path) -> list[Path]:
    """Files beside an ONNX file with constants of it, sorted."""
    constants = external_constants(load_graph(model).graph)
    names = {item.value for tensor in constants for item in tensor.external_data if item.key == "location"}
    return [model.parent / name for name in sorted(names)]


def require_beside(model: Path, tensor: onnx.TensorProto) -> None:
    """Raise InputError unless a constant's file is in the model's own folder, is large enough, and no link."""
    found = {item.key: item.value for item in tensor.external_data}
    name = found.get("location", "")
    file = model.parent / name
    if Path(name).name != name or not file.is_file() or file.is_symlink():
        raise InputError(f"model {model}: constant {tensor.name!r} is in {name!r}, expected a file beside the model")
    end = int(found.get("offset", 0)) + int(found.get("length", 0))
    if end > file.stat().st_size:
        raise InputError(f"model {model}: constant {tensor.name!r} needs {end} bytes of {file}, which has fewer")
