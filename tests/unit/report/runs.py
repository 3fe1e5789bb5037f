"""A run's contents from a few figures. No fixture, no test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from enet import gates
from enet.evidence import Accuracy, DeviceTiming, Parity, Throughput
from enet.report import Contents
from tests.unit.recipes import provenance

CLASSES = ("road", "sky", "car")


def verdict(gate: str, outcome: str = "PASS", in_words: str = "", **more: Any) -> dict[str, Any]:
    """A row of ``verdicts.json``."""
    made = gates.Verdict(gate=gate, outcome=gates.Outcome(outcome), sentence=f"{gate} was checked").to_json()
    named = {"test": f"test_{gate}[{in_words}]", "case": in_words, "in_words": in_words}
    return {**made, **named, "backend": None, "batch_size": None, **more}


def percent(gate: str, measured: float, *, low: float = 68.0, high: float = 70.0, **more: Any) -> dict[str, Any]:
    """A verdict on a value in % with a band."""
    margin = min(measured - low, high - measured)
    outcome = "PASS" if margin >= 0 else "FAIL"
    figures = {"measured": measured, "low": low, "high": high, "margin": margin, "unit": "%"}
    return verdict(gate, outcome, **{**figures, **more})


def contents(*verdicts: dict[str, Any], **changes: Any) -> Contents:
    """A run that is not accepted, with nothing else in it than is given."""
    empty: dict[str, Any] = dict.fromkeys(
        ("delivered", "recorded_figures", "accuracies", "speeds", "throughputs", "parities", "differences", "pictures"),
        (),
    )
    words = {"run": "r", "deliverable": "mine", "conclusion": "NOT ACCEPTED", "scope": "accuracy", "began": ""}
    known = {"folder": Path("evidence"), "accepted": False, "diagnosis": None, "legend": (), **words, **empty}
    return Contents(**{**known, "verdicts": verdicts, **changes})


def accuracy(matrix: list[list[int]], **where: Any) -> Accuracy:
    """One image's confusion matrix of three classes."""
    return Accuracy(
        provenance=provenance(**where),
        classes=CLASSES,
        absent_classes="zero",
        images=("a",),
        images_expected=1,
        matrices=np.array([matrix], np.int64),
        non_finite=0,
        seconds=1.0,
    )


def parity(*differing: int, comparison: str = "batch parity", **where: Any) -> Parity:
    """Images of ten pixels, of which so many differ."""
    return Parity(
        comparison=comparison,
        first=provenance(batch_size=16, **where),
        second=provenance(),
        images=tuple(f"image{number}" for number in range(len(differing))),
        images_expected=2,
        pixels_per_image=10,
        differing_pixels=differing,
        non_finite=0,
        is_single_class=False,
    )


def timed(times: tuple[float, ...], batch: int = 1, started: float | None = None, **where: Any) -> Throughput:
    """Recorded times of one device in ms."""
    mean = sum(times) / len(times)
    timing = DeviceTiming(
        device="0", images=0, executions=len(times), compute_ms=times, mean_ms=mean, started=started, ended=started
    )
    return Throughput(
        provenance=provenance(backend="recorded", device="0", batch_size=batch, **where),
        tool="ais_bench",
        batch_size=batch,
        batch_size_source="the model",
        claimed_batch_size=None,
        device_timings=(timing,),
        images_expected=0,
    )
