"""Run a folder of preprocessed ``.bin`` files through an ONNX file, and write the files that ais_bench would write.

There is one output file per input, ``<name>_0.bin`` or ``.npy``, and ``<folder>_summary.json`` beside the folder, which
lists outputs by input as ais_bench's own summary does. ``enet postprocess`` scores either.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.backends.base import FolderRun, Model
from enet.errors import InputError, format_list
from enet.metrics.labels import pad_batch
from enet.model.onnx_file import input_of
from enet.progress import bar
from enet.storage.files import make_folder, write_bytes, write_text


def infer(run: FolderRun, open_model: Callable[[], Model], backend: str, *, progress: bool) -> Path:
    """Run the ``.bin`` files of a folder in order of name. A last batch that is not full is padded.

    Args:
        run: its model is an ONNX file with one input and one output whose first axis is the batch.
        open_model: opens it for the batch size; called after the inputs were checked.
        backend: its name, for the summary.
    Returns:
        The summary.
    Raises:
        InputError: the model cannot be loaded, there are no files, or a file's size is not that of one input.
    """
    dtype, shape = input_of(run.model)
    files = sorted(run.inputs.glob("*.bin"))
    if not files:
        raise InputError(f"{run.inputs}: no .bin files. Write them with: enet preprocess --save-path {run.inputs}")
    size = int(np.prod(shape)) * dtype.itemsize
    if wrong := [f"{path.name} ({path.stat().st_size})" for path in files if path.stat().st_size != size]:
        raise InputError(f"{run.inputs}: bytes of {format_list(wrong)}, expected {size} of {dtype} {list(shape)}")
    make_folder(run.outputs)
    opened = open_model()
    entries, milliseconds = list[dict[str, list[str]]](), list[float]()
    with bar(title="inferring", total=len(files), shown=progress) as progress_bar:
        for start in range(0, len(files), run.batch_size):
            chunk = files[start : start + run.batch_size]
            batch = pad_batch(np.stack([np.fromfile(path, dtype).reshape(shape) for path in chunk]), run.batch_size)
            begin = time.perf_counter()
            results = infer_batch(run.model, opened, batch)
            milliseconds.append(1000 * (time.perf_counter() - begin))
            for path, result in zip(chunk, results, strict=False):  # the rows of the padding are dropped
                output = run.outputs / f"{path.stem}_0.{run.outfmt.lower()}"
                write_bytes(output, encode(result, run.outfmt))
                entries.append({"infiles": [str(path)], "outfiles": [str(output)]})
            progress_bar.update(len(chunk))
    summary = run.outputs.with_name(f"{run.outputs.name}_summary.json")
    table = {"backend": backend, "batch_size": run.batch_size, "compute_time_list_ms": milliseconds}
    files_info = {str(number): entry for number, entry in enumerate(entries)}
    write_text(summary, json.dumps({"filesinfo": files_info, **table}))
    return summary


def infer_batch(model: Path, opened: Model, batch: NDArray[Any]) -> NDArray[Any]:
    """Return one output per row of the batch.

    Raises:
        InputError: the model fails, or its output's first axis is not the batch.
    """
    try:
        results = opened.infer(batch)
    except Exception as error:  # the exceptions of ONNX Runtime share no base class
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"model {model}: inference failed ({reason}). Export it again") from error
    if results.shape[:1] != (len(batch),):
        seen, rule = list(results.shape), f"expected a first axis of {len(batch)}"
        raise InputError(f"model {model}: output of shape {seen}, {rule}. Export it again")
    return results


def encode(result: NDArray[Any], outfmt: str) -> bytes:
    """Encode one output as the content of a file."""
    if outfmt == "BIN":
        return np.ascontiguousarray(result).tobytes()
    buffer = io.BytesIO()
    np.save(buffer, result)
    return buffer.getvalue()
