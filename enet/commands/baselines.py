"""Print the recorded throughput in images/s, with recomputed ratios."""

from argparse import Namespace

from enet.commands.common import print_table
from enet.deliverable import baselines
from enet.errors import folded
from enet.options import AddOption

EXAMPLE = "enet baselines --json"


def add_options(add: AddOption) -> None:
    add("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    table = baselines.load()
    values, name, source = table.to_json(), table.directory.name, table.directory.source
    lines = [*folded(f"{table.name}, images/s [{table.source}]"), "", *table.lines(), ""]
    for chip, folder in values["directory"].items():
        lines += folded(f"{chip}: {folder or f'not {name}'} [{source}]")
    return print_table(lines, values, args)
