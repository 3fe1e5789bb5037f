"""The table of backends. It imports none of them, so it can be read before their libraries are installed.

To add a backend, write a subclass of ``enet.backends.base.Backend`` and name it in ``BACKENDS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enet.deliverable.target import Precision


@dataclass(frozen=True)
class BackendInfo:
    """Properties of a backend that are known without importing it.

    Attributes:
        name: as in ``--backend``; also that of its module in ``enet.backends``.
        class_name: its class in this module.
        kind: "host": a model is opened and timed in this process. "device": the device's own tool runs folders of
            files and records the times, which are compared with recorded baselines.
        precisions: what it can be built in; the first is its default. "fp32" means: not quantised.
        engine_of_host: a float32 engine of this machine's CPU, which an INT8 artifact must beat.
        is_reference: runs the checkpoint itself, float input and logits only; the others are compared with it.
        is_default: used if the user names none.
        resource: what Ray calls that of which a run needs one.
    """

    name: str
    class_name: str
    kind: Literal["host", "device"] = "host"
    precisions: tuple[Precision, ...] = ("fp32",)
    engine_of_host: bool = False
    is_reference: bool = False
    is_default: bool = False
    resource: str = "CPU"

    def choose_precision(self, requested: Precision) -> Precision:
        """Return the requested precision, or the default one if the backend does not have it."""
        return requested if requested in self.precisions else self.precisions[0]


#: Backends by name.
BACKENDS = {
    info.name: info
    for info in (
        BackendInfo("pytorch", "PyTorchBackend", is_reference=True),
        BackendInfo("onnxruntime", "OnnxRuntimeBackend", engine_of_host=True, is_default=True),
        BackendInfo("openvino", "OpenVinoBackend", engine_of_host=True, precisions=("fp32", "int8")),
        BackendInfo("cuda", "CudaBackend", resource="GPU"),
        BackendInfo("ascend", "AscendBackend", kind="device", resource="NPU"),
    )
}

(REFERENCE,) = (name for name, info in BACKENDS.items() if info.is_reference)
(DEFAULT,) = (name for name, info in BACKENDS.items() if info.is_default)

#: Names of the backends that a device's own tool runs and times.
DEVICE_BACKENDS = tuple(name for name, info in BACKENDS.items() if info.kind == "device")

#: Names of the backends that can quantise.
QUANTISING = tuple(name for name, info in BACKENDS.items() if "int8" in info.precisions)
