"""The program ``enet``: parse the arguments, run a command of ``enet.commands``, return the exit code.

Exit codes: 0 success; 1 a gate failed; 2 wrong usage or input, explained in one line; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shtab

from enet import __version__
from enet.commands import COMMANDS
from enet.errors import InputError, run_command
from enet.storage import streams
from enet.storage.files import is_standard_output, require_writable

#: Names of the options whose value is a file that is written, if it is a path: ``--json`` is a flag of some commands.
WRITTEN = ("json", "html", "output_file")
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
    streams.use_utf8()
    return run_command("enet", lambda: run(build_parser().parse_args(words)))


def run(args: argparse.Namespace) -> int:
    """Run the chosen command; if a file is to be standard output, what is printed goes to standard error.

    Raises:
        InputError: a file that was asked for cannot be written, or two have one path.
    """
    paths = [path for name in WRITTEN if isinstance(path := getattr(args, name, None), Path)]
    for path in paths:
        require_writable(path, make_parents=path == getattr(args, "html", None))
        if paths.count(path) > 1:
            raise InputError(f"{path}: is asked for with two contents. Give every file a path of its own")
    with streams.reserved() if any(map(is_standard_output, paths)) else contextlib.nullcontext():
        return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
