"""Timing of one device in one recorded run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enet.evidence import DeviceTiming


@dataclass(frozen=True, kw_only=True)
class RecordedTiming:
    """Timed executions of one device, read from one file.

    Attributes:
        path: the summary of ais_bench, or the log of trtexec.
        share: times of the device, whose number is empty if the record has none.
        batch_size: of the model, never merely what a flag claims; 0 if unknown.
        batch_size_source: what ``batch_size`` follows from, in words.
        claimed_batch_size: what the recorded throughput was scaled by, or the flag.
        contradictions: one sentence for each two values of the record that cannot both be true.
        problems: reasons why the record cannot be used although nothing in it is a contradiction.
        input_bytes: sizes of an image in bytes, as the console has them; empty without a console.
        batch_ambiguity: why ``batch_size`` is only one of several that fit; empty if it is certain.
    """

    tool: str
    path: Path
    share: DeviceTiming
    batch_size: int
    batch_size_source: str = "nothing"
    claimed_batch_size: int | None = None
    drops_tail: bool = False
    zero_input: bool = False
    simulated: bool = False
    contradictions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    batch_ambiguity: str = ""
    input_bytes: tuple[int, ...] = ()
