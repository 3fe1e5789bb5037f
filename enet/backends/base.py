"""Base classes of backends: a backend builds an artifact for one batch size and opens it to run.

Each backend is a module of its own, chosen by name in ``enet.backends.registry`` and imported only when used. A backend
that cannot run here raises ``BackendUnavailable``, which says what is missing and how to get it.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from enet.ascend.ais_bench import FolderRun as FolderRun
from enet.backends.registry import BACKENDS, DEFAULT, DEVICE_BACKENDS, QUANTISING, BackendInfo
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import DeviceState, Precision, Target
from enet.errors import BackendUnavailable, InputError, unknown_name_error
from enet.model.files import content_hash, named_hash
from enet.model.onnx_cache import get_onnx
from enet.storage.code_digest import made_by
from enet.storage.files import hash_file
from enet.storage.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enet.backends.calibration import Calibration
    from enet.backends.interface import Interface

#: Smallest batch size that uses all CPU cores by itself.
LARGE_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to build.

    Attributes:
        weights: the checkpoint; None: only delivered files are here.
        delivered: a file that was handed over: it, or what is compiled from it, is the artifact.
        interface: of this file.
        calibration: images to quantise with; None: no quantisation.
    """

    deliverable: Deliverable
    weights: Path | None
    io_format: IoFormat
    batch_size: int
    store: Store
    target: Target
    delivered: Path | None = None
    interface: Interface | None = None
    calibration: Calibration | None = None

    @property
    def checkpoint(self) -> Path:
        """The checkpoint; an ``InputError`` if there is none."""
        if self.weights is None:
            raise InputError(f"deliverable {self.deliverable.name}: includes no weights. Give them with --weights FILE")
        return self.weights

    def content_hash(self, path: Path) -> str:
        """SHA-256 of a model file; only a delivered one may have constants in other files."""
        return content_hash(path) if path == self.delivered else hash_file(path)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A built file and its origin.

    Attributes:
        onnx_sha256: of the exported ONNX; empty if the backend runs the checkpoint itself.
        precision: of convolutions: "fp32", "fp16" or "int8"; for ``atc``, ``Target.precision_mode`` decides.
        calibration_sha256: of the images that the quantiser used; empty without quantisation.
        delivered: SHA-256 and name of the file that was handed over, if it is this file or this was compiled from it.
        interface: of this file; None: that of an export, see ``io_format``.
        is_plain: opened as a script opens it that sets nothing, to compare with.
    """

    path: Path
    backend: str
    batch_size: int
    io_format: IoFormat
    sha256: str
    weights_sha256: str
    onnx_sha256: str = ""
    simulated: bool = False
    precision: str = "fp32"
    calibration_sha256: str = ""
    delivered: str = ""
    interface: Interface | None = None
    is_plain: bool = False

    @property
    def gives_labels(self) -> bool:
        """Whether labels come out, not logits."""
        return (self.interface.gives if self.interface else self.io_format.output) == "labels"


@dataclass(frozen=True)
class Place:
    """Where something ran.

    Attributes:
        device: in words.
        chip: the kind of accelerator; empty for the CPU.
        problem: why nothing that ran there is evidence; empty if it may be.
    """

    device: str = "cpu"
    chip: str = ""
    problem: str = ""


@dataclass(frozen=True)
class InnerValue:
    """What a node of an ONNX gives: the node's name, the place among its outputs, and the value's name."""

    node: str
    place: int
    name: str


class Model(ABC):
    """An opened artifact. ``infer`` may be called from several threads at the same time.

    Attributes:
        device, chip, problem: as in ``Place``.
        outputs_phases: logits come as (N, 4 * outputs, H/2, W/2), see ``labels_from_phases``; it is quicker to choose
            classes from them than to rearrange them first.
        max_concurrency: number of calling threads that keep it busy.
    """

    device = "cpu"
    chip = ""
    problem = ""
    outputs_phases = False
    max_concurrency = 1

    @abstractmethod
    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        """Run one batch.

        Args:
            images: float32 (N, 3, H, W) or uint8 (N, H, W, 3), by the artifact's input format; N is its batch size.
        Returns:
            float32 logits (N, outputs, H, W) or uint8 labels (N, H, W).
        """

    def conditions(self) -> Mapping[str, Any]:
        """What was added to it that decides how fast it runs."""
        return {}

    def close(self) -> None:  # noqa: B027 a model that holds only memory has nothing to do
        """Release the device."""


@dataclass
class DeviceReadings:
    """States of the devices just before and just after a measurement; both empty for the CPU."""

    before: tuple[DeviceState, ...] = ()
    after: tuple[DeviceState, ...] = ()


class Backend(ABC):
    """Base class of backends. ``info`` is its row in the registry."""

    def __init__(self, info: BackendInfo) -> None:
        self.info = info

    @abstractmethod
    def build(self, request: BuildRequest) -> Artifact:
        """Build the artifact, or find it in the artifact cache.

        Raises:
            InputError: the checkpoint or the options cannot be used.
            BackendUnavailable: a library, tool or device is missing.
        """

    @abstractmethod
    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> Model:
        """Load the artifact on the target's first device.

        Raises:
            InputError: it cannot be loaded.
            BackendUnavailable: a library or device is missing.
        """

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries and tools that determine the result.

        Raises:
            BackendUnavailable: one of them, or the device, is missing.
        """

    def inner_values(
        self,
        artifact: Artifact,
        onnx: Path,
        wanted: Sequence[InnerValue],
        images: NDArray[Any],
        deliverable: Deliverable,
        target: Target,
    ) -> list[NDArray[Any]]:
        """Compile an ONNX as the artifact was, but with inner values as outputs, and run one batch.

        Args:
            onnx: what the artifact was compiled from; each node has a name of its own.
            images: a batch as the artifact takes it.
        Raises:
            InputError: the backend cannot do this.
            BackendUnavailable: a library, tool or device is missing.
        """
        raise InputError(f"backend {self.info.name} gives no inner values")

    def conditions(self) -> Mapping[str, Any]:
        """What else, in this process, decides how fast it runs here: settings, and instruction sets in use."""
        return {}

    def place(self, target: Target) -> Place:
        """All of the target's devices, in words."""
        return Place()

    def reserve_devices(self, target: Target) -> contextlib.AbstractContextManager[DeviceReadings]:
        """Reserve the target's devices for one measurement and record their state before and after it."""
        return contextlib.nullcontext(DeviceReadings())

    def run_folder(self, run: FolderRun, *, progress: bool = False) -> list[Path]:
        """Run every ``.bin`` file of a folder through a model file, and record execution times.

        Returns:
            Summaries in ais_bench's format, one JSON file per device: outputs by input, and times.
        Raises:
            InputError: the backend cannot do this, or a file cannot be used.
            BackendUnavailable: a tool is missing.
        """
        able = " or ".join((DEFAULT, *DEVICE_BACKENDS))
        raise InputError(f"backend {self.info.name}: does not run folders of files. Use --backend {able}")

    def build_from_onnx(
        self, request: BuildRequest, key: dict[str, Any], write: Callable[[Path, Path], None], pattern: str, **more: Any
    ) -> Artifact:
        """Build a file from the exported ONNX in the artifact cache, once.

        Args:
            key: everything that determines the content besides the ONNX file, the batch size and this code.
            write: gets the ONNX file and an empty folder, and writes the built files into the folder.
            pattern: name of the built file, as for ``Path.glob``.
            more: further attributes of the artifact.
        """
        exported = self.export(request)
        onnx_sha256 = request.content_hash(exported)
        whole = {"onnx": onnx_sha256, "batch_size": request.batch_size, **made_by(type(self).__module__)}
        whole["backend"] = key
        folder = request.store.get_or_build(self.info.name, whole, lambda folder: write(exported, folder))
        (path,) = folder.glob(pattern)
        return self.describe(request, path, onnx_sha256=onnx_sha256, **more)

    def export(self, request: BuildRequest) -> Path:
        """The delivered ONNX, or that of the checkpoint, exported or found in the artifact cache."""
        if request.delivered is not None:
            return request.delivered
        return get_onnx(request.deliverable, request.checkpoint, request.io_format, request.store)

    def describe(self, request: BuildRequest, path: Path, **more: Any) -> Artifact:
        """Describe a built or delivered file, or the checkpoint itself if nothing is built."""
        more |= {"sha256": request.content_hash(path), "backend": self.info.name, "interface": request.interface}
        more["weights_sha256"] = hash_file(request.weights) if request.weights else ""
        if request.delivered is not None:
            more["delivered"] = named_hash(request.delivered)
        if request.interface is not None and request.interface.is_half:
            more["precision"] = "fp16"
        return Artifact(path=path, batch_size=request.batch_size, io_format=request.io_format, **more)


def get(name: str) -> Backend:
    """Import a backend.

    Raises:
        InputError: there is no such backend.
        BackendUnavailable: a library that it needs is missing.
    """
    if name not in BACKENDS:
        raise unknown_name_error("backend", name, BACKENDS)
    info = BACKENDS[name]
    try:
        backend: Backend = resolve_name(f"{__package__}.{name}:{info.class_name}")(info)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("enet"):
            raise  # an error in this package, not a missing library
        raise BackendUnavailable(f"backend {name}: {missing} is not installed. Try: pip install {missing}") from error
    return backend


def require_precision(name: str, precision: Precision) -> None:
    """Check that a backend can build in a precision.

    Raises:
        InputError: it cannot.
    """
    if name in BACKENDS and precision != "fp32" and precision not in BACKENDS[name].precisions:
        able = " or ".join(QUANTISING)
        raise InputError(f"--precision {precision}: not supported by backend {name}. Use --backend {able}")
