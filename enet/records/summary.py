"""Reader of ais_bench summaries of all versions: the output file of each input, execution times.

Versions of 2022 put ``sumary.json`` into the folder of outputs and keep only statistics of the times; later ones put
``<folder>_summary.json`` beside it and keep every time, since 2024 as start and end where they run several threads. The
two oldest name outputs by number and drop a last batch that is not full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from enet.ascend import simulation
from enet.errors import InputError, format_list
from enet.records import raw_times
from enet.records.parsing import finite_number, read_json

#: Names of outputs in the versions that drop a last batch.
NUMBERED_OUTPUT = re.compile(r"^(sample_id_\d+|input\d+)_output_\d+$")
#: Listed in place of an input file if the run had none.
NO_INPUT = "pure_infer_data"
#: Name of the summary in the versions of 2022, as the guide has it.
OLD_NAME = "sumary.json"
#: Limit of folders in a listed path.
MAX_LEVELS = 64
#: Name of each statistic here, and its key in a summary; forks name the percentile ``P99``.
STATISTICS = {name: re.compile(name) for name in ("min", "max", "mean", "median")}
STATISTICS["p99"] = re.compile(r"p(ercentile)?[ _(]{0,2}99%?\)?", re.IGNORECASE)
#: Summary of one device of a run on several: device<D>, since 2024 device<D>_<index>.
OF_DEVICE = re.compile(r"device(\d+)(_\d+)?_summary")
#: Output of a run whose summary lists none, as those with --pipeline.
OUTPUT = re.compile(r"(?P<image>.+)_0\.(bin|npy|txt)", re.IGNORECASE)
#: Options of ais_bench that are needed here, in all spellings.
OPTIONS = {"--batchsize": "batchsize", "--loop": "loop", "-l": "loop", "-r": "loop", "--dymBatch": "dymBatch"}
OPTIONS |= dict.fromkeys(("--device", "--device_id", "-d"), "device")
OPTIONS |= {f"--{name}": name for name in ("dymHW", "dymDims", "dymShape", "dymShape_range")}
OPTIONS |= {f"--{name}": name for name in ("divide_input", "pipeline", "threads")}
OPTIONS |= dict.fromkeys(("--model", "-m", "--om"), "model") | dict.fromkeys(("--input", "-i"), "input")

#: Other options of ais_bench that begin as one of those, so that an abbreviation may mean them.
OTHER_OPTIONS = ("--backend", "--debug", "--dump", "--output")


@dataclass(frozen=True)
class Summary:
    """Content of one summary.

    Attributes:
        folder: where the output files are now.
        pairs: (input file, output file), as listed; of a run with --pipeline, which lists none, as their names say.
        options: of ais_bench's command line, by long name.
        statistics: of min, max, mean, median and p99 of the compute time, in ms, what is there.
        throughput: images/s, as ais_bench computed it.
        compute_ms: time of each execution in ms; empty if the version keeps none.
        count: number of executions; None if the version keeps none.
        clock: first start and last end of an execution in seconds, by the tool's own clock; None if it keeps none.
        timing_problem: why no time can be told, in words; empty if one can. Outputs do not depend on it.
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
    clock: tuple[float, float] | None = None
    timing_problem: str = ""

    @cached_property
    def is_pure_inference(self) -> bool:
        """Whether the run had no input files and fed zeros."""
        if not self.pairs:
            return "input" not in self.options
        return any(stem(infile) == NO_INPUT for infile, _ in self.pairs)

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
        match = OF_DEVICE.fullmatch(self.path.stem)
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
    return path.name == OLD_NAME or path.name.endswith("_summary.json")


def read(path: Path) -> Summary:
    """Read a summary.

    Raises:
        InputError: the file cannot be read, is not a summary, or lists several outputs of an image, outputs in
            different folders, or invalid paths.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected an ais_bench summary. Give sumary.json or *_summary.json")
    path = find_summary(path)
    table = read_json(path)
    entries, compute = table.get("filesinfo"), table.get("NPU_compute_time", {})
    if not isinstance(entries, dict) or not isinstance(compute, dict):
        what = "filesinfo" if not isinstance(entries, dict) else "NPU_compute_time"
        raise InputError(f"{path}: not an ais_bench summary (no table {what}). Give sumary.json or *_summary.json")
    pairs = [pair for entry in entries.values() for pair in parse_entry(entry, path)]
    # Later versions name the summary after the folder and put it beside it, older ones put it inside.
    folder = path.with_name(path.stem.removesuffix("_summary")) if path.stem.endswith("_summary") else path.parent
    options = parse_options(table.get("args", []), path)
    if not pairs and options.get("pipeline", "0") not in ("", "0") and "input" in options:
        pairs = list(named_pairs(folder, options["input"]))
    listed, count = table.get("npu_compute_time_list"), compute.get("count")
    if listed is not None and not isinstance(listed, list | dict):
        raise InputError(f"{path}: npu_compute_time_list={str(listed)[:40]!r}, expected a list. Run ais_bench again")
    problem, times, ends = read_times(list(listed or ()), path)
    clock = (min(ends[::2]) / 1000, max(ends[1::2]) / 1000) if ends else None
    statistics = read_statistics(compute, path)
    if times and not compute:
        problem = problem or "it has no NPU_compute_time"
    if compute and "mean" not in statistics:
        problem = problem or f"its NPU_compute_time has no mean, only {format_list(sorted(compute))}"
    if compute and "throughput" not in table:
        problem = problem or "it has no throughput"
    statistics.setdefault("mean", math.nan if compute else 0.0)  # `enet infer` writes none, as it times no device
    throughput = finite_number(table.get("throughput", 0.0) if compute else 0.0, path)
    count = None if count is None else int(finite_number(count, path))
    extremes = [statistics[name] for name in ("min", "max") if name in statistics]
    marked = any(simulation.is_marked(each) for each in (times, ends, extremes) if each)
    simulated = marked or table.get(simulation.KEY) is True or raw_times.is_scaled_simulation(times)
    known = (path, folder, tuple(pairs), options, statistics, throughput, times, count, simulated)
    summary = Summary(*known, clock=clock, timing_problem=problem)
    check_paths(summary)
    return summary


def read_times(listed: list[Any], path: Path) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
    """Read a list of times in ms: why it cannot be, in words; durations; and the starts and ends of pairs, in turn."""
    forms = {len(each) if isinstance(each, list) else 0 for each in listed}
    flat = [value for each in listed for value in (each if isinstance(each, list) else [each])]
    if not (forms <= {0} or forms == {2}) or any(value is None or isinstance(value, list | dict) for value in flat):
        return "its npu_compute_time_list holds neither times nor pairs of start and end", (), ()
    numbers = tuple(finite_number(value, path) for value in flat)
    if forms != {2}:
        return "", numbers, ()
    return "", tuple(end - start for start, end in zip(numbers[::2], numbers[1::2], strict=True)), numbers


def read_statistics(compute: Mapping[str, Any], path: Path) -> dict[str, float]:
    """Statistics of ``STATISTICS`` that a table holds, in ms."""
    found = {}
    for name, key in STATISTICS.items():
        keys = [each for each in compute if key.fullmatch(each)]
        if keys:
            found[name] = finite_number(compute[keys[0]], path)
    return found


def find_summary(path: Path) -> Path:
    """The summary that a path means: where the guide's ``<folder>/sumary.json`` is absent, the one beside it.

    Raises:
        InputError: several are beside it.
    """
    if path.name != OLD_NAME or path.exists():
        return path
    folder = path.absolute().parent
    beside = path.parent.with_name(f"{folder.name}_summary.json") if path.parent.name else path
    if beside.is_file():
        return beside
    found = sorted(path.parent.glob("*_summary.json"))
    if len(found) > 1:
        names = format_list([each.name for each in found])
        raise InputError(f"{path}: absent, and beside it are {names}. Give one, or of several devices all")
    return found[0] if found else path


def named_pairs(folder: Path, inputs: str) -> Iterator[tuple[str, str]]:
    """Yield (input file, output file) by the names of the outputs that are in a folder, in order of name."""
    names = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    for match in filter(None, map(OUTPUT.fullmatch, names)):
        yield f"{inputs.split(',')[0].rstrip('/')}/{match['image']}.bin", match[0]


def parse_entry(entry: object, path: Path) -> list[tuple[str, str]]:
    """Pairs of input and output file in one entry; an error if it does not hold such pairs."""
    lists: list[Any] = [entry.get(key) if isinstance(entry, dict) else None for key in ("infiles", "outfiles")]
    inputs, outputs = (each if isinstance(each, list) else [None] for each in lists)
    if not all(isinstance(name, str) for name in (*inputs, *outputs)):
        problem = "an entry of filesinfo without the lists of names infiles and outfiles"
        raise InputError(f"{path}: not an ais_bench summary ({problem}). Give sumary.json or *_summary.json")
    if len(inputs) != len(outputs):
        numbers = f"{len(outputs)} outputs for {len(inputs)} inputs ({', '.join(map(str, inputs))[:80]})"
        raise InputError(f"{path}: lists {numbers}, expected one each. Run the deliverable's own model")
    return list(zip(inputs, outputs, strict=True))


def check_paths(summary: Summary) -> None:
    """Reject listed paths that no version of ais_bench writes: they could lead out of the results."""
    for infile, outfile in summary.pairs:
        for name in (infile, outfile):
            base, levels = base_name(name), name.count("/")
            is_plain = re.sub("[\udc80-\udcff]", "", name).isprintable()  # those stand for bytes that are not UTF-8
            if (
                base in ("", ".", "..")
                or not is_plain
                or len(base.encode(errors="surrogateescape")) > 255
                or levels > MAX_LEVELS
            ):
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
