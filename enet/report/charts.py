"""The report's charts as Vega-Lite specifications.

Colours are Okabe and Ito's, told apart without red and green; their blue is a little lighter, for dark pages.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from enet.deliverable import baselines
from enet.metrics import segmentation
from enet.report.contents import Contents

BLUE, ORANGE, GREEN, PURPLE, GREY = "#2C8CC9", "#E69F00", "#009E73", "#CC79A7", "#7F7F7F"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

Spec = dict[str, Any]


def all_of(contents: Contents) -> dict[str, Spec]:
    """Every chart that the evidence has something for, by the id of its place on the page."""
    draw = (miou, classes, confusion, speed, latency, throughput)
    charts = {f"chart-{function.__name__}": function(contents) for function in draw}
    common = {"$schema": SCHEMA, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    return {name: {**common, "background": "transparent", **spec} for name, spec in charts.items() if spec}


def name(field: str, **more: Any) -> Spec:
    """A field of names, in the order of the rows."""
    return {"field": field, "type": "nominal", "sort": None, **more}


def number(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", **more}


def tooltip(*fields: str, **formats: str) -> list[Spec]:
    return [{"field": field} for field in fields] + [{"field": f, "format": style} for f, style in formats.items()]


def layer(rows: list[Spec], mark: Spec | str, **encoding: Any) -> Spec:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def miou(contents: Contents) -> Spec | None:
    """mIoU of reference and artifacts against the accepted band; the interval of the difference as a line."""
    verdicts = [v for v in contents.verdicts if v["gate"] in ("reference_miou", "miou") and v["low"] is not None]
    if not verdicts:
        return None
    first, rows = verdicts[0], []
    for verdict in verdicts:
        measured, numbers = verdict["measured"], verdict["numbers"]
        base = first["measured"] if first["gate"] == "reference_miou" else measured
        ends = {"from": base + numbers.get("difference_low", 0.0), "to": base + numbers.get("difference_high", 0.0)}
        rows.append({"run": verdict["in_words"] or "PyTorch", "mIoU in %": measured, **ends})
    low, high = first["low"], first["high"]
    values = [row[key] for row in rows for key in ("mIoU in %", "from", "to")]
    margin = 0.25 * (high - low)
    domain = [min(low, *values) - margin, max(high, *values) + margin]
    axis = {
        "scale": {"domain": domain, "zero": False},
        "title": "mIoU in % (shaded: accepted)",
        "axis": {"tickCount": 6},
    }
    band, run = {"type": "rect", "color": GREEN, "opacity": 0.2}, name("run", title=None)
    line, point = {"type": "rule", "strokeWidth": 3}, {"type": "point", "filled": True, "size": 80}
    tips = tooltip("run", **{"mIoU in %": ".4f"})
    layers = [
        layer([{"low": low, "high": high}], band, x=number("low", **axis), x2={"field": "high"}),
        layer(rows, {**line, "color": BLUE}, x=number("from", **axis), x2={"field": "to"}, y=run),
        layer(rows, {**point, "color": BLUE}, x=number("mIoU in %", **axis), y=run, tooltip=tips),
    ]
    return {"height": 34 * len(rows), "layer": layers}


def classes(contents: Contents) -> Spec | None:
    """IoU of every class, PyTorch beside the artifact."""
    if not (contents.artifacts and contents.artifacts[0].matrix.sum()):
        return None
    runs = [("PyTorch", contents.reference)] if contents.reference is not None else []
    rows = [
        {"class": label, "run": run, "IoU in %": None if np.isnan(iou) else 100 * float(iou)}
        for run, evidence in [*runs, ("artifact", contents.artifacts[0])]
        for label, iou in zip(evidence.classes, segmentation.iou_per_class(evidence.matrix), strict=True)
    ]
    scale, legend = {"domain": ["PyTorch", "artifact"], "range": [BLUE, ORANGE]}, {"orient": "top", "title": None}
    return {
        "height": 10 * len(rows),
        **layer(
            rows,
            "bar",
            y=name("class", title=None),
            yOffset={"field": "run", "sort": None},
            x=number("IoU in %", scale={"domain": [0, 100]}),
            color={"field": "run", "scale": scale, "legend": legend},
            tooltip=tooltip("class", "run", **{"IoU in %": ".4f"}),
        ),
    }


def confusion(contents: Contents) -> Spec | None:
    """Of each true class, the share of its pixels that each class was predicted for."""
    if not (contents.artifacts and contents.artifacts[0].matrix.sum()):
        return None
    labels, matrix = contents.artifacts[0].classes, contents.artifacts[0].matrix
    share = 100 * matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    rows = [
        {"true": true, "predicted": predicted, "pixels": int(matrix[i, j]), "share in %": float(share[i, j])}
        for i, true in enumerate(labels)
        for j, predicted in enumerate(labels)
    ]
    legend = {"orient": "top", "title": "% of the true class", "titleLimit": 400}
    return {
        "height": 22 * len(labels),
        **layer(
            rows,
            "rect",
            x=name("predicted", axis={"labelAngle": -60}),
            y=name("true"),
            color=number("share in %", scale={"scheme": "cividis", "type": "sqrt"}, legend=legend),
            tooltip=tooltip("true", "predicted", **{"share in %": ".3f", "pixels": ",d"}),
        ),
    }


def speed(contents: Contents) -> Spec | None:
    """Images/s on this machine by batch size: the artifact, and what it was timed alternately with."""
    rows = [
        {"batch": each.batch_size, "run": backend, "images/s": rate}
        for each in contents.speeds
        for backend, rate in (
            (each.provenance.backend, each.images_per_second),
            (each.reference.backend, each.reference_times.images_per_second),
        )
    ]
    return lines(rows) if rows else None


def latency(contents: Contents) -> Spec | None:
    """Share of executions that ended within a time, at the smallest batch size."""
    if not contents.speeds:
        return None
    first = contents.speeds[0]
    runs = ((first.provenance.backend, first.times), (first.reference.backend, first.reference_times))
    rows = [
        {"run": backend, "ms": 1000 * seconds, "share in %": 100 * (place + 1) / len(times.executions)}
        for backend, times in runs
        for place, seconds in enumerate(sorted(times.executions))
    ]
    x = number("ms", title=f"ms of an execution at batch {first.batch_size}")
    y = number("share in %", title="done within, % of executions")
    mark = {"type": "line", "interpolate": "step-after"}
    return {"height": 220, **layer(rows, mark, x=x, y=y, color=series(), strokeDash={"field": "run"})}


def throughput(contents: Contents) -> Spec | None:
    """Images/s of the device by batch size, with the recorded columns and what is required."""
    if not contents.throughputs:
        return None
    curves = {column.name: column.by_batch for column in baselines.load().columns}
    limits = [v for v in contents.verdicts if v["gate"] == "throughput" and v["low"] is not None]
    curves["required"] = {
        each.batch_size: verdict["low"] * verdict["numbers"]["baseline"]
        for each in contents.throughputs
        for verdict in limits
        if verdict["batch_size"] == each.batch_size
    }
    curves["measured"] = {each.batch_size: each.images_per_second for each in contents.throughputs}
    return lines([{"batch": b, "run": run, "images/s": r} for run, rates in curves.items() for b, r in rates.items()])


def lines(rows: list[Spec]) -> Spec:
    """Images/s by batch size, a line a run."""
    x = {"field": "batch", "type": "ordinal", "title": "batch size", "axis": {"labelAngle": 0}}
    tips = tooltip("run", "batch", **{"images/s": ".4g"})
    mark = {"type": "line", "point": {"filled": True, "size": 60}}
    y = number("images/s")
    return {"height": 260, **layer(rows, mark, x=x, y=y, color=series(), strokeDash={"field": "run"}, tooltip=tips)}


def series() -> Spec:
    """A colour a run, and a legend above that wraps on narrow screens."""
    palette = [BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", GREY]
    return {"field": "run", "scale": {"range": palette}, "legend": {"orient": "top", "title": None, "columns": 2}}
