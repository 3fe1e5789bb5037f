"""Run a folder of preprocessed ``.bin`` files through an ONNX file, and leave what ais_bench would leave.

One output file per input, ``<name>_0.bin`` or ``.npy``, and ``<folder>_summary.json`` beside the folder, which maps
inputs to outputs as ais_bench's own summary does: ``enet postprocess`` scores either.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from enet.backends.onnxruntime import OnnxRuntimeModel, compile_model
from enet.errors import InputError, format_list
from enet.metrics.labels import pad_batch
from enet.model.onnx_file import input_of
from enet.storage.files import make_folder, write_bytes, write_text


def run(
    model: Path, inputs: Path, outputs: Path, batch_size: int, outfmt: Literal["BIN", "NPY"], *, progress: bool
) -> Path:
    """Infer every ``.bin`` file of a folder, in order of name; a last batch that isn't full is filled with its first.

    Args:
        model: an ONNX file with one input and one output whose first axis is the batch.
    Returns:
        The summary's path.
    Raises:
        InputError: the model can't be loaded, there are no files, or a file hasn't the size of one input.
    """
    dtype, shape = input_of(model)
    files = sorted(inputs.glob("*.bin"))
    if not files:
        raise InputError(f"{inputs}: no .bin files. Write them with: enet preprocess --save-path {inputs}")
    size = int(np.prod(shape)) * dtype.itemsize
    wrong = [f"{path.name} ({path.stat().st_size})" for path in files if path.stat().st_size != size]
    if wrong:
        raise InputError(
            f"{inputs}: files that haven't the {size} bytes of {dtype} {list(shape)}: {format_list(wrong)}"
        )
    make_folder(outputs)
    with tempfile.TemporaryDirectory() as folder:
        compile_model(model, batch_size, Path(folder))
        opened = OnnxRuntimeModel(Path(folder) / "model.onnx", batch_size)
    written: dict[str, dict[str, list[str]]] = {}
    milliseconds = []
    bar = tqdm(total=len(files), desc="inferring", unit="image", disable=None if progress else True)
    with bar:
        for start in range(0, len(files), batch_size):
            chunk = files[start : start + batch_size]
            rows = np.stack([np.fromfile(path, dtype).reshape(shape) for path in chunk])
            batch = pad_batch(rows, batch_size)
            begin = time.perf_counter()
            results = inferred(model, opened, batch)
            milliseconds.append(1000 * (time.perf_counter() - begin))
            for path, result in zip(chunk, results, strict=False):  # the filling's rows are dropped
                output = outputs / f"{path.stem}_0.{outfmt.lower()}"
                write_bytes(output, encoded(result, outfmt))
                written[str(len(written))] = {"infiles": [str(path)], "outfiles": [str(output)]}
            bar.update(len(chunk))
    summary = outputs.with_name(f"{outputs.name}_summary.json")
    table = {
        "filesinfo": written,
        "backend": "onnxruntime",
        "batch_size": batch_size,
        "compute_time_list_ms": milliseconds,
    }
    write_text(summary, json.dumps(table))
    return summary


def inferred(model: Path, opened: OnnxRuntimeModel, batch: NDArray[Any]) -> NDArray[Any]:
    """One output a row of the batch.

    Raises:
        InputError: the model fails, or its output's first axis isn't the batch.
    """
    try:
        results = opened.infer(batch)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"model {model}: ONNX Runtime can't run it ({reason}). Export it again") from error
    if results.shape[:1] != (len(batch),):
        found = list(results.shape)
        raise InputError(f"model {model}: output of shape {found}, but its first axis should be {len(batch)}")
    return results


def encoded(result: NDArray[Any], outfmt: Literal["BIN", "NPY"]) -> bytes:
    """One output as a file's bytes."""
    if outfmt == "BIN":
        return np.ascontiguousarray(result).tobytes()
    buffer = io.BytesIO()
    np.save(buffer, result)
    return buffer.getvalue()
