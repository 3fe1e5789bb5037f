"""The report's charts as Vega-Lite specifications. Colours are Okabe and Ito's, told apart without red
and green; their blue a little lighter, for dark pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from enet.deliverable import baselines
from enet.evidence import Accuracy
from enet.metrics import segmentation
from enet.report.contents import Contents

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2C8CC9", "#E69F00", "#009E73", "#CC79A7", "#7F7F7F"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

Spec = dict[str, Any]


def all_of(contents: Contents) -> dict[str, Spec]:
    """Every chart that the evidence has something for, by the id of its place on the page."""
    charts = {
        "chart-miou": miou(contents),
        "chart-classes": classes(contents),
        "chart-confusion": confusion(contents),
        "chart-speed": speed(contents),
        "chart-latency": latency(contents),
        "chart-throughput": throughput(contents),
    }
    return {
        name: {
            "$schema": SCHEMA,
            "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding"},
            "background": "transparent",
            **spec,
        }
        for name, spec in charts.items()
        if spec
    }


def miou(contents: Contents) -> Spec | None:
    """mIoU of reference and artifacts against the band that is accepted; the interval of the difference as a line."""
    reference: dict[str, float] = next((v["numbers"] for v in contents.verdicts if v["gate"] == "reference"), {})
    rows = []
    for verdict in contents.verdicts:
        numbers = verdict["numbers"]
        if verdict["gate"] not in ("reference", "miou") or "low" not in numbers:
            continue
        base = reference.get("miou_percent", numbers["miou_percent"])
        rows.append(
            {
                "run": "PyTorch" if verdict["gate"] == "reference" else case(verdict["test"], contents.deliverable),
                "mIoU in %": numbers["miou_percent"],
                "from": base + numbers.get("difference_low", 0.0),
                "to": base + numbers.get("difference_high", 0.0),
            }
        )
    if not rows:
        return None
    first = next(
        v["numbers"] for v in contents.verdicts if v["gate"] in ("reference", "miou") and "low" in v["numbers"]
    )
    band = [{"low": first["low"], "high": first["high"]}]
    ends = [value for row in rows for value in (row["mIoU in %"], row["from"], row["to"])]
    margin = 0.25 * (first["high"] - first["low"])
    domain = [min(first["low"], *ends) - margin, max(first["high"], *ends) + margin]
    x = {
        "type": "quantitative",
        "scale": {"domain": domain, "zero": False},
        "title": "mIoU in % (shaded: accepted)",
        "axis": {"tickCount": 6},
    }
    y = {"field": "run", "type": "nominal", "title": None, "sort": None}
    return {
        "height": 34 * len(rows),
        "layer": [
            {
                "data": {"values": band},
                "mark": {"type": "rect", "color": GREEN, "opacity": 0.2},
                "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "color": BLUE, "strokeWidth": 3},
                "encoding": {"x": {"field": "from", **x}, "x2": {"field": "to"}, "y": y},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 80, "color": BLUE},
                "encoding": {
                    "x": {"field": "mIoU in %", **x},
                    "y": y,
                    "tooltip": [{"field": "run"}, {"field": "mIoU in %", "format": ".4f"}],
                },
            },
        ],
    }


def classes(contents: Contents) -> Spec | None:
    """IoU of every class, PyTorch beside the artifact."""
    if not (contents.artifacts and contents.artifacts[0].matrix.sum()):
        return None
    runs = [("artifact", contents.artifacts[0])]
    if contents.reference is not None:
        runs.insert(0, ("PyTorch", contents.reference))
    rows = [
        {"class": name, "run": run, "IoU in %": None if np.isnan(iou) else 100 * float(iou)}
        for run, evidence in runs
        for name, iou in zip(evidence.classes, segmentation.iou_per_class(evidence.matrix), strict=True)
    ]
    return {
        "height": 10 * len(rows),
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "class", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "run", "sort": None},
            "x": {"field": "IoU in %", "type": "quantitative", "scale": {"domain": [0, 100]}},
            "color": {
                "field": "run",
                "scale": {"domain": ["PyTorch", "artifact"], "range": [BLUE, ORANGE]},
                "legend": {"orient": "top", "title": None},
            },
            "tooltip": [{"field": "class"}, {"field": "run"}, {"field": "IoU in %", "format": ".4f"}],
        },
    }


def confusion(contents: Contents) -> Spec | None:
    """Of each true class, the share of its pixels that each class was predicted for."""
    if not (contents.artifacts and contents.artifacts[0].matrix.sum()):
        return None
    evidence = contents.artifacts[0]
    return {
        "height": 22 * len(evidence.classes),
        "data": {"values": shares(evidence)},
        "mark": "rect",
        "encoding": {
            "x": {"field": "predicted", "type": "nominal", "sort": None, "axis": {"labelAngle": -60}},
            "y": {"field": "true", "type": "nominal", "sort": None},
            "color": {
                "field": "share in %",
                "type": "quantitative",
                "scale": {"scheme": "cividis", "type": "sqrt"},
                "legend": {"orient": "top", "title": "% of the true class", "titleLimit": 400},
            },
            "tooltip": [
                {"field": "true"},
                {"field": "predicted"},
                {"field": "share in %", "format": ".3f"},
                {"field": "pixels", "format": ",d"},
            ],
        },
    }


def shares(evidence: Accuracy) -> list[dict[str, Any]]:
    matrix = evidence.matrix
    return [
        {
            "true": true,
            "predicted": predicted,
            "pixels": int(matrix[i, j]),
            "share in %": 100 * float(matrix[i, j] / max(1, matrix[i].sum())),
        }
        for i, true in enumerate(evidence.classes)
        for j, predicted in enumerate(evidence.classes)
    ]


def speed(contents: Contents) -> Spec | None:
    """Images/s on this machine by batch size, the artifact and what it was timed in turn with."""
    rows = []
    for each in contents.speeds:
        batch = each.batch_size
        rows += [
            {"batch": batch, "run": str(each.provenance.backend), "images/s": each.images_per_second},
            {"batch": batch, "run": each.baseline.backend, "images/s": each.baseline_times.images_per_second},
        ]
    if not rows:
        return None
    return lines(rows, title="batch size")


def latency(contents: Contents) -> Spec | None:
    """Which share of executions was done within a time, at the smallest batch size."""
    if not contents.speeds:
        return None
    first = contents.speeds[0]
    runs = ((first.provenance.backend, first.times), (first.baseline.backend, first.baseline_times))
    rows = [
        {"run": name, "ms": 1000 * seconds, "share in %": 100 * (place + 1) / len(times.executions)}
        for name, times in runs
        for place, seconds in enumerate(sorted(times.executions))
    ]
    return {
        "height": 220,
        "data": {"values": rows},
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": {"field": "ms", "type": "quantitative", "title": f"ms of an execution at batch {first.batch_size}"},
            "y": {"field": "share in %", "type": "quantitative", "title": "done within, % of executions"},
            "color": series(),
            "strokeDash": {"field": "run"},
        },
    }


def throughput(contents: Contents) -> Spec | None:
    """Images/s of the device by batch size, with the recorded columns and 1.2 times the baseline."""
    if not contents.throughputs:
        return None
    table = baselines.load()
    rows = [
        {"batch": batch, "run": column.name, "images/s": rate}
        for column in table.columns
        for batch, rate in column.by_batch.items()
    ]
    base = next((column for column in table.columns if column.chip == "310"), table.columns[0])
    rows += [{"batch": b, "run": f"1.2 x {base.name}", "images/s": 1.2 * r} for b, r in base.by_batch.items()]
    rows += [{"batch": e.batch_size, "run": "measured", "images/s": e.images_per_second} for e in contents.throughputs]
    return lines(rows, title="batch size")


def lines(rows: list[dict[str, Any]], title: str) -> Spec:
    return {
        "height": 260,
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"filled": True, "size": 60}},
        "encoding": {
            "x": {"field": "batch", "type": "ordinal", "title": title, "axis": {"labelAngle": 0}},
            "y": {"field": "images/s", "type": "quantitative"},
            "color": series(),
            "strokeDash": {"field": "run"},
            "tooltip": [{"field": "run"}, {"field": "batch"}, {"field": "images/s", "format": ".4g"}],
        },
    }


def series() -> Spec:
    """A colour a run, and a legend above that wraps on narrow screens."""
    palette = [BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", GREY]
    return {"field": "run", "scale": {"range": palette}, "legend": {"orient": "top", "title": None, "columns": 2}}


def case(test: str, deliverable: str) -> str:
    """The case in a test's name: ``test_miou[scenes-onnxruntime-bs1]`` is of ``onnxruntime-bs1``."""
    return test.partition("[")[2].rstrip("]").removeprefix(f"{deliverable}-") or test
