"""One page that shows all verdicts of a fleet, as HTML and as Markdown; and the same as a table for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from enet.fleet.plan import Run
from enet.fleet.results import Result
from enet.report.markdown import cell
from enet.storage.files import make_folder, write_text

COLUMNS = ("verdict", "run", "deliverable", "backend", "device", "environment", "what was found")


def write(folder: Path, runs: Sequence[Run], found: Mapping[str, Result]) -> None:
    """Write ``fleet.html`` and ``fleet.md`` into the folder of the evidence.

    Args:
        found: results by the runs' names; what is not there yet is not measured yet.
    Raises:
        InputError: a file cannot be written.
    """
    make_folder(folder)
    rows = [row(run, found.get(run.name)) for run in runs]
    links = {
        run.name: quote(f"{run.name}/report.html") for run in runs if (folder / run.name / "report.html").is_file()
    }
    write_text(
        folder / "fleet.html", template().render(columns=COLUMNS, rows=rows, links=links, headline=headline(rows))
    )
    write_text(folder / "fleet.md", markdown(rows, links))


def table(runs: Sequence[Run], found: Mapping[str, Result]) -> dict[str, Any]:
    """The page's headline and its rows, by column."""
    rows = [row(run, found.get(run.name)) for run in runs]
    return {"headline": headline(rows), "runs": [dict(zip(COLUMNS, each, strict=True)) for each in rows]}


def row(run: Run, result: Result | None) -> tuple[str, ...]:
    entry, waits = run.entry, Result(code=-1, sentence="not measured yet")
    known = result or waits
    name = Path(run.deliverable).name
    return (known.word, run.name, name, run.backend, run.device, entry.environment[0], known.sentence)


def headline(rows: Sequence[tuple[str, ...]]) -> str:
    """How many runs ended how, such as "3 runs: 2 ACCEPTED, 1 NOT ACCEPTED"."""
    counts = Counter(first for first, *_ in rows)
    total = f"{len(rows)} run{'' if len(rows) == 1 else 's'}"
    return f"{total}: {', '.join(f'{counts[word]} {word}' for word in sorted(counts))}"


def markdown(rows: Sequence[tuple[str, ...]], links: Mapping[str, str]) -> str:
    lines = [f"## {headline(rows)}", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for verdict, name, *others in rows:
        linked = f"[{cell(name)}]({links[name]})" if name in links else cell(name)
        lines.append(f"| {' | '.join([cell(verdict), linked, *map(cell, others)])} |")
    return "\n".join(lines) + "\n"


@cache
def template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("fleet.html")
