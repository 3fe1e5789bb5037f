"""Results folders as recorded on a device: the files that each version of ais_bench writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NPU_SMI = """\
+--------------------------------------------------------------------------------------------+
| npu-smi 22.0.0                       Version: 22.0.2                                       |
+-------------------+-----------------+------------------------------------------------------+
| NPU     Name      | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |
| Chip    Device    | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |
+===================+=================+======================================================+
| 0       310P3     | OK              | 17.0         56                0    / 0              |
| 0       0         | 0000:AF:00.0    | 0            934  / 23054                            |
+===================+=================+======================================================+
"""


@dataclass(frozen=True)
class Version:
    """How one version of ais_bench writes.

    Attributes:
        output: name of an output file.
        inside: the summary is in the folder of the outputs.
        drops_tail: a last batch that is not full is not run.
        keeps_times: the summary lists every time.
        line: console line of the throughput.
    """

    output: str
    inside: bool
    drops_tail: bool
    keeps_times: bool
    line: str


OLD_LINE = "throughput (1000*batchsize/NPU_compute_time): {rate}"
LINE = "throughput 1000*batchsize({batch})/NPU_compute_time.mean({mean}): {rate}"
VERSIONS = {
    "June 2022": Version("sample_id_{number}_output_0", True, True, False, OLD_LINE),
    "July 2022": Version("input{number}_output_0", True, True, False, OLD_LINE),
    "September 2022": Version("{name}_0", True, False, False, LINE),
    "November 2022": Version("{name}_0", False, False, True, LINE),
    "June 2023": Version("{name}_0", False, False, True, LINE.replace("batchsize(", "batchsize.mean(")),
}


def statistics(times: NDArray[np.float64]) -> dict[str, float]:
    return {
        "min": float(times.min()),
        "max": float(times.max()),
        "mean": float(times.mean()),
        "median": float(np.median(times)),
        "percentile(99%)": float(np.percentile(times, 99)),
    }


def write(
    root: Path,
    outputs: Mapping[str, NDArray[Any]],
    batch: int,
    ms_per_image: float,
    version: str = "June 2023",
    suffix: str = "bin",
    *,
    console: bool = True,
) -> Path:
    """Write one run at a batch size: outputs, summary and console output; returns the summary's path.

    Args:
        outputs: array by image name, in the order of the run.
        batch: batch size.
    """
    how = VERSIONS[version]
    folder = root / f"bs{batch}"
    folder.mkdir(parents=True)
    names = list(outputs)
    runs = len(names) // batch if how.drops_tail else math.ceil(len(names) / batch)
    kept = names[: runs * batch]
    files = {}
    for number, name in enumerate(kept):
        path = folder / f"{how.output.format(number=number, name=name)}.{suffix}"
        save_output(path, outputs[name])
        files[str(number)] = {"infiles": [f"./prep/{name}.bin"], "outfiles": [f"./results/bs{batch}/{path.name}"]}
    times = ms_per_image * batch * (1 + 0.01 * np.random.default_rng(batch).random(runs))
    figures = statistics(times)
    rate = 1000 * batch / figures["mean"]
    table: dict[str, Any] = {
        "filesinfo": files,
        "args": ["ais_bench", "--model", f"enet_bs{batch}.om", "--input", "./prep/", "--batchsize", str(batch)],
        "NPU_compute_time": figures | ({"count": runs} if how.keeps_times else {}),
        "throughput": rate,
    }
    if how.keeps_times:
        table |= {"npu_compute_time_list": times.tolist(), "pid": 4711}
    summary = folder / "sumary.json" if how.inside else root / f"bs{batch}_summary.json"
    summary.write_text(json.dumps(table))
    if console:
        # Three float32 channels, of the outputs' size; outputs that are left out stand for those of the guide.
        first = outputs[names[0]]
        size = 3 * 4 * (int(np.prod(first.shape[-2:])) if first.ndim > 2 else 480 * 480)
        shown = ", ".join(f"{key} = {value}" for key, value in figures.items())
        lines = [
            f"[INFO] output path:./results/bs{batch}",
            f"[INFO] get filesperbatch files0 size:{size} tensor0size:{batch * size} filesperbatch:{batch} "
            f"runcount:{runs}",
            "[INFO] warm up 1 done",
            f"Inference array Processing: 100%|██████████| {runs}/{runs} [00:01<00:00, 10.45it/s]",
            "[INFO] -----------------Performance Summary------------------",
            f"[INFO] NPU_compute_time (ms): {shown}",
            f"[INFO] {how.line.format(batch=batch, mean=figures['mean'], rate=rate)}",
            "[INFO] ------------------------------------------------------",
        ]
        (root / f"console_bs{batch}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return summary


def save_output(path: Path, array: NDArray[Any]) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".txt":
        form = "%f" if array.dtype.kind == "f" else "%d"
        rows = array.reshape(-1, array.shape[-1])
        path.write_text("".join(" ".join(form % value for value in row) + " \n" for row in rows), encoding="ascii")
    else:
        array.tofile(path)
