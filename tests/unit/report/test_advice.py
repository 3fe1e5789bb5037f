"""The next command: diagnose what is not diagnosed, else the same again; nothing after an acceptance."""

from __future__ import annotations

from typing import Any

import pytest

from enet.report.advice import Advice, advice
from tests.unit.report.runs import SOUND, accuracy, contents, timed, verdict

ARGV = (
    "/venv/lib/pytest/__main__.py",
    "-m",
    "accuracy",
    "--deliverable",
    "my enet.toml",
    "--limit",
    "8",
    "--no-diagnosis",
)
RUN = accuracy([[1, 0, 0], [0, 1, 0], [0, 0, 1]], argv=ARGV)
AGAIN = "pytest -m accuracy --deliverable 'my enet.toml' --limit 8 --no-diagnosis"
FOUND = {"cause": "BGR", "sentence": "it is BGR", "facts": [], "rows": []}


@pytest.mark.parametrize(
    ("verdicts", "changes", "expected"),
    [
        ([], {"accepted": True}, None),
        (
            [verdict("miou", "FAIL")],
            {},
            Advice("Find the cause", "enet diagnose evidence --deliverable 'my enet.toml' --limit 8"),
        ),
        ([verdict("miou", "FAIL")], {"diagnosis": FOUND}, Advice("Mend the cause, then run the same again", AGAIN)),
        ([verdict("speedup", "FAIL")], {}, Advice("Mend the cause, then run the same again", AGAIN)),
        ([verdict("miou", "NO EVIDENCE")], {}, Advice("Run the same over all images", AGAIN.replace(" --limit 8", ""))),
        (
            [verdict("miou", "NO EVIDENCE")],
            {"accuracies": (accuracy(SOUND, argv=("pytest", "-m", "accuracy")),)},
            Advice("Supply what is missing, then run the same again", "pytest -m accuracy"),
        ),
        (
            [verdict("miou", "FAIL")],
            {"accuracies": (), "throughputs": (timed((1.0,), argv=("-c",)),)},
            Advice("Mend the cause, then run the same again", ""),
        ),
    ],
    ids=["accepted", "no diagnosis", "diagnosis", "speed", "limited", "no evidence", "record"],
)
def test_advice_names_the_next_command(
    verdicts: list[dict[str, Any]], changes: dict[str, Any], expected: Advice | None
) -> None:
    assert advice(contents(*verdicts, **{"accuracies": (RUN,), **changes})) == expected
