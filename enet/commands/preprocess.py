"""Write the images of a data set as .bin files for ais_bench."""

from argparse import Namespace

from enet import datasets
from enet.commands.common import add_input, add_json, print_result, subject_from_args
from enet.options import DIR, AddOption, add_cache, add_deliverable, positive

EXAMPLE = "enet preprocess --src-path citys --save-path prep_dataset"


def add_options(add: AddOption) -> None:
    add("--src-path", **DIR, required=True, help="folder of the data set")
    add("--save-path", **DIR, required=True, help="folder for the .bin files")
    add_deliverable(add)
    add_cache(add)
    add_input(add)
    add("--limit", type=positive, metavar="N", help="use only the first N images")
    add_json(add)


def run(args: Namespace) -> int:
    subject, folder = subject_from_args(args, args.src_path), args.save_path
    images, digests = subject.image_files(), subject.dataset_digests
    manifest = datasets.bin_files.write_bin_files(images, folder, args.input, digests, progress=subject.progress)
    values = {"folder": str(folder), **manifest}
    return print_result(f"{folder}: {len(manifest['files'])} files, {datasets.bin_files.MANIFEST}", values, args)
