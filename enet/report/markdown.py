"""The verdicts as Markdown, for the summary page of a CI run."""

from __future__ import annotations

import re

from enet.errors import printable
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
        *(f"Delivered file: {cell(file)}.\n" for file in contents.delivered),
        "| outcome | gate | measured | limit | margin | what was found |",
        "|---|---|--:|--:|--:|---|",
        *rows,
        "",
        f"Run {cell(contents.run)}, begun {cell(contents.began)}.",
    ]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", printable(" ".join(str(text).split())))
