"""External programs: find them, run them, and report their failures in one line."""

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

ASCEND, OF_USER = Path("/usr/local/Ascend"), Path(os.environ.get("HOME", "/")) / "Ascend"
#: Folders that CANN is installed in, for all users or one: since version 8.5, and before.
HOMES = tuple(root / name for name in ("cann", "ascend-toolkit") for root in (ASCEND, OF_USER))
NO_DRIVER = "install the NPU's driver, or run where it is installed: /usr/local/Ascend/driver"
#: Of programs that are run: ais_bench refuses a model that a group or others may write.
UMASK = os.umask(0o077)
os.umask(UMASK)
UMASK |= 0o027
#: Printed by the dynamic linker, or Python, if the libraries of the driver or CANN are not found.
MISSING_LIBRARY = re.compile(
    r"(?:error while loading shared libraries: |ImportError: (?=\S+: cannot open shared object))([^:\s]+)"
)

#: Environment variables with the root of CANN's installation, in order of precedence; ``set_env.sh`` sets them.
ROOTS = ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH")

#: Line of an installed version: version=5.1.RC2; in version.cfg toolkit_running_version=[1.84.T11.0.B118:5.1.RC2].
VERSION = re.compile(r"^(?:toolkit_(?:running|installed)_)?version=\[?(?:[^:\]\n]*:)?([^\]\n]+)", re.MULTILINE)


class ToolFailed(EnetError):
    """An external tool failed: its own reason, its exit code and the file with its whole output, in one line."""

    def __init__(self, name: str, reason: str, code: int, log: Path) -> None:
        self.arguments = (name, reason, code, log)
        super().__init__(f"{name}: {' '.join(reason.split())} (exit code {code}). Full output: {log}")

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickling between processes."""
        return ToolFailed, self.arguments


@dataclass(frozen=True)
class Finished:
    """A program that has ended. ``output``: its standard output and standard error, in order."""

    command: tuple[str, ...]
    code: int
    output: str

    def failure(self, reason: str) -> ToolFailed:
        """Build the error, and write the output into a new file of the system's temporary folder."""
        program = Path(self.command[0]).name
        handle, name = tempfile.mkstemp(prefix=f"enet-{program}-", suffix=".log")
        os.close(handle)
        write_text(Path(name), self.output)
        return ToolFailed(program, reason, self.code, Path(name))


def roots() -> list[Path]:
    """Folders of CANN that the environment names."""
    return [Path(os.environ[name]) for name in ROOTS if os.environ.get(name)]


def set_env() -> str:
    """What to do so that CANN's tools are found: the script of the installation that is here, or to install one."""
    stated = [place for root in roots() for place in (root, root.parent)]  # it may be beside the folder latest
    found = [home / "set_env.sh" for home in (*stated, *HOMES) if (home / "set_env.sh").is_file()]
    if found:
        return f"run: source {found[0]}"
    newer, older = (ASCEND / name / "set_env.sh" for name in ("cann", "ascend-toolkit"))
    return f"install CANN and run: source {newer} (before CANN 8.5: {older})"


def last_line(output: str) -> str:
    """Last line of a tool's output that is not empty."""
    return output.strip().rpartition("\n")[2].strip() or "no output"


def require(name: str) -> None:
    """Check that a tool is on the PATH.

    Raises:
        BackendUnavailable: it is not.
    """
    if shutil.which(name) is None:
        raise BackendUnavailable(f"{name}: not found on the PATH; {NO_DRIVER if name == 'npu-smi' else set_env()}")


def run(command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end, whatever its exit code.

    Args:
        environment: variables that are set in addition to those of this process.
    Raises:
        BackendUnavailable: it cannot be started, or a library that it needs is missing.
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
            umask=UMASK,
        )
    except OSError as error:
        raise BackendUnavailable(f"{command[0]}: cannot be run ({error.strerror}). Check the installation") from error
    finished = Finished(tuple(command), done.returncode, done.stdout.decode("utf-8", errors="replace"))
    library = MISSING_LIBRARY.search(finished.output)
    if finished.code != 0 and library:
        name = Path(command[0]).name
        raise BackendUnavailable(f"{name}: library {library[1]} is not found; {NO_DRIVER}; {set_env()}")
    return finished


def cann_version() -> str | None:
    """Version of the installed CANN, such as "5.1.RC2"; None if it is unknown."""
    for root in (*roots(), *(home / below for home in HOMES for below in ("", "latest"))):
        for pattern in ("ascend_toolkit_install.info", "*-linux/ascend_toolkit_install.info", "version.cfg"):
            for path in sorted(root.glob(pattern)):
                text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
                if found := VERSION.search(text):
                    return found[1].strip()
    return None
