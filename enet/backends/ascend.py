"""Ascend NPUs: the ONNX compiled by atc or tuned by aoe, run in this process by ais_bench's ``InferSession``.

A model with uint8 input has the normalisation in the ``.om``, as AIPP, not in the ONNX.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from enet.ascend import aipp, ais_bench, npu_smi, om, tool
from enet.ascend.devices import chip_name, read_states, soc_version
from enet.ascend.simulation import is_simulated_om
from enet.backends.base import Artifact, Backend, BuildRequest, DeviceReadings, FolderRun, InnerValue, Model, Place
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import BackendUnavailable, InputError
from enet.model.onnx_cache import get_onnx
from enet.storage.files import write_text


class AscendModel(Model):
    """A ``.om`` on one device. Calls take turns, because a device runs one batch at a time."""

    def __init__(self, path: Path, number: int, chip: str, result: int, *, keep_type: bool) -> None:
        self.device, self.chip, self.result, self.keep_type = f"{chip} {number}", chip, result, keep_type
        self.path, self.turn = path, threading.Lock()
        self.session: Any = ais_bench.open_session(path, number)

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        with self.turn:
            try:
                result = self.session.infer([np.ascontiguousarray(images)])[self.result]
            except Exception as error:  # the extension raises RuntimeError, with its reason on the console
                raise InputError(f"{self.path}: inference failed on {self.device} ({error})") from error
        return np.asarray(result) if self.keep_type else np.asarray(result, np.float32)

    def close(self) -> None:
        """Unload the model. Not ``finalize``: that ends the runtime for all other models of this process."""
        self.session = None


class AscendBackend(Backend):
    """Exports, and compiles for one batch size; tunes if the target says so."""

    def build(self, request: BuildRequest) -> Artifact:
        """Build the artifact, or find it in the artifact cache.

        Raises:
            BackendUnavailable: a tool is missing.
            InputError: the SoC version is unknown.
            ToolFailed: atc or aoe failed; the message has its code and reason.
        """
        target, spec, kind = request.target, request.deliverable, request.io_format.input
        if (given := request.delivered) is not None and given.suffix == ".om":
            return replace(self.describe(request, given), simulated=is_simulated_om(given))
        if (interface := request.interface) is not None:
            kind = "float"
            if (interface.input_dtype, interface.layout) != ("float32", "NCHW"):
                seen = f"input {interface.input_dtype} {interface.layout}, but atc is given float32 NCHW here"
                raise InputError(f"{given}: {seen}. Compile it, and give the .om with --om")
        tool.require("aoe" if target.tuning else "atc")  # before anything that takes long
        target = replace(target, soc_version=soc_version(target))
        key = {"soc_version": target.soc_version, "precision_mode": target.precision_mode, "tuning": target.tuning}
        key |= {"aipp": aipp.config(spec.preprocessing) if kind == "uint8" else "", "cann": tool.cann_version()}

        def write(exported: Path, folder: Path) -> None:
            output, sizes = folder / f"enet_bs{request.batch_size}", (request.batch_size,)
            compiled = om.compile_onnx(exported, output, sizes, spec, kind, target)
            facts = {"warnings": compiled.warnings, "improvements_percent": compiled.improvements}
            write_text(folder / "built.json", json.dumps(facts, indent=1))

        artifact = self.build_from_onnx(request, key, write, "*.om")
        return replace(artifact, simulated=is_simulated_om(artifact.path))

    def export(self, request: BuildRequest) -> Path:
        if request.delivered is not None:
            return request.delivered
        io_format = IoFormat(output=request.io_format.output)
        return get_onnx(request.deliverable, request.checkpoint, io_format, request.store)

    def inner_values(
        self,
        artifact: Artifact,
        onnx: Path,
        wanted: Sequence[InnerValue],
        images: NDArray[Any],
        deliverable: Deliverable,
        target: Target,
    ) -> list[NDArray[Any]]:
        kind: om.InputKind = "uint8" if images.dtype == np.uint8 else "float"
        chosen = replace(target, soc_version=soc_version(target), tuning=())
        nodes = tuple(f"{value.node}:{value.place}" for value in wanted)
        with tempfile.TemporaryDirectory() as folder:
            output, sizes = Path(folder).resolve() / "inner", (artifact.batch_size,)
            compiled = om.compile_onnx(onnx, output, sizes, deliverable, kind, chosen, out_nodes=nodes)
            session = ais_bench.open_session(compiled.om, target.devices[0])
            return [np.asarray(result) for result in session.infer([np.ascontiguousarray(images)])]

    def open_model(self, artifact: Artifact, deliverable: Deliverable, target: Target) -> AscendModel:
        interface = artifact.interface
        keep_type = interface is not None or artifact.io_format.output == "labels"
        place = interface.output_place if interface else 0
        return AscendModel(artifact.path, target.devices[0], chip_name(target), place, keep_type=keep_type)

    def place(self, target: Target) -> Place:
        chip = chip_name(target)
        return Place(f"{chip} {','.join(map(str, target.devices))}", chip)

    @contextlib.contextmanager
    def reserve_devices(self, target: Target) -> Iterator[DeviceReadings]:
        """Lock the devices for this user's other runs, and record their state before and after."""
        with contextlib.ExitStack() as locks:
            for device in sorted(target.devices):
                locks.enter_context(FileLock(Path(tempfile.gettempdir()) / f"enet-{os.getuid()}-ascend-{device}.lock"))
            readings = DeviceReadings(before=read_states(target))
            yield readings
            readings.after = read_states(target)

    def run_folder(self, run: FolderRun, *, progress: bool = False) -> list[Path]:
        return ais_bench.infer(run)

    def versions(self) -> Mapping[str, str]:
        missing = []
        for check in (partial(tool.require, "atc"), partial(tool.require, "npu-smi"), ais_bench.require):
            try:
                check()
            except BackendUnavailable as error:
                missing.append(str(error))
        if missing:
            raise BackendUnavailable(", and ".join(missing))
        found = {"cann": tool.cann_version() or "not recorded", "driver": npu_smi.read_states()[0].driver}
        for package in ("ais_bench", "aclruntime"):
            found[package] = "not recorded"
            with contextlib.suppress(metadata.PackageNotFoundError):
                found[package] = metadata.version(package)
        return found
