"""Measure mIoU: preprocess, infer and score the images in one run, which resumes if it was interrupted."""

from __future__ import annotations

import math
import tempfile
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from enet import backends, cluster, measure, report
from enet.commands import common
from enet.errors import InputError, printable
from enet.options import DIR, SHOW_DEFAULT, AddOption, add_ray, add_subject, batch_size, positive
from enet.storage.files import make_folder

EXAMPLE = "enet evaluate --deliverable cityscapes --data-root citys --weights enet_citys.pth --json score.json"


def add_options(add: AddOption) -> None:
    add_subject(add)
    add("--backend", default=backends.DEFAULT, **SHOW_DEFAULT)
    common.add_io_format(add)
    add("--batch-size", type=batch_size, default=1, metavar="N", **SHOW_DEFAULT)
    add("--limit", type=positive, metavar="N", help="use only the first N images")
    add("--split", metavar="NAME", help="use all images of a split such as test (default: the deliverable's split)")
    overlays = "write the worst images: photograph, ground truth, prediction, errors; replaces earlier ones in DIR"
    add("--save-overlays", **DIR, help=overlays)
    add("--worst", type=positive, default=10, metavar="N", help="images for --save-overlays (default: %(default)s)")
    add("--save-predictions", **DIR, help="write label ids at the photographs' size, .png")
    grid = "resolution of the comparison; photograph: as official evaluators (default: the deliverable's)"
    add("--label-grid", choices=["network", "photograph"], help=grid)
    add_ray(add)
    common.add_json(add)


def run(args: Namespace) -> int:
    subject = with_label_grid(common.subject_from_args(args, args.data_root, args.weights), args.label_grid)
    if args.split is not None:
        subject = subject.with_split(args.split)
        print(f"split {args.split}")
    backends.require_precision(args.backend, args.precision)
    if args.ray is not None:
        cluster.require_goes_with(subject.target)
        cluster.connect(args.ray)
        subject = replace(subject, ray=args.ray)
    io_format = common.io_format_from_args(args, subject.io_format(args.backend))
    # The artifact first: a wrong checkpoint or backend must not wait until thousands of images are checked.
    artifact = subject.artifact(args.backend, args.batch_size, io_format)
    images, split = subject.image_files(), subject.deliverable.dataset.split
    folders = [folder for folder in (args.save_overlays, args.save_predictions) if folder]
    for folder in folders:
        make_folder(folder)
    with ExitStack() as stack:
        labels = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "labels.npy" if folders else None
        accuracy = measure.measure_split(subject, artifact, images, labels_to=labels, resumable=labels is None)
        summary = {**accuracy.summary(), "split": split}
        if math.isnan(summary["miou"]):  # as in Cityscapes' public test labels
            raise InputError(f"split {split}: all pixels of its label maps are void. Choose a split with ground truth")
        common.print_accuracy(summary, args)
        for problem in accuracy.provenance.node_problems():
            print(printable(f"{problem}: no acceptance would count this run as evidence"))
        if count := accuracy.non_finite:
            print(f"{count} images gave logits that are not finite numbers: no acceptance would count them")
        if labels and (folder := args.save_overlays):
            saved = report.pictures.save_overlays(accuracy, labels, images, subject.dataset.classes, folder, args.worst)
            print(f"Wrote the {len(saved)} worst images to {folder}")
        if labels and (folder := args.save_predictions):
            saved = measure.label_files.save(accuracy, labels, subject, folder)
            print(f"Wrote {len(saved)} predictions as label ids to {folder}")
    return 0


def with_label_grid(subject: measure.Subject, grid: str | None) -> measure.Subject:
    """Replace the resolution at which predictions are compared; None keeps the deliverable's.

    Raises:
        InputError: the deliverable's preprocessing does not allow this resolution.
    """
    spec = subject.deliverable
    if grid is None or grid == spec.preprocessing.label_grid:
        return subject
    try:
        preprocessing = replace(spec.preprocessing, label_grid=grid)  # type: ignore[arg-type] # one of its choices
        return replace(subject, deliverable=replace(spec, preprocessing=preprocessing))
    except ValueError as error:
        raise InputError(f"--label-grid {grid}: deliverable {spec.name}: {error}") from error
