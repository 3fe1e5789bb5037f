"""Export a checkpoint as ONNX, opset 11."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from enet import model
from enet.commands.common import add_io_format, add_json, io_format_from_args, print_result
from enet.deliverable import VARIANTS, Deliverable, IoFormat, load
from enet.errors import InputError
from enet.options import FILE, WRITTEN_FILE, AddOption, add_deliverable, add_trust_code
from enet.storage.files import hash_file

if TYPE_CHECKING:
    from onnx import ModelProto

EXAMPLE = "enet pth2onnx --input-file enet_citys.pth --output-file enet_citys.onnx"


def add_options(add: AddOption) -> None:
    add("--input-file", **FILE, required=True, help="checkpoint (.pth)")
    add("--output-file", **WRITTEN_FILE, required=True, help="ONNX file to write")
    add_deliverable(add)
    add("--variant", choices=VARIANTS, help="network (default: the deliverable's)")
    add_trust_code(add)
    add_io_format(add)
    add_json(add)


def run(args: Namespace) -> int:
    source, output, spec = args.input_file, args.output_file, load(args.deliverable, trust_code=args.trust_code)
    io_format = io_format_from_args(args, spec.artifact.built)
    if spec.network.module and not args.variant:
        onnx, name = model.network.to_onnx(spec, source, io_format), spec.network.module
    else:
        onnx, name = export_variant(args, spec, io_format)
    digest = model.export.save(onnx, output)
    opset, description = onnx.opset_import[0].version, model.export.describe(onnx)
    values = {"onnx": str(output), "sha256": digest, "variant": name, "opset": opset}
    values |= {"values": description.split(", "), "weights_sha256": hash_file(source)}
    return print_result(f"{output}: {name}, opset {opset}, {description}", values, args)


def export_variant(args: Namespace, spec: Deliverable, io_format: IoFormat) -> tuple[ModelProto, str]:
    """Export one of the known variants; return also its name."""
    source, variant = args.input_file, args.variant or spec.network.known
    state = model.checkpoint.read(source)
    # The checkpoint decides the number of outputs, so that no deliverable must be declared for an export by hand.
    guess = model.checkpoint.guess_variant(state)
    outputs = guess[1] if guess else spec.network.outputs
    network = model.checkpoint.fit(source, state, variant, outputs)
    classes = min(outputs, spec.scored_classes)
    if spec.network.order and io_format.output == "labels":
        raise InputError(f"--output labels: {spec.name} has another order of outputs than of classes. Export logits")
    return model.export.to_onnx(network, spec.preprocessing, io_format, classes=classes), variant
