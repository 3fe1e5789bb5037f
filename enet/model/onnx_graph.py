"""The exported ONNX for one batch size, as compilers of the host's own processor take it."""

from __future__ import annotations

from pathlib import Path

import onnx

#: The output's name as exported; of a model that gives phases it is another.
OUTPUT = "class"


def fixed(exported: Path, batch_size: int, *, phases: bool) -> onnx.ModelProto:
    """The model with its batch axis fixed.

    Args:
        phases: of one that ends in a depth-to-space, leave that out: ``pipeline.labels_of_phases`` decides without it.
    """
    model = onnx.load(exported)
    if phases and model.graph.node[-1].op_type == "DepthToSpace":
        end_before_layout(model)
    for value in (*model.graph.input, *model.graph.output):
        for batch in value.type.tensor_type.shape.dim[:1]:  # an output's shape may be left unsaid
            batch.dim_value = batch_size
    return model


def end_before_layout(model: onnx.ModelProto) -> None:
    """Make the input of the last node, a depth-to-space, the output of the model."""
    last, (result,) = model.graph.node.pop(), model.graph.output
    _, channels, height, width = result.type.tensor_type.shape.dim
    channels.dim_value, height.dim_value, width.dim_value = (
        4 * channels.dim_value, height.dim_value // 2, width.dim_value // 2
    )  # fmt: skip
    result.name = last.input[0]
