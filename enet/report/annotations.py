"""The verdicts as GitHub's workflow commands: lines of a log that become annotations of the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from enet.errors import printable
from enet.report.terminal import cells_of, gate_in_words, what_was_found

#: GitHub keeps the first ten errors of a step.
MOST = 10


def workflow_commands(table: Mapping[str, Any]) -> list[str]:
    """The lines for a table as in ``verdicts.json``: the conclusion, the diagnosis, failures, the rest."""
    lines = [workflow_command("notice" if table["accepted"] else "error", table["deliverable"], table["conclusion"])]
    if found := table.get("diagnosis"):
        lines.append(workflow_command("error", "diagnosis", found["sentence"]))
    failed = [verdict for verdict in table["verdicts"] if verdict["outcome"] in ("FAIL", "NO EVIDENCE")]
    for verdict in sorted(failed, key=lambda verdict: verdict["outcome"]):
        measured, limit, margin = cells_of(verdict)
        figures = f"measured {measured}, limit {limit}, margin {margin}. "
        title = f"{verdict['outcome']}: {gate_in_words(verdict)}"
        lines.append(workflow_command("error", title, (figures if measured != "-" else "") + what_was_found(verdict)))
    return lines[:MOST]


def workflow_command(level: str, title: str, message: str) -> str:
    """One workflow command. GitHub decodes %, line ends, and in a title also what separates its parts."""
    title, message = (re.sub("[%\r\n]", percent, printable(text)) for text in (title, message))
    return f"::{level} title={re.sub('[:,]', percent, title)}::{message}"


def percent(character: re.Match[str]) -> str:
    return f"%{ord(character[0]):02X}"
