"""OpenVINO on the CPU: the second engine, and the one that runs INT8.

Compiling means what it means on an NPU: the exported ONNX, or its quantised form, is fixed to one batch size and
compiled for this machine; the result is a file of its own.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from enet.backends.base import LARGE_BATCH, Artifact, DeviceReadings
from enet.backends.calibration import Calibration
from enet.backends.quantise import quantise
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores, cpu
from enet.model.onnx_cache import get_onnx
from enet.model.onnx_graph import OUTPUT, fix_batch_size
from enet.storage.files import hash_file, write_bytes
from enet.storage.store import Store, code_digest


class OpenVinoModel:
    """One compiled model. Small batches run one a core, each a stream of its own; a large one runs alone on all."""

    device = "cpu"
    chip = ""

    def __init__(self, path: Path, batch_size: int) -> None:
        try:
            blob = io.BytesIO(path.read_bytes())
            compiled = openvino.Core().import_model(blob, "CPU", settings(batch_size))
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: OpenVINO can't load it. Delete it, it is compiled again") from error
        self.max_concurrency = streams(batch_size)
        self.outputs_phases = compiled.output(0).get_any_name() != OUTPUT
        self.requests = SimpleQueue[Any]()
        for _ in range(self.max_concurrency):
            self.requests.put(compiled.create_infer_request())

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        request = self.requests.get()
        try:
            # Copied, since the next run writes there; with memory of ours a batch of 16 takes twice as long.
            return np.array(request.infer({0: images}, share_inputs=True, share_outputs=True)[0])
        finally:
            self.requests.put(request)

    def close(self) -> None:
        """Nothing but memory is held."""


def streams(batch_size: int) -> int:
    return 1 if batch_size >= LARGE_BATCH else cores()


def settings(batch_size: int) -> dict[str, Any]:
    """In words: float32 where nothing is quantised; threads that share the cores with ours, so they aren't pinned."""
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": streams(batch_size),
        "INFERENCE_NUM_THREADS": cores(),
        "ENABLE_CPU_PINNING": False,
    }


def build(
    deliverable: Deliverable,
    weights: Path,
    form: IoFormat,
    batch_size: int,
    store: Store,
    target: Target,
    calibration: Calibration | None = None,
) -> Artifact:
    """Export, quantise if ``calibration`` is given, fix the batch size, compile."""
    exported = get_onnx(deliverable, weights, form, store)
    onnx_sha256 = hash_file(exported)
    source = exported if calibration is None else quantised(exported, onnx_sha256, form, calibration, store)
    key = {
        "model": hash_file(source),
        "batch_size": batch_size,
        "openvino": openvino.__version__,
        "cpu": cpu(),
        "settings": settings(batch_size),
        "source": code_digest("backends/openvino.py", "model/onnx_graph.py"),
    }
    if calibration is not None:
        key["weights"] = hash_file(source.with_suffix(".bin"))
    folder = store.build("openvino", key, lambda folder: compile_model(source, batch_size, folder))
    path = folder / "model.blob"
    return Artifact(
        path=path,
        backend="openvino",
        batch_size=batch_size,
        form=form,
        sha256=hash_file(path),
        weights_sha256=hash_file(weights),
        onnx_sha256=onnx_sha256,
        precision="fp32" if calibration is None else "int8",
        calibration_sha256="" if calibration is None else calibration.sha256,
    )


def quantised(exported: Path, onnx_sha256: str, form: IoFormat, calibration: Calibration, store: Store) -> Path:
    """The quantised model (.xml, with a .bin beside it), made once into the store."""
    key = {
        "onnx": onnx_sha256,
        "calibration": calibration.sha256,
        "nncf": installed("nncf"),
        "openvino": openvino.__version__,
        "source": code_digest("backends/quantise.py", "model/onnx_graph.py", "backends/calibration.py"),
    }
    return (
        store.build("int8", key, lambda folder: quantise(exported, form, calibration, folder / "int8.xml")) / "int8.xml"
    )


def compile_model(source: Path, batch_size: int, folder: Path) -> None:
    """Write ``folder/model.blob``: an exported ONNX, or a quantised model, for one batch size and this processor."""
    core = openvino.Core()
    if source.suffix == ".onnx":
        model = core.read_model(fix_batch_size(source, batch_size, phases=True).SerializeToString())
    else:
        model = core.read_model(source)
        model.reshape([batch_size, *list(model.input(0).shape)[1:]])
    blob = io.BytesIO()
    core.compile_model(model, "CPU", settings(batch_size)).export_model(blob)
    write_bytes(folder / "model.blob", blob.getvalue())


def open_model(artifact: Artifact, deliverable: Deliverable, target: Target) -> OpenVinoModel:
    return OpenVinoModel(artifact.path, artifact.batch_size)


def watched(target: Target) -> contextlib.AbstractContextManager[DeviceReadings]:
    """The host's own processor: nothing to hold, nothing to ask."""
    return contextlib.nullcontext(DeviceReadings())


def installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def versions() -> Mapping[str, str]:
    return {"openvino": openvino.__version__, "nncf": installed("nncf"), "numpy": np.__version__}
