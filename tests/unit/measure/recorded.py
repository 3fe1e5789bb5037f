"""Recorded results of a tiny subject, as a user copies them from a device."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.measure.subject import Subject
from tests.unit.tiny import slow_logits

#: Name of an output file by number and image, in three versions of ais_bench.
SCHEMES: dict[str, Callable[[int, str], str]] = {
    "June 2022": lambda number, _: f"sample_id_{number}_output_0",
    "July 2022": lambda number, _: f"input{number}_output_0",
    "September 2022": lambda _, name: f"{name.split('.')[0]}_0",
}
#: Where the summary lies for outputs in ``folder``.
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "inside": lambda folder: folder / "sumary.json",
    "beside": lambda folder: folder.with_name(f"{folder.name}_summary.json"),
}


def write_output(path: Path, array: NDArray[Any]) -> Path:
    """Write one output file in the format of its suffix."""
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        path.write_bytes(array.tobytes())
    return path


def write_summary(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """Write a summary with one entry for each execution."""
    listed = {str(n): {"infiles": [i], "outfiles": [o]} for n, (i, o) in enumerate(pairs)}
    times = {"min": 1.0, "max": 1.0, "mean": 1.0, "median": 1.0, "percentile(99%)": 1.0}
    path.write_text(json.dumps({"filesinfo": listed, "args": [], "NPU_compute_time": times, "throughput": 1000.0}))
    return path


def record(
    subject: Subject, root: Path, scheme: str = "September 2022", layout: str = "beside", kind: str = "float32.bin"
) -> Path:
    """Write a folder of outputs of all images, as a user copies it from a device; return the path of its summary."""
    folder = root / "2022_12_01-10_00_00"
    folder.mkdir()
    dtype, suffix = kind.split(".")
    pairs = []
    for number, (name, logits) in enumerate(sorted(slow_logits(subject).items())):
        array = logits.argmax(axis=0) if dtype in ("uint8", "int64") else logits
        file = write_output(folder / f"{SCHEMES[scheme](number, name)}.{suffix}", array.astype(dtype))
        pairs.append((f"./prep/{name}.bin", f"/home/someone/results/{folder.name}/{file.name}"))
    return write_summary(LAYOUTS[layout](folder), pairs)


def outputs(summary: Path) -> list[Path]:
    """The output files below a summary's folder."""
    return sorted(path for path in summary.parent.rglob("*") if path.suffix in (".bin", ".npy"))


def listed_pairs(summary: Path) -> list[tuple[str, str]]:
    entries = json.loads(summary.read_text())["filesinfo"].values()
    return [(entry["infiles"][0], entry["outfiles"][0]) for entry in entries]
