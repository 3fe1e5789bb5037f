"""Progress bars: on a terminal, also where pytest captures what is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from tqdm import tqdm


class Terminal(Protocol):
    """A text file to draw on."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


@dataclass
class Screen:
    """Where and how bars are drawn.

    Attributes:
        file: None: standard error. Nothing is drawn on what is no terminal.
        form: of a bar, as tqdm's ``bar_format``; None: its own.
        shown: whether bars are drawn at all.
        make_room: called before a bar begins.
    """

    file: Terminal | None = None
    form: str | None = None
    shown: bool = True
    make_room: Callable[[], object] = lambda: None


SCREEN = Screen()


def bar(
    items: Iterable[Any] | None = None, *, title: str, total: int, shown: bool, unit: str = "image", done: int = 0
) -> tqdm[Any]:
    """Begin a bar over ``items``, or one that is moved on by ``update``; it disappears when it ends.

    Args:
        shown: whether to draw it.
        done: how many of ``total`` were done before it begins.
    """
    file: Any = SCREEN.file or sys.stderr
    shown = shown and SCREEN.shown and file.isatty()
    if shown:
        SCREEN.make_room()
    return tqdm(
        items,
        title,
        total,
        initial=done,
        unit=unit,
        disable=not shown,
        leave=False,
        file=file,
        bar_format=SCREEN.form,
        dynamic_ncols=True,
    )
