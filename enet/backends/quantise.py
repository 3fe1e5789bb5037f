"""Static INT8 by NNCF: scales per channel for weights, from calibration images for activations."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from enet.backends.calibration import Calibration
from enet.deliverable import IoFormat
from enet.errors import BackendUnavailable
from enet.model.onnx_graph import fix_batch_size


def quantise(exported: Path, form: IoFormat, calibration: Calibration, path: Path) -> None:
    """Write an exported ONNX as OpenVINO's IR with 8-bit convolutions, for batch 1; any other batch by reshaping.

    Activations that aren't symmetric about 0, such as those behind PReLU, keep a zero point of their own (NNCF's
    ``MIXED``); the output stays float32.

    Raises:
        BackendUnavailable: NNCF isn't installed.
    """
    import openvino

    os.environ.setdefault("NNCF_CI", "1")  # else it reports its use over the network
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise BackendUnavailable("--precision int8: nncf is not installed. Try: pip install nncf") from error

    model = openvino.Core().read_model(fix_batch_size(exported, 1, phases=True).SerializeToString())
    inputs = list(calibration.inputs(form))
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars that can't be turned off
        nncf.set_log_level("ERROR")
        quantised = nncf.quantize(
            model,
            nncf.Dataset(inputs),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(inputs),
            target_device=nncf.TargetDevice.CPU,
        )
    openvino.save_model(quantised, path, compress_to_fp16=False)
