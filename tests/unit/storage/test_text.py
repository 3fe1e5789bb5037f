"""Texts that people's tools have written anew: with a byte order mark, in UTF-16, with other line ends."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enet import deliverable, evidence
from enet.datasets.folders import read_list
from enet.deliverable.toml_reader import read_toml
from enet.deliverable.toml_writer import add_keys
from enet.errors import EnetError
from enet.evidence import speed_record
from enet.model import golden
from enet.records import parsing
from enet.training import log

#: What a tool makes of a text.
TOOLS: dict[str, Callable[[str], bytes]] = {
    "Notepad, Excel": lambda text: codecs.BOM_UTF8 + text.encode(),
    "PowerShell": lambda text: codecs.BOM_UTF16_LE + text.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16, big endian": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "an old Mac's line ends": lambda text: text.replace("\n", "\r").encode(),
}


MEASURED = evidence.Digests(
    comparison="preprocessing",
    dataset_sha256="d",
    preprocessing_sha256="p",
    limited=False,
    images_expected=1,
    ours={"é": "1"},
    theirs={"é": "1"},
)


def some_evidence(folder: Path) -> str:
    evidence.save(MEASURED, folder / "x.json")
    return (folder / "x.json").read_text()


def included(pattern: str) -> str:
    return next(iter(sorted(deliverable.BUILTIN.glob(pattern)))).read_text(encoding="utf-8")


#: Files that we read: their reader, and a text.
FILES: dict[str, tuple[Callable[[Path], Any], Callable[[Path], str]]] = {
    "a deliverable": (lambda path: deliverable.load(str(path)).dataset, lambda _: included("scenes.toml")),
    "a list of images": (read_list, lambda _: "a.png é.png\n# comment\nb.png c.png\n"),
    "speeds": (speed_record.read, lambda _: included("speeds/*.json")),
    "golden logits": (lambda path: golden.load(path).logits.tolist(), lambda _: included("*golden*.json")),
    "evidence": (evidence.load, some_evidence),
    "a summary": (parsing.read_json, lambda _: json.dumps({"filesinfo": "é"}, ensure_ascii=False, indent=1)),
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("what", FILES)
def test_a_text_is_read_as_peoples_tools_write_it(what: str, tool: str, tmp_path: Path) -> None:
    read, make = FILES[what]
    text, path = make(tmp_path), tmp_path / "file.toml"
    path.write_text(text, encoding="utf-8")
    expected = read(path)
    path.write_bytes(TOOLS[tool](text))
    assert read(path) == expected


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\x93NUMPY\x01\x00", b"\x00" * 9, b""], ids=str)
def test_what_is_no_text_is_one_line(what: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(data)
    with pytest.raises(EnetError) as caught:
        FILES[what][0](path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tool", list(TOOLS)[:3])
def test_keys_are_added_in_the_files_own_encoding(tool: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(TOOLS[tool]('# é\n[dataset]\na = "ü"\n'))
    add_keys(path, {"dataset": {"b": "c"}})
    assert path.read_bytes() == TOOLS[tool]('# é\n[dataset]\na = "ü"\nb = "c"\n')
    assert read_toml(path, "deliverable") == {"dataset": {"a": "ü", "b": "c"}}


def test_a_log_that_excel_has_saved_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(TOOLS["Notepad, Excel"]("epoch,loss\n1,0.5\n2,0.4\n"))
    log.remove_rows(path, after=1)
    assert path.read_text(encoding="utf-8") == "epoch,loss\n1,0.5\n"
