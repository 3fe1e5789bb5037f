"""The summary that ais_bench writes, of every version: what became of which input, and how long it took.

Versions of 2022 put ``sumary.json`` into the folder of outputs and keep only statistics of the times; later ones put
``<folder>_summary.json`` beside it and keep every time. The oldest two name outputs by number and leave out a last
batch that isn't full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from enet.ascend import simulation
from enet.errors import InputError
from enet.records.parsing import number, read_json

#: Names by number, which the versions that drop a last batch give.
BY_NUMBER = re.compile(r"^(sample_id_\d+|input\d+)_output_\d+$")

#: What stands for an input file where none was given.
PURE = "pure_infer_data"

STATISTICS = {"min": "min", "max": "max", "mean": "mean", "median": "median", "p99": "percentile(99%)"}


@dataclass(frozen=True)
class Summary:
    """One summary. ``pairs`` are input and output file as it lists them; ``folder`` is where the outputs lie now."""

    path: Path
    folder: Path
    pairs: tuple[tuple[str, str], ...]
    options: Mapping[str, str]
    statistics: Mapping[str, float]
    throughput: float
    compute_ms: tuple[float, ...]
    count: int | None
    simulated: bool

    @property
    def is_pure(self) -> bool:
        """Run over zeros: no input files."""
        return not self.pairs or any(PurePosixPath(infile).stem == PURE for infile, _ in self.pairs)

    @property
    def drops_tail(self) -> bool:
        """Written by a version that leaves out a last batch that isn't full."""
        return any(BY_NUMBER.match(PurePosixPath(outfile).stem) for _, outfile in self.pairs)

    @property
    def device(self) -> str:
        """Of a run on several devices, by the summary's name; else as the command line says."""
        found = re.fullmatch(r"device(\d+)_summary", self.path.stem)
        return found[1] if found else self.options.get("device", "")


def is_summary(path: Path) -> bool:
    """Whether a file's name is that of a summary."""
    return path.name == "sumary.json" or path.name.endswith("_summary.json")


def read(path: Path) -> Summary:
    """Read a summary.

    Raises:
        InputError: it can't be read, isn't one, or lists files that it must not: several outputs of an image, or
            outputs in different folders.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, but should be ais_bench's summary, sumary.json or *_summary.json")
    table = read_json(path)
    try:
        entries = list(table["filesinfo"].values())
        pairs = tuple(pair for entry in entries for pair in listed(entry, path))
        compute = table.get("NPU_compute_time", {})  # `enet infer` writes none: it is no device
        statistics = {name: number(compute[key] if compute else 0.0, path) for name, key in STATISTICS.items()}
        raw = table.get("npu_compute_time_list")
        times = tuple(number(time, path) for time in ([] if raw is None else raw))
        count = compute.get("count")
        summary = Summary(
            path=path,
            folder=outputs_folder(path),
            pairs=pairs,
            options=options(table.get("args", []), path),
            statistics=statistics,
            throughput=number(table["throughput"] if compute else 0.0, path),
            compute_ms=times,
            count=None if count is None else int(number(count, path)),
            simulated=table.get(simulation.KEY) is True
            or simulation.is_marked(times)
            or simulation.is_marked([statistics["min"], statistics["max"]]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not an ais_bench summary ({reason}). Give sumary.json or *_summary.json") from error
    refuse_strange_paths(summary)
    return summary


def outputs_folder(summary: Path) -> Path:
    """The folder that ``<folder>_summary.json`` is named after, or that an older ``sumary.json`` lies in."""
    if summary.stem.endswith("_summary"):
        return summary.parent / summary.stem.removesuffix("_summary")
    return summary.parent


def listed(entry: Mapping[str, Any], path: Path) -> list[tuple[str, str]]:
    """The pairs of one entry.

    Raises:
        InputError: not as many outputs as inputs.
    """
    inputs, outputs = entry["infiles"], entry["outfiles"]
    if not (isinstance(inputs, list) and isinstance(outputs, list)):
        raise TypeError("infiles and outfiles should be lists")
    for name in (*inputs, *outputs):
        if not isinstance(name, str):
            raise TypeError(f"{name!r} should be a file's name")
    if len(inputs) != len(outputs):
        raise InputError(
            f"{path}: lists {len(outputs)} outputs for {len(inputs)} inputs ({', '.join(inputs)[:80]}); ENet has one. "
            "Run the deliverable's own model"
        )
    return list(zip(inputs, outputs, strict=True))


def refuse_strange_paths(summary: Summary) -> None:
    """Refuse listings that no version of the tool writes: they would lead out of the results.

    Raises:
        InputError: an output's path goes up again, lies in another folder than the others, or can't be a file's name.
    """
    parents = set()
    for infile, outfile in summary.pairs:
        for name in (infile, outfile):
            if not name.isprintable() or len(PurePosixPath(name).name.encode()) > 255 or not PurePosixPath(name).name:
                raise InputError(f"{summary.path}: lists {name[:60]!r}, which is no file's name. Run ais_bench again")
        parts = PurePosixPath(outfile).parts
        inner = parts[next((i for i, part in enumerate(parts) if part not in ("..", "/", ".")), 0) :]
        if ".." in inner:
            raise InputError(f"{summary.path}: lists {outfile}, which leads out of the results. Refused")
        parents.add(str(PurePosixPath(outfile).parent))
    if len(parents) > 1:
        first, second = sorted(parents)[:2]
        raise InputError(f"{summary.path}: lists outputs in {first} and in {second}, but should in one folder. Refused")


def options(arguments: object, path: Path) -> dict[str, str]:
    """The command line's options by their long names, as far as they matter here."""
    if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
        raise InputError(f"{path}: args should be the command line's words. Run ais_bench again")
    names = {
        "--batchsize": "batchsize",
        "--loop": "loop",
        "-l": "loop",
        "-r": "loop",
        "--model": "model",
        "-m": "model",
        "--om": "model",
        "--device": "device",
        "-d": "device",
        "--device_id": "device",
        "--dymBatch": "dymBatch",
    }
    found: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in names:
            found[names[name]] = value if equals else next(words, "")
    return found
