"""What can go wrong, said in one line: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Sequence


class EnetError(Exception):
    """Anything this package reports to its user; the command line prints it and exits with 2."""


class InputError(EnetError):
    """A file, folder, option or value given by the user can't be used."""


class BackendUnavailable(EnetError):
    """A backend can't run here; the message says what is missing and how to get it."""


def unknown_name_error(what: str, value: object, known: Iterable[str], *, where: str = "") -> InputError:
    """An error for a name that isn't known, with the nearest known one, or the one that begins so, if there is one.

    >>> print(unknown_name_error("backend", "onnxrt", ["onnxruntime", "pytorch"]))
    backend='onnxrt' is not known: did you mean 'onnxruntime'? Known: onnxruntime, pytorch
    """
    names = list(known)
    begun = [name for name in names if value and name.startswith(str(value))]
    near = begun[:1] if len(begun) == 1 else difflib.get_close_matches(str(value), names, n=1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    place = f"{where}: " if where else ""
    return InputError(f"{place}{what}={value!r} is not known{hint} Known: {', '.join(names)}")


def format_list(items: Sequence[object], first: int = 5) -> str:
    """The first few items and a count of the rest, in one line whatever is in their names.

    >>> format_list(["a", "b", "c"], first=2)
    'a, b and 1 more'
    """
    shown = ", ".join(printable(str(item)) for item in items[:first])
    rest = len(items) - first
    return f"{shown} and {rest} more" if rest > 0 else shown


def printable(text: str) -> str:
    """Text for a terminal: characters that would break the line or steer the terminal as their escapes.

    >>> printable("two\\nlines")
    'two\\\\nlines'
    """
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def run_command(name: str, command: Callable[[], int]) -> int:
    """Run a command; what stops it is told in one line that begins with its name.

    Returns:
        The command's own exit code; 2 for what its user can mend, 130 if interrupted.
    """
    try:
        return command()
    except EnetError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as with `enet … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a disk that is full, a folder that went away: nobody's mistake here, but no traceback
        where = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {where}{error.strerror or error}. Check the folder and the disk", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
