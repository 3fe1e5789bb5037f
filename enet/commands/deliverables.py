"""List the included deliverables; show one; check, create or pin a deliverable of your own; print its JSON schema."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from enet import measure
from enet.commands.common import print_table
from enet.deliverable import Deliverable, baselines, builtin_names, load, schema, template
from enet.deliverable.toml_reader import add_line_number
from enet.errors import InputError, InputErrors, printable, unknown_name_error
from enet.options import DIR, FILE, AddOption, add_cache, add_trust_code
from enet.storage.files import make_folder, write_text
from enet.storage.store import Store, default_root

EXAMPLE = "enet deliverables new mine.toml && enet deliverables check mine.toml"


def add_options(add: AddOption) -> None:
    actions = "print all of a deliverable; check a file; write a template; name weights and data by hash in the file; "
    actions += "print the JSON schema of such files, for editors"
    add("action", nargs="?", choices=["show", "check", "new", "pin", "schema"], help=actions)
    add(
        "names",
        nargs="*",
        metavar="name",
        help="name of an included deliverable, or path of a TOML file; check: several",
    )
    add("--json", action="store_true", help="print the list as JSON; show always prints JSON")
    add("--data-root", **DIR, help="pin: folder of the data set (default: generated scenes)")
    add("--weights", **FILE, help="pin: checkpoint (default: the deliverable's)")
    add_cache(add)
    add_trust_code(add)


def run(args: Namespace) -> int:
    names = builtin_names()
    if args.action != "pin" and (args.data_root or args.weights):
        raise InputError("deliverables: --data-root and --weights are options of: enet deliverables pin")
    if args.action is None:
        summaries, width = {name: load(name).summary for name in names}, max(map(len, names))
        return print_table([f"{name:<{width}}  {summary}" for name, summary in summaries.items()], summaries, args)
    if args.action == "schema":
        print(json.dumps(schema.schema(), indent=1))
        return 0
    if args.action == "check" and args.names:
        return check(args.names)
    if len(args.names) > 1:
        raise InputError(f"deliverables {args.action}: {len(args.names)} names, expected one. Give one")
    args.name = next(iter(args.names), None)
    if args.name is None:
        what = f"one of {', '.join(names)} or a .toml file" if args.action in ("show", "pin") else "a .toml file"
        raise InputError(f"deliverables {args.action}: name is missing. Give {what}")
    if args.action == "new":
        write_template(Path(args.name))
    elif args.action == "pin":
        pin(args)
    else:
        print(json.dumps(asdict(load(args.name)), indent=2, default=str))
    return 0


def check(names: list[str]) -> int:
    """Check files as far as that is possible without weights and data.

    Raises:
        InputErrors: what is wrong in any of them, one line each.
    """
    mistakes: list[str] = []
    for name in names:
        try:
            spec = load(name).require_filled_in()
            require_usable(spec)
        except InputError as error:
            mistakes += str(error).splitlines()
        else:
            lines = [f"{name}: {spec.name}: no errors", *(f"warning: {slip}" for slip in spec.slips())]
            print("\n".join(map(printable, lines)))
    if mistakes:
        raise InputErrors(mistakes)
    return 0


def pin(args: Namespace) -> None:
    """Name weights and data by hash in the deliverable's file."""
    store = Store(args.artifact_cache or default_root())
    spec = load(args.name, trust_code=args.trust_code)
    subject = measure.Subject(spec, store, args.weights, args.data_root, progress=sys.stderr.isatty())
    lines = measure.pinning.pin(subject) or [f"{spec.path}: names everything already, and it holds"]
    print("\n".join(map(printable, lines)))
    spec = load(args.name)
    if spec.is_pinned:
        print(f"From now on reference_miou is held to {spec.reference.miou_percent:g} % +- 0.01 pp")
    else:
        print("The weights are not named: give them with --weights FILE")


def require_usable(spec: Deliverable) -> None:
    """Check the weights, the golden logits and the recorded baseline that a deliverable's file names.

    Raises:
        InputError: weights or golden logits are not a file, or the baseline was never recorded.
    """
    weights, golden, limit, path = spec.weights, spec.golden, spec.throughput, spec.path
    recorded = [column.name for column in baselines.load().columns]
    try:
        if weights is not None and not weights.is_file():
            seen = f"weights={spec.network.weights!r}"
            raise InputError(f"{path} [network]: {seen}, expected a file at {weights}. Correct the path")
        if golden is not None and not golden.is_file():
            seen = f"golden={spec.network.golden!r}"
            raise InputError(
                f"{path} [network]: {seen}, expected a file at {golden}. Write it with: enet deliverables pin"
            )
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
    print(printable(f"Wrote {path}. Fill it in, then run: enet deliverables check {path}"))
