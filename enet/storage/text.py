"""Text files from outside, in the encodings that people's tools write."""

from __future__ import annotations

from pathlib import Path

from enet.storage.files import require_plain_file

#: Encodings by the byte order mark at the beginning. Notepad and Excel put one before UTF-8; PowerShell's ``>`` writes
#: UTF-16.
MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def encoding(data: bytes) -> tuple[bytes, str]:
    """The byte order mark of a text, and the encoding that it names; no mark: UTF-8."""
    mark = next(filter(data.startswith, MARKS), b"")
    return mark, MARKS.get(mark, "utf-8")


def decode(data: bytes, errors: str = "strict") -> str:
    """Text in the encoding that its byte order mark names, without the mark.

    >>> decode("ms".encode("utf-16")), decode(b"\\xef\\xbb\\xbfms"), decode(b"ms")
    ('ms', 'ms', 'ms')
    """
    mark, codec = encoding(data)
    return data[len(mark) :].decode(codec, errors)


def read_text(path: Path, *, at_most: int | None = None) -> str:
    """Read a text file of at most so many bytes; every line ends with ``\\n`` alone.

    Raises:
        InputError: not a plain file, or too large.
        OSError, UnicodeDecodeError: it cannot be read, or is no text.
    """
    require_plain_file(path, at_most=at_most)
    return decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
