"""The verdicts as Markdown, for the summary page of a CI run."""

from __future__ import annotations

import re

from enet.errors import printable
from enet.report.advice import advice
from enet.report.contents import Contents
from enet.report.page import SIGNS, headline
from enet.report.terminal import ORDER, cells_of, gate_in_words, what_was_found


def summary(contents: Contents) -> str:
    """A headline, the conclusion and one row a gate; failures come first."""
    verdicts = sorted(contents.verdicts, key=lambda verdict: ORDER.index(verdict["outcome"]))
    rows = []
    for verdict in verdicts:
        cells = (SIGNS[verdict["outcome"]], gate_in_words(verdict), *cells_of(verdict), what_was_found(verdict))
        rows.append(f"| {' | '.join(map(cell, cells))} |")
    lines = [
        f"## {cell(headline(contents))}",
        "",
        f"{cell(contents.conclusion)}.",
        "",
        *why_and_next(contents),
        *(f"Delivered file: {cell(file)}.\n" for file in contents.delivered),
        "| outcome | gate | measured | limit | margin | what was found |",
        "|---|---|--:|--:|--:|---|",
        *rows,
        "",
        f"Run {cell(contents.run)}, begun {cell(contents.began)}.",
    ]
    return "\n".join(lines) + "\n"


def why_and_next(contents: Contents) -> list[str]:
    """Paragraphs of a run that is not accepted: what the diagnosis found, and the next command as a block of code."""
    lines = []
    if found := contents.diagnosis:
        told = [(found.get("layers") or {}).get("sentence"), *found["facts"]]
        lines += [f"**Diagnosis:** {cell(found['sentence'])}.", "", *(f"* {cell(each)}" for each in told if each), ""]
    step = advice(contents)
    if step and step.command:
        lines += [f"{step.words}:", "", f"    {printable(step.command)}", ""]
    return lines


def cell(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", printable(" ".join(str(text).split())))
