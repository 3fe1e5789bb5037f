"""What a backend is: it makes an artifact for a batch size out of a checkpoint, and opens it to run.

One module each, chosen by name, imported only when used. A backend that can't run here says what is missing and how
to get it. To add one, write a module with the functions of the ``Backend`` protocol and name it in
``BACKENDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import DeviceState, Precision, Target
from enet.errors import BackendUnavailable, InputError, unknown_name_error
from enet.storage.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enet.backends.calibration import Calibration

#: The backend that others are compared with. It runs the checkpoint itself, in one form: float in, logits out.
REFERENCE = "pytorch"

#: Module by name.
BACKENDS = {
    "pytorch": "enet.backends.pytorch",
    "onnxruntime": "enet.backends.onnxruntime",
    "openvino": "enet.backends.openvino",
    "cuda": "enet.backends.cuda",
    "ascend": "enet.backends.ascend",
}

#: Those that can quantise.
QUANTISING = ("openvino",)

#: From this many images on, a batch keeps all cores of the host's processor busy by itself.
LARGE_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A built file, and what it was built from."""

    path: Path
    backend: str
    batch_size: int
    form: IoFormat
    sha256: str
    weights_sha256: str
    onnx_sha256: str = ""
    simulated: bool = False
    #: What convolutions are computed in: "fp32", "fp16", "int8"; for ``atc``, ``Target.precision_mode`` says it.
    precision: str = "fp32"
    #: Of the images that a quantiser looked at; empty where none did.
    calibration_sha256: str = ""


class Model(Protocol):
    """An opened artifact. ``infer`` may be called from several threads at once.

    ``device`` is what it runs on, in words; ``chip`` what kind of accelerator that is, empty for the host's processor.
    ``outputs_phases``: logits come as (N, 4 * outputs, H/2, W/2), see ``pipeline.labels_of_phases``; laying out the 2x2
    blocks would take longer than to decide on them. ``max_concurrency``: how many threads that call it keep it busy.
    """

    device: str
    chip: str
    outputs_phases: bool
    max_concurrency: int

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        """Run one batch.

        Args:
            images: exactly the artifact's batch size of rows, in the form it takes: float32 (N, 3, H, W) or uint8
                (N, H, W, 3).
        Returns:
            float32 logits (N, outputs, H, W) or uint8 labels (N, H, W).
        """

    def close(self) -> None:
        """Give back what it holds of the device."""


@dataclass(frozen=True)
class Place:
    """What something ran on: ``device`` in words; ``chip`` as in ``Model``."""

    device: str
    chip: str


@dataclass
class DeviceReadings:
    """The devices just before and just after a measurement; both empty for the host's own processor."""

    before: tuple[DeviceState, ...] = ()
    after: tuple[DeviceState, ...] = ()


class Backend(Protocol):
    """A backend's module."""

    def build(
        self,
        deliverable: Deliverable,
        weights: Path,
        form: IoFormat,
        batch_size: int,
        store: Store,
        target: Target,
        calibration: Calibration | None = None,
    ) -> Artifact:
        """Make the artifact, or find it in the store; quantised where there are images to calibrate it on."""

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> Model:
        """Load the artifact onto the target's first device, ready to run."""

    def watched(self, target: Target) -> AbstractContextManager[DeviceReadings]:
        """Have the target's devices to oneself while a measurement runs, and look at them before and after."""

    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries and tools that decide the result."""


def get(name: str) -> Backend:
    """Import a backend.

    Raises:
        InputError: there is no such backend.
        BackendUnavailable: a library that it needs is missing.
    """
    if name not in BACKENDS:
        raise unknown_name_error("backend", name, BACKENDS)
    try:
        return cast(Backend, import_module(BACKENDS[name]))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("enet"):
            raise  # our own mistake, not a missing library
        raise BackendUnavailable(
            f"backend {name}: {error.name} is not installed. Try: pip install {error.name}"
        ) from error


def require_precision(name: str, precision: Precision) -> None:
    """Refuse a precision that a backend hasn't.

    Raises:
        InputError: it can't quantise.
    """
    if precision == "int8" and name not in QUANTISING:
        raise InputError(f"backend {name}: has no --precision int8. Those that have: {', '.join(QUANTISING)}")
