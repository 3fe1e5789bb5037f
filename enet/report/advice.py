"""The next command after a run, to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enet.evidence.provenance import RECORDED
from enet.gates.catalogue import GATES
from enet.report.contents import Contents

#: Programs by the name of the file that Python runs, or of its folder for ``python -m``.
PROGRAMS = {"pytest": "pytest", "py.test": "pytest", "enet": "enet", "cli.py": "enet"}

#: Options that ``enet diagnose`` needs of the run that it explains: with a value, and without.
SUBJECT = ("deliverable", "weights", "onnx", "om", "data-root", "precision", "provider", "artifact-cache", "limit")
SWITCHES = ("--trust-code", "--allow-busy-device")


@dataclass(frozen=True)
class Advice:
    """What to do, in words, and the command for it; empty if it is not known."""

    words: str
    command: str


def advice(contents: Contents) -> Advice | None:
    """The next step; None after an acceptance.

    A failed gate of accuracy is diagnosed, if that was not done. Otherwise the run is repeated, its cause mended; if
    nothing failed on limited images, over all of them.
    """
    if contents.accepted:
        return None
    again = next((found for run in contents.runs if (found := command_line(run.argv))), [])
    failed = {verdict["gate"] for verdict in contents.verdicts if verdict["outcome"] == "FAIL"}
    is_accuracy = any(GATES[gate].aspect == "accuracy" for gate in failed if gate in GATES)
    is_here = not any(run.backend == RECORDED for run in contents.runs)
    if is_accuracy and is_here and contents.diagnosis is None:
        words = ["enet", "diagnose", str(contents.folder), *subject_options(again)]
        return Advice("Find the cause", shlex.join(words))
    if not failed and (whole := without_limit(again)) != again:
        return Advice("Run the same over all images", shlex.join(whole))
    cause = "Mend the cause" if failed else "Supply what is missing"
    return Advice(f"{cause}, then run the same again", shlex.join(again))


def without_limit(words: Sequence[str]) -> list[str]:
    """A command line without ``--limit``.

    >>> without_limit(["pytest", "--limit", "8", "-q"]), without_limit(["pytest", "--limit=8"])
    (['pytest', '-q'], ['pytest'])
    """
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if "--limit" not in (before, word) and not word.startswith("--limit=")]


def command_line(argv: Sequence[str]) -> list[str]:
    """The command as a user types it; empty if this is not one, as in a worker of pytest-xdist.

    >>> command_line(["/venv/lib/pytest/__main__.py", "-m", "perf"]), command_line(["-c"])
    (['pytest', '-m', 'perf'], [])
    """
    path = Path(argv[0]) if argv else Path()
    program = PROGRAMS.get(path.parent.name if path.name == "__main__.py" else path.name)
    return [program, *argv[1:]] if program else []


def pasteable(argv: Sequence[str]) -> str:
    """The command as a line of a shell."""
    return shlex.join(command_line(argv) or argv)


def subject_options(words: Sequence[str]) -> list[str]:
    """Those options of a command line that say what was measured, in their order.

    >>> subject_options(["pytest", "-q", "--onnx", "a.onnx", "--data-root=d", "--trust-code"])
    ['--onnx', 'a.onnx', '--data-root=d', '--trust-code']
    """
    found: list[str] = []
    for place, word in enumerate(words):
        name, _, value = word.removeprefix("--").partition("=")
        if word in SWITCHES or (word.startswith("--") and value and name in SUBJECT):
            found.append(word)
        elif word.startswith("--") and name in SUBJECT:
            found += words[place : place + 2]
    return found
