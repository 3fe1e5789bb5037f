"""Reader of ais_bench summaries of all versions: the output file of each input, execution times.

Versions of 2022 put ``sumary.json`` into the folder of outputs and keep only statistics of the times; later ones put
``<folder>_summary.json`` beside it and keep every time. The two oldest name outputs by number and drop a last batch
that is not full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from enet.ascend import simulation
from enet.errors import InputError
from enet.records import raw_times
from enet.records.parsing import finite_number, read_json

#: Names of outputs in the versions that drop a last batch.
NUMBERED_OUTPUT = re.compile(r"^(sample_id_\d+|input\d+)_output_\d+$")
#: Listed in place of an input file if the run had none.
NO_INPUT = "pure_infer_data"
#: Limit of folders in a listed path.
MAX_LEVELS = 64
#: Name of each statistic here, and its key in a summary.
STATISTICS = {"min": "min", "max": "max", "mean": "mean", "median": "median", "p99": "percentile(99%)"}
#: Options of ais_bench that are needed here, in all spellings.
OPTIONS = {"--batchsize": "batchsize", "--loop": "loop", "-l": "loop", "-r": "loop", "--dymBatch": "dymBatch"}
OPTIONS |= dict.fromkeys(("--device", "--device_id", "-d"), "device")
OPTIONS |= {f"--{name}": name for name in ("dymHW", "dymDims", "dymShape", "dymShape_range")}
OPTIONS |= dict.fromkeys(("--model", "-m", "--om"), "model") | dict.fromkeys(("--input", "-i"), "input")

#: Other options of ais_bench that begin as one of those, so that an abbreviation may mean them.
OTHER_OPTIONS = ("--backend", "--debug", "--divide_input", "--dump", "--output")


@dataclass(frozen=True)
class Summary:
    """Content of one summary.

    Attributes:
        folder: where the output files are now.
        pairs: (input file, output file), as listed.
        options: of ais_bench's command line, by long name.
        statistics: min, max, mean, median and p99 of the compute time, in ms.
        throughput: images/s, as ais_bench computed it.
        compute_ms: time of each execution in ms; empty if the version keeps none.
        count: number of executions; None if the version keeps none.
    """

    path: Path
    folder: Path
    pairs: tuple[tuple[str, str], ...]
    options: Mapping[str, str]
    statistics: Mapping[str, float]
    throughput: float
    compute_ms: tuple[float, ...]
    count: int | None
    simulated: bool

    @cached_property
    def is_pure_inference(self) -> bool:
        """Whether the run had no input files and fed zeros."""
        return not self.pairs or any(stem(infile) == NO_INPUT for infile, _ in self.pairs)

    @cached_property
    def drops_tail(self) -> bool:
        """Whether this version of ais_bench drops a last batch that is not full."""
        return any(NUMBERED_OUTPUT.match(stem(outfile)) for _, outfile in self.pairs)

    @property
    def keeps_times(self) -> bool:
        """Whether this version of ais_bench lists every time: it counts them, or its summary is beside its folder."""
        return self.count is not None or self.path.stem.endswith("_summary")

    @property
    def device(self) -> str:
        """Number of the device, from the summary's name if there are several, else from the options."""
        match = re.fullmatch(r"device(\d+)_summary", self.path.stem)
        return match[1] if match else self.options.get("device", "")

    def int_option(self, name: str, default: int) -> int:
        """Value of an option that is a number; ``default`` if it is absent or not in 1..999999."""
        text = self.options.get(name, "")
        return int(text) if text.isdecimal() and 0 < int(text) < 10**6 else default


def image_name(infile: str) -> str:
    """Name of an image, from the listed path of its input file."""
    name = base_name(infile)
    return name[:-4] if name.lower().endswith((".bin", ".npy")) else name


def base_name(path: str) -> str:
    """Last part of a listed path; ``pathlib`` takes ten times as long, which many inputs would feel.

    >>> base_name("./prep/a.bin"), base_name("a/"), base_name("a.bin")
    ('a.bin', 'a', 'a.bin')
    """
    return path.rstrip("/").rpartition("/")[2]


def stem(path: str) -> str:
    """Last part of a listed path without its suffix."""
    name = base_name(path)
    return name.rpartition(".")[0] or name


def is_summary(path: Path) -> bool:
    """Return True if a file has the name of a summary."""
    return path.name == "sumary.json" or path.name.endswith("_summary.json")


def read(path: Path) -> Summary:
    """Read a summary.

    Raises:
        InputError: the file cannot be read, is not a summary, or lists several outputs of an image, outputs in
            different folders, or invalid paths.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected an ais_bench summary. Give sumary.json or *_summary.json")
    table = read_json(path)
    try:
        pairs = [pair for entry in list(table["filesinfo"].values()) for pair in parse_entry(entry, path)]
        compute = table.get("NPU_compute_time", {})  # `enet infer` writes none, as it times no device
        statistics = {name: finite_number(compute[key] if compute else 0.0, path) for name, key in STATISTICS.items()}
        listed, count = table.get("npu_compute_time_list"), compute.get("count")
        times = tuple(finite_number(time, path) for time in ([] if listed is None else listed))
        # Later versions name the summary after the folder and put it beside it, older ones put it inside.
        folder = path.with_name(path.stem.removesuffix("_summary")) if path.stem.endswith("_summary") else path.parent
        options = parse_options(table.get("args", []), path)
        throughput = finite_number(table["throughput"] if compute else 0.0, path)
        count = None if count is None else int(finite_number(count, path))
        marked = simulation.is_marked(times) or simulation.is_marked([statistics["min"], statistics["max"]])
        simulated = marked or table.get(simulation.KEY) is True or raw_times.is_scaled_simulation(times)
        summary = Summary(path, folder, tuple(pairs), options, statistics, throughput, times, count, simulated)
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not an ais_bench summary ({reason}). Give sumary.json or *_summary.json") from error
    check_paths(summary)
    return summary


def parse_entry(entry: Mapping[str, Any], path: Path) -> list[tuple[str, str]]:
    """Pairs of input and output file in one entry; an error if it does not hold such pairs."""
    inputs, outputs = entry["infiles"], entry["outfiles"]
    if not (isinstance(inputs, list) and isinstance(outputs, list)):
        raise TypeError("infiles and outfiles are not lists")
    for name in (*inputs, *outputs):
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is not a file name")
    if len(inputs) != len(outputs):
        numbers = f"{len(outputs)} outputs for {len(inputs)} inputs ({', '.join(inputs)[:80]})"
        raise InputError(f"{path}: lists {numbers}, expected one each. Run the deliverable's own model")
    return list(zip(inputs, outputs, strict=True))


def check_paths(summary: Summary) -> None:
    """Reject listed paths that no version of ais_bench writes: they could lead out of the results."""
    for infile, outfile in summary.pairs:
        for name in (infile, outfile):
            base, levels = base_name(name), name.count("/")
            if base in ("", ".", "..") or not name.isprintable() or len(base.encode()) > 255 or levels > MAX_LEVELS:
                raise InputError(f"{summary.path}: lists {name[:60]!r}, expected a file name. Run ais_bench again")
    folders = {PurePosixPath(place) for place in {out.rstrip("/").rpartition("/")[0] for _, out in summary.pairs}}
    for folder in folders:
        parts = folder.parts
        inner = parts[next((i for i, part in enumerate(parts) if part not in ("..", "/", ".")), 0) :]
        if ".." in inner:
            raise InputError(f"{summary.path}: lists {folder}, which leads out of the results. Run ais_bench again")
    if len(folders) > 1:
        first, second = sorted(map(str, folders))[:2]
        raise InputError(f"{summary.path}: lists outputs in {first} and {second}, expected one folder. Run it again")


def option_name(word: str) -> str:
    """Long name of one of ``OPTIONS``, which argparse also takes abbreviated as long as it is the only one; else empty.

    >>> option_name("-d"), option_name("--mod"), option_name("--out"), option_name("--dym")
    ('device', 'model', '', '')
    """
    if word in OPTIONS or len(word) < 3 or not word.startswith("--"):
        return OPTIONS.get(word, "")
    meant = {OPTIONS.get(option, "") for option in (*OPTIONS, *OTHER_OPTIONS) if option.startswith(word)}
    return meant.pop() if len(meant) == 1 else ""


def parse_options(arguments: object, path: Path) -> dict[str, str]:
    """Values of ``OPTIONS`` on ais_bench's command line, by long name."""
    if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
        raise InputError(f"{path}: args={str(arguments)[:40]!r}, expected a list of words. Run ais_bench again")
    values: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("--") and word[:2] in OPTIONS:
            name, equals, value = word[:2], word[2:], word[2:].removeprefix("=")  # as in "-d3"
        if option := option_name(name):
            values[option] = value if equals else next(words, "")
    return values
