"""What the page shows of a run's evidence: charts, and tables whose cells have a value to sort by."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from enet.deliverable import IoFormat, baselines
from enet.deliverable.baselines import BEST, title
from enet.evidence import Accuracy, LogitComparison, Parity, Provenance, Speed, Throughput
from enet.evidence.provenance import RECORDED
from enet.metrics import segmentation
from enet.report import charts
from enet.report.contents import Contents, data_url
from enet.report.terminal import cells_of, gate_in_words, in_short

#: Share of a class, in percent, above which a cell of the confusion matrix has its number.
NUMBERED = 5
#: Ends of the axis of a class's difference, in pp, if no difference is larger: so that tiny ones look tiny.
LEAST_BAR = 0.5
#: Confusions in the list of the largest.
MOST_CONFUSIONS = 12


#: Seconds since 1970 above which a time is a date, of 2001 or later, and not of a clock that began at 0.
DATED = 1e9


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        value: the number that it is sorted by.
        style: its class in the style sheet; of a row's first cell, the row's.
    """

    text: str | Markup
    value: float | None = None
    style: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Titles of the columns, and rows of cells; the first cell of a row is its head.

    Attributes:
        name: its caption.
    """

    name: str
    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def num(value: float | None, style: str = ".2f") -> Cell:
    """A number; a missing one comes last when sorted."""
    return Cell("-", style="number") if value is None or math.isnan(value) else Cell(f"{value:{style}}", value)


def difference(ours: float, theirs: float) -> Cell:
    """Percentage points; zero has no sign."""
    change = round(float(ours - theirs), 2)
    return num(change, "+.2f") if change else Cell("0.00", 0.0)


def families(verdicts: Sequence[dict[str, Any]]) -> list[tuple[Mapping[str, Any], list[dict[str, Any]]]]:
    """Verdicts as ``in_short`` orders them: what did not pass by itself, the passes of a gate behind the nearest."""
    passes = [verdict for verdict in verdicts if verdict["outcome"] == "PASS"]
    found = []
    for head in in_short(verdicts):
        members = [each for each in passes if each["gate"] == head["gate"]] if head["outcome"] == "PASS" else []
        found.append((head, members if len(members) > 1 else []))
    return found


def miou(contents: Contents) -> Markup | None:
    """mIoU of PyTorch and of the artifacts, each with its band and the interval of its difference to PyTorch."""
    gates = ("reference_miou", "miou")
    verdicts = [v for v in contents.verdicts if v["gate"] in gates and None not in (v["measured"], v["low"])]
    base = next((verdict["measured"] for verdict in verdicts if verdict["gate"] == "reference_miou"), None)
    rows = []
    for verdict in verdicts:
        ends = [verdict["numbers"].get(f"difference_{end}") for end in ("low", "high")]
        interval = None if base is None or None in ends else (base + ends[0], base + ends[1])
        rows.append(strip_of(verdict, verdict["in_words"] or "PyTorch", interval))
    return charts.strips(rows, "mIoU in %") if rows else None


def speedups(contents: Contents) -> Markup | None:
    """Factors over another engine, each with its limit and interval."""
    verdicts = [v for v in contents.verdicts if v["measured"] is not None and "ratio_low" in v["numbers"]]
    verdicts.sort(key=lambda verdict: (verdict["gate"], verdict["batch_size"] or 0))
    rows = [
        strip_of(verdict, gate_in_words(verdict), (verdict["numbers"]["ratio_low"], verdict["numbers"]["ratio_high"]))
        for verdict in verdicts
    ]
    return charts.strips(rows, "factor") if rows else None


def strip_of(verdict: dict[str, Any], label: str, interval: charts.Interval | None) -> charts.Strip:
    measured, _, _ = cells_of(verdict)
    return charts.Strip(
        label=label,
        value=verdict["measured"],
        text=measured,
        low=verdict["low"],
        high=verdict["high"],
        interval=interval,
        decides=verdict["outcome"] in ("PASS", "FAIL"),
    )


def shown(contents: Contents) -> Accuracy | None:
    """The artifact whose classes are shown: that of the lowest mIoU."""
    scored = [each for each in contents.artifacts if each.matrix.sum()]
    return min(scored, key=lambda each: each.miou, default=None)


def shares(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each true class, the share in % of its pixels that each class was predicted for."""
    return 100 * matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))


def classes(ours: Accuracy, theirs: Accuracy | None, names: tuple[str, str] = ("PyTorch", "artifact")) -> Table:
    """IoU of every class, the largest loss first."""
    mine, other = (100 * segmentation.iou_per_class(each.matrix) for each in (ours, theirs or ours))
    if theirs is None:
        rows = [[Cell(ours.classes[i]), num(mine[i])] for i in np.argsort(mine)]
        return Table(name="Every class", titles=("class", f"{names[1]}, IoU in %"), rows=rows)
    change = np.nan_to_num(mine - other)
    ends = float(change.min(initial=-LEAST_BAR)), float(change.max(initial=LEAST_BAR))
    titles = ["class", f"{names[0]}, IoU in %", f"{names[1]}, IoU in %", "difference, pp"]
    rows = [
        [Cell(ours.classes[i]), num(other[i]), num(mine[i]), difference(mine[i], other[i])]
        for i in np.argsort(change, kind="stable")
    ]
    if any(row[-1].value for row in rows):
        titles.append("")
        for row, value in zip(rows, np.sort(change, kind="stable"), strict=True):
            row.append(Cell(charts.bar(value, *ends)))
    return Table(name="Every class", titles=titles, rows=rows)


def confusion(ours: Accuracy) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of the confusion matrix: the true class, and a cell a predicted class with its depth of colour in %."""
    share = shares(ours.matrix)
    cells = [
        [
            {
                "text": f"{value:.0f}" if value > NUMBERED else "",
                "depth": round(100 * math.sqrt(value / 100), 1),
                "tip": f"{true} as {predicted}: {value:.2f} %, {count:,} pixels",
            }
            for predicted, value, count in zip(ours.classes, values, counts, strict=True)
        ]
        for true, values, counts in zip(ours.classes, share, ours.matrix, strict=True)
    ]
    return list(zip(ours.classes, cells, strict=True))


def confusions(ours: Accuracy, theirs: Accuracy | None) -> Table:
    """Pairs of a true and another predicted class, the largest share of the true class first."""
    share, base = shares(ours.matrix), shares(theirs.matrix) if theirs else None
    wrong = np.where(np.eye(len(share), dtype=bool), 0, share)
    rows = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]:
        i, j = np.unravel_index(place, share.shape)
        if wrong[i, j] > 0:
            before = [] if base is None else [num(float(base[i, j]))]
            pixels = num(int(ours.matrix[i, j]), ",d")
            rows.append([Cell(ours.classes[i]), Cell(ours.classes[j]), num(float(share[i, j])), *before, pixels])
    titles = ("true class", "predicted as", "% of the true class", *([] if base is None else ["PyTorch, %"]), "pixels")
    return Table(name="The largest confusions", titles=titles, rows=rows)


def throughput(contents: Contents) -> Markup | None:
    """Images/s of the device by batch size, with the recorded columns and what is required."""
    if not contents.throughputs:
        return None
    required = {
        str(verdict["batch_size"]): verdict["low"] * verdict["numbers"]["baseline"]
        for verdict in contents.verdicts
        if verdict["gate"] == "throughput" and verdict["low"] is not None and "baseline" in verdict["numbers"]
    }
    others = [
        charts.Curve(name=column.name, points={str(size): rate for size, rate in column.by_batch.items()})
        for column in baselines.load().columns
    ]
    timed = {str(each.batch_size): each for each in contents.throughputs if math.isfinite(each.images_per_second)}
    rates = {size: each.images_per_second for size, each in timed.items()}
    intervals = {size: ends for size, each in timed.items() if (ends := interval_of(each))}
    return charts.throughput(charts.Curve(name="measured", points=rates, intervals=intervals), others, required)


def interval_of(timed: Throughput) -> charts.Interval | None:
    """95 % interval of the images/s by the raw times, as of a mean of independent ones; None for fewer than two."""
    times = [time for device in timed.device_timings for time in device.compute_ms]
    if len(times) < 2:
        return None
    half = 1.96 * float(np.std(times, ddof=1)) / math.sqrt(len(times))
    ends = (timed.device_images_per_second(timed.mean_ms + half), timed.device_images_per_second(timed.mean_ms - half))
    return ends if math.isfinite(sum(ends)) else None


def recorded(contents: Contents) -> Table | None:
    """The recorded table with this run's column, a row a batch size."""
    table = baselines.load()
    measured: dict[Any, float] = {each.batch_size: each.images_per_second for each in contents.throughputs}
    if not measured:
        return None
    measured[BEST] = max(measured.values())
    rows = [
        [
            Cell(title(batch), place),
            *(num(column.at(batch), ".4g") for column in table.columns),
            num(measured.get(batch), ".4g"),
        ]
        for place, batch in enumerate(table.batches)
    ]
    titles = ("batch", *(column.name for column in table.columns), "this run")
    return Table(name="Images/s as recorded, and of this run", titles=titles, rows=rows)


def speed(speeds: Sequence[Speed]) -> Table | None:
    """Times on this machine, a row a race."""
    rows = [
        [
            Cell(f"{each.provenance.backend}, batch {each.batch_size}", each.batch_size),
            Cell(each.reference.backend),
            num(each.images_per_second, ".4g"),
            num(each.reference_times.images_per_second, ".4g"),
            *(num(1000 * each.times.latency(percent), ".4g") for percent in (50, 99)),
        ]
        for each in speeds
    ]
    titles = ("artifact", "timed alternately with", "images/s", "images/s of the other", "median, ms", "p99, ms")
    return Table(name="Speed on this machine", titles=titles, rows=rows) if rows else None


def side(run: Provenance) -> str:
    """One side of a comparison, in words."""
    plain = run.io_format in ({}, asdict(IoFormat()))
    io_format = "" if plain else ", {input} to {output}".format_map(run.io_format)
    return f"{run.backend} batch {run.batch_size}{io_format}"


def parity(contents: Contents) -> dict[str, Any]:
    """Runs that should agree: a table of those that differ, and a sentence each for the others."""
    rows, equal, missing = [], [], []
    comparisons: tuple[Parity | LogitComparison, ...] = (*contents.parities, *contents.differences)
    for found in comparisons:
        of, differ, worst = of_labels(found) if isinstance(found, Parity) else of_logits(found)
        names = (found.comparison, side(found.first), side(found.second))
        words = f"{names[0]}: {names[1]} and {names[2]}"
        if not of.value:
            reason = found.first.missing_reason or found.second.missing_reason
            missing.append(f"{words}; {reason}" if reason else words)
        elif not differ.value:
            equal.append(f"{words}, {of.text}")
        else:
            rows.append([*map(Cell, names), of, differ, worst])
    titles = ("compared", "first", "second", "of", "differ", "worst")
    table = Table(name="Runs that differ", titles=titles, rows=rows) if rows else None
    return {"table": table, "equal": equal, "missing": missing}


def of_labels(found: Parity) -> tuple[Cell, Cell, Cell]:
    """Of two runs' label maps: how many pixels were compared, how many differ, and the worst image."""
    total, differing = found.pixels_per_image * len(found.images), sum(found.differing_pixels)
    worst, image = max(zip(found.differing_pixels, found.images, strict=True), default=(0, ""))
    return Cell(f"{total:,} pixels", total), num(differing, ",d"), Cell(f"{worst:,} in {image}", worst)


def of_logits(found: LogitComparison) -> tuple[Cell, Cell, Cell]:
    """Of two programs' logits: how many values were compared, how many differ by too much, and the largest."""
    excused = found.over_limit - found.over_limit_unexcused
    beside = f", {excused:,} beside near-ties" if excused else ""
    differ = f"{found.over_limit_unexcused:,} by more than {found.limit:g}{beside}"
    return Cell(f"{found.values:,} values", found.values), Cell(differ, found.over_limit), num(found.largest, ".3g")


def origin(contents: Contents) -> list[tuple[str, str]]:
    """Name and text of what a reader must know of a run: what was measured, on what, and when."""
    runs = contents.runs
    if not runs:
        return []
    first, on_device = runs[0], [run for run in runs if run.backend == RECORDED]
    facts = [("weights", first.weights_sha256[:12] or "not available")]
    facts.append(("backends", unique(run.backend for run in runs)))
    here = unique(run.device for run in runs if run not in on_device)
    if here:
        facts.append(("device", f"{here} on {first.host}"))
    if on_device:
        facts += [("recorded on", recorded_device(on_device)), ("recorded", recorded_time(contents.throughputs))]
    times = sorted(run.time for run in runs)
    facts.append(("checked here" if on_device else "measured", span(times[0], times[-1])))
    return facts


def span(first: str, last: str) -> str:
    """Two ISO times in UTC, to the minute.

    >>> span("2026-01-02T03:04:05+00:00", "2026-01-02T03:09:00+00:00")
    '2026-01-02, 03:04 to 03:09 UTC'
    """
    (day, start), (last_day, end) = ((time[:10], time[11:16]) for time in (first, last))
    until = "" if first[:16] == last[:16] else f" to {end}" if day == last_day else f" to {last_day}, {end}"
    return f"{day}, {start}{until} UTC"


def unique(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, names)))


def recorded_device(runs: Sequence[Provenance]) -> str:
    """Chip, number and driver of the devices that results were recorded on, as the record has them."""
    states = [state for run in runs for state in run.devices_before]
    chip = unique([*(run.chip for run in runs), *(state.name for state in states)])
    numbers = unique(f"device {run.device}" for run in runs if run.device.replace(", ", "").isdigit())
    drivers = unique(state.driver and f"driver {state.driver}" for state in states)
    simulated = "simulated" if any(run.simulated for run in runs) else ""
    return unique([chip or "chip not recorded", numbers, drivers, simulated])


def recorded_time(timed: Sequence[Throughput]) -> str:
    """When the recorded runs began."""
    known = [device.started for each in timed for device in each.device_timings if device.started is not None]
    started = [time for time in known if time > DATED]
    if not started:
        return "time not in the record"
    times = [
        datetime.datetime.fromtimestamp(end, datetime.timezone.utc).isoformat() for end in (min(started), max(started))
    ]
    return span(times[0], times[1])


def tried(diagnosis: Mapping[str, Any] | None) -> Table | None:
    """Hypotheses of a diagnosis, the best first."""
    if not (diagnosis and diagnosis["rows"]):
        return None
    rows = [
        [
            Cell(row["name"]),
            Cell(row["ran"]),
            *(num(None if row[key] is None else 100 * row[key]) for key in ("miou_before", "miou_after")),
            num(row["images"], "d"),
            num(row["seconds"], ".1f"),
        ]
        for row in diagnosis["rows"]
    ]
    titles = ("tried", "ran", "mIoU, %", "with it, %", "images", "seconds")
    return Table(name="What was tried", titles=titles, rows=rows)


def layers(contents: Contents) -> dict[str, Any] | None:
    """The first layer that differs, if a diagnosis compared layers: a sentence, facts, the picture as a data URL."""
    found = (contents.diagnosis or {}).get("layers")
    if not found:
        return None
    first = found.get("first") or {}
    figures = [(name, f"{first[name]:.3g}") for name in ("largest", "median", "allowed") if name in first]
    shape = [("shape", " x ".join(map(str, first["shape"])))] if "shape" in first else []
    picture = contents.folder / Path(first.get("picture") or ".").name
    url = data_url(picture) if picture.is_file() else ""
    return {"sentence": found["sentence"], "facts": [*shape, *figures], "picture": url}
