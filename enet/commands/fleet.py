"""Accept many deliverables as one job of a Ray cluster: each in its own environment, all verdicts on one page."""

from __future__ import annotations

import time
from argparse import Namespace

from enet import fleet
from enet.cluster import LOCAL
from enet.commands.common import add_json, write_json
from enet.errors import printable
from enet.options import DIR, FILE, AddOption, add_ray

EXAMPLE = "enet fleet FLEET.toml --ray 10.0.0.5:6379"

#: Seconds between two versions of the page.
PAGE_EVERY = 10


def add_options(add: AddOption) -> None:
    add("file", **FILE, help="the fleet's file, TOML: docs/scale.md describes it")
    add("--evidence", **DIR, help="folder for the evidence and the page (default: the file's)")
    add_ray(add)
    add_json(add)


def run(args: Namespace) -> int:
    folder, runs = fleet.load(args.file)
    folder = args.evidence.absolute() if args.evidence else folder
    found: dict[str, fleet.Result] = {}
    written = time.monotonic()
    try:
        for one, result in fleet.run_all(folder, runs, args.ray or LOCAL):
            found[one.name] = result
            kept = " (earlier, and nothing has changed)" if result.is_earlier else ""
            told = f"{len(found)} of {len(runs)}: {one.name}: {result.word}{kept}: {result.sentence}"
            print(printable(told), flush=True)
            if time.monotonic() - written > PAGE_EVERY:
                fleet.write(folder, runs, found)
                written = time.monotonic()
    finally:
        if found:
            fleet.write(folder, runs, found)
            write_json(fleet.table(runs, found), args)
    accepted = sum(each.code == 0 for each in found.values())
    print(printable(f"{folder / 'fleet.html'}: {accepted} of {len(runs)} accepted"))
    return 0 if accepted == len(runs) else 1
