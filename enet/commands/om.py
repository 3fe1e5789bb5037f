"""Compile an ONNX file for an Ascend chip with atc, or tune it on the device with aoe."""

from argparse import Namespace

from enet import ascend
from enet.commands.common import add_input, add_json, print_result
from enet.deliverable import load
from enet.options import FILE, AddOption, add_deliverable, add_target, batch_sizes, target_from_options

EXAMPLE = "enet om --model enet_citys.onnx --output enet_citys_bs16.om --batch-size 16 --soc-version Ascend310P3"


def add_options(add: AddOption) -> None:
    add("--model", **FILE, required=True, help="ONNX file")
    add("--output", **FILE, required=True, help=".om file to write")
    sizes = "batch sizes of the .om; of several, each run chooses one (default: 1)"
    add("--batch-size", type=batch_sizes, default=(1,), metavar="N[,N…]", help=sizes)
    add_deliverable(add)
    add_input(add, "input of the .om; uint8: AIPP normalises it")
    add_target(add)
    add_json(add)


def run(args: Namespace) -> int:
    spec, target = load(args.deliverable), target_from_options(args)
    compiled = ascend.om.compile_onnx(args.model, args.output, args.batch_size, spec, args.input, target)
    return print_result(str(compiled), compiled.to_json(), args)
