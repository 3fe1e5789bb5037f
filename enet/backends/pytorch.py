"""The reference: the checkpoint itself, run by PyTorch in float32. There is nothing to compile."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from enet.backends.base import Artifact, Backend, BuildRequest, Model
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores
from enet.model import network as networks


class PyTorchModel(Model):
    """A network on the CPU. Each call runs on one thread; the pipeline runs one call per core.

    Own code may reshape what it takes for contiguous, and may keep state from one layer to a later one: it gets images
    in the usual layout, and each thread a copy.
    """

    is_own = False

    def __init__(self, path: Path, deliverable: Deliverable) -> None:
        self.max_concurrency = cores()
        torch.set_num_threads(min(torch.get_num_threads(), cores()))  # PyTorch does not see a container's quota
        self.network = networks.load(deliverable, path)
        self.is_own = deliverable.network.module is not None
        if not self.is_own:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.copies = threading.local()

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        torch.set_num_threads(1)
        layout = torch.contiguous_format if self.is_own else torch.channels_last
        with torch.inference_mode():
            x = torch.from_numpy(images).contiguous(memory_format=layout)
            logits: NDArray[np.float32] = self.of_this_thread()(x).contiguous().numpy()
        return logits

    def of_this_thread(self) -> nn.Module:
        """The network, or this thread's copy of it."""
        if not self.is_own:
            return self.network
        if not hasattr(self.copies, "network"):
            self.copies.network = copy.deepcopy(self.network)
        network: nn.Module = self.copies.network
        return network

    def conditions(self) -> Mapping[str, Any]:
        """Hooks that run in every call: PyTorch's own, of all modules, and those on the network's."""
        everywhere = {
            name for name, hooks in vars(torch.nn.modules.module).items() if name.startswith("_global_") and hooks
        }
        here = {
            f"{type(module).__name__}.{name}"
            for module in self.network.modules()
            for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
            if getattr(module, name)
        }
        return {"hooks": sorted(everywhere | here)}


class PyTorchBackend(Backend):
    """Runs the checkpoint on the CPU, for float input and logits only."""

    def build(self, request: BuildRequest) -> Artifact:
        if request.io_format != IoFormat():
            seen = f"input={request.io_format.input}, output={request.io_format.output}"
            raise InputError(f"backend {self.info.name}: {seen}, expected input=float, output=logits")
        return self.describe(request, request.checkpoint)

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> PyTorchModel:
        return PyTorchModel(artifact.path, deliverable)

    def versions(self) -> Mapping[str, str]:
        return {"torch": torch.__version__, "numpy": np.__version__}

    def conditions(self) -> Mapping[str, Any]:
        return {
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": torch.backends.mkldnn.enabled,
            "threads_of_an_operator": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
