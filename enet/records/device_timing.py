"""What one device did, as one record tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RecordedTiming:
    """One device's executions.

    ``batch_size`` is the model's, 0 if nothing tells; never merely what a flag claims. ``executions`` are those that
    were timed, ``loop`` of them for each batch. ``compute_ms`` is empty where only ``statistics`` were kept (ms by
    name: min, max, mean, median, p99). ``contradictions``: where the record's figures deny each other, a sentence each.
    """

    tool: str
    source: Path
    device: str = ""
    batch_size: int
    batch_size_source: str
    claimed_batch_size: int | None = None
    executions: int
    loop: int = 1
    images: int
    drops_tail: bool = False
    zero_input: bool = False
    compute_ms: tuple[float, ...] = ()
    statistics: Mapping[str, float]
    claimed_throughput: float | None = None
    started: float | None = None
    ended: float | None = None
    simulated: bool = False
    contradictions: tuple[str, ...] = ()
    batch_ambiguity: str = ""
