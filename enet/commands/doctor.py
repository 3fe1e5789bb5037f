"""Show which backends can run here, and what the others lack."""

from argparse import Namespace
from typing import Any

from enet import backends
from enet.commands.common import print_table
from enet.errors import EnetError
from enet.options import AddOption

EXAMPLE = "enet doctor"


def add_options(add: AddOption) -> None:
    add("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    states: dict[str, dict[str, Any]] = {}
    lines = []
    for name in backends.BACKENDS:
        try:
            versions = dict(backends.get(name).versions())
            states[name] = {"ready": True, "versions": versions}
            lines.append(f"{name:<12}  ready    {', '.join(f'{library} {n}' for library, n in versions.items())}")
        except EnetError as error:
            states[name] = {"ready": False, "missing": str(error)}
            lines.append(f"{name:<12}  missing  {error}")
    return print_table(lines, states, args)
