"""One case of bad input, and what the tables share: commands, and files that a case lays out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet


@dataclass(frozen=True)
class Folders:
    """``tiny`` holds the tiny deliverable and is shared; ``bad`` is empty and takes the bad files of one case."""

    tiny: Path
    bad: Path


Setup = Callable[[Folders], object]


@dataclass(frozen=True)
class BadInputCase:
    """A command that must be refused, or accepted if ``code`` is 0.

    Attributes:
        command: words after ``enet``, quoted as in a shell; ``{tiny}`` and ``{bad}`` stand for the folders.
        error: part of the error line, or of the output if ``code`` is 0.
        given: lays out the bad files.
        code: expected exit code.
        around: a context in which the command runs.
        prints: results are printed before the error occurs.
        leaves: file that may stay, so that the next run resumes from it.
    """

    command: str
    error: str
    given: Setup = lambda _: None
    code: int = 2
    around: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext
    prints: bool = False
    leaves: str = ""


def case(name: str, command: str, error: str, given: Setup = lambda _: None, **more: Any) -> ParameterSet:
    """One row of a table; ``more`` are further fields of ``BadInputCase``."""
    return pytest.param(BadInputCase(command, error, given, **more), id=name)


def cases_of(command: str) -> Callable[..., ParameterSet]:
    """``case`` for many rows of one command, which is left out of each."""

    def row(name: str, error: str, given: Setup = lambda _: None, **more: Any) -> ParameterSet:
        return case(name, command, error, given, **more)

    return row


OVER = "evaluate --deliverable {tiny}/tiny.toml --data-root "
EVALUATE = OVER + "{tiny}/data "
BAD_DATA = OVER + "{bad}/data "
BAD_TOML = "evaluate --deliverable {bad}/bad.toml --data-root {tiny}/data "
EXPORT = "pth2onnx --output-file enet.onnx --deliverable {tiny}/tiny.toml --input-file "
PREPROCESS = "preprocess --src-path {tiny}/data --deliverable {tiny}/tiny.toml --save-path "
SCORE = "postprocess --src-path {tiny}/data --deliverable {tiny}/tiny.toml --result-dir "
COMPILE = "om --output enet --soc-version Ascend310P3 --model "
INFER = "infer --input {bad}/prep --output out --model "
CHECK = "deliverables check {bad}/bad.toml"


def write(path: Path, content: bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def file(name: str, content: bytes = b"") -> Setup:
    """A file in the bad folder."""
    return lambda folders: write(folders.bad / name, content)


def huge_file(name: str) -> Setup:
    """A sparse file of one gigabyte."""

    def make(folders: Folders) -> None:
        with (folders.bad / name).open("wb") as sparse:
            sparse.truncate(1 << 30)

    return make


def toml(old: str, new: str) -> Setup:
    """``bad.toml``: the tiny deliverable's file with one text replaced."""

    def make(folders: Folders) -> None:
        text = (folders.tiny / "tiny.toml").read_text()
        assert old in text
        write(folders.bad / "bad.toml", text.replace(old, new).encode())

    return make
