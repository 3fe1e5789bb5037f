"""What came of a run, in the folder of its evidence, and whether the same run need not be made again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from enet import deliverable, report
from enet.datasets.check import dataset_fingerprint
from enet.errors import EnetError, InputError
from enet.fleet.plan import Run
from enet.measure import Subject
from enet.pytest_plugin import ACCEPTANCE, SUITE
from enet.storage.files import hash_file, hash_json, make_folder, write_text
from enet.storage.run_folder import read_table
from enet.storage.store import Store

#: In the folder of a run: what it was of, and how it ended. The name is no ``.json``, so that it is no evidence.
RECORD = "run.fleet"
#: Prints the packages of an environment, and the code of its enet.
STATE = """
import hashlib, pathlib, sys, enet
from importlib import metadata
print(sys.version, *sorted(f"{each.name}=={each.version}" for each in metadata.distributions()), sep="\\n")
for file in sorted(pathlib.Path(enet.__file__).parent.rglob("*")):
    if file.is_file() and "__pycache__" not in file.parts:
        print(file.name, hashlib.sha256(file.read_bytes()).hexdigest())
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended.

    Attributes:
        code: exit code of ``enet accept``; 0 accepted, 1 not, anything else: nothing was concluded.
        sentence: the conclusion, or why there is none.
        is_earlier: of an earlier job, and kept.
    """

    code: int
    sentence: str
    is_earlier: bool = False

    @property
    def word(self) -> str:
        return {0: "ACCEPTED", 1: "NOT ACCEPTED"}.get(self.code, "NOT MEASURED")


def key(run: Run, store: Store) -> str | None:
    """Digest of all that decides a run: its entry, the code, the environment, and every file; None: not all is known
    here, so the run is made again."""
    entry = run.entry
    try:
        subject = Subject(
            deliverable.load(run.deliverable, trust_code=entry.trust_code),
            store,
            Path(entry.weights) if entry.weights else None,
            Path(entry.data_root) if entry.data_root else None,
            entry.limit or None,
            onnx=tuple(map(Path, entry.onnx)),
            om=tuple(map(Path, entry.om)),
        )
        spec = {**asdict(subject.deliverable), "path": ""}
        weights = hash_file(subject.weights) if subject.has_weights else ""
        golden = hash_file(subject.deliverable.golden) if subject.deliverable.golden else ""
        splits = [subject, subject.of_calibration] if entry.precision == "int8" else [subject]
        images = [dataset_fingerprint(each.dataset) for each in splits if each.given_root]
        state = environment_state(
            run.environment.python if run.environment and run.environment.python else sys.executable
        )
        files = [weights, golden, subject.delivered.lines(), images]
        return hash_json([asdict(run), spec, *files, state, suite_sha256()])
    except (EnetError, OSError, subprocess.SubprocessError):
        return None


@cache
def environment_state(python: str) -> str:
    """What is installed in an environment, and the code of its enet."""
    done = subprocess.run([python, "-c", STATE], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603
    return done.stdout


@cache
def suite_sha256() -> str:
    """Digest of this suite: all files of the package, its fixtures and its acceptance tests."""
    package = Path(report.__file__).parents[1]
    folders = (package, SUITE / "fixtures", ACCEPTANCE)
    return hash_json([[str(file.relative_to(one)), hash_file(file)] for one in folders for file in code(one)])


def code(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def earlier(folder: Path, digest: str | None) -> Result | None:
    """What an earlier run of the same key concluded; None if there was none, or its files were changed."""
    record = read_table(folder / RECORD)
    if digest is None or not isinstance(record, dict) or record.get("key") != digest:
        return None
    try:
        found = concluded(folder)
    except EnetError:
        return None
    return replace(found, is_earlier=True) if record.get("code") == found.code else None


def concluded(folder: Path) -> Result:
    """The conclusion in a folder of evidence.

    Raises:
        InputError: there is none, or a file was edited.
    """
    contents = report.read(folder)
    sentence = re.sub(r"^(NOT )?ACCEPTED:? ", "", contents.conclusion)
    return Result(code=0 if contents.accepted else 1, sentence=sentence)


def save(folder: Path, digest: str | None, exit_code: int, files: Mapping[str, bytes], printed: str) -> Result:
    """Write what a run left into its folder, in place of an earlier run's, and say how it ended.

    Raises:
        InputError: it cannot be written.
    """
    require_own(folder)
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    for name, content in files.items():
        make_folder((temporary / name).parent)
        (temporary / name).write_bytes(content)
    make_folder(temporary)
    write_text(temporary / "printed.txt", printed)
    record: dict[str, Any] = {"key": digest, "code": exit_code}
    write_text(temporary / RECORD, json.dumps(record))
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)  # whole, so that a crash leaves no folder without its record
    temporary.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
    if exit_code not in (0, 1):
        return Result(code=exit_code, sentence=last_line(printed, exit_code))
    try:
        return concluded(folder)
    except EnetError as error:
        return Result(code=2, sentence=str(error))


def require_own(folder: Path) -> None:
    """Refuse to replace a folder that no earlier run of a fleet has written.

    Raises:
        InputError: there is such a folder, or a file.
    """
    is_own = folder.is_dir() and not folder.is_symlink() and ((folder / RECORD).is_file() or not any(folder.iterdir()))
    if (folder.exists() or folder.is_symlink()) and not is_own:
        raise InputError(f"{folder}: no evidence of a fleet, and would be replaced. Give another evidence folder")


def last_line(printed: str, exit_code: int) -> str:
    """The line that says why nothing was concluded: pytest's ``!!!``, or the last that was printed."""
    lines = [line.strip("! ") for line in printed.splitlines() if line.strip("!= -")]
    told = [line.partition("Exit: ")[2] for line in lines if "Exit: " in line]
    return (told or lines or [f"ended with exit code {exit_code}"])[-1]
