"""Every command that the documentation shows is one: it parses, and pytest knows its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from enet import cli, command_line
from enet.errors import InputError
from enet.training import __main__ as training

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path, program: str) -> list[str]:
    """Lines of the page's shell blocks that run a program, without comments and prompts."""
    blocks = re.findall(r"^[ ]*```bash\n(.*?)^[ ]*```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("  #")[0].split(" > ")[0] for line in lines if line.startswith(f"{program} ")]


def test_there_are_commands() -> None:
    assert sum(len(commands(page, "enet")) for page in PAGES) >= 15
    assert sum(len(commands(page, "pytest")) for page in PAGES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_parse(page: Path) -> None:
    grammar = command_line.parser(cli.COMMANDS)
    for line in commands(page, "enet"):
        words = [word for word in shlex.split(line.split(" && ")[0].split(" | ")[0])[1:] if word != "…"]
        try:
            grammar.parse_args(words)
        except SystemExit as error:
            pytest.fail(f"{page.name}: {line!r} doesn't parse ({error})")


def test_options_of_pytest_are_known() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for page in PAGES:
        for line in commands(page, "pytest"):
            for option in re.findall(r"(?<!\S)--[a-z-]+", line):
                assert option in done.stdout, f"{page.name}: {line!r}"


def test_recipes_of_training_parse() -> None:

    lines = [line for page in PAGES for line in commands(page, "python")]
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "enet.training"]:
            try:
                training.recipe(training.arguments(words[3:]))
            except (SystemExit, InputError) as error:
                pytest.fail(f"{line!r} doesn't parse ({error})")
