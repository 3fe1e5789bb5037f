"""The reference: the checkpoint itself, run by PyTorch in float32. There is nothing to compile."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from enet.backends.base import Artifact, DeviceReadings
from enet.backends.calibration import Calibration
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores
from enet.model import checkpoint as checkpoints
from enet.storage.files import hash_file
from enet.storage.store import Store


class PyTorchModel:
    """One network on the CPU."""

    device = "cpu"
    chip = ""
    outputs_phases = False

    def __init__(self, network: nn.Module) -> None:
        self.max_concurrency = cores()  # each on one thread
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def open(cls, artifact: Artifact, deliverable: Deliverable) -> PyTorchModel:
        """Load the checkpoint.

        Raises:
            InputError: it can't be read or doesn't fit the deliverable.
        """
        return cls(checkpoints.load(artifact.path, deliverable.network.variant, deliverable.network.outputs))

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        # One thread a call: the pipeline runs one call a core.
        torch.set_num_threads(1)
        with torch.inference_mode():
            x = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
            logits: NDArray[np.float32] = self.network(x).contiguous().numpy()
        return logits

    def close(self) -> None:
        """Nothing but memory is held."""


def build(
    deliverable: Deliverable,
    weights: Path,
    form: IoFormat,
    batch_size: int,
    store: Store,
    target: Target,
    calibration: Calibration | None = None,
) -> Artifact:
    """The checkpoint, as it is.

    Raises:
        InputError: another form than float in, logits out.
    """
    if form != IoFormat():
        raise InputError(f"backend pytorch: takes float images and gives logits, but {form} was asked for")
    sha256 = hash_file(weights)
    return Artifact(
        path=weights, backend="pytorch", batch_size=batch_size, form=form, sha256=sha256, weights_sha256=sha256
    )


def open_model(artifact: Artifact, deliverable: Deliverable, target: Target) -> PyTorchModel:
    return PyTorchModel.open(artifact, deliverable)


def watched(target: Target) -> contextlib.AbstractContextManager[DeviceReadings]:
    """The host's own processor: nothing to hold, nothing to ask."""
    return contextlib.nullcontext(DeviceReadings())


def versions() -> Mapping[str, str]:
    return {"torch": torch.__version__, "numpy": np.__version__}
