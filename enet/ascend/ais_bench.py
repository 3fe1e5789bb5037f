"""Driver of ais_bench: its command line, as the vendor's guide uses it, and its ``InferSession``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from enet.ascend import tool
from enet.errors import BackendUnavailable, InputError
from enet.storage.files import make_folder, write_text

#: How to get the vendor's two packages; neither is on a package index.
INSTALL = (
    "Install both wheels of ais_bench (aclruntime and ais_bench), see "
    "https://gitee.com/ascend/tools/tree/master/ais-bench_workload/tool/ais_bench"
)


@dataclass(frozen=True)
class FolderRun:
    """One run of a model over a folder of input files.

    Attributes:
        outputs: folder of the output files; of several devices, each has a folder ``device<N>`` in it.
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
        """Files that ais_bench writes, one per device."""
        if len(self.devices) == 1:
            return [self.outputs.with_name(f"{self.outputs.name}_summary.json")]
        return [self.outputs / f"device{device}_summary.json" for device in self.devices]


def command(run: FolderRun) -> list[str]:
    """Command line of a run. One execution is a warm-up, before times are taken."""
    files = {"model": run.model, "input": run.inputs, "output": run.outputs.parent, "output_dirname": run.outputs.name}
    devices = ",".join(map(str, run.devices))
    options = {**files, "outfmt": run.outfmt, "batchsize": run.batch_size, "device": devices}
    options |= {"warmup_count": 1, "display_all_summary": 1}
    if run.dynamic_batch:
        options["dymBatch"] = run.batch_size
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "ais_bench", *words]


def infer(run: FolderRun) -> list[Path]:
    """Run ais_bench and return its summaries, one per device.

    Raises:
        BackendUnavailable: ais_bench or aclruntime is not installed.
        ToolFailed: it failed, or wrote no summary.
    """
    require()
    make_folder(run.outputs.parent)
    finished = tool.run(command(run))
    write_text(run.console, finished.output)
    if finished.code != 0 or not all(path.is_file() for path in run.summaries):
        raise tool.ToolFailed("ais_bench", failure_reason(finished.output), finished.code, run.console)
    return run.summaries


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
    from ais_bench.infer.interface import InferSession

    try:
        return InferSession(device, str(model))
    except Exception as error:  # the extension raises RuntimeError, with its reason on the console
        raise InputError(f"{model}: device {device} cannot load it ({error}). Check npu-smi info") from error


def require() -> None:
    """Check that ais_bench can be used, without loading it.

    Raises:
        BackendUnavailable: one of its two packages is missing.
    """
    if missing := [name for name in ("ais_bench", "aclruntime") if find_spec(name) is None]:
        raise BackendUnavailable(f"backend ascend: {' and '.join(missing)} not installed. {INSTALL}")
