"""Write an HTML report of one evidence folder, or a comparison of two."""

from argparse import Namespace

from enet import report
from enet.commands.common import add_json, print_result
from enet.errors import InputError
from enet.options import DIR, WRITTEN_FILE, AddOption

EXAMPLE = "enet report .enet/evidence --html report.html"


def add_options(add: AddOption) -> None:
    add("evidence", **DIR, nargs="+", help="evidence folder of a run, or of two runs: older, newer")
    add("--html", **WRITTEN_FILE, required=True, help="HTML file to write")
    add_json(add)


def run(args: Namespace) -> int:
    if len(args.evidence) > 2:
        raise InputError(f"report: {len(args.evidence)} evidence folders, expected 1, or 2 to compare. Give fewer")
    runs = [report.read(folder) for folder in args.evidence]
    if len(runs) == 1:
        report.write(runs[0], args.html)
    else:
        report.compare(runs[0], runs[1], args.html)
    name, conclusion = runs[-1].deliverable, runs[-1].conclusion
    values = {"html": str(args.html), "deliverable": name, "conclusion": conclusion, "verdicts": runs[-1].verdicts}
    return print_result(f"{args.html}: {name}: {conclusion}", values, args)
