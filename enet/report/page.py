"""The report as one HTML file that loads nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from enet.errors import format_list
from enet.evidence import Provenance
from enet.gates.catalogue import GATES
from enet.report import figures, pictures, two_runs
from enet.report.advice import advice, pasteable
from enet.report.contents import Contents
from enet.report.terminal import ORDER, cells_of, gate_in_words
from enet.storage.files import make_folder, write_text

HERE = Path(__file__).parent

#: What an outcome is called, and a sign that does without colour.
SIGNS = {"PASS": "✓ pass", "FAIL": "✗ fail", "NO EVIDENCE": "? no evidence", "INFO": "· info"}

#: Their classes in the style sheet.
STYLES = {outcome: outcome.lower().replace(" ", "-") for outcome in SIGNS}

#: Depth of colour in a cell of the confusion matrix, in %, above which its number is written in the other ink.
DEEP = 69.3


def write(contents: Contents, path: Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    worst, reference = figures.shown(contents), contents.reference
    outcomes = Counter(verdict["outcome"] for verdict in contents.verdicts)
    values = {
        "contents": contents,
        "headline": headline(contents),
        "origin": figures.origin(contents),
        "advice": advice(contents),
        "tried": figures.tried(contents.diagnosis),
        "layers": figures.layers(contents),
        "choices": [(name, outcomes[name], SIGNS[name][2:], STYLES[name]) for name in ORDER],
        "styles": STYLES,
        "order": ORDER,
        "families": figures.families,
        "miou": figures.miou(contents),
        "shown": worst and worst.provenance,
        "reference": reference,
        "classes": worst and figures.classes(worst, reference),
        "confusion": worst and figures.confusion(worst),
        "confusions": worst and figures.confusions(worst, reference),
        "numbered": figures.NUMBERED,
        "deep": DEEP,
        "parity": figures.parity(contents),
        "throughput": figures.throughput(contents),
        "recorded": figures.recorded(contents),
        "speedups": figures.speedups(contents),
        "speed": figures.speed(contents.speeds),
        "chain": CHAIN,
        "pasteable": pasteable,
        "error_legend": (("right", pictures.RIGHT), ("wrong", pictures.WRONG), ("not scored", pictures.UNSCORED)),
    }
    save("report.html", path, values)


def compare(first: Contents, second: Contents, path: Path) -> None:
    """Write what changed between two runs of one deliverable, by number.

    Raises:
        InputError: they are of different deliverables, or the file cannot be written.
    """
    save("compare.html", path, two_runs.compared(first, second))


def save(template: str, path: Path, values: dict[str, Any]) -> None:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.get_template(template).render(
        **values,
        signs=SIGNS,
        cells=cells_of,
        gate=gate_in_words,
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "page.js").read_text(encoding="utf-8")),
    )
    make_folder(path.parent)
    write_text(path, text)


def headline(contents: Contents) -> str:
    """Whether it ships, in one plain sentence."""
    if contents.accepted:
        return f"{contents.deliverable} may ship, as far as {contents.scope} goes."
    failed = {verdict["gate"] for verdict in contents.verdicts if verdict["outcome"] == "FAIL"}
    if failed:
        names = [gate.title for name, gate in GATES.items() if name in failed] or sorted(failed)
        return f"{contents.deliverable} may not ship: {format_list(names)} failed."
    return f"{contents.deliverable} may not ship yet: the evidence is not sufficient."


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
