"""The checkpoint on an NVIDIA GPU: float16, channels last, one CUDA graph from the input to labels or logits.

Nothing is compiled ahead: the graph is captured when the artifact is opened. With uint8 input and labels as output
the fewest bytes cross the bus; normalisation and argmax are part of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet.backends.base import Artifact, Backend, BuildRequest, Model
from enet.datasets.preprocess import Normalise
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import BackendUnavailable
from enet.model import network as networks
from enet.model.folding import folded_if_traceable

#: Batches in flight: while one computes, the next is copied to the GPU and the previous one back.
LANES = 3

#: Runs before a graph is captured, in which libraries choose their algorithms. PyTorch's documentation advises three.
WARMUP_RUNS = 3


class WholeGraph(nn.Module):
    """The network with normalisation before it and argmax behind it, as the input and output format says.

    Args:
        table: of ``Normalise``, shape (3, 256).
        classes: number of outputs that labels are chosen from; the rest (a void class) are never chosen.
    """

    def __init__(self, network: nn.Module, table: NDArray[np.float32], io_format: IoFormat, classes: int) -> None:
        super().__init__()
        self.network, self.io_format, self.classes = network, io_format, classes
        self.register_buffer("table", torch.from_numpy(table), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """float32 (N, 3, H, W) or uint8 (N, H, W, 3) to float32 logits (N, C, H, W) or uint8 labels (N, H, W)."""
        if self.io_format.input == "uint8":
            table: Tensor = self.table  # type: ignore[assignment]
            images = torch.stack([table[c][images[..., c].int()] for c in range(3)], dim=1)
        dtype = next(self.network.parameters()).dtype
        logits = self.network(images.to(dtype, memory_format=torch.channels_last))
        if self.io_format.output == "labels":
            return logits[:, : self.classes].argmax(dim=1).to(torch.uint8)
        return logits.float().contiguous()


class Lane:
    """A captured graph with its own memory on the GPU and on the host."""

    def __init__(self, network: WholeGraph, device: torch.device, example: Tensor) -> None:
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.images = example.pin_memory()
        self.device_images = example.to(device)
        with torch.inference_mode():
            with torch.cuda.stream(self.stream):
                for _ in range(WARMUP_RUNS):
                    network(self.device_images)
            self.stream.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.device_result = network(self.device_images)
        self.result = torch.empty(self.device_result.shape, dtype=self.device_result.dtype, pin_memory=True)

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """Run one batch."""
        self.images.numpy()[...] = images
        with torch.inference_mode(), torch.cuda.stream(self.stream):
            self.device_images.copy_(self.images, non_blocking=True)
            self.graph.replay()
            self.result.copy_(self.device_result, non_blocking=True)
        self.stream.synchronize()
        return self.result.numpy().copy()


class CudaModel(Model):
    """A network on one GPU, in several lanes."""

    max_concurrency = LANES

    def __init__(self, network: WholeGraph, number: int, example: Tensor) -> None:
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
        """Free the GPU's memory."""
        self.lanes = SimpleQueue()
        torch.cuda.empty_cache()


def require_devices(numbers: tuple[int, ...] = (0,)) -> None:
    """Check that there is a GPU of each number.

    Raises:
        BackendUnavailable: one is missing.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if missing := [number for number in numbers if number >= count]:
        raise BackendUnavailable(
            f"backend cuda: torch {torch.__version__} finds {count} CUDA devices, device {missing[0]} is missing. "
            "Install a CUDA build of torch and the GPU's driver, or choose another --backend"
        )


class CudaBackend(Backend):
    """Runs the checkpoint itself on one GPU."""

    def build(self, request: BuildRequest) -> Artifact:
        require_devices(request.target.devices)
        return self.describe(request, request.checkpoint, precision="fp16")

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> CudaModel:
        require_devices(target.devices)
        network = networks.load(deliverable, artifact.path)
        network = folded_if_traceable(network) or network
        table = Normalise(deliverable.preprocessing).table
        whole = WholeGraph(network, table, artifact.io_format, deliverable.scored_classes)
        width, height = deliverable.preprocessing.size
        is_uint8 = artifact.io_format.input == "uint8"
        shape, dtype = ((height, width, 3), torch.uint8) if is_uint8 else ((3, height, width), torch.float32)
        example = torch.zeros((artifact.batch_size, *shape), dtype=dtype)
        return CudaModel(whole, target.devices[0], example)

    def versions(self) -> Mapping[str, str]:
        require_devices()
        return {"torch": torch.__version__, "cuda": str(torch.version.cuda), "numpy": np.__version__}
