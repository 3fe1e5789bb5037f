"""ONNX Runtime on the CPU, the default backend.

As for an NPU, compiling fixes the exported ONNX to one batch size and optimises it for this machine; the result is a
file of its own.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from enet.backends import bin_folder
from enet.backends.base import LARGE_BATCH, Artifact, Backend, BuildRequest, FolderRun, Model
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores, cpu
from enet.model.interface import Interface
from enet.model.onnx_graph import OUTPUT, canonicalise_graph, fix_batch_size

#: Errors are raised, so they need no log. The only warning, that an optimised model fits this machine alone, is known.
LOG_FATAL = 4


class OnnxRuntimeModel(Model):
    """A session. Small batches run one per core, each on the calling thread. A batch that is large enough to use all
    cores runs alone on all of them, because two such runs would need twice the memory and be no faster."""

    def __init__(self, path: Path, batch_size: int, interface: Interface | None = None) -> None:
        alone = batch_size >= LARGE_BATCH
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores() if alone else 1
        options.inter_op_num_threads = 1
        # A planned memory pattern keeps all tensors at once; without it a batch of 16 needs half of that memory.
        options.enable_mem_pattern = not alone
        options.log_severity_level = LOG_FATAL
        if interface is None:  # an export is optimised when it is compiled
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.turn = threading.Lock() if alone else contextlib.nullcontext()
        self.session = open_session(path, options)
        self.input = interface.input if interface else self.session.get_inputs()[0].name
        self.output = interface.output if interface else self.session.get_outputs()[0].name
        self.max_concurrency = 1 if alone else cores()
        self.outputs_phases = interface is None and self.output != OUTPUT

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        with self.turn:
            (result,) = self.session.run([self.output], {self.input: images})
        return np.asarray(result)


def open_session(
    path: Path, options: onnxruntime.SessionOptions, origin: Path | None = None
) -> onnxruntime.InferenceSession:
    """Open a session on the CPU. Errors name ``origin``, the file that ``path`` was made from.

    Raises:
        InputError: ONNX Runtime rejects the file.
    """
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"{origin or path}: ONNX Runtime cannot load it ({reason}). Export it again") from error


def compile_model(exported: Path, batch_size: int, folder: Path, *, phases: bool = False) -> Path:
    """Write ``folder/model.onnx``: the exported model for one batch size, optimised by ONNX Runtime.

    Args:
        phases: as in ``fix_batch_size``.
    """
    source, optimised = folder / "fixed.onnx", folder / "model.onnx"
    onnx.save(fix_batch_size(exported, batch_size, phases=phases), source)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(optimised)
    open_session(source, options, exported)
    source.unlink()
    onnx.save(canonicalise_graph(onnx.load(optimised)), optimised)
    return optimised


class OnnxRuntimeBackend(Backend):
    """Exports, fixes the batch size and optimises. A delivered file runs as it is."""

    def build(self, request: BuildRequest) -> Artifact:
        if request.delivered is not None:
            return self.describe(request, request.delivered, onnx_sha256=request.content_hash(request.delivered))

        def write(exported: Path, folder: Path) -> None:
            compile_model(exported, request.batch_size, folder, phases=True)

        key = {"onnxruntime": onnxruntime.__version__, "cpu": cpu()}
        return self.build_from_onnx(request, key, write, "model.onnx")

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> OnnxRuntimeModel:
        return OnnxRuntimeModel(artifact.path, artifact.batch_size, artifact.interface)

    def versions(self) -> Mapping[str, str]:
        return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "numpy": np.__version__}

    def conditions(self) -> Mapping[str, Any]:
        return {"build": onnxruntime.get_build_info()}

    def run_folder(self, run: FolderRun, *, progress: bool = False) -> list[Path]:
        if run.outfmt == "TXT":
            raise InputError(f"--outfmt TXT: not supported by backend {self.info.name}. Use BIN or NPY")

        def open_compiled() -> Model:
            with tempfile.TemporaryDirectory() as folder:
                return OnnxRuntimeModel(compile_model(run.model, run.batch_size, Path(folder)), run.batch_size)

        return [bin_folder.infer(run, open_compiled, self.info.name, progress=progress)]
