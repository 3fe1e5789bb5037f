"""Standard output: in UTF-8 whatever the locale, and reserved for a file if one was asked for there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TextIO

#: Standard output, while it is for a file alone.
RESERVED: ContextVar[TextIO | None] = ContextVar("RESERVED", default=None)


def use_utf8() -> None:
    """Print in UTF-8, whatever locale the process has: help, tables and names have characters that not all have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


@contextlib.contextmanager
def reserved() -> Iterator[None]:
    """Print to standard error meanwhile: standard output gets what ``write`` writes, and nothing else."""
    token = RESERVED.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        RESERVED.reset(token)


def write(content: bytes) -> None:
    """Write to standard output, after what was printed there.

    Raises:
        OSError: it cannot be written.
    """
    stream: TextIO | None = RESERVED.get() or sys.stdout
    if stream is None:  # the process was started without one
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    stream.flush()
    if isinstance(stream, io.TextIOWrapper):
        stream.buffer.write(content)
    else:  # a stream that holds text alone, as a notebook's
        stream.write(content.decode(errors="replace"))
    stream.flush()
