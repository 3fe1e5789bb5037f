"""Run .bin files through a model: an ONNX file here, or a .om file on its device."""

import sys
from argparse import Namespace
from pathlib import Path

from enet import backends, records
from enet.commands.common import add_json, print_result
from enet.options import DIR, FILE, SHOW_DEFAULT, AddOption, add_device, batch_size
from enet.storage.files import hash_file

EXAMPLE = "enet infer --model enet_citys.onnx --input prep_dataset --output results"


def add_options(add: AddOption) -> None:
    add("--model", **FILE, required=True, help="ONNX file; .om file for --backend ascend")
    add("--input", **DIR, required=True, help="folder of the .bin files")
    add("--output", **DIR, required=True, help="folder for the outputs")
    add("--backend", choices=[backends.DEFAULT, *backends.DEVICE_BACKENDS], default=backends.DEFAULT, **SHOW_DEFAULT)
    add("--batch-size", type=batch_size, default=1, metavar="N", **SHOW_DEFAULT)
    add("--batchsize", dest="batch_size", type=batch_size, metavar="N", help="as --batch-size")
    add("--dynamic", action="store_true", help="the .om has several batch sizes: choose --batch-size")
    add("--outfmt", choices=["BIN", "NPY", "TXT"], default="BIN", help="default: %(default)s; TXT: ascend only")
    add_device(add)
    add_json(add)


def run(args: Namespace) -> int:
    folder_run = backends.FolderRun(
        args.model, args.input, args.output, args.batch_size, args.devices, args.outfmt, args.dynamic
    )
    written = backends.get(args.backend).run_folder(folder_run, progress=sys.stderr.isatty())
    summaries, output = [str(path) for path in written], str(args.output)
    values = {"model_sha256": hash_file(args.model), "batch_size": args.batch_size}
    values |= {"outputs": output, "summaries": summaries}
    sentence = f"Wrote outputs to {output}, their list to {', '.join(summaries)}"
    if len(args.devices) > 1 and (total := clock_total(written, folder_run.console)):
        values |= total
        rate = f"{total['images_per_second']:.2f} images/s"
        sentence += f". {total['images']} images in {total['seconds']:.2f} s by the clock, all devices together: {rate}"
    return print_result(sentence, values, args)


def clock_total(summaries: list[Path], console: Path) -> dict[str, float]:
    """Images, seconds and images/s of all devices together; empty if the console does not tell when they ran."""
    seconds = records.console.read(console).seconds if console.is_file() else None
    if not seconds:
        return {}
    images = sum(len(records.summary.read(path).pairs) for path in summaries)
    return {"images": images, "seconds": seconds, "images_per_second": images / seconds}
