"""Export a checkpoint as ONNX, opset 11."""

from argparse import Namespace

from enet import model
from enet.commands.common import add_io_format, add_json, io_format_from_args, print_result
from enet.deliverable import VARIANTS, load
from enet.errors import InputError
from enet.options import FILE, AddOption, add_deliverable
from enet.storage.files import hash_file

EXAMPLE = "enet pth2onnx --input-file enet_citys.pth --output-file enet_citys.onnx"


def add_options(add: AddOption) -> None:
    add("--input-file", **FILE, required=True, help="checkpoint (.pth)")
    add("--output-file", **FILE, required=True, help="ONNX file to write")
    add_deliverable(add)
    add("--variant", choices=VARIANTS, help="network (default: the deliverable's)")
    add_io_format(add)
    add_json(add)


def run(args: Namespace) -> int:
    source, output, spec = args.input_file, args.output_file, load(args.deliverable)
    if not output.parent.is_dir():
        raise InputError(f"{output.parent}: no such folder. Create it, or choose another --output-file")
    variant = args.variant or spec.network.variant
    state = model.checkpoint.read(source)
    # The checkpoint decides the number of outputs, so that no deliverable must be declared for an export by hand.
    guess = model.checkpoint.guess_variant(state)
    outputs = guess[1] if guess else spec.network.outputs
    network = model.checkpoint.fit(source, state, variant, outputs)
    io_format, classes = io_format_from_args(args, spec.artifact.built), min(outputs, spec.scored_classes)
    onnx = model.export.to_onnx(network, spec.preprocessing, io_format, classes=classes)
    model.export.save(onnx, output)
    opset, description = model.export.OPSET, model.export.describe(onnx)
    values = {"onnx": str(output), "sha256": hash_file(output), "variant": variant, "opset": opset}
    values |= {"values": description.split(", "), "weights_sha256": hash_file(source)}
    return print_result(f"{output}: {variant}, opset {opset}, {description}", values, args)
