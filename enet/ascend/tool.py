"""External programs: found, run, and their failures told in one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enet.errors import BackendUnavailable, EnetError
from enet.storage.files import write_text

#: Where CANN's tools come from, by tool.
SOURCE = {
    "atc": "install CANN and run: source /usr/local/Ascend/ascend-toolkit/set_env.sh",
    "aoe": "install CANN and run: source /usr/local/Ascend/ascend-toolkit/set_env.sh",
    "npu-smi": "install the NPU's driver, or run where it is installed: /usr/local/Ascend/driver",
}
#: Said by the dynamic linker before a tool says anything, when the driver's libraries aren't found.
MISSING_LIBRARY = re.compile(r"error while loading shared libraries: ([^:\s]+)")

#: Roots of CANN's installation, in the order they are asked; the first two are set by ``set_env.sh``.
ROOTS = ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH")
DEFAULT_ROOT = Path("/usr/local/Ascend/ascend-toolkit/latest")


class ToolFailed(EnetError):
    """An external tool failed; one line with its own reason, exit code and where all that it printed is kept."""

    def __init__(self, name: str, reason: str, code: int, kept: Path) -> None:
        self.about = (name, reason, code, kept)
        plain = " ".join(reason.split())
        super().__init__(f"{name}: {plain} (exit code {code}). All that it printed: {kept}")

    def __reduce__(self) -> tuple[Any, ...]:
        """For its way from one process to another."""
        return ToolFailed, self.about


@dataclass(frozen=True)
class Finished:
    """A program that ran: ``output`` is what it wrote to standard output and standard error, in order."""

    command: tuple[str, ...]
    code: int
    output: str

    def keep(self) -> Path:
        """Write the output into a new file of the system's temporary folder."""
        handle, name = tempfile.mkstemp(prefix=f"enet-{Path(self.command[0]).name}-", suffix=".log")
        os.close(handle)
        path = Path(name)
        write_text(path, self.output)
        return path

    def failure(self, reason: str) -> ToolFailed:
        return ToolFailed(Path(self.command[0]).name, reason, self.code, self.keep())


def find(name: str) -> Path:
    """Where a tool is.

    Raises:
        BackendUnavailable: it isn't on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise BackendUnavailable(f"{name}: not found on the PATH; {SOURCE.get(name, 'install it')}")
    return Path(found)


def run(command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end, however it ends.

    Args:
        environment: variables set in addition to this process's own.
    Raises:
        BackendUnavailable: it can't be started, or a library that it needs is missing.
    """
    try:
        done = subprocess.run(  # noqa: S603 the command is built by this package's drivers
            list(command),
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise BackendUnavailable(f"{command[0]}: can't be run ({error.strerror}). Check the installation") from error
    finished = Finished(tuple(command), done.returncode, done.stdout.decode("utf-8", errors="replace"))
    library = MISSING_LIBRARY.search(finished.output)
    if finished.code != 0 and library:
        name = Path(command[0]).name
        raise BackendUnavailable(
            f"{name}: library {library[1]} is not found; install the NPU's driver and "
            f"{SOURCE['atc'].removeprefix('install CANN and ')}"
        )
    return finished


def cann_version() -> str | None:
    """The installed CANN's version, such as "5.1.RC2"; None if nothing tells it."""
    roots = [Path(os.environ[name]) for name in ROOTS if os.environ.get(name)] + [DEFAULT_ROOT]
    for root in roots:
        for pattern in ("ascend_toolkit_install.info", "*-linux/ascend_toolkit_install.info", "version.cfg"):
            for path in sorted(root.glob(pattern)):
                text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
                # version=5.1.RC2, or in version.cfg: toolkit_running_version=[1.84.T11.0.B118:5.1.RC2]
                found = re.search(
                    r"^(?:toolkit_(?:running|installed)_)?version=\[?(?:[^:\]\n]*:)?([^\]\n]+)", text, re.M
                )
                if found:
                    return found[1].strip()
    return None
