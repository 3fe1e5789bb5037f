"""The documentation's commands: they parse, and pytest knows their options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from enet import cli, training
from enet.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path, program: str) -> list[str]:
    """Lines of the page's shell blocks that run a program, without comments and prompts."""
    blocks = re.findall(
        r"^[ ]*```(?:bash|console)\n(.*?)^[ ]*```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("  #")[0].split(" > ")[0] for line in lines if line.startswith(f"{program} ")]


def test_docs_show_commands() -> None:
    assert sum(len(commands(page, "enet")) for page in PAGES) >= 15
    assert sum(len(commands(page, "pytest")) for page in PAGES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_in_docs_parse(page: Path) -> None:
    parser = cli.build_parser()
    for line in commands(page, "enet"):
        words = [word for word in shlex.split(line.split(" && ")[0].split(" | ")[0])[1:] if word != "…"]
        try:
            parser.parse_args(words)
        except SystemExit as error:
            pytest.fail(f"{page.name}: {line!r} is not valid ({error})")


def test_pytest_options_in_docs_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for page in PAGES:
        for line in commands(page, "pytest"):
            for option in re.findall(r"(?<!\S)--[a-z-]+", line):
                assert option in done.stdout, f"{page.name}: {line!r}"


def test_training_recipes_in_docs_parse() -> None:
    lines = [line for page in PAGES for line in commands(page, "python")]
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "enet.training"]:
            try:
                training.__main__.parse_args(words[3:])
            except (SystemExit, InputError) as error:
                pytest.fail(f"{line!r} is not valid ({error})")
