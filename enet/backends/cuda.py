"""The checkpoint on an NVIDIA GPU: float16, channels last, one CUDA graph from the input to labels or logits.

There is nothing to compile ahead: the graph is captured when the artifact is opened. As labels from uint8 images
(``--input uint8 --output labels``) the fewest bytes cross the bus; normalising and deciding are part of the graph.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet.backends.base import Artifact, DeviceReadings
from enet.backends.calibration import Calibration
from enet.datasets.preprocess import Normalise
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import BackendUnavailable
from enet.model import checkpoint as checkpoints
from enet.storage.files import hash_file
from enet.storage.store import Store

#: While one batch computes, the next is copied there and the last one back.
LANES = 3

#: Runs before a graph is captured, for libraries to choose their algorithms: PyTorch's own advice.
WARM_UP = 3


class InOneGraph(nn.Module):
    """The network from what the artifact takes to what it gives.

    Args:
        table: of ``Normalise``, shape (3, 256).
        classes: how many outputs labels are chosen from; the rest (a void class) never win.
    """

    def __init__(self, network: nn.Module, table: NDArray[np.float32], form: IoFormat, classes: int) -> None:
        super().__init__()
        self.network, self.form, self.classes = network, form, classes
        self.register_buffer("table", torch.from_numpy(table), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """float32 (N, 3, H, W) or uint8 (N, H, W, 3) to float32 logits (N, C, H, W) or uint8 labels (N, H, W)."""
        if self.form.input == "uint8":
            table: Tensor = self.table  # type: ignore[assignment]
            images = torch.stack([table[c][images[..., c].int()] for c in range(3)], dim=1)
        dtype = next(self.network.parameters()).dtype
        logits = self.network(images.to(dtype, memory_format=torch.channels_last))
        if self.form.output == "labels":
            return logits[:, : self.classes].argmax(dim=1).to(torch.uint8)
        return logits.float().contiguous()


class Lane:
    """A captured graph with memory of its own, there and here."""

    def __init__(self, network: InOneGraph, device: torch.device, example: Tensor) -> None:
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.images = example.pin_memory()
        self.images_there = example.to(device)
        with torch.inference_mode():
            with torch.cuda.stream(self.stream):
                for _ in range(WARM_UP):
                    network(self.images_there)
            self.stream.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.result_there = network(self.images_there)
        self.result = torch.empty(self.result_there.shape, dtype=self.result_there.dtype, pin_memory=True)

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        self.images.numpy()[...] = images
        with torch.inference_mode(), torch.cuda.stream(self.stream):
            self.images_there.copy_(self.images, non_blocking=True)
            self.graph.replay()
            self.result.copy_(self.result_there, non_blocking=True)
        self.stream.synchronize()
        return self.result.numpy().copy()


class CudaModel:
    """A network on one GPU, as several lanes."""

    outputs_phases = False
    max_concurrency = LANES

    def __init__(self, network: InOneGraph, number: int, example: Tensor) -> None:
        device = torch.device("cuda", number)
        self.chip = torch.cuda.get_device_name(device)
        self.device = f"{self.chip} {number}"
        network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        network.network.half()
        self.lanes = SimpleQueue[Lane]()
        for _ in range(LANES):
            self.lanes.put(Lane(network, device, example))

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        lane = self.lanes.get()
        try:
            return lane.run(images)
        finally:
            self.lanes.put(lane)

    def close(self) -> None:
        """Give the GPU's memory back."""
        self.lanes = SimpleQueue()
        torch.cuda.empty_cache()


def require(numbers: tuple[int, ...] = (0,)) -> None:
    """Refuse to go on without a GPU of each number.

    Raises:
        BackendUnavailable: there is none.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if absent := [number for number in numbers if number >= count]:
        raise BackendUnavailable(
            f"backend cuda: torch {torch.__version__} finds {count} CUDA devices, none of number {absent[0]}. "
            "Install a CUDA build of torch and the GPU's driver, or choose another --backend"
        )


def build(
    deliverable: Deliverable,
    weights: Path,
    form: IoFormat,
    batch_size: int,
    store: Store,
    target: Target,
    calibration: Calibration | None = None,
) -> Artifact:
    """The checkpoint, as it is."""
    require(target.devices)
    sha256 = hash_file(weights)
    return Artifact(
        path=weights,
        backend="cuda",
        batch_size=batch_size,
        form=form,
        sha256=sha256,
        weights_sha256=sha256,
        precision="fp16",
    )


def open_model(artifact: Artifact, deliverable: Deliverable, target: Target) -> CudaModel:
    """Load the checkpoint onto the target's first device and capture its graphs.

    Raises:
        InputError: it can't be read or doesn't fit the deliverable.
        BackendUnavailable: there is no such device.
    """
    require(target.devices)
    network = checkpoints.load(artifact.path, deliverable.network.variant, deliverable.network.outputs)
    table = Normalise(deliverable.preprocessing).table
    width, height = deliverable.preprocessing.size
    shape = (height, width, 3) if artifact.form.input == "uint8" else (3, height, width)
    example = torch.zeros(
        (artifact.batch_size, *shape), dtype=torch.uint8 if artifact.form.input == "uint8" else torch.float32
    )
    return CudaModel(InOneGraph(network, table, artifact.form, deliverable.scored_classes), target.devices[0], example)


def watched(target: Target) -> contextlib.AbstractContextManager[DeviceReadings]:
    """Nothing is asked of the driver."""
    return contextlib.nullcontext(DeviceReadings())


def versions() -> Mapping[str, str]:
    require()
    return {"torch": torch.__version__, "cuda": str(torch.version.cuda), "numpy": np.__version__}
