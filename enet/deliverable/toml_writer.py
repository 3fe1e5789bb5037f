"""Add keys to a user's TOML file and keep everything else: comments, order, line ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from enet.deliverable.toml_reader import read_toml, tables
from enet.errors import InputError
from enet.storage.files import write_bytes
from enet.storage.text import decode, encoding


def add_keys(path: Path, added: Mapping[str, Mapping[str, str]]) -> None:
    """Add keys to tables of a TOML file, each after the table's last value; the file changes as a whole or not at all.

    Args:
        added: values by table and key; the keys are new, the values plain text without quotes or backslashes.
    Raises:
        InputError: the file cannot be read or written, or a table is written in a way that lines cannot be added to.
    """
    before = read_toml(path, "deliverable")
    data = path.read_bytes()
    mark, codec = encoding(data)
    text = decode(data)
    expected = {
        name: {**value, **added.get(name, {})} if isinstance(value, dict) else value for name, value in before.items()
    }
    for table, values in added.items():
        text = add_lines(text, table, [f'{key} = "{value}"' for key, value in values.items()])
    try:
        is_right = tables(text) == expected
    except ValueError:
        is_right = False
    if not is_right:
        words = "; ".join(
            f'[{table}] {key} = "{value}"' for table, keys in added.items() for key, value in keys.items()
        )
        raise InputError(f"{path}: its tables are written in a way that cannot be added to. Add yourself: {words}")
    write_bytes(path.resolve(), mark + text.encode(codec))  # a link stays one


def add_lines(text: str, table: str, added: list[str]) -> str:
    """Add lines after the last value of the table that begins with the line ``[table]``; unchanged if there is none."""
    lines = text.split("\n")
    header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?$")
    start = next((number for number, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        return text
    end = next(
        (n for n in range(start + 1, len(lines)) if re.match(r"\s*\[[^\[\]]+\]\s*(#.*)?$", lines[n])), len(lines)
    )
    last = max(n for n in range(start, end) if n == start or re.match(r"\s*[^\s#]", lines[n]))
    ending = "\r" if lines[start].endswith("\r") else ""
    lines[last + 1 : last + 1] = [line + ending for line in added]
    return "\n".join(lines)
