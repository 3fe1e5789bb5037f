"""OpenVINO on the CPU: a second engine, and the one that runs INT8.

As for an NPU, compiling fixes the exported ONNX, or its quantised form, to one batch size and compiles it for this
machine; the result is a file of its own.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from enet.backends.base import LARGE_BATCH, Artifact, Backend, BuildRequest, InnerValue, Model
from enet.backends.calibration import Calibration
from enet.backends.interface import Interface
from enet.backends.quantise import quantise
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores, cpu, installed_version
from enet.model.onnx_graph import OUTPUT, fix_batch_size
from enet.storage.code_digest import made_by
from enet.storage.files import hash_file, write_bytes


class OpenVinoModel(Model):
    """A compiled model. Small batches run one per core, each in its own stream; a large one runs alone on all cores."""

    def __init__(self, path: Path, batch_size: int, interface: Interface | None = None) -> None:
        try:
            blob = io.BytesIO(path.read_bytes())
            compiled = openvino.Core().import_model(blob, "CPU", settings(batch_size))
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: OpenVINO cannot load it. Delete it, and it is compiled again") from error
        self.max_concurrency = streams(batch_size)
        self.input: str | int = interface.input if interface else 0
        self.output: str | int = interface.output if interface else 0
        self.outputs_phases = interface is None and compiled.output(0).get_any_name() != OUTPUT
        self.requests = SimpleQueue[Any]()
        for _ in range(self.max_concurrency):
            self.requests.put(compiled.create_infer_request())

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        request = self.requests.get()
        try:
            # Copied, because the next run writes there; into memory of ours a batch of 16 would take twice as long.
            return np.array(request.infer({self.input: images}, share_inputs=True, share_outputs=True)[self.output])
        finally:
            self.requests.put(request)


def streams(batch_size: int) -> int:
    """Number of batches computed at the same time."""
    return 1 if batch_size >= LARGE_BATCH else cores()


def settings(batch_size: int) -> dict[str, Any]:
    """OpenVINO's settings: float32 unless quantised; threads are not pinned, because they share the cores with ours."""
    threads = {"NUM_STREAMS": streams(batch_size), "INFERENCE_NUM_THREADS": cores(), "ENABLE_CPU_PINNING": False}
    return {"INFERENCE_PRECISION_HINT": "f32", **threads}


def compile_model(source: Path, batch_size: int, folder: Path, interface: Interface | None = None) -> None:
    """Write ``folder/model.blob``: an exported ONNX, or a quantised model, for one batch size and this processor.

    Args:
        interface: of a delivered ONNX.
    """
    core = openvino.Core()
    if interface is not None:
        model = delivered_model(core, source, batch_size, interface)
    elif source.suffix == ".onnx":
        model = core.read_model(fix_batch_size(source, batch_size, phases=True).SerializeToString())
    else:
        model = core.read_model(source)
        model.reshape([batch_size, *list(model.input(0).shape)[1:]])
    blob = io.BytesIO()
    core.compile_model(model, "CPU", settings(batch_size)).export_model(blob)
    write_bytes(folder / "model.blob", blob.getvalue())


def delivered_model(core: openvino.Core, source: Path, batch_size: int, interface: Interface) -> openvino.Model:
    """A delivered ONNX, its batch size fixed.

    Raises:
        InputError: OpenVINO rejects the file, or it cannot run batches of this size.
    """
    try:
        model = core.read_model(source)
        shape = model.input(interface.input).partial_shape
        shape[0] = batch_size
        model.reshape({interface.input: shape})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{source}: OpenVINO cannot use it at batch size {batch_size} ({reason})") from error
    return model


class OpenVinoBackend(Backend):
    """Exports, quantises if there are calibration images, fixes the batch size and compiles."""

    def build(self, request: BuildRequest) -> Artifact:
        calibration = request.calibration
        key = {"openvino": openvino.__version__, "cpu": cpu(), "settings": settings(request.batch_size)}
        facts: dict[str, Any] = {}
        source: Path | None = None
        if calibration is not None:
            source = self.quantised(request, calibration)
            key["quantised"] = [hash_file(source), hash_file(source.with_suffix(".bin"))]
            facts = {"precision": "int8", "calibration_sha256": calibration.sha256}

        def write(exported: Path, folder: Path) -> None:
            compile_model(source or exported, request.batch_size, folder, request.interface)

        return self.build_from_onnx(request, key, write, "model.blob", **facts)

    def quantised(self, request: BuildRequest, calibration: Calibration) -> Path:
        """Quantise the exported ONNX once into the artifact cache; return its .xml, beside which is a .bin."""
        exported = self.export(request)
        key: dict[str, Any] = {"onnx": hash_file(exported), "calibration": calibration.sha256, "cpu": cpu()}
        key |= {"format": request.io_format.input, "preprocessing": calibration.preprocessing.of_images}
        key |= made_by("enet.backends.quantise", "enet.backends.calibration")

        def write(folder: Path) -> None:
            quantise(exported, request.io_format, calibration, folder / "int8.xml")

        return request.store.get_or_build("int8", key, write) / "int8.xml"

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> OpenVinoModel:
        return OpenVinoModel(artifact.path, artifact.batch_size, artifact.interface)

    def inner_values(
        self,
        artifact: Artifact,
        onnx: Path,
        wanted: Sequence[InnerValue],
        images: NDArray[Any],
        deliverable: Deliverable,
        target: Target,
    ) -> list[NDArray[Any]]:
        core, size = openvino.Core(), artifact.batch_size
        if (interface := artifact.interface) is not None:
            model = delivered_model(core, onnx, size, interface)
        else:
            model = core.read_model(fix_batch_size(onnx, size, phases=False).SerializeToString())
        model.add_outputs([value.name for value in wanted])
        request = core.compile_model(model, "CPU", settings(size)).create_infer_request()
        found = request.infer({interface.input if interface else 0: images})
        return [np.array(found[value.name]) for value in wanted]

    def versions(self) -> Mapping[str, str]:
        return {"openvino": openvino.__version__, "nncf": installed_version("nncf"), "numpy": np.__version__}

    def conditions(self) -> Mapping[str, Any]:
        return {"capabilities": list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))}
