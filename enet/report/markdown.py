"""The verdicts as Markdown, for the summary page of a CI run."""

from __future__ import annotations

import re

from enet.report.contents import Contents
from enet.report.page import SIGNS, headline, outcome


def summary(contents: Contents) -> str:
    """A headline, the conclusion and one row a gate; what failed comes first."""
    order = {"FAIL": 0, "NO EVIDENCE": 1, "PASS": 2, "reported": 3}
    verdicts = sorted(contents.verdicts, key=lambda verdict: order.get(outcome(verdict), 0))
    rows = [
        f"| {SIGNS.get(outcome(verdict), outcome(verdict))} | {cell(verdict['test'])} | "
        f"{cell('; '.join([verdict['sentence'], *verdict['notes']]))} |"
        for verdict in verdicts
    ]
    lines = [
        f"## {cell(headline(contents))}",
        "",
        f"{cell(contents.conclusion)}.",
        "",
        "| outcome | test | what it found |",
        "|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(str(text).split()))
