"""Static INT8 quantisation by NNCF: scales per channel for weights, from calibration images for activations."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import openvino

from enet.backends.calibration import Calibration
from enet.deliverable import IoFormat
from enet.errors import BackendUnavailable
from enet.model.onnx_graph import fix_batch_size


def quantise(exported: Path, io_format: IoFormat, calibration: Calibration, path: Path) -> None:
    """Write an exported ONNX as OpenVINO's IR with 8-bit convolutions, for batch 1; reshape it for other batch sizes.

    Activations that are not symmetric about 0, such as those after PReLU, have a zero point (NNCF's ``MIXED``); the
    output stays float32.

    Raises:
        BackendUnavailable: NNCF is not installed.
    """
    os.environ.setdefault("NNCF_CI", "1")  # otherwise it reports its use over the network
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise BackendUnavailable("--precision int8: nncf is not installed. Try: pip install nncf") from error

    model = openvino.Core().read_model(fix_batch_size(exported, 1, phases=True).SerializeToString())
    inputs = list(calibration.inputs(io_format))
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars that cannot be turned off
        nncf.set_log_level("ERROR")
        settings = {"preset": nncf.QuantizationPreset.MIXED, "target_device": nncf.TargetDevice.CPU}
        quantised = nncf.quantize(model, nncf.Dataset(inputs), subset_size=len(inputs), **settings)
    openvino.save_model(quantised, path, compress_to_fp16=False)
