"""``python -m enet.training --deliverable camvid --data-root camvid --output runs/camvid``

Trains a deliverable's network on the train split of its data set and keeps, in the output folder, ``state.pth``
(from which the same command goes on), ``log.csv``, ``curves.png``, ``best.pth``: the averaged weights with the best
mIoU on the deliverable's own split, and ``last.pth``: those of the last epoch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from enet import deliverable as deliverables
from enet.datasets import Dataset, Sample, find
from enet.datasets.image_source import ImageFiles
from enet.datasets.preprocess import open_image, open_label, resize_labels, window
from enet.deliverable import Network, Preprocessing
from enet.errors import InputError, run_command
from enet.metrics.segmentation import confusion_matrix, iou_per_class, miou
from enet.model import checkpoint as checkpoints
from enet.options import positive
from enet.storage.files import make_folder
from enet.training.curves import draw
from enet.training.loop import Pairs, Recipe, Trainer, append_row, forget_rows, save_aside


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m enet.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deliverable", required=True, help="shipped name or path of a TOML file")
    parser.add_argument("--data-root", required=True, type=Path, help="folder of the data set")
    parser.add_argument("--train-split", default="train", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="checkpoint to begin with (default: random)")
    parser.add_argument("--output", required=True, type=Path, help="folder for state, log and best weights")
    parser.add_argument("--validate-every", type=positive, default=5, metavar="EPOCHS", help="default: %(default)s")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", metavar="NAME", help="default: %(default)s"
    )
    parser.add_argument(
        "--threads", type=positive, default=torch.get_num_threads(), metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile: slow start, faster epochs")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    group = parser.add_argument_group("recipe")
    for item in fields(Recipe):
        first, *others = items = item.default if isinstance(item.default, tuple) else (item.default,)
        group.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=type(first),
            nargs=len(items) if others else None,
            default=item.default,
            metavar=item.metadata["unit"],
            help=f"{item.metadata['help']} (default: {' '.join(map(str, items))})",
        )
    return parser.parse_args(words)


def load_scaled(dataset: Dataset, spec: Preprocessing) -> Pairs:
    """Every photograph and label map at the network's scale, uncropped: uint8 (H, W, 3) and (H, W)."""
    lookup = dataset.classes.lookup()

    def load(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image, label = open_image(sample.image).convert("RGB"), open_label(sample.label)
        size = window(image.size, spec).scaled
        scaled = np.array(image.resize(size, Image.Resampling.BILINEAR))
        return scaled, lookup[np.asarray(label.resize(size, Image.Resampling.NEAREST))]

    with ThreadPoolExecutor() as pool:
        return list(pool.map(load, dataset.samples))


def started(path: Path, network: Network) -> dict[str, Tensor]:
    """The state dict of a checkpoint that fits the deliverable's network.

    Raises:
        InputError: it can't be read, or doesn't fit.
    """
    return checkpoints.load(path, network.variant, network.outputs).state_dict()


@torch.inference_mode()
def validate(trainer: Trainer, held_out: ImageFiles, classes: int) -> NDArray[np.int64]:
    """Confusion matrix (classes, classes) of the averaged network; outputs beyond the classes are never predicted."""
    total = np.zeros((classes, classes), np.int64)
    for index in range(len(held_out.names)):
        image, label = held_out.load(index)
        x = torch.tensor(image).to(trainer.device).permute(2, 0, 1)[None].float()
        logits = trainer.averaged((x - trainer.mean) / trainer.std)
        prediction = logits[0, :classes].argmax(0).to(torch.uint8).cpu().numpy()
        total += confusion_matrix(resize_labels(prediction, label.shape), label, classes)
    return total


def require_device(name: str) -> None:
    """Refuse a device that this PyTorch can't use.

    Raises:
        InputError: naming it.
    """
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: {str(error).splitlines()[0]}") from error


def recipe(options: argparse.Namespace) -> Recipe:
    """The options' recipe.

    Raises:
        InputError: a value makes no sense.
    """
    given: dict[str, Any] = {}
    for item in fields(Recipe):
        value = getattr(options, item.name)
        given[item.name] = tuple(value) if isinstance(value, list) else value
    return Recipe(**given)


def main(words: Sequence[str] | None = None) -> int:
    """Train, or go on; returns 0.

    Raises:
        InputError: the data, the deliverable, the recipe or a state left before can't be used.
    """
    options = arguments(words)
    require_device(options.device)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    spec = deliverables.load(options.deliverable)
    layout, root, grid = spec.dataset.layout, options.data_root, spec.preprocessing
    dataset = find(layout, root, spec.dataset.split)
    held_out = ImageFiles(dataset, grid)
    trainer = Trainer(
        spec,
        load_scaled(find(layout, root, options.train_split), grid),
        recipe(options),
        device=options.device,
        compiled=options.compile,
        start=started(options.weights, spec.network) if options.weights else None,
    )
    make_folder(options.output)
    state, log = options.output / "state.pth", options.output / "log.csv"
    if state.exists():
        trainer.resume(state)
    forget_rows(log, after=trainer.epoch)
    if trainer.epoch == trainer.recipe.epochs:
        print(f"{state}: all {trainer.epoch} epochs are done")
    while trainer.epoch < trainer.recipe.epochs:
        start = time.perf_counter()
        row: dict[str, object] = {"loss": f"{trainer.run_epoch(progress=not options.quiet):.5f}", "miou": ""}
        if trainer.epoch % options.validate_every == 0 or trainer.epoch == trainer.recipe.epochs:
            matrix = validate(trainer, held_out, spec.scored_classes)
            score = miou(matrix, spec.reference.absent_classes)
            row["miou"] = f"{score:.5f}"
            show(trainer.epoch, score, dict(zip(dataset.classes.names, iou_per_class(matrix), strict=True)))
            checkpoint = {"miou": score, "state_dict": trainer.averaged.state_dict()}
            if score > trainer.best:
                trainer.best = score
                save_aside(checkpoint, options.output / "best.pth")
            if trainer.epoch == trainer.recipe.epochs:
                save_aside(checkpoint, options.output / "last.pth")
        append_row(log, {"epoch": trainer.epoch, **row, "seconds": round(time.perf_counter() - start, 1)})
        trainer.save(state)
        if row["miou"]:
            draw(log, options.output / "curves.png")
    return 0


def show(epoch: int, score: float, per_class: Mapping[str, float]) -> None:
    """One line: mIoU and every class's IoU."""
    words = "  ".join(f"{name} {iou:.3f}" for name, iou in per_class.items())
    print(f"epoch {epoch}: mIoU {score:.4f}  {words}", flush=True)


if __name__ == "__main__":
    sys.exit(run_command("enet.training", main))
