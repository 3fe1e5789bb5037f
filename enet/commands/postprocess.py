"""Compute mIoU from a folder of ais_bench outputs."""

from argparse import Namespace

from enet import measure, records
from enet.commands.common import add_json, print_accuracy, subject_from_args
from enet.options import DIR, AddOption, add_cache, add_deliverable

EXAMPLE = "enet postprocess --src-path citys --result-dir results_summary.json"


def add_options(add: AddOption) -> None:
    add("--src-path", **DIR, required=True, help="folder of the data set")
    summaries = {"metavar": "SUMMARY_JSON", "help": "ais_bench's summary; of a run on several devices, all summaries"}
    add("--result-dir", **DIR | summaries, required=True, nargs="+")
    add_deliverable(add)
    add_cache(add)
    add_json(add)


def run(args: Namespace) -> int:
    summaries = [records.summary.read(path) for path in args.result_dir]
    accuracy = measure.recorded_accuracy.score_outputs(subject_from_args(args, args.src_path), summaries)
    print_accuracy(accuracy.summary(), args)
    missing = accuracy.images_expected - len(accuracy.images)
    if missing:
        print(f"NO EVIDENCE: {missing} of {accuracy.images_expected} images have no output")
    return 1 if missing else 0
