"""Generate street scenes as a data set in the Cityscapes layout."""

import sys
from argparse import Namespace

from enet import datasets
from enet.commands.common import add_json, print_result
from enet.deliverable import SCENE_SPLITS
from enet.options import DIR, SHOW_DEFAULT, AddOption, natural, positive
from enet.storage.files import make_folder

EXAMPLE = "enet scenes --save-path scenes --images 100"


def add_options(add: AddOption) -> None:
    add("--save-path", **DIR, required=True, help="folder for the data set")
    add("--images", type=positive, default=50, metavar="N", **SHOW_DEFAULT)
    add("--seed", type=natural, default=0, metavar="N", **SHOW_DEFAULT)
    add("--split", choices=SCENE_SPLITS, default="val", **SHOW_DEFAULT)
    add_json(add)


def run(args: Namespace) -> int:
    folder, split, seed = args.save_path, args.split, args.seed
    make_folder(folder)
    count = len(datasets.scenes.write(folder, images=args.images, seed=seed, split=split, progress=sys.stderr.isatty()))
    values = {"folder": str(folder), "images": count, "split": split, "seed": seed}
    return print_result(f"{folder}: {count} scenes, split {split}, seed {seed}", values, args)
