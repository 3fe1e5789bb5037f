"""The program ``enet``: parse the arguments, run a command of ``enet.commands``, return the exit code.

Exit codes: 0 success; 1 a gate failed; 2 wrong usage or input, explained in one line; 130 interrupted.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

import shtab

from enet import __version__
from enet.commands import COMMANDS
from enet.errors import run_command

#: Name of an option in a word, without its value.
NAME = re.compile(r"^--[a-z_-]+(?==|$)")


class Parser(argparse.ArgumentParser):
    """A parser that takes ``_`` for ``-`` in names of options, as the guide's scripts and CANN's tools write them.

    Attributes:
        passes_on: whether another parser gets all words, as ``words``, unless they ask for help.
    """

    passes_on = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else args
        if self.passes_on and {"-h", "--help"}.isdisjoint(words):
            return argparse.Namespace(run=self.get_default("run"), words=words), []
        plain = [NAME.sub(lambda name: name[0].replace("_", "-"), word) for word in words]
        return super().parse_known_args(plain, namespace)


def build_parser() -> argparse.ArgumentParser:
    """Parser of all commands; the parsed ``run`` is the function of the chosen one."""
    parser = Parser(prog="enet", description="Acceptance tests for ENet segmentation models.")
    parser.add_argument("--version", action="version", version=f"enet {__version__}")
    shtab.add_argument_to(parser, help="print a completion script for this shell, then exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text, example, raw = command.__doc__, f"example:\n  {command.EXAMPLE}", argparse.RawDescriptionHelpFormatter
        subparser = commands.add_parser(name, help=text, description=text, epilog=example, formatter_class=raw)
        command.add_options(subparser.add_argument)
        subparser.set_defaults(run=command.run)
        subparser.passes_on = getattr(command, "PASSES_ON", False)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's; return the exit code."""
    args = build_parser().parse_args(words)
    return run_command("enet", lambda: int(args.run(args)))


if __name__ == "__main__":
    sys.exit(main())
