"""ONNX Runtime on the CPU: the embedded default.

Compiling means what it means on an NPU: the exported ONNX is fixed to one batch size and optimised for this machine,
and the result is a file of its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from enet.backends.base import LARGE_BATCH, Artifact, DeviceReadings
from enet.backends.calibration import Calibration
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores, cpu
from enet.model.onnx_cache import get_onnx
from enet.model.onnx_graph import OUTPUT, canonicalise_graph, fix_batch_size
from enet.storage.files import hash_file
from enet.storage.store import Store, code_digest

#: Errors are raised, so they need no line of their own; warnings (that an optimised model suits this machine alone) are
#: known here.
LOG_FATAL = 4


class OnnxRuntimeModel:
    """One session. Small batches run one a core, each on the thread that calls; a batch that is large enough to keep
    all cores busy runs alone, on all of them, since the memory of two such runs would be used for nothing."""

    device = "cpu"
    chip = ""

    def __init__(self, path: Path, batch_size: int) -> None:
        alone = batch_size >= LARGE_BATCH
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores() if alone else 1
        options.inter_op_num_threads = 1
        # A planned memory pattern keeps the sum of all tensors' sizes; without it a batch of 16 takes half of that.
        options.enable_mem_pattern = not alone
        options.log_severity_level = LOG_FATAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done when compiled
        self.turn = threading.Lock() if alone else contextlib.nullcontext()
        self.session = open_session(path, options)
        self.input = self.session.get_inputs()[0].name
        self.max_concurrency = 1 if alone else cores()
        self.outputs_phases = self.session.get_outputs()[0].name != OUTPUT

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        with self.turn:
            (result,) = self.session.run(None, {self.input: images})
        return np.asarray(result)

    def close(self) -> None:
        """Nothing but memory is held."""


def open_session(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """A session on the CPU.

    Raises:
        InputError: ONNX Runtime refuses the file.
    """
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"{path}: ONNX Runtime can't load it ({reason}). Export it again") from error


def build(
    deliverable: Deliverable,
    weights: Path,
    form: IoFormat,
    batch_size: int,
    store: Store,
    target: Target,
    calibration: Calibration | None = None,
) -> Artifact:
    """Export, fix the batch size, optimise."""
    exported = get_onnx(deliverable, weights, form, store)
    onnx_sha256 = hash_file(exported)
    key = {
        "onnx": onnx_sha256,
        "batch_size": batch_size,
        "onnxruntime": onnxruntime.__version__,
        "cpu": cpu(),
        "source": code_digest("backends/onnxruntime.py", "model/onnx_graph.py"),
    }
    folder = store.build("onnxruntime", key, lambda folder: compile_model(exported, batch_size, folder, phases=True))
    path = folder / "model.onnx"
    return Artifact(
        path=path,
        backend="onnxruntime",
        batch_size=batch_size,
        form=form,
        sha256=hash_file(path),
        weights_sha256=hash_file(weights),
        onnx_sha256=onnx_sha256,
    )


def compile_model(exported: Path, batch_size: int, folder: Path, *, phases: bool = False) -> None:
    """Write ``folder/model.onnx``: the exported model for one batch size, optimised by ONNX Runtime.

    Args:
        phases: as in ``fixed``.
    """
    source = folder / "fixed.onnx"
    onnx.save(fix_batch_size(exported, batch_size, phases=phases), source)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(folder / "model.onnx")
    open_session(source, options)
    source.unlink()
    optimised = folder / "model.onnx"
    onnx.save(canonicalise_graph(onnx.load(optimised)), optimised)


def open_model(artifact: Artifact, deliverable: Deliverable, target: Target) -> OnnxRuntimeModel:
    return OnnxRuntimeModel(artifact.path, artifact.batch_size)


def watched(target: Target) -> contextlib.AbstractContextManager[DeviceReadings]:
    """The host's own processor: nothing to hold, nothing to ask."""
    return contextlib.nullcontext(DeviceReadings())


def versions() -> Mapping[str, str]:
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "numpy": np.__version__}
