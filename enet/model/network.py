"""The network that a deliverable names, with its weights, and its export: of this package or of the user's own code."""

from __future__ import annotations

from pathlib import Path

import onnx
from torch import nn

from enet.deliverable import Deliverable, IoFormat
from enet.model import checkpoint, export, own_code, torch_export


def load(deliverable: Deliverable, weights: Path) -> nn.Module:
    """Build the network in evaluation mode with the checkpoint's weights.

    Raises:
        InputError: the deliverable names no network; the checkpoint cannot be read or does not fit; or the user's code
            is not trusted, or fails.
    """
    if deliverable.network.module is not None:
        return own_code.load(deliverable, weights)
    return checkpoint.load(weights, deliverable.network.known, deliverable.network.outputs)


def to_onnx(deliverable: Deliverable, weights: Path, form: IoFormat) -> onnx.ModelProto:
    """Write the network with the checkpoint's weights as ONNX.

    Raises:
        InputError: see ``load``; or torch cannot export the user's network.
    """
    network, grid, classes = load(deliverable, weights), deliverable.preprocessing, deliverable.scored_classes
    if deliverable.network.module is not None:
        return torch_export.to_onnx(network, grid, form, classes=classes, origin=deliverable.network.module)
    return export.to_onnx(network, grid, form, classes=classes)
