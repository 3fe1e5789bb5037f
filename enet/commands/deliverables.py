"""List the included deliverables; show one; check or create a deliverable of your own."""

import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from enet.commands.common import print_table
from enet.deliverable import PLACEHOLDER, Deliverable, baselines, builtin_names, load, template
from enet.deliverable.toml_reader import add_line_number
from enet.errors import InputError, unknown_name_error
from enet.options import AddOption
from enet.storage.files import make_folder, write_text

EXAMPLE = "enet deliverables new mine.toml && enet deliverables check mine.toml"


def add_options(add: AddOption) -> None:
    actions = "print all of a deliverable; check a file; write a template"
    add("action", nargs="?", choices=["show", "check", "new"], help=actions)
    add("name", nargs="?", help="name of an included deliverable, or path of a TOML file")
    add("--json", action="store_true", help="print the list as JSON; show always prints JSON")


def run(args: Namespace) -> int:
    names = builtin_names()
    if args.action is None:
        summaries, width = {name: load(name).summary for name in names}, max(map(len, names))
        return print_table([f"{name:<{width}}  {summary}" for name, summary in summaries.items()], summaries, args)
    if args.name is None:
        what = f"one of {', '.join(names)} or a .toml file" if args.action == "show" else "a .toml file"
        raise InputError(f"deliverables {args.action}: name is missing. Give {what}")
    if args.action == "new":
        write_template(Path(args.name))
    elif args.action == "show":
        print(json.dumps(asdict(load(args.name)), indent=2, default=str))
    else:
        spec = load(args.name)
        require_usable(spec)
        missing = f", but miou_percent={spec.reference.miou_percent:g} has no source. Fill in both"
        print(f"{args.name}: {spec.name}: no errors{missing if spec.reference.source == PLACEHOLDER else ''}")
    return 0


def require_usable(spec: Deliverable) -> None:
    """Check the weights and the recorded baseline that a deliverable's file names.

    Raises:
        InputError: the weights are not a file, or the baseline was never recorded.
    """
    weights, limit, path = spec.weights, spec.throughput, spec.path
    recorded = [column.name for column in baselines.load().columns]
    try:
        if weights is not None and not weights.is_file():
            seen = f"weights={spec.network.weights!r}"
            raise InputError(f"{path} [network]: {seen}, expected a file at {weights}. Correct the path")
        if limit is not None and limit.baseline not in recorded:
            raise unknown_name_error("baseline", limit.baseline, recorded, where=f"{path} [throughput]")
    except InputError as error:
        raise InputError(add_line_number(str(error), path)) from error


def write_template(path: Path) -> None:
    """Write the template of a deliverable to a new TOML file."""
    if path.suffix != ".toml":
        raise InputError(f"deliverables new {path}: not a .toml file. Give a name such as {path.name or 'mine'}.toml")
    if path.exists():
        raise InputError(f"deliverables new {path}: exists already. Choose another name, or delete the file")
    make_folder(path.parent)
    write_text(path, template())
    print(f"Wrote {path}. Fill it in, then run: enet deliverables check {path}")
