"""Values of options, parsed; what is wrong with one is said in a line. Shared by the command line and by pytest's."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from enet.deliverable import MAX_BATCH
from enet.deliverable.target import Target

#: Largest device number that ais_bench takes.
MAX_DEVICE = 255


def add_target(option: Callable[..., Any]) -> None:
    """The options that say what a backend compiles for and runs on, by ``add_argument`` or pytest's ``addoption``."""
    option("--precision", choices=["fp32", "int8"], default="fp32", help="int8: quantised, on train images (openvino)")
    option("--soc-version", type=soc_version, metavar="NAME", help="such as Ascend310P3 (default: what npu-smi says)")
    option("--device", type=devices, default=(0,), metavar="N[,N…]", help="device numbers, such as 0 or 0,1,2,3")
    option("--aoe", type=job_types, default=(), metavar="JOB_TYPES", help="tune with aoe: 1 (subgraphs), 2, or 1,2")
    option("--precision-mode", default="force_fp16", metavar="MODE", help="of atc (default: %(default)s)")
    option("--allow-busy-device", action="store_true", help="accept a device that is busy, hot or not in good health")


def target_from_options(options: Any) -> Target:
    """What ``add_target``'s options say."""
    return Target(
        precision=options.precision,
        soc_version=options.soc_version,
        devices=options.device,
        tuning=options.aoe,
        precision_mode=options.precision_mode,
        allow_busy=options.allow_busy_device,
    )


def soc_version(text: str) -> str:
    """An argument that is what atc calls a chip."""
    if not re.fullmatch(r"Ascend[0-9A-Za-z_]+", text):
        raise argparse.ArgumentTypeError(f"{text!r}, but should be such as Ascend310P3: 'Ascend' and npu-smi's name")
    return text


def devices(text: str) -> tuple[int, ...]:
    """An argument that is one or several device numbers."""
    numbers = text.split(",")
    if not all(number.isdecimal() and int(number) <= MAX_DEVICE for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r}, but should be numbers in 0..{MAX_DEVICE}, such as 0,1,2,3")
    if len(set(map(int, numbers))) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} names a device twice")
    return tuple(map(int, numbers))


def job_types(text: str) -> tuple[int, ...]:
    """An argument that is aoe's job types, in order."""
    if text not in ("1", "2", "1,2"):
        raise argparse.ArgumentTypeError(f"{text!r}, but should be 1 (subgraphs), 2 (operators) or 1,2")
    return tuple(map(int, text.split(",")))


def positive(text: str) -> int:
    """An argument that is a whole number of at least 1."""
    if not text.isdecimal() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(f"{text!r}, but should be a whole number of at least 1")
    return int(text)


def batch_size(text: str) -> int:
    """An argument that is a batch size."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_BATCH:
        raise argparse.ArgumentTypeError(f"{text!r}, but should be a whole number in 1..{MAX_BATCH}")
    return int(text)


def batch_sizes(text: str) -> tuple[int, ...]:
    """An argument that is one or several different batch sizes."""
    found = tuple(map(batch_size, text.split(",")))
    if len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text!r} names a batch size twice")
    return found


def natural(text: str) -> int:
    """An argument that is a whole number of at least 0."""
    return 0 if text == "0" else positive(text)
