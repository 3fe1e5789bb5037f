"""Ascend NPUs: the ONNX compiled by atc or tuned by aoe, run in process by ais_bench's ``InferSession``.

A model with uint8 input has the normalisation in the ``.om``, as AIPP, not in the ONNX.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from enet.ascend import aipp, ais_bench, aoe, atc, npu_smi, tool
from enet.ascend.devices import chip, states
from enet.ascend.simulation import is_simulated_om
from enet.backends.base import Artifact, DeviceReadings
from enet.backends.calibration import Calibration
from enet.deliverable import Deliverable, IoFormat
from enet.deliverable.target import Target
from enet.errors import BackendUnavailable, InputError
from enet.model.onnx_cache import get_onnx
from enet.storage.files import hash_file, write_text
from enet.storage.store import Store, code_digest

#: What decides a ``.om``'s content, apart from what is given to it.
BUILD_CODE = ("backends/ascend.py", "ascend/atc.py", "ascend/aoe.py", "ascend/aipp.py")


class AscendModel:
    """One ``.om`` on one device. Calls take turns: the device does one thing at a time."""

    outputs_phases = False
    max_concurrency = 1

    def __init__(self, path: Path, device: int, chip: str, form: IoFormat) -> None:
        self.device, self.chip, self.form = f"{chip or 'Ascend'} {device}", chip, form
        self.path, self.turn = path, threading.Lock()
        self.session: Any = ais_bench.session(path, device)

    def infer(self, images: NDArray[Any]) -> NDArray[Any]:
        with self.turn:
            try:
                (result,) = self.session.infer([np.ascontiguousarray(images)])
            except Exception as error:  # the extension raises RuntimeError, with its reason on the console
                raise InputError(f"{self.path}: inference failed on {self.device} ({error})") from error
        return np.asarray(result) if self.form.output == "labels" else np.asarray(result, np.float32)

    def close(self) -> None:
        """Unload the model. Not ``finalize``: that ends the runtime for every other model of this process."""
        self.session = None


def build(
    deliverable: Deliverable,
    weights: Path,
    form: IoFormat,
    batch_size: int,
    store: Store,
    target: Target,
    calibration: Calibration | None = None,
) -> Artifact:
    """Export, and compile for one batch size; or tune, if the target says so.

    Raises:
        BackendUnavailable: a tool is missing; or nothing tells the SoC version.
        ToolFailed: atc or aoe refused, with its own code and reason.
    """
    tool.find("aoe" if target.tuning else "atc")  # before anything that takes long
    exported = get_onnx(deliverable, weights, IoFormat(output=form.output), store)
    onnx_sha256 = hash_file(exported)
    config = aipp.config(deliverable.preprocessing) if form.input == "uint8" else ""
    width, height = deliverable.preprocessing.size
    soc_version = target.soc_version or npu_smi.soc_version(chip(target))
    key = {
        "onnx": onnx_sha256,
        "batch_size": batch_size,
        "soc_version": soc_version,
        "aipp": config,
        "precision_mode": target.precision_mode,
        "tuning": target.tuning,
        "cann": tool.cann_version(),
        "source": code_digest(*BUILD_CODE),
    }

    def make(folder: Path) -> None:
        insert = folder / "aipp.cfg" if config else None
        if insert:
            write_text(insert, config)
        conversion = atc.Conversion(
            model=exported,
            output=folder / f"enet_bs{batch_size}",
            soc_version=soc_version,
            batch_size=batch_size,
            shape=(3, height, width),
            precision_mode=target.precision_mode,
            aipp=insert,
        )
        if target.tuning:
            tuning = aoe.Tuning(
                conversion=conversion, job_types=target.tuning, bank=folder / "bank", device=target.devices[0]
            )
            told = {"tool": "aoe", "improvements_percent": aoe.tune(tuning).improvements}
        else:
            told = {"tool": "atc", "warnings": [str(each) for each in atc.convert(conversion).warnings]}
        write_text(folder / "built.json", json.dumps(told, indent=1))

    folder = store.build("ascend", key, make)
    (path,) = folder.glob("*.om")
    return Artifact(
        path=path,
        backend="ascend",
        batch_size=batch_size,
        form=form,
        sha256=hash_file(path),
        weights_sha256=hash_file(weights),
        onnx_sha256=onnx_sha256,
        simulated=is_simulated_om(path),
    )


def open_model(artifact: Artifact, deliverable: Deliverable, target: Target) -> AscendModel:
    return AscendModel(artifact.path, target.devices[0], chip(target), artifact.form)


@contextlib.contextmanager
def watched(target: Target) -> Iterator[DeviceReadings]:
    """Hold the devices against this user's other runs; look at their state before and after."""
    with contextlib.ExitStack() as held:
        for device in sorted(target.devices):
            held.enter_context(FileLock(Path(tempfile.gettempdir()) / f"enet-{os.getuid()}-ascend-{device}.lock"))
        watch = DeviceReadings(before=states(target))
        yield watch
        watch.after = states(target)


def versions() -> Mapping[str, str]:
    """Of CANN, the driver and ais_bench.

    Raises:
        BackendUnavailable: naming everything that is missing.
    """
    missing = []
    for look in (lambda: tool.find("atc"), lambda: tool.find("npu-smi"), ais_bench.require):
        try:
            look()
        except BackendUnavailable as error:
            missing.append(str(error))
    if missing:
        raise BackendUnavailable(", and ".join(missing))
    found = {"cann": tool.cann_version() or "not recorded", "driver": npu_smi.states()[0].driver}
    for package in ("ais_bench", "aclruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
