"""Driver of aoe, which tunes a model on the device itself: job type 1 for subgraphs, 2 for operators."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.ascend import atc, tool
from enet.errors import InputError
from enet.storage.files import make_folder

JOB_TYPES = (1, 2)

#: How aoe says that it is done: older versions and newer ones, which also say what it brought.
DONE = re.compile(r"Aoe process finished|process finished\. Performance improved by (?P<percent>-?[\d.]+)\s*%")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What is tuned.

    Args:
        conversion: as for atc; one batch size, and ``output`` without suffix.
        job_types: in order; 1 goes before 2.
        bank: folder where aoe keeps what it learns, and looks up what it knows.
        device: to measure candidates on.
    """

    conversion: atc.Conversion
    job_types: tuple[int, ...] = (1,)
    bank: Path
    device: int = 0

    def __post_init__(self) -> None:
        if not self.job_types or list(self.job_types) != sorted({*self.job_types} & {*JOB_TYPES}):
            raise InputError(f"job types {list(self.job_types)}, but should be [1], [2] or [1, 2]")
        if self.conversion.profiles:
            raise InputError("aoe tunes a model of one batch size, not one with several to choose from")


@dataclass(frozen=True)
class Tuned:
    """The tuned ``.om``; percent gained by each job as aoe says, None where it doesn't; its own result tables."""

    om: Path
    improvements: tuple[float | None, ...]
    results: tuple[dict[str, Any], ...] = ()


def command(tuning: Tuning, job_type: int, output: Path) -> list[str]:
    """aoe's command line for one job. The chip is the one that it runs on."""
    conversion = tuning.conversion
    options: dict[str, object] = {
        "framework": atc.ONNX,
        "model": conversion.model,
        "job_type": job_type,
        "output": output,
        "input_shape": conversion.input_shape,
        "log": conversion.log,
    }
    if conversion.precision_mode != atc.PRECISION_MODES[0]:
        options["precision_mode"] = conversion.precision_mode
    if conversion.aipp is not None:
        options["insert_op_conf"] = conversion.aipp
    return ["aoe", *(f"--{name}={value}" for name, value in options.items())]


def environment(tuning: Tuning) -> dict[str, str]:
    """Where the knowledge bank is, and which device is used."""
    return {"TUNE_BANK_PATH": str(tuning.bank.resolve()), "ASCEND_DEVICE_ID": str(tuning.device)}


def tune(tuning: Tuning) -> Tuned:
    """Run the jobs in order; the last one's ``.om`` is the result.

    Raises:
        BackendUnavailable: aoe or a library that it needs is missing.
        ToolFailed: a job failed, or left no ``.om``.
    """
    tool.find("aoe")
    output = tuning.conversion.output
    make_folder(output.parent)
    make_folder(tuning.bank)
    gained, results = [], []
    om = output
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".aoe") as name:
        folder = Path(name).resolve()  # aoe leaves a workspace and result files where it is started
        whole = Tuning(
            conversion=atc.absolute(tuning.conversion, output),
            job_types=tuning.job_types,
            bank=tuning.bank,
            device=tuning.device,
        )
        for job in tuning.job_types:
            place = folder / f"job{job}"
            place.mkdir()
            aside = place / output.name
            finished = tool.run(
                command(whole, job, aside),
                cwd=place,
                environment={**environment(tuning), "ASCEND_WORK_PATH": str(place)},
            )
            done = DONE.search(finished.output)
            if finished.code != 0 or done is None:
                raise finished.failure(atc.failure_reason(finished.output))
            gained.append(float(done["percent"]) if done["percent"] else None)
            results += read_results(sorted(place.rglob("aoe_result_*.json")))
            om = atc.moved(holder(place, output.name), output, finished)
    return Tuned(om, tuple(gained), tuple(results))


def holder(place: Path, name: str) -> Path:
    """The folder with the tuned ``.om``: where it was asked for, or else the newest of the workspace's."""
    if any(place.glob(f"{name}*.om")):
        return place
    found = sorted(place.rglob("tunespace/result/*_tune*.om"), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        return place
    target = found[-1].with_name(f"{name}.om")
    found[-1].replace(target)
    return target.parent


def read_results(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """aoe's own result files, each a list of tables made one; a file that can't be read tells nothing."""
    found = []
    for path in paths:
        try:
            tables = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        merged: dict[str, Any] = {}
        for table in tables if isinstance(tables, list) else [tables]:
            merged |= table if isinstance(table, dict) else {}
        found.append(merged)
    return found
