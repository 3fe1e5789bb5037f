"""Test the suite itself: tables of injected faults, sensitivity, bad input and crashes."""

import tempfile
from argparse import Namespace
from pathlib import Path

from enet import selftest
from enet.commands.common import add_json, write_json
from enet.options import AddOption, natural, positive
from enet.selftest.table import Row, closing, line, rates

EXAMPLE = "enet selftest --only faults --quick"


def add_options(add: AddOption) -> None:
    parts = f"one or more of {', '.join(selftest.PARTS)} (default: all)"
    add("--only", nargs="+", choices=selftest.PARTS, metavar="PART", help=parts)
    add("--quick", action="store_true", help="run a representative selection of each part, in minutes")
    add("--seed", type=natural, default=0, help="draws the faults of families and fuzz (default: 0)")
    add("--count", type=positive, help="number of faults of families, of changes of each kind of fuzz")
    add_json(add)


def run(args: Namespace) -> int:
    tables: dict[str, list[Row]] = {}
    for part in args.only or selftest.PARTS:
        rows = tables.setdefault(part.replace("-", "_"), [])
        with tempfile.TemporaryDirectory() as folder:
            for row in selftest.run(part, Path(folder), quick=args.quick, seed=args.seed, count=args.count):
                print(line(row), flush=True)
                rows.append(row)
        if part == "families":
            print("\n".join(rates(rows)))
        print(f"{closing(part, rows)}\n", flush=True)
    write_json({part: [row.to_json() for row in rows] for part, rows in tables.items()}, args)
    return 0 if all(row.ok for rows in tables.values() for row in rows) else 1
