"""Export of any network to ONNX by torch's own exporter, for architectures that ``enet.model.export`` does not know.

It traces the network (TorchScript), in the oldest opset that has its operators. Normalisation and argmax are modules
around it, so the forms are those of ``enet.model.export``.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from unittest import mock

import onnx
import torch
from torch import Tensor, nn

from enet.deliverable import IoFormat, Preprocessing
from enet.errors import EnetError, InputError
from enet.model.export import INPUT, OPSET, OUTPUT

#: Opsets that are tried, in this order. Old converters know the first; the last is all that the tracer writes.
OPSETS = (OPSET, 13, 16, 18)


def to_onnx(
    network: nn.Module, preprocessing: Preprocessing, form: IoFormat, *, classes: int, origin: object
) -> onnx.ModelProto:
    """Write a network in evaluation mode as ONNX, its batch axis free.

    Args:
        form, classes: as for ``enet.model.export.to_onnx``.
        origin: names the network in messages.
    Raises:
        InputError: the network fails, or uses what the exporter cannot write.
    """
    whole = WithFormats(network, preprocessing, form, classes).eval()
    width, height = preprocessing.size
    is_uint8 = form.input == "uint8"
    shape = (2, height, width, 3) if is_uint8 else (2, 3, height, width)
    example = torch.zeros(shape, dtype=torch.uint8 if is_uint8 else torch.float32)
    with torch.inference_mode():
        result = whole(example)  # also for its own error, not the tracer's
    reason = ""
    for opset in OPSETS:
        try:
            model = onnx.load_from_string(trace(whole, example, opset))
            for dim, side in zip(model.graph.output[0].type.tensor_type.shape.dim[1:], result.shape[1:], strict=True):
                dim.dim_value = side  # the tracer leaves names for sides that it computes
            onnx.checker.check_model(model, full_check=True)
            return model
        except EnetError:
            raise
        except Exception as error:  # the exporter's exceptions share no base class
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    problem = f"torch cannot export it to ONNX, opset {OPSETS[0]} to {OPSETS[-1]} ({reason})"
    raise InputError(f"{origin}: {problem}. Export it yourself, and give the file with --onnx")


def trace(network: nn.Module, example: Tensor, opset: int) -> bytes:
    """Export for any batch size."""
    content = io.BytesIO()
    axes = {name: {0: "batch"} for name in (INPUT, OUTPUT)}
    names = {"input_names": [INPUT], "output_names": [OUTPUT], "dynamic_axes": axes}
    with warnings.catch_warnings(), torch.inference_mode(), traceable_unpooling():
        warnings.simplefilter("ignore")  # about the exporter's age, and each constant that it takes from a tensor
        torch.onnx.export(network, (example,), content, opset_version=opset, dynamo=False, **names)  # type: ignore[arg-type]
    return content.getvalue()


class WithFormats(nn.Module):
    """A network with normalisation before it, for uint8 images, and the argmax behind it, for labels."""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, form: IoFormat, classes: int) -> None:
        super().__init__()
        self.network, self.form, self.classes = network, form, classes
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (preprocessing.mean, preprocessing.std))
        self.register_buffer("scale", (1 / (255 * std)).float().reshape(1, 3, 1, 1))
        self.register_buffer("shift", (-mean / std).float().reshape(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        if self.form.input == "uint8":
            images = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        logits: Tensor = self.network(images)
        if self.form.output == "labels":
            return logits[:, : self.classes].argmax(1).to(torch.uint8)
        return logits


@contextlib.contextmanager
def traceable_unpooling() -> Iterator[None]:
    """Let max-unpool be a scatter while a network is traced: the exporter does not know the operator itself."""
    with mock.patch.object(nn.functional, "max_unpool2d", scatter_unpool):
        yield


def scatter_unpool(
    x: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    output_size: list[int] | None = None,
) -> Tensor:
    """Compute ``torch.nn.functional.max_unpool2d`` of images (N, C, H, W)."""
    size, step, edge = (
        (value, value) if isinstance(value, int) else tuple(value)
        for value in (kernel_size, stride or kernel_size, padding)
    )
    batch, channels = x.shape[:2]
    whole = [int((side - 1) * s - 2 * e + k) for side, s, e, k in zip(x.shape[2:], step, edge, size, strict=True)]
    height, width = whole if output_size is None else [int(side) for side in output_size[-2:]]
    # Made from x, so that the batch axis stays free in the trace.
    empty = (x[:, :, :1, :1] * 0).expand(batch, channels, height, width).flatten(2)
    return empty.scatter(2, indices.flatten(2), x.flatten(2)).reshape(batch, channels, height, width)
