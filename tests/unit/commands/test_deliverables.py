"""List, show, check and create deliverables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from enet.deliverable import PLACEHOLDER, builtin_names, template
from tests.unit.recipes import enet


def test_deliverables_list_and_show(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert enet("deliverables") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == builtin_names()
    assert enet("deliverables", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == builtin_names()
    for name in ("cityscapes", folder / "tiny.toml"):
        assert enet("deliverables", "show", name) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["name"] == Path(name).stem
    assert shown["preprocessing"]["size"] == [32, 32]


def test_deliverables_check_refuses_the_untouched_template(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enet("deliverables", "new", "mine.toml") == 0
    assert enet("deliverables", "check", "mine.toml") == 2
    message = capsys.readouterr().err
    assert "is the template's. State the mIoU and where it is from" in message
    assert re.search(r"mine.toml:\d+ \[reference\]: source=", message)
    path = work / "mine.toml"
    path.write_text(path.read_text().replace(PLACEHOLDER, "our paper, table 2"))
    assert enet("deliverables", "check", "mine.toml") == 0
    assert capsys.readouterr().out == "mine.toml: mine: no errors\n"
    path.write_text(path.read_text().replace("miou_percent = 50.0", "miou_percent = 0.5"))
    assert enet("deliverables", "check", "mine.toml") == 0
    assert "\nwarning: mine.toml:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '# weights = "mine.pth"',
            'weights = "none.pth"',
            "[network]: weights='none.pth', expected a file at none.pth. Correct",
        ),
        ('# weights = "mine.pth"', 'weights = ""', "[network]: weights='', expected a file at .. Correct"),
        (
            "# [throughput]",
            '[throughput]\nchip = "310P3"\nbaseline = "311"\nat_least = 1.2\nsource = "x"\n#',
            "[throughput]: baseline='311' is not known: did you mean '310'?",
        ),
    ],
)
def test_deliverables_check_unusable_name_gives_its_line(
    old: str, new: str, message: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = template()
    assert text.count(old) == 1
    path = work / "mine.toml"
    path.write_text(text.replace(old, new).replace(PLACEHOLDER, "a test"))
    assert enet("deliverables", "check", "mine.toml") == 2
    words = new.split("\n")[2 if "baseline" in new else 0]
    line = path.read_text().splitlines().index(words) + 1
    error = capsys.readouterr().err
    assert error.startswith(f"enet: mine.toml:{line} {message}")
    assert error.count("\n") == 1
