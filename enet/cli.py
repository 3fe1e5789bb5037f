"""The program ``enet``: parse the arguments, run a command of ``enet.commands``, return the exit code.

Exit codes: 0 success; 1 a gate failed; 2 wrong usage or input, explained in one line; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import shtab

from enet import __version__
from enet.commands import COMMANDS
from enet.errors import run_command


def build_parser() -> argparse.ArgumentParser:
    """Parser of all commands; the parsed ``run`` is the function of the chosen one."""
    parser = argparse.ArgumentParser(prog="enet", description="Acceptance tests for ENet segmentation models.")
    parser.add_argument("--version", action="version", version=f"enet {__version__}")
    shtab.add_argument_to(parser, help="print a completion script for this shell, then exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text, example, raw = command.__doc__, f"example:\n  {command.EXAMPLE}", argparse.RawDescriptionHelpFormatter
        subparser = commands.add_parser(name, help=text, description=text, epilog=example, formatter_class=raw)
        command.add_options(subparser.add_argument)
        subparser.set_defaults(run=command.run)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's; return the exit code."""
    args = build_parser().parse_args(words)
    return run_command("enet", lambda: int(args.run(args)))


if __name__ == "__main__":
    sys.exit(main())
