"""Summaries and consoles of consistent runs, with changes, that were never files. No fixture, no test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from enet.records.console import Console
from enet.records.summary import Summary

IMAGES = 20


def statistics(times: list[float]) -> dict[str, float]:
    names = {"min": min(times), "max": max(times), "mean": sum(times) / len(times)}
    return {**names, "median": float(np.median(times)), "p99": float(np.percentile(times, 99))}


def summary(
    batch: int = 1,
    times: list[float] | None = None,
    flag: str | None = None,
    root: Path = Path("results"),
    **changes: Any,
) -> Summary:
    """A consistent run of all images, at 2 ms an execution unless there are times; an empty flag was not given."""
    raw = times or [2.0] * -(-IMAGES // batch)
    known: dict[str, Any] = {
        "path": root / "run_summary.json",
        "folder": root / "run",
        "pairs": tuple((f"./prep/{n:02}.bin", f"./results/run/{n:02}_0.bin") for n in range(IMAGES)),
        "options": {} if flag == "" else {"batchsize": flag or str(batch)},
        "statistics": statistics(raw),
        "throughput": 1000 * batch / (sum(raw) / len(raw)),
        "compute_ms": tuple(raw),
        "count": len(raw),
        "simulated": False,
    }
    return Summary(**{**known, **changes})


def console(*batches: tuple[int, int], name: str = "console.txt", **changes: Any) -> Console:
    """Console output with (files in a batch, batches) of each run."""
    known: dict[str, Any] = {"outputs": ("./results/run",), "claims": (), "devices": {}}
    return Console(path=Path(name), batches=batches, **{**known, **changes})


def counted(count: int | None, **options: str) -> dict[str, Any]:
    """Changes to a summary of a version that keeps no times, at most their number."""
    return {"compute_ms": (), "count": count, "options": options}


#: As versions that drop a last batch name their outputs.
NUMBERED = tuple((f"./prep/{n:02}.bin", f"./results/run/sample_id_{n}_output_0.bin") for n in range(IMAGES))
