"""The report as one HTML file that loads nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from enet.deliverable import IoFormat, baselines
from enet.deliverable.baselines import BEST, title
from enet.errors import BackendUnavailable
from enet.evidence import LogitComparison, Parity, Provenance
from enet.report import charts, pictures
from enet.report.contents import Contents
from enet.report.terminal import cells_of, gate_in_words
from enet.storage.files import make_folder, write_text

HERE = Path(__file__).parent

#: What an outcome is called, and a sign that does without colour.
SIGNS = {"PASS": "✓ pass", "FAIL": "✗ fail", "NO EVIDENCE": "? no evidence", "INFO": "· info"}


def write(contents: Contents, path: Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        BackendUnavailable: the chart library is not installed.
        InputError: the file cannot be written.
    """
    drawn = charts.all_of(contents)
    measured: tuple[Any, ...] = (*contents.accuracies, *contents.speeds, *contents.throughputs)
    runs: list[Provenance] = [each.provenance for each in measured]
    values = {
        "contents": contents,
        "headline": headline(contents),
        "signs": SIGNS,
        "cells": cells_of,
        "gate": gate_in_words,
        "charts": drawn,
        "runs": list({str(run): run for run in runs}.values()),
        "chain": CHAIN,
        "open_questions": [v for v in contents.verdicts if v["outcome"] in ("NO EVIDENCE", "INFO")],
        "error_legend": (("right", pictures.RIGHT), ("wrong", pictures.WRONG), ("not scored", pictures.UNSCORED)),
        "recorded": recorded(contents) if contents.throughputs else None,
        "parity": [*map(parity_row, contents.parities), *map(logits_row, contents.differences)],
        "parity_titles": ("compared", "first", "second", "of", "differ", "worst"),
    }
    save("report.html", path, values, drawn)


def compare(first: Contents, second: Contents, path: Path) -> None:
    """Write what changed between two runs, in one table.

    Raises:
        BackendUnavailable, InputError: as ``write``.
    """
    sides = [{verdict["test"]: verdict for verdict in contents.verdicts} for contents in (first, second)]
    rows = []
    for test in dict.fromkeys([*sides[0], *sides[1]]):
        a, b = (side.get(test) for side in sides)
        same = a is not None and b is not None and (a["outcome"], a["sentence"]) == (b["outcome"], b["sentence"])
        rows.append({"test": test, "a": a, "b": b, "same": same})
    rows.sort(key=lambda row: bool(row["same"]))
    values = {"first": first, "second": second, "rows": rows, "signs": SIGNS}
    save("compare.html", path, values, {})


def save(template: str, path: Path, values: dict[str, Any], drawn: dict[str, charts.Spec]) -> None:
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    specs = json.dumps(drawn).replace("<", "\\u003c")
    text = environment.get_template(template).render(
        **values,
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "page.js").read_text(encoding="utf-8")),
        specs=Markup(specs),
        library=Markup(library() if drawn else ""),
    )
    make_folder(path.parent)
    write_text(path, text)


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that defines ``drawChart``.

    Raises:
        BackendUnavailable: vl-convert is not installed.
    """
    try:
        import vl_convert
    except ModuleNotFoundError as error:
        raise BackendUnavailable(
            "report: vl-convert-python is not installed. Try: pip install vl-convert-python"
        ) from error
    snippet = "window.drawChart = (place, spec, options) => vegaEmbed(place, spec, options);"
    return str(vl_convert.javascript_bundle(snippet)).replace("</script", "<\\/script")


def headline(contents: Contents) -> str:
    """Whether it ships, in one plain sentence."""
    if contents.accepted:
        return f"{contents.deliverable} may ship, as far as {contents.scope} goes."
    failed = list(dict.fromkeys(verdict["gate"] for verdict in contents.verdicts if verdict["outcome"] == "FAIL"))
    if failed:
        return f"{contents.deliverable} may not ship: {', '.join(failed)} failed."
    return f"{contents.deliverable} may not ship yet: the evidence is not sufficient."


def side(run: Provenance) -> str:
    """One side of a comparison, in words."""
    plain = run.io_format in ({}, asdict(IoFormat()))
    io_format = "" if plain else ", {input} to {output}".format_map(run.io_format)
    return f"{run.backend} batch {run.batch_size}{io_format}"


def parity_row(found: Parity) -> list[str]:
    """Label maps of two runs."""
    worst, image = max(zip(found.differing_pixels, found.images, strict=True), default=(0, ""))
    total = f"{found.pixels_per_image * len(found.images):,} pixels"
    differ = [f"{sum(found.differing_pixels):,}", f"{worst:,} in {image}" if worst else "none"]
    return [found.comparison, side(found.first), side(found.second), total, *differ]


def logits_row(found: LogitComparison) -> list[str]:
    """Logits of two programs."""
    excused = found.over_limit - found.over_limit_unexcused
    beside = f", {excused:,} beside near-ties" if excused else ""
    differ = [f"{found.over_limit_unexcused:,} by more than {found.limit:g}{beside}", f"{found.largest:.3g}"]
    return [found.comparison, side(found.first), side(found.second), f"{found.values:,} values", *differ]


def recorded(contents: Contents) -> dict[str, Any]:
    """The recorded table with this run's column: titles, and a row a batch size."""
    table = baselines.load()
    measured = {each.batch_size: each.images_per_second for each in contents.throughputs}
    here: dict[Any, float] = {**measured, BEST: max(measured.values())}
    rows = [[title(batch), *(column.at(batch) for column in table.columns), here.get(batch)] for batch in table.batches]
    return {"titles": ["batch", *(column.name for column in table.columns), "this run"], "rows": rows}


#: The provenance chain: name and field of ``Provenance``.
CHAIN: tuple[tuple[str, str], ...] = (
    ("delivered file", "delivered"),
    ("weights", "weights_sha256"),
    ("ONNX", "onnx_sha256"),
    ("artifact", "artifact_sha256"),
    ("data set", "dataset_sha256"),
    ("preprocessing", "preprocessing_sha256"),
    ("calibration", "calibration_sha256"),
)
assert all(field in Provenance.__dataclass_fields__ for _, field in CHAIN)
