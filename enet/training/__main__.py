"""``python -m enet.training --deliverable camvid --data-root camvid --output runs/camvid``

Trains the network of a deliverable on the train split of its data set. The output folder gets ``state.pth``, from which
the same command resumes; ``log.csv`` and ``curves.png``; ``best.pth``, the averaged weights with the best mIoU on the
deliverable's split; and ``last.pth``, those of the last epoch.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from enet import deliverable as deliverables
from enet.datasets import Dataset, Sample, declared_layout, find
from enet.datasets.image_source import ImageFiles
from enet.datasets.preprocess import open_image, open_label, resize_labels, window
from enet.deliverable import Preprocessing
from enet.errors import InputError, run_command
from enet.host import cores
from enet.metrics.segmentation import confusion_matrix, iou_per_class, miou
from enet.model import checkpoint
from enet.options import DIR, FILE, SHOW_DEFAULT, positive
from enet.storage import streams
from enet.storage.files import make_folder
from enet.training.log import append_row, draw_curves, remove_rows
from enet.training.loop import Pairs, Recipe, Trainer, save_torch


def parse_args(words: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; ``recipe`` is the ``Recipe``.

    Raises:
        InputError: a value of the recipe is out of range.
    """
    parser = argparse.ArgumentParser(
        prog="python -m enet.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--deliverable", required=True, metavar="NAME|PATH", help="name of an included deliverable, or a TOML file")
    add("--data-root", **DIR, required=True, help="folder of the data set")
    add("--train-split", default="train", metavar="NAME", **SHOW_DEFAULT)
    add("--weights", **FILE, help="checkpoint to start with (default: random weights)")
    add("--output", **DIR, required=True, help="folder for state, log and checkpoints")
    add("--validate-every", type=positive, default=5, metavar="EPOCHS", **SHOW_DEFAULT)
    add("--device", default=device, metavar="NAME", **SHOW_DEFAULT)
    add("--threads", type=positive, default=cores(), metavar="N", **SHOW_DEFAULT)
    add("--compile", action="store_true", help="use torch.compile: slower start, faster epochs")
    add("--quiet", action="store_true", help="show no progress bars")
    group = parser.add_argument_group("recipe")
    for item in fields(Recipe):
        default, unit = item.default, item.metadata["unit"]
        first, *others = values = default if isinstance(default, tuple) else (default,)
        text = f"{item.metadata['help']} (default: {' '.join(map(str, values))})"
        name, count = f"--{item.name.replace('_', '-')}", len(values) if others else None
        group.add_argument(name, type=type(first), nargs=count, default=default, metavar=unit, help=text)
    args = parser.parse_args(words)
    given = {item.name: getattr(args, item.name) for item in fields(Recipe)}
    given |= {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    args.recipe = Recipe(**given)
    return args


def load_scaled(dataset: Dataset, spec: Preprocessing) -> Pairs:
    """Load all images and label maps at the network's scale, not cropped."""
    lookup = dataset.classes.lookup()

    def load(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image, label = open_image(sample.image).convert("RGB"), open_label(sample.label, dataset.classes.mask_colours)
        size = window(image.size, spec).scaled
        scaled = np.array(image.resize(size, Image.Resampling.BILINEAR))
        return scaled, lookup[np.asarray(label.resize(size, Image.Resampling.NEAREST))]

    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(load, dataset.samples))


@torch.inference_mode()
def validate(trainer: Trainer, held_out: ImageFiles, classes: int) -> NDArray[np.int64]:
    """Confusion matrix (classes, classes) of the average network; outputs that are no class are never predicted."""
    total = np.zeros((classes, classes), np.int64)
    for index in range(len(held_out.names)):
        image, label = held_out.load(index)
        x = torch.tensor(image).to(trainer.device).permute(2, 0, 1)[None].float()
        logits = trainer.average_network((x - trainer.mean) / trainer.std)
        prediction = logits[0, :classes].argmax(0).to(torch.uint8).cpu().numpy()
        total += confusion_matrix(resize_labels(prediction, label.shape), label, classes)
    return total


def main(words: Sequence[str] | None = None) -> int:
    """Train, or resume an interrupted training; return the exit code 0.

    Raises:
        InputError: the data, the deliverable, the recipe, the device or the saved state is unusable.
    """
    streams.use_utf8()
    args = parse_args(words)
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {args.device}: {str(error).splitlines()[0]}") from error
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    spec = deliverables.load(args.deliverable)
    layout, network = declared_layout(spec.dataset), spec.network
    grid, epochs = spec.preprocessing, args.recipe.epochs
    dataset = find(layout, args.data_root, spec.dataset.split).require_sound()
    held_out = ImageFiles(dataset, grid)
    data = load_scaled(find(layout, args.data_root, args.train_split).require_sound(), grid)
    start = checkpoint.load(args.weights, network.known, network.outputs).state_dict() if args.weights else None
    trainer = Trainer(spec, data, args.recipe, device=args.device, compiled=args.compile, start=start)
    make_folder(args.output)
    state, log = args.output / "state.pth", args.output / "log.csv"
    if state.exists():
        trainer.resume(state)
    remove_rows(log, after=trainer.epoch)
    if trainer.epoch == epochs:
        print(f"{state}: all {epochs} epochs are complete")
    while trainer.epoch < epochs:
        begin = time.perf_counter()
        loss, score = trainer.run_epoch(progress=not args.quiet), None
        if trainer.epoch % args.validate_every == 0 or trainer.epoch == epochs:
            matrix = validate(trainer, held_out, spec.scored_classes)
            score = miou(matrix, spec.reference.absent_classes)
            ious = zip(dataset.classes.names, iou_per_class(matrix), strict=True)
            print(f"epoch {trainer.epoch}: mIoU {score:.4f}", *(f"{name} {iou:.3f}" for name, iou in ious), sep="  ")
            averaged = {"miou": score, "state_dict": trainer.average_network.state_dict()}
            if score > trainer.best:
                trainer.best = score
                save_torch(averaged, args.output / "best.pth")
            if trainer.epoch == epochs:
                save_torch(averaged, args.output / "last.pth")
        shown, seconds = "" if score is None else f"{score:.5f}", round(time.perf_counter() - begin, 1)
        append_row(log, {"epoch": trainer.epoch, "loss": f"{loss:.5f}", "miou": shown, "seconds": seconds})
        trainer.save(state)
        if score is not None and importlib.util.find_spec("vl_convert"):
            draw_curves(log, args.output / "curves.png")
    return 0


if __name__ == "__main__":
    sys.exit(run_command("enet.training", main))
