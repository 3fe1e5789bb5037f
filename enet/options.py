"""Options that several commands and pytest share, and the types of their values."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from enet.backends import DEFAULT
from enet.cluster import LOCAL, ray_address
from enet.deliverable import MAX_BATCH
from enet.deliverable.target import Target
from enet.storage.files import STANDARD_OUTPUT

#: ``add_argument`` of a parser, or ``addoption`` of pytest's.
AddOption = Callable[..., Any]


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Type of an option whose value is a whole number in ``least``..``most``."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"{text!r}, expected a whole number in {least}..{most}")
        return int(text)

    return parse


def file_path(text: str) -> Path:
    """Path of a file; an empty one, as of a variable that is not set, is none."""
    if not Path(text).name:
        raise ArgumentTypeError(f"{text!r}, expected the path of a file")
    return Path(text)


def written_path(text: str) -> Path:
    """Path of a file that is written; ``-`` is standard output."""
    return STANDARD_OUTPUT if text == "-" else file_path(text)


def several(parse: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    """Type of an option whose value is one or more different numbers, separated by commas."""

    def parse_all(text: str) -> tuple[int, ...]:
        numbers = tuple(map(parse, text.split(",")))
        if len(set(numbers)) < len(numbers):
            raise ArgumentTypeError(f"{text!r}, expected different numbers")
        return numbers

    return parse_all


def soc_version(text: str) -> str:
    """Name of a chip as atc writes it."""
    if not re.fullmatch(r"Ascend[0-9A-Za-z_]+", text):
        raise ArgumentTypeError(f"{text!r}, expected a name such as Ascend310P3: 'Ascend' and the name from npu-smi")
    return text


def job_types(text: str) -> tuple[int, ...]:
    """Job types of aoe, in their order."""
    if text not in ("1", "2", "1,2"):
        raise ArgumentTypeError(f"{text!r}, expected 1 (subgraphs), 2 (operators) or 1,2")
    return tuple(map(int, text.split(",")))


positive, natural = whole_number(1, 10**9), whole_number(0, 10**9)
batch_size = whole_number(1, MAX_BATCH)
batch_sizes = several(batch_size)
#: Device numbers; ais_bench accepts none above 255.
devices = several(whole_number(0, 255))

#: Folder for the evidence of a run.
EVIDENCE = Path(".enet/evidence")

#: Settings of an option whose value is a file or a folder, or whose help is its default.
FILE: dict[str, Any] = {"type": file_path, "metavar": "FILE"}
WRITTEN_FILE: dict[str, Any] = {**FILE, "type": written_path}
DIR: dict[str, Any] = {"type": Path, "metavar": "DIR"}
SHOW_DEFAULT: dict[str, Any] = {"help": "default: %(default)s"}


def add_subject(add: AddOption) -> None:
    """Add the options that say what to measure: deliverable, checkpoint, data set, target."""
    add_deliverable(add, "scenes")
    add_cache(add)
    add("--weights", **FILE, help="checkpoint (default: the deliverable's)")
    add_trust_code(add)
    several_files = {**FILE, "action": "append"}
    add("--onnx", **several_files, help="judge this ONNX file, instead of an export; repeatable, one a batch size")
    add("--om", **several_files, help="judge this .om file, instead of a compiled one; repeatable, one a batch size")
    add("--data-root", **DIR, help="folder of the data set (default: generated scenes)")
    add("--precision", choices=["fp32", "int8"], default="fp32", help="int8: quantised on train images (openvino)")
    add("--provider", default="", metavar="NAME", help="ONNX Runtime's, such as CUDA or OpenVINO (default: the CPU's)")
    add_target(add)
    busy = "measure on a device that is busy, hot or not healthy"
    add("--allow-busy-device", dest="allow_busy", action="store_true", help=busy)


def add_acceptance(add: AddOption) -> None:
    """Add the options of an acceptance, pytest's and those of ``enet accept``."""
    add_subject(add)
    add("--backend", action="append", metavar="NAME", help=f"repeatable (default: {DEFAULT})")
    add("--batch-size", action="append", type=batch_size, metavar="N", help="repeatable (default: the deliverable's)")
    add("--limit", type=positive, metavar="N", help="use only the first N images; such a run is never ACCEPTED")
    add("--look", action="store_true", help="only look: the exit code is 0 if no test fails, accepted or not")
    add("--no-diagnosis", action="store_true", help="do not look for the cause when a gate of accuracy fails")
    add("--evidence", **DIR, default=EVIDENCE, help="folder for the evidence (default: %(default)s)")
    add("--record-baseline", **WRITTEN_FILE, help="write this run's speeds, for --baseline of a later run")
    add("--baseline", **FILE, help="also require that no speed is below that recorded in FILE")
    add("--html-report", **WRITTEN_FILE, help="write an HTML report of this run")
    add("--markdown-summary", **WRITTEN_FILE, help="write the verdicts as Markdown, for the page of a CI run")
    add("--replay", **DIR, help="test results that were recorded on a device; run nothing")
    add_ray(add)


def add_ray(add: AddOption) -> None:
    words = (
        "run the images on a Ray cluster (default: one of this machine alone); only accuracy, nothing is timed there"
    )
    add("--ray", nargs="?", const=LOCAL, type=ray_address, metavar="HOST:PORT", help=words)


def add_trust_code(add: AddOption) -> None:
    add("--trust-code", action="store_true", help="run the code that the deliverable's [network] module names")


def add_deliverable(add: AddOption, default: str = "cityscapes") -> None:
    add("--deliverable", default=default, metavar="NAME|PATH", **SHOW_DEFAULT)


def add_cache(add: AddOption) -> None:
    add("--artifact-cache", **DIR, help="default: $ENET_CACHE or .enet/cache")


def add_device(add: AddOption) -> None:
    add("--device", dest="devices", type=devices, default=(0,), metavar="N[,N…]", help="device numbers (default: 0)")


def add_target(add: AddOption) -> None:
    """Add the options of a device and of its compiler; each sets a field of ``Target``."""
    tuning = {"type": job_types, "default": (), "metavar": "JOB_TYPES"}
    add("--soc-version", type=soc_version, metavar="NAME", help="such as Ascend310P3 (default: from npu-smi)")
    add_device(add)
    add("--aoe", dest="tuning", **tuning, help="tune with aoe: 1 (subgraphs), 2 (operators) or 1,2")
    add("--precision-mode", default="force_fp16", metavar="MODE", help="precision mode of atc (default: %(default)s)")


def target_from_options(options: Any) -> Target:
    """Build the target from the parsed options; a command may have only some of them."""
    values: dict[str, Any] = vars(options)
    return Target(**{item.name: values[item.name] for item in fields(Target) if item.name in values})
