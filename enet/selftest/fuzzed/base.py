"""What the kinds of the fuzzer share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from enet.selftest.drawn.base import pick as pick


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One attempt: what was changed, in words, and whether it passed all the same."""

    words: str
    passed: bool


#: Draws a change, or (False) none that matters, and tries it.
Attempt = Callable[[Generator, bool], Trial]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is fuzzed; ``prepare`` makes what is changed, in an empty folder."""

    name: str
    prepare: Callable[[Path], Attempt]
