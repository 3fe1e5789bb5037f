"""Driver of aoe, which tunes a model on the device itself: job type 1 for subgraphs, 2 for operators."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from enet.ascend import atc, tool
from enet.errors import InputError
from enet.storage.files import make_folder

JOB_TYPES = (1, 2)

#: aoe's last line in older versions, and in newer ones, which add the improvement.
DONE = re.compile(r"Aoe process finished|process finished\. Performance improved by (?P<percent>-?[\d.]+)\s*%")


@dataclass(frozen=True)
class Tuning:
    """One tuning.

    Attributes:
        conversion: as for atc, with one batch size.
        job_types: in order; 1 goes before 2.
        bank: folder of aoe's knowledge bank, which it reads and extends.
        device: number of the device that candidates are measured on.
    """

    conversion: atc.Conversion
    job_types: tuple[int, ...]
    bank: Path
    device: int = 0

    def __post_init__(self) -> None:
        if not self.job_types or list(self.job_types) != sorted({*self.job_types} & {*JOB_TYPES}):
            raise InputError(f"aoe: job types {list(self.job_types)}, expected [1], [2] or [1, 2]")
        if len(self.conversion.batch_sizes) > 1:
            raise InputError(f"aoe: {len(self.conversion.batch_sizes)} batch sizes, expected one. Use one --batch-size")


def command(tuning: Tuning, job_type: int, output: Path) -> list[str]:
    """Command line of one job. aoe tunes for the chip that it runs on."""
    options = tuning.conversion.options(output, job_type=job_type)
    return ["aoe", *(f"--{name}={value}" for name, value in options.items())]


def environment(tuning: Tuning) -> dict[str, str]:
    """Environment variables that set the knowledge bank and the device."""
    return {"TUNE_BANK_PATH": str(tuning.bank.resolve()), "ASCEND_DEVICE_ID": str(tuning.device)}


def tune(tuning: Tuning) -> tuple[Path, tuple[float | None, ...]]:
    """Run the jobs in order.

    Returns:
        The ``.om`` of the last job; and the improvement by each job in percent, None if aoe reports no value.
    Raises:
        BackendUnavailable: aoe or a library that it needs is missing.
        ToolFailed: a job failed, or wrote no ``.om``.
    """
    tool.require("aoe")
    output = tuning.conversion.output
    make_folder(output.parent)
    make_folder(tuning.bank)
    gained, om = list[float | None](), output
    tuning = replace(tuning, conversion=atc.with_absolute_paths(tuning.conversion, output))
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".aoe") as name:
        for job in tuning.job_types:
            folder = Path(name).resolve() / f"job{job}"  # aoe writes a workspace and results into the current folder
            folder.mkdir()
            variables = {**environment(tuning), "ASCEND_WORK_PATH": str(folder)}
            finished = tool.run(command(tuning, job, folder / output.name), cwd=folder, environment=variables)
            done = DONE.search(finished.output)
            if finished.code != 0 or done is None:
                raise finished.failure(atc.failure_reason(finished.output))
            gained.append(float(done["percent"]) if done["percent"] else None)
            om = atc.move_om(find_om_folder(folder, output.name), output, finished)
    return om, tuple(gained)


def find_om_folder(folder: Path, name: str) -> Path:
    """Find the folder with the tuned ``.om``: the given one, or else that of the newest file in aoe's workspace.

    A file in the workspace is renamed to ``name``.
    """
    if any(folder.glob(f"{name}*.om")):
        return folder
    found = sorted(folder.rglob("tunespace/result/*_tune*.om"), key=lambda path: path.stat().st_mtime_ns)
    return found[-1].replace(found[-1].with_name(f"{name}.om")).parent if found else folder
