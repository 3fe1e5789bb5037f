"""Driver of ais_bench: its command line, as the vendor's guide uses it, and its ``InferSession``.

Two generations of the front end are in use. Since 2024 it refuses folders for outputs that others may read or write,
and with several devices it divides the inputs only if it is asked to.
"""

from __future__ import annotations

import contextlib
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from enet.ascend import tool
from enet.errors import BackendUnavailable, InputError
from enet.storage.files import OUTPUTS, make_folder, write_text

#: How to get the vendor's two packages; neither is on a package index.
INSTALL = (
    "Install both wheels of ais_bench (aclruntime and ais_bench; there are wheels for Python up to 3.11, this is "
    f"{sys.version_info.major}.{sys.version_info.minor}), see "
    "https://gitee.com/ascend/tools/tree/master/ais-bench_workload/tool/ais_bench"
)
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
#: Another program, on PyPI, whose module has the same name.
NAMESAKE = "ais-bench-benchmark"


@dataclass(frozen=True)
class FolderRun:
    """One run of a model over a folder of input files.

    Attributes:
        outputs: folder of the output files; of several devices, each has a folder in it: ``device<N>``, since 2024
            ``device<N>_<index>``.
        batch_size: the model's; ais_bench only scales its throughput by it.
        dynamic_batch: the model was compiled with several batch sizes; choose this one.
    """

    model: Path
    inputs: Path
    outputs: Path
    batch_size: int
    devices: tuple[int, ...] = (0,)
    outfmt: Literal["BIN", "NPY", "TXT"] = "BIN"
    dynamic_batch: bool = False

    @property
    def console(self) -> Path:
        """File that keeps what ais_bench prints."""
        return self.outputs.with_name(f"{self.outputs.name}_console.txt")

    @property
    def summaries(self) -> list[Path]:
        """Summaries that are here, at most one per device: of each device the newest, whatever its form of name."""
        if len(self.devices) == 1:
            names = [[self.outputs.with_name(f"{self.outputs.name}_summary.json")]]
        else:
            stems = [(f"device{device}", f"device{device}_{index}") for index, device in enumerate(self.devices)]
            names = [[self.outputs / f"{stem}_summary.json" for stem in each] for each in stems]
        found = [[path for path in each if path.is_file()] for each in names]
        return [max(each, key=lambda path: path.stat().st_mtime_ns) for each in found if each]


def command(run: FolderRun, *, divide: bool = False) -> list[str]:
    """Command line of a run. One execution is a warm-up, before times are taken.

    Args:
        divide: ask for a share of the inputs on each device.
    """
    files = {"model": run.model, "input": run.inputs, "output": run.outputs.parent, "output_dirname": run.outputs.name}
    devices = ",".join(map(str, run.devices))
    options = {**files, "outfmt": run.outfmt, "batchsize": run.batch_size, "device": devices}
    options |= {"warmup_count": 1, "display_all_summary": 1}
    if run.dynamic_batch:
        options["dymBatch"] = run.batch_size
    if divide:
        options["divide_input"] = 1
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "ais_bench", *words]


def infer(run: FolderRun) -> list[Path]:
    """Run ais_bench and return its summaries, one per device.

    Raises:
        BackendUnavailable: ais_bench or aclruntime is not installed.
        InputError: the folder for outputs cannot be written.
        ToolFailed: it failed, or wrote no summary.
    """
    require()
    make_folder(run.outputs.parent, OUTPUTS)
    divide = len(run.devices) > 1 and "--divide_input" in tool.run([sys.executable, "-m", "ais_bench", "--help"]).output
    with private_folder(run.outputs.parent) as folder:
        inside = replace(run, outputs=folder / run.outputs.name)
        before = {path: path.stat().st_mtime_ns for path in inside.summaries}
        finished = tool.run(command(inside, divide=divide))
        written = [path for path in inside.summaries if before.get(path) != path.stat().st_mtime_ns]
        output = finished.output.replace(str(folder), str(run.outputs.parent))
        write_text(run.console, output)
        if finished.code != 0 or len(written) != len(run.devices):
            raise tool.ToolFailed("ais_bench", failure_reason(output), finished.code, run.console)
        if inside != run:
            move(inside, run, written)
    return run.summaries


@contextlib.contextmanager
def private_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder that ais_bench accepts: this one, or a temporary one in it if this is a link or open to others."""
    if not folder.is_symlink() and stat.S_IMODE(folder.stat().st_mode) & ~OUTPUTS & 0o777 == 0:
        yield folder
        return
    try:
        temporary = tempfile.TemporaryDirectory(dir=folder, prefix=".ais_bench")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}). Choose another --output") from error
    with temporary as name:
        yield Path(name)


def move(inside: FolderRun, run: FolderRun, summaries: list[Path]) -> None:
    """Move results out of the temporary folder, which the summaries name as the place of the outputs."""
    for path in summaries:
        text = path.read_text(encoding="utf-8")
        write_text(path, text.replace(str(inside.outputs.parent), str(run.outputs.parent)))
    for path in sorted(inside.outputs.parent.rglob("*")):
        target = run.outputs.parent / path.relative_to(inside.outputs.parent)
        if path.is_dir():
            make_folder(target, OUTPUTS)
        else:
            path.replace(target)


def failure_reason(output: str) -> str:
    """Reason of a failure in the tool's words: its ``[ERROR]`` lines, or the last line of a traceback."""
    lines = [line.strip() for line in output.splitlines()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    return "; ".join(dict.fromkeys(errors[:3])) or tool.last_line(output)


def open_session(model: Path, device: int) -> Any:
    """Open an ``InferSession`` of a ``.om``.

    Raises:
        BackendUnavailable: ais_bench or aclruntime is not installed.
        InputError: the runtime rejects the file or the device.
    """
    require()
    try:
        from ais_bench.infer.interface import InferSession
    except ImportError as error:  # one of its own packages, or a library of CANN that aclruntime needs
        advice = f"{tool.set_env()}. {INSTALL}"
        raise BackendUnavailable(f"backend ascend: ais_bench cannot be imported ({error}); {advice}") from error
    try:
        return InferSession(device, str(model))
    except Exception as error:  # the extension raises RuntimeError, with its reason on the console
        is_open = model.exists() and model.stat().st_mode & OTHERS_WRITE
        advice = (
            f"Since 2024, others must not be able to change it: chmod go-w {model}" if is_open else "Check npu-smi info"
        )
        raise InputError(f"{model}: device {device} cannot load it ({error}). {advice}") from error


def require() -> None:
    """Check that ais_bench can be used, without loading it.

    Raises:
        BackendUnavailable: one of its two packages is missing, or the module is another program's.
    """
    found = find_spec("ais_bench")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [Path(folder) / "infer" / name for folder in folders for name in ("__init__.py", "interface.py")]
    if found and not any(path.is_file() for path in files):
        raise BackendUnavailable(f"backend ascend: {namesake([*folders, found.origin][0])} {INSTALL}")
    if missing := [name for name in ("ais_bench", "aclruntime") if find_spec(name) is None]:
        raise BackendUnavailable(f"backend ascend: {' and '.join(missing)} not installed. {INSTALL}")


def namesake(place: str | None) -> str:
    """What the installed module ``ais_bench`` is, and how to remove it."""
    try:
        version = metadata.version(NAMESAKE)
    except metadata.PackageNotFoundError:
        return f"{place} has no ais_bench.infer: it is not the vendor's ais_bench. Remove it."
    return f"ais_bench is {NAMESAKE} {version}, which evaluates language models. Run: pip uninstall {NAMESAKE}."
