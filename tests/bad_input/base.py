"""What a case of bad input is, and how it is tried."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from unittest import mock

from enet import cli
from enet.selftest.table import Row

#: Takes the tiny deliverable's folder and an empty one to put bad files into; gives the command line's words and what
#: the message must hold.
Make = Callable[[Path, Path], tuple[list[object], str]]

#: No mistake takes longer to be told, in seconds; a file that never ends would take for ever.
PATIENCE = 20

#: Folders of this name are for what is built.
CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class Case:
    """``around``: lasts while the command runs. ``told``: figures are printed before the mistake is met. ``leaves``:
    a file that may stay, so that the next run goes on from there."""

    name: str
    kind: str
    make: Make
    around: Callable[[Path], contextlib.AbstractContextManager[None]]
    code: int
    told: bool
    leaves: str


CASES: dict[str, Case] = {}


def cases(
    kind: str,
    *,
    around: Callable[[Path], contextlib.AbstractContextManager[None]] = lambda _: contextlib.nullcontext(),
    code: int = 2,
    told: bool = False,
    leaves: str = "",
) -> Callable[[Make], Make]:
    """Decorates functions that make a case; the function's name is the case's."""

    def add(make: Make) -> Make:
        name = make.__name__.replace("_", " ")
        CASES[name] = Case(name=name, kind=kind, make=make, around=around, code=code, told=told, leaves=leaves)
        return make

    return add


def tried(case: Case, here: Path, folder: Path) -> Row:
    """Run a case's command in this process, in an empty folder, and look at what it said and left."""
    for path in (folder, folder / "bad", folder / "work"):
        path.mkdir(exist_ok=True)
        path.chmod(0o777)  # also for one who has no other rights
    words, wanted = case.make(here, folder / "bad")
    before = seen(here, folder)
    code, output, errors = command(case, here, folder, words)
    after = seen(here, folder) - {case.leaves}
    problems = [
        *([f"exit code {code}, not {case.code}"] if code != case.code else []),
        *([f"nothing said of {wanted!r}"] if wanted not in (errors if case.code else output) else []),
        *(["a traceback"] if "Traceback" in errors else []),
        *(["output, too"] if output and case.code and not case.told else []),
        *(["more than one line"] if case.code and not is_one_line(errors) else []),
        *([f"left {', '.join(sorted(left))}"] if case.code and (left := after - before) else []),
        *(["took something away"] if before - after else []),
        *(["left half an entry in a cache"] if half_made(here / CACHE) or half_made(folder / "bad" / CACHE) else []),
    ]
    said = (errors.strip().splitlines() or [""])[-1].replace(str(folder), "...").replace(str(here), "...")
    found = f"{'; '.join(problems)}: {said}" if problems else said or "as if nothing were wrong, and nothing is"
    return Row(name=case.name, stage=case.kind, meant=str(case.code), found=found, ok=not problems)


def command(case: Case, here: Path, folder: Path, words: list[object]) -> tuple[object, str, str]:
    """Exit code, output and errors."""

    output, errors = io.StringIO(), io.StringIO()
    away = Path.cwd()
    os.chdir(folder / "work")
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
            mock.patch.dict(os.environ, {"ENET_CACHE": str(here / "cache")}),
            at_most(PATIENCE),
            case.around(folder),
        ):
            code: object = cli.main([str(word) for word in words])
    except SystemExit as stopped:
        code = stopped.code
    except BaseException as error:  # what nobody catches would end the command with a traceback
        code = f"a traceback of {type(error).__name__}: {str(error)[:200]}"
    finally:
        os.chdir(away)
    return code, output.getvalue(), errors.getvalue()


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what takes longer; only in a main thread, where signals come in."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no answer in {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_one_line(errors: str) -> bool:
    """One line of ours, or argparse's with the usage before it; a checkpoint that doesn't fit has a few more."""
    lines = errors.splitlines()
    if lines and lines[0].startswith("usage: enet"):
        return ": error: " in lines[-1] and sum(": error: " in line for line in lines) == 1
    return bool(lines) and lines[0].startswith("enet: ") and len(lines) <= (6 if "do not fit" in errors else 1)


def files(folder: Path) -> list[str]:
    """Everything below a folder, by relative name; links are not followed."""
    return sorted(str((Path(top) / name).relative_to(folder)) for top, _, names in os.walk(folder) for name in names)


def seen(*folders: Path) -> set[str]:
    """All files of these folders, but for caches, which may be filled."""
    return {name for folder in folders for name in files(folder) if CACHE not in Path(name).parts[:2]}


def half_made(cache: Path) -> list[str]:
    """What a build left in the cache besides finished entries and locks."""
    return [name for name in files(cache) if "/." in name and not name.endswith(".lock")]


# What many cases begin with.


def evaluating(here: Path, *arguments: object) -> list[object]:
    return ["evaluate", "--deliverable", here / "tiny.toml", "--data-root", here / "data", *arguments]


def over(here: Path, data_root: Path) -> list[object]:
    return [*evaluating(here)[:-1], data_root]


def exporting(weights: Path, here: Path, *arguments: object) -> list[object]:
    return [
        "pth2onnx",
        "--input-file",
        weights,
        "--output-file",
        "enet.onnx",
        "--deliverable",
        here / "tiny.toml",
        *arguments,
    ]


def preparing(here: Path, to: Path, *arguments: object) -> list[object]:
    return [
        "preprocess",
        "--src-path",
        here / "data",
        "--deliverable",
        here / "tiny.toml",
        "--save-path",
        to,
        *arguments,
    ]


def scoring(summary: Path, here: Path) -> list[object]:
    return ["postprocess", "--src-path", here / "data", "--result-dir", summary, "--deliverable", here / "tiny.toml"]


def compiling(model: Path, *arguments: object) -> list[object]:
    return ["om", "--model", model, "--output", "enet", "--soc-version", "Ascend310P3", *arguments]


def file_with(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def toml_with(here: Path, bad: Path, old: str, new: str) -> Path:
    """The tiny deliverable's file with one thing changed."""
    text = (here / "tiny.toml").read_text()
    if old not in text:
        raise ValueError(f"old={old!r}, but should be in the tiny deliverable's file")
    return file_with(bad / "bad.toml", text.replace(old, new).encode())
