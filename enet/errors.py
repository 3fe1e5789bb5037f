"""Errors that the user can correct, each with a one-line message: where, what is wrong, what to do."""

from __future__ import annotations

import difflib
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence


class EnetError(Exception):
    """Base class of errors for the user. The command line prints the message, one line, and exits with 2."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(EnetError):
    """A file, folder, option or value from the user is unusable."""


class InputErrors(InputError):
    """Several mistakes in one file, one line each."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = tuple(messages)

    def __str__(self) -> str:
        return "\n".join(map(printable, self.messages))


class BackendUnavailable(EnetError):
    """A backend cannot run here; the message says what is missing and how to get it."""


def unknown_name_error(what: str, value: object, known: Iterable[str], *, where: str = "") -> InputError:
    """Build the error for an unknown name; it suggests the only known one with this beginning, or the most similar.

    >>> print(unknown_name_error("backend", "onnxrt", ["onnxruntime", "pytorch"]))
    backend='onnxrt' is not known: did you mean 'onnxruntime'? Known: onnxruntime, pytorch
    """
    names, text = list(known), str(value)
    matches = [name for name in names if text and name.startswith(text)]
    similar = matches if len(matches) == 1 else difflib.get_close_matches(text, names, n=1)
    hint = f": did you mean {similar[0]!r}?" if similar else "."
    place = f"{where}: " if where else ""
    return InputError(f"{place}{what}={value!r} is not known{hint} Known: {', '.join(names)}")


def format_list(items: Sequence[object], first: int = 5) -> str:
    """Write the first items and the number of the others in one line.

    >>> format_list(["a", "b", "c"], first=2)
    'a, b and 1 more'
    """
    shown = ", ".join(printable(str(item)) for item in items[:first])
    return f"{shown} and {len(items) - first} more" if len(items) > first else shown


def printable(text: str) -> str:
    """Text from outside on one line, without what controls a terminal or the log of a CI.

    Control characters are escaped. ``::`` and ``##`` begin commands in the logs of GitHub and Azure, at the beginning
    of a line, where wrapping may bring them; a space makes them plain text.

    >>> printable("two\\nlines ::error::x")
    'two\\\\nlines : :error: :x'
    """
    escaped = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return re.sub(r"::+|##+", lambda marks: " ".join(marks[0]), escaped)


def folded(text: str, indent: int = 0, *, first: str | None = None) -> list[str]:
    """Break a text into lines of at most 80 columns; a longer word, as a path, stays whole so that it can be copied.

    Args:
        indent: columns before every line.
        first: what stands before the first line instead.

    >>> folded("word " * 20, first="- ", indent=2)[1]
    '  word word word word word'
    """
    rest = " " * indent
    return textwrap.wrap(
        printable(text),
        80,
        initial_indent=rest if first is None else first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def run_command(name: str, command: Callable[[], int]) -> int:
    """Run a command and print an expected error, each mistake as one line that begins with ``name``.

    Returns:
        The exit code: the command's own; 2 for errors that the user can correct; 130 if interrupted.
    """
    try:
        return command()
    except BrokenPipeError:  # the reader of the output has ended, as in `enet … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        message, code = "interrupted", 130
    except EnetError as error:
        message, code = str(error), 2
    except OSError as error:  # a full disk or a removed folder: not an error of the program, so no traceback
        place = f"{error.filename}: " if error.filename else ""
        message, code = f"{place}{error.strerror or error}. Check the folder and the disk", 2
    for line in message.split("\n"):
        print(printable(f"{name}: {line}"), file=sys.stderr)
    return code
