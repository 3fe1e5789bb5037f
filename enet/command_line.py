"""The command line's grammar: commands, options, an example each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import shtab

from enet import __version__
from enet.deliverable import SCENE_SPLITS, VARIANTS
from enet.options import add_target, batch_size, batch_sizes, devices, natural, positive
from enet.selftest import PARTS

Command = Callable[[argparse.Namespace], int]


def parser(run: Mapping[str, Command]) -> argparse.ArgumentParser:
    """All commands and options.

    Args:
        run: what a command does, by its name.
    """
    top = argparse.ArgumentParser(prog="enet", description="Acceptance of ENet segmentation deliverables.")
    top.add_argument("--version", action="version", version=f"enet {__version__}")
    shtab.add_argument_to(top, help="print a script for completion in this shell, and exit")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, help_text: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=help_text,
            description=help_text,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(run=run[name])
        return sub

    sub = command("baselines", "Print the recorded throughput table, ratios recomputed.", "enet baselines --json")
    sub.add_argument("--json", action="store_true", help="as JSON")

    sub = command("doctor", "Show which backends can run here, and what is missing.", "enet doctor")
    sub.add_argument("--json", action="store_true", help="as JSON")

    sub = command(
        "deliverables",
        "List the shipped deliverables, show one, check or begin one of your own.",
        "enet deliverables new mine.toml && enet deliverables check mine.toml",
    )
    sub.add_argument(
        "action",
        nargs="?",
        choices=["show", "check", "new"],
        help="print all of one; say what is wrong; write a template",
    )
    sub.add_argument("name", nargs="?", help="shipped name or path of a TOML file")
    sub.add_argument("--json", action="store_true", help="the list as JSON; what is shown always is")

    sub = command(
        "pth2onnx",
        "Export a checkpoint as ONNX, opset 11.",
        "enet pth2onnx --input-file enet_citys.pth --output-file enet_citys.onnx",
    )
    sub.add_argument("--input-file", type=Path, required=True, metavar="FILE", help="checkpoint (.pth)")
    sub.add_argument("--output-file", type=Path, required=True, metavar="FILE", help="where to write the .onnx")
    add_deliverable(sub, "cityscapes")
    sub.add_argument("--variant", choices=VARIANTS, help="network (default: the deliverable's)")
    add_form(sub)
    add_json(sub)

    sub = command(
        "preprocess",
        "Write a data set's images as .bin files for ais_bench.",
        "enet preprocess --src-path citys --save-path prep_dataset",
    )
    sub.add_argument("--src-path", type=Path, required=True, metavar="DIR", help="folder of the data set")
    sub.add_argument(
        "--save-path", "--save_path", type=Path, required=True, metavar="DIR", help="folder for the .bin files"
    )
    add_deliverable(sub, "cityscapes")
    add_cache(sub)
    sub.add_argument("--input", choices=["float", "uint8"], default="float", help="what the model takes")
    sub.add_argument("--limit", type=positive, metavar="N", help="only the first N images")
    add_json(sub)

    sub = command(
        "om",
        "Compile an ONNX file for an Ascend chip, by atc; or tune it on the device, by aoe.",
        "enet om --model enet_citys.onnx --output enet_citys_bs16.om --batch-size 16 --soc-version Ascend310P3",
    )
    sub.add_argument("--model", type=Path, required=True, metavar="FILE", help="ONNX file")
    sub.add_argument("--output", type=Path, required=True, metavar="FILE", help="where to write the .om")
    sub.add_argument("--batch-size", type=batch_sizes, default=(1,), metavar="N[,N…]", help="several: chosen when run")
    add_deliverable(sub, "cityscapes")
    sub.add_argument(
        "--input", choices=["float", "uint8"], default="float", help="uint8: normalised by AIPP in the .om"
    )
    add_target(sub.add_argument)
    add_json(sub)

    sub = command(
        "infer",
        "Run preprocessed .bin files through a model: an ONNX file here, a .om on its device.",
        "enet infer --model enet_citys.onnx --input prep_dataset --output results",
    )
    sub.add_argument("--model", type=Path, required=True, metavar="FILE", help="ONNX file, or .om for ascend")
    sub.add_argument("--input", type=Path, required=True, metavar="DIR", help="folder of the .bin files")
    sub.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the outputs")
    sub.add_argument("--backend", choices=["onnxruntime", "ascend"], default="onnxruntime", help="default: %(default)s")
    sub.add_argument("--batch-size", type=batch_size, default=1, metavar="N", help="default: %(default)s")
    sub.add_argument("--dynamic", action="store_true", help="the .om has several batch sizes: choose this one")
    sub.add_argument(
        "--outfmt", choices=["BIN", "NPY", "TXT"], default="BIN", help="default: %(default)s; TXT on ascend only"
    )
    sub.add_argument("--device", type=devices, default=(0,), metavar="N[,N…]", help="device numbers, for ascend")
    add_json(sub)

    sub = command(
        "postprocess",
        "Score a folder of ais_bench outputs.",
        "enet postprocess --src-path citys --result-dir results_summary.json",
    )
    sub.add_argument("--src-path", type=Path, required=True, metavar="DIR", help="folder of the data set")
    sub.add_argument(
        "--result-dir",
        type=Path,
        required=True,
        nargs="+",
        metavar="SUMMARY_JSON",
        help="ais_bench's summary; of a run on several devices, all of them",
    )
    add_deliverable(sub, "cityscapes")
    add_cache(sub)
    add_json(sub)

    sub = command(
        "evaluate",
        "Measure mIoU from photographs to score, as one stream.",
        "enet evaluate --deliverable cityscapes --data-root citys --weights enet_citys.pth --json score.json",
    )
    add_deliverable(sub, "scenes")
    add_cache(sub)
    sub.add_argument("--weights", type=Path, metavar="FILE", help="checkpoint (default: the deliverable's)")
    sub.add_argument("--backend", default="onnxruntime", help="default: %(default)s")
    sub.add_argument("--data-root", type=Path, metavar="DIR", help="folder of the data set")
    sub.add_argument("--batch-size", type=batch_size, default=1, metavar="N", help="default: %(default)s")
    sub.add_argument("--limit", type=positive, metavar="N", help="only the first N images")
    sub.add_argument("--split", metavar="NAME", help="all of another split, such as test (default: the deliverable's)")
    add_form(sub)
    add_target(sub.add_argument)
    sub.add_argument(
        "--save-overlays",
        type=Path,
        metavar="DIR",
        help="write the worst images: photograph, truth, prediction, errors; replaces those of an earlier run there",
    )
    sub.add_argument(
        "--save-predictions", type=Path, metavar="DIR", help="write label ids at the photographs' size, .png"
    )
    sub.add_argument(
        "--label-grid",
        choices=["network", "photograph"],
        help="where predictions are compared (default: the deliverable's); photograph: as official evaluators do",
    )
    sub.add_argument("--worst", type=positive, default=10, metavar="N", help="how many (default: %(default)s)")
    add_json(sub)

    sub = command(
        "bench",
        "Time a backend at several batch sizes: images/s, latency, and what scaling says.",
        "enet bench --backend openvino --batch-size 1,4,16",
    )
    add_deliverable(sub, "scenes")
    add_cache(sub)
    sub.add_argument("--weights", type=Path, metavar="FILE", help="checkpoint (default: the deliverable's)")
    sub.add_argument("--backend", default="onnxruntime", help="default: %(default)s")
    sub.add_argument("--data-root", type=Path, metavar="DIR", help="folder of the data set")
    sub.add_argument("--batch-size", type=batch_sizes, default=(1, 4, 8, 16, 32), metavar="N[,N…]", help="several")
    sub.add_argument(
        "--seconds", type=positive, default=10, metavar="N", help="of each, at least (default: %(default)s)"
    )
    sub.add_argument("--mlperf-like", action="store_true", help="600 s of each, and MLPerf's estimate of the p90")
    add_form(sub)
    add_target(sub.add_argument)
    add_json(sub)

    sub = command(
        "report",
        "Write one HTML file of an evidence folder; of two, what changed.",
        "enet report .enet/evidence --html report.html",
    )
    sub.add_argument("evidence", type=Path, nargs="+", metavar="DIR", help="evidence folder of a run, or of two")
    sub.add_argument("--html", type=Path, required=True, metavar="FILE", help="where to write it")
    add_json(sub)

    sub = command(
        "selftest",
        "Break things on purpose and see what notices: tables of faults, sensitivity, bad input, crashes.",
        "enet selftest --only faults --quick",
    )
    sub.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    sub.add_argument("--quick", action="store_true", help="a representative part of each, in minutes")
    add_json(sub)

    sub = command(
        "scenes",
        "Write the procedural street scenes as a Cityscapes-layout data set.",
        "enet scenes --save-path scenes --images 100",
    )
    sub.add_argument("--save-path", type=Path, required=True, metavar="DIR")
    sub.add_argument("--images", type=positive, default=50, metavar="N", help="default: %(default)s")
    sub.add_argument("--seed", type=natural, default=0, help="default: %(default)s")
    sub.add_argument("--split", choices=SCENE_SPLITS, default="val", help="default: %(default)s")
    add_json(sub)
    return top


def add_deliverable(sub: argparse.ArgumentParser, default: str) -> None:
    sub.add_argument("--deliverable", default=default, metavar="NAME|PATH", help="default: %(default)s")


def add_cache(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--artifact-cache", type=Path, metavar="DIR", help="default: $ENET_CACHE or .enet/cache")


def add_form(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--input", choices=["float", "uint8"], help="what the model takes (default: the deliverable's)")
    sub.add_argument("--output", choices=["logits", "labels"], help="what it gives (default: the deliverable's)")


def add_json(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
