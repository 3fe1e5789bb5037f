"""Options and output that several commands share."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from enet import backends, measure
from enet.deliverable import IoFormat, load
from enet.deliverable.target import Target
from enet.errors import InputError, printable
from enet.options import WRITTEN_FILE, AddOption, target_from_options
from enet.storage.files import write_text
from enet.storage.store import Store, default_root


def add_input(add: AddOption, meaning: str = "input of the model") -> None:
    add("--input", choices=["float", "uint8"], default="float", help=f"{meaning} (default: %(default)s)")


def add_io_format(add: AddOption) -> None:
    add("--input", choices=["float", "uint8"], help="input of the model (default: the deliverable's)")
    add("--output", choices=["logits", "labels"], help="output of the model (default: the deliverable's)")


def add_json(add: AddOption) -> None:
    add("--json", **WRITTEN_FILE, help="also write the results to FILE (-: standard output)")


def subject_from_args(args: Namespace, data_root: Path | None, weights: Path | None = None) -> measure.Subject:
    """Build the subject from the deliverable, cache and target in ``args``."""
    store, progress = Store(args.artifact_cache or default_root()), sys.stderr.isatty()
    target = target_from_options(args) if hasattr(args, "precision") else Target()
    limit = getattr(args, "limit", None)
    spec = load(args.deliverable, trust_code=getattr(args, "trust_code", False))
    for slip in spec.slips():
        print(printable(f"warning: {slip}"), file=sys.stderr)
    onnx, om = (tuple(getattr(args, kind, None) or ()) for kind in ("onnx", "om"))
    backend = getattr(args, "backend", backends.DEFAULT)
    if (onnx or om) and backend == backends.REFERENCE:
        option = "--onnx" if onnx else "--om"
        advice = f"Give another --backend, or leave {option} out"
        raise InputError(f"{option}: backend {backend} runs the checkpoint. {advice}")
    if target.provider and backend != backends.DEFAULT:
        raise InputError(f"--provider: backend {backend} has none. Give --backend {backends.DEFAULT}")
    return measure.Subject(spec, store, weights, data_root, limit, progress, target, onnx=onnx, om=om)


def io_format_from_args(args: Namespace, default: IoFormat) -> IoFormat:
    return IoFormat(input=args.input or default.input, output=args.output or default.output)


def print_result(sentence: str, values: Mapping[str, Any], args: Namespace) -> int:
    """Print what a command did, write ``values`` to the file of ``--json``, and return the exit code 0."""
    print(printable(sentence))
    write_json(values, args)
    return 0


def write_json(values: Mapping[str, Any], args: Namespace) -> None:
    if args.json:
        write_text(args.json, json.dumps(values, indent=1) + "\n")


def print_table(lines: Iterable[str], values: Mapping[str, Any], args: Namespace) -> int:
    """Print lines, or ``values`` as JSON if the flag ``--json`` is given; return the exit code 0."""
    print(json.dumps(values, indent=1) if args.json else "\n".join(map(printable, lines)))
    return 0


def print_accuracy(summary: Mapping[str, Any], args: Namespace) -> None:
    """Print an accuracy summary as a table, and write it to the file of ``--json``."""
    for name, iou in summary["iou_per_class"].items():
        print(f"{name:<16} {'absent' if iou is None else f'{100 * iou:9.4f} %'}")
    images, expected = summary["images"], summary["images_expected"]
    count = f"{images} images" if images == expected else f"{images} of {expected} images"
    rule = summary["miou_rule"] + ("" if summary["label_grid"] == "network" else "; at the photographs' size")
    print(f"{'mIoU':<16} {100 * summary['miou']:9.4f} %   ({rule}; {count})")
    if hint := summary["order_hint"]:
        print(printable(hint))
    if copies := summary["duplicate_images"]:
        print(f"{copies} of these images are copies of others: an acceptance run would not count them as evidence")
    print(f"{'pixel accuracy':<16} {100 * summary['pixel_accuracy']:9.4f} %")
    for share in summary["devices"]:
        rate = share["images"] / share["seconds"] if share["seconds"] else float("nan")
        print(f"device {share['device']}: {share['images']} images, {share['seconds']:.2f} s, {rate:.2f} images/s")
    if summary["images_per_second"]:
        clock = ", all devices together, wall clock" if summary["devices"] else ""
        print(f"{summary['seconds']:.2f} s, {summary['images_per_second']:.2f} images/s{clock}")
    write_json(summary, args)
