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
SOUND = [[90, 10, 0], [0, 100, 0], [0, 0, 100]]
FAULTY = [[40, 0, 60], [0, 94, 6], [0, 0, 100]]


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
        provenance=provenance(**{"backend": "recorded", "device": "0", "batch_size": batch, **where}),
        tool="ais_bench",
        batch_size=batch,
        batch_size_source="the model",
        claimed_batch_size=None,
        device_timings=(timing,),
        images_expected=0,
    )


ROW = {"name": "BGR input", "ran": "artifact", "miou_before": 0.1, "miou_after": 0.6, "images": 8, "seconds": 0.2}


def failed(folder: Path) -> Contents:
    """A run with everything that a page can show of one that failed."""
    where: dict[str, Any] = {
        "argv": ("pytest", "-m", "accuracy or perf"),
        "host": "Linux",
        "time": "2026-01-02T03:04:05",
    }
    fast, slow = timed((5.0, 5.1, 4.9), batch=16, **where), timed((1.0, 1.2), **where)
    rate = {"unit": "x", "low": 1.2, "numbers": {"baseline": 825.0}}
    found: dict[str, Any] = {
        "artifact": "onnxruntime",
        "cause": "BGR",
        "sentence": "it is BGR",
        "facts": ["so"],
        "rows": [ROW],
    }
    return contents(
        percent("reference_miou", 69.0),
        percent("miou", 60.0, in_words="onnxruntime, bs1", numbers={"difference_low": -9.5, "difference_high": -8.0}),
        percent("miou", 69.0, in_words="onnxruntime, bs16"),
        percent("miou", 69.25, in_words="onnxruntime, bs4"),
        verdict("throughput", "FAIL", in_words="bs1", measured=1.1, margin=-0.1, batch_size=1, **rate),
        verdict("throughput", "PASS", in_words="bs16", measured=3.9, margin=2.7, batch_size=16, **rate),
        verdict("agreement", "NO EVIDENCE", sentence="; ".join(["one image is missing"] * 9)),
        verdict("model_directory", "INFO"),
        folder=folder,
        recorded_figures=(verdict("recorded", "INFO"),),
        accuracies=(accuracy(SOUND, backend="pytorch", **where), accuracy(FAULTY, **where)),
        throughputs=(slow, fast),
        parities=(parity(0, 3), parity(0, 0), parity(comparison="padded tail", missing_reason="no outputs")),
        diagnosis={**found, "layers": {"sentence": "all layers agree", "first": None}},
    )
