"""Driver of ais_bench: its command line, as the guide uses it, and its ``InferSession``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enet.ascend import tool
from enet.errors import BackendUnavailable, InputError
from enet.storage.files import make_folder, write_text

#: Where the vendor's two packages come from; neither is on a package index.
INSTALL = (
    "Install both wheels of ais_bench (aclruntime and ais_bench), see "
    "https://gitee.com/ascend/tools/tree/master/ais-bench_workload/tool/ais_bench"
)


@dataclass(frozen=True, kw_only=True)
class AisBenchRun:
    """One run of a folder of input files through a ``.om``.

    Results go to ``output / dirname``, the summary to ``output / <dirname>_summary.json``; with several devices to
    ``output / dirname / device<N>`` and beside it.

    Args:
        batch_size: the model's; ais_bench only scales its throughput figure by it.
        dynamic_batch: the profile to choose in a model that was compiled with several.
        warmup: executions before times are taken.
    """

    model: Path
    inputs: Path
    output: Path
    dirname: str
    batch_size: int
    devices: tuple[int, ...] = (0,)
    outfmt: Literal["BIN", "NPY", "TXT"] = "BIN"
    dynamic_batch: bool = False
    loop: int = 1
    warmup: int = 1


def command(run: AisBenchRun) -> list[str]:
    """The command line."""
    options = {
        "model": run.model,
        "input": run.inputs,
        "output": run.output,
        "output_dirname": run.dirname,
        "outfmt": run.outfmt,
        "batchsize": run.batch_size,
        "device": ",".join(map(str, run.devices)),
        "warmup_count": run.warmup,
        "display_all_summary": 1,
    }
    if run.loop > 1:
        options["loop"] = run.loop
    if run.dynamic_batch:
        options["dymBatch"] = run.batch_size
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "ais_bench", *words]


def infer(run: AisBenchRun) -> list[Path]:
    """Run it; the console is kept in ``output / <dirname>_console.txt``.

    Returns:
        The summaries, one a device.
    Raises:
        BackendUnavailable: ais_bench or aclruntime isn't installed.
        ToolFailed: it failed, or left no summary.
    """
    require()
    make_folder(run.output)
    finished = tool.run(command(run))
    console = run.output / f"{run.dirname}_console.txt"
    write_text(console, finished.output)
    if len(run.devices) == 1:
        expected = [run.output / f"{run.dirname}_summary.json"]
    else:
        expected = [run.output / run.dirname / f"device{device}_summary.json" for device in run.devices]
    if finished.code != 0 or not all(path.is_file() for path in expected):
        raise tool.ToolFailed("ais_bench", reason(finished.output), finished.code, console)
    return expected


def reason(output: str) -> str:
    """What went wrong, as the tool says it: its ``[ERROR]`` lines, or the last line of a traceback."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    return "; ".join(dict.fromkeys(errors[:3])) or (lines[-1] if lines else "it printed nothing")


def session(model: Path, device: int) -> Any:
    """An ``InferSession`` over a ``.om``.

    Raises:
        BackendUnavailable: ais_bench or aclruntime isn't installed.
        InputError: the runtime refuses the file or the device.
    """
    require()
    from ais_bench.infer.interface import InferSession

    try:
        return InferSession(device, str(model))
    except Exception as error:  # the extension raises RuntimeError, with its reason on the console
        raise InputError(f"{model}: device {device} can't load it ({error}). Look at npu-smi info") from error


def require() -> None:
    """See that ais_bench can be used, without loading it.

    Raises:
        BackendUnavailable: which of its two packages is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in ("ais_bench", "aclruntime") if find_spec(name) is None]
    if missing:
        raise BackendUnavailable(f"backend ascend: {' and '.join(missing)} not installed. {INSTALL}")
