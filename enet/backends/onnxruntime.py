"""ONNX Runtime on the CPU, the default backend.

As for an NPU, compiling fixes the exported ONNX to one batch size and optimises it for this machine; the result is a
file of its own.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from enet.backends import bin_folder, providers
from enet.backends.base import LARGE_BATCH, Artifact, Backend, BuildRequest, FolderRun, Model
from enet.backends.interface import Interface
from enet.deliverable import Deliverable
from enet.deliverable.target import Target
from enet.errors import InputError
from enet.host import cores, cpu
from enet.model.onnx_graph import OUTPUT, canonicalise_graph, fix_batch_size

#: Name and options of an execution provider.
Provider = tuple[str, dict[str, str]]

#: Errors are raised, so they need no log. The only warning, that an optimised model fits this machine alone, is known.
LOG_FATAL = 4


class OnnxRuntimeModel(Model):
    """A session. Small batches run one per core, each on the calling thread. A batch that is large enough to use all
    cores runs alone on all of them, because two such runs would need twice the memory and be no faster.

    Args:
        interface: of a delivered file, which is optimised now.
        is_plain: a session with ONNX Runtime's own settings, but no more threads than cores may be used.
        provider: execution provider and its options; None: the CPU's.
    """

    def __init__(
        self,
        path: Path,
        batch_size: int,
        interface: Interface | None = None,
        *,
        is_plain: bool = False,
        provider: Provider | None = None,
    ) -> None:
        alone = batch_size >= LARGE_BATCH or is_plain
        options = onnxruntime.SessionOptions()
        if not is_plain or cores() < (os.cpu_count() or 1):  # its own default is all cores, whatever limits them
            options.intra_op_num_threads = cores() if alone else 1
        if not is_plain:
            options.inter_op_num_threads = 1
            # A planned memory pattern keeps all tensors at once; without it a batch of 16 needs half of that memory.
            options.enable_mem_pattern = not alone
        options.log_severity_level = LOG_FATAL
        if interface is None and provider is None:  # an export is optimised when it is compiled
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.turn = threading.Lock() if alone else contextlib.nullcontext()
        self.provider, self.first = provider, threading.Lock()
        if provider is not None:
            self.profiles = tempfile.TemporaryDirectory()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self.profiles.name) / "profile")
        self.session = open_session(path, options, provider=provider)
        self.input = interface.input if interface else self.session.get_inputs()[0].name
        self.output = interface.output if interface else self.session.get_outputs()[0].name
        self.max_concurrency = 1 if alone else cores()
        self.outputs_phases = interface is None and self.output != OUTPUT

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        if self.provider is not None and self.device == "cpu":
            with self.first:
                if self.device == "cpu":
                    return self.profile(images, self.provider[0])
        with self.turn:
            (result,) = self.session.run([self.output], {self.input: images})
        return np.asarray(result)

    def profile(self, images: NDArray[Any], provider: str) -> NDArray[Any]:
        """Run the first batch, and see which provider runs which share of the operators."""
        (result,) = self.session.run([self.output], {self.input: images})
        counts = providers.nodes_by_provider(Path(self.session.end_profiling()))
        self.profiles.cleanup()
        ran = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        if not counts[provider]:
            self.problem = f"{provider} ran none of the operators ({ran}): it fell back to the CPU without a word"
        self.device = f"{provider}, operators run by: {ran}"
        return np.asarray(result)


def open_session(
    path: Path, options: onnxruntime.SessionOptions, origin: Path | None = None, provider: Provider | None = None
) -> onnxruntime.InferenceSession:
    """Open a session. Errors name ``origin``, the file that ``path`` was made from.

    Args:
        provider: what runs as many operators as it can; the CPU's runs the others.

    Raises:
        InputError: ONNX Runtime rejects the file.
    """
    try:
        chosen = [provider] if provider and provider[0] != providers.CPU else []
        return onnxruntime.InferenceSession(str(path), options, providers=[*chosen, providers.CPU])
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
    options.intra_op_num_threads = 1  # it only optimises
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
            if request.target.provider:  # it optimises by itself, and does not know what is made for the CPU
                onnx.save(fix_batch_size(exported, request.batch_size, phases=True), folder / "model.onnx")
            else:
                compile_model(exported, request.batch_size, folder, phases=True)

        key = {"onnxruntime": onnxruntime.__version__, "cpu": cpu(), "provider": request.target.provider}
        return self.build_from_onnx(request, key, write, "model.onnx")

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> OnnxRuntimeModel:
        name = target.provider
        is_chosen = name and not artifact.is_plain
        chosen = (providers.full_name(name), providers.options_of(name, deliverable.providers)) if is_chosen else None
        return OnnxRuntimeModel(
            artifact.path, artifact.batch_size, artifact.interface, is_plain=artifact.is_plain, provider=chosen
        )

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
