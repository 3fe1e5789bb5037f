"""Compile an ONNX file for an Ascend chip with atc, or tune it on the device with aoe."""

import os
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from enet import ascend
from enet.commands.common import add_input, add_json, print_result
from enet.deliverable import load
from enet.errors import InputError
from enet.options import FILE, AddOption, add_deliverable, add_target, batch_sizes, job_types, target_from_options

EXAMPLE = "enet om --model enet_citys.onnx --output enet_citys_bs16.om --batch-size 16 --soc-version Ascend310P3"


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Name and shape of an input as atc and aoe take them, ``image:1,3,480,480``; the batch may be -1."""
    name, _, numbers = text.strip('"').rpartition(":")
    batch, *image = numbers.split(",")
    are_numbers = all(each.isdecimal() for each in (batch.removeprefix("-"), *image))
    if not name or ";" in text or len(image) != 3 or not are_numbers:
        raise ArgumentTypeError(f"{text!r}, expected one input such as image:1,3,480,480")
    return name, (int(batch), *map(int, image))


def add_options(add: AddOption) -> None:
    add("--model", **FILE, required=True, help="ONNX file")
    add("--output", **FILE, required=True, help=".om file to write")
    sizes = "batch sizes of the .om; of several, each run chooses one (default: 1)"
    add("--batch-size", type=batch_sizes, metavar="N[,N…]", help=sizes)
    add_deliverable(add)
    add_input(add, "input of the .om; uint8: AIPP normalises it")
    add_target(add)
    add("--dynamic-batch-size", dest="batch_size", type=batch_sizes, metavar="N,N[…]", help="as --batch-size")
    add("--job-type", dest="tuning", type=job_types, metavar="JOB_TYPES", help="as --aoe")
    add("--input-shape", type=input_shape, metavar="NAME:N,C,H,W", help="as atc and aoe take it, with the batch size")
    add("--input-format", choices=["NCHW", "ND"], help="as atc and aoe take it")
    add("--framework", choices=["5"], help="as atc and aoe take it: 5 is ONNX")
    add("--log", choices=["debug", "info", "warning", "error", "null"], default="error", help="of atc and aoe")
    add_json(add)


def run(args: Namespace) -> int:
    spec, target = load(args.deliverable), target_from_options(args)
    bank = os.environ.get("TUNE_BANK_PATH")
    more = {"expected": args.input_shape, "log": args.log, "bank": Path(bank) if bank else None}
    sizes = choose_batch_sizes(args)
    compiled = ascend.om.compile_onnx(args.model, args.output, sizes, spec, args.input, target, **more)
    return print_result(str(compiled), compiled.to_json(), args)


def choose_batch_sizes(args: Namespace) -> tuple[int, ...]:
    """Batch sizes by the option for them, or by the shape; an ``InputError`` if one contradicts the other."""
    batch = args.input_shape[1][0] if args.input_shape else None
    sizes: tuple[int, ...] = args.batch_size or (batch or 1,)
    if batch is not None and batch != (-1 if len(sizes) > 1 else max(1, sizes[0])):
        stated = f"--batch-size {','.join(map(str, sizes))}" if args.batch_size else "no --batch-size"
        raise InputError(f"--input-shape: batch {batch} with {stated}, expected one number, or -1 with several sizes")
    return sizes
