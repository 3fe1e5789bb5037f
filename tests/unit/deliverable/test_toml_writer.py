"""Keys are added to a user's TOML file; everything else in it stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from enet.deliverable.toml_writer import add_keys
from enet.errors import InputError

BEFORE = """# mine
name = "x"  # short
[network]  # the network
variant = "paper"
sizes = [
  1,
  2,
]
# the end of it

[dataset]
layout = "camvid"
"""
AFTER = BEFORE.replace("  2,\n]\n", '  2,\n]\ngolden = "g"\nsha256 = "ab"\n') + 'sha256 = "cd"\n'
ADDED = {"network": {"golden": "g", "sha256": "ab"}, "dataset": {"sha256": "cd"}}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_add_keys_keeps_comments_order_and_line_ends(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(BEFORE.replace("\n", ending).encode())
    add_keys(path, ADDED)
    assert path.read_bytes() == AFTER.replace("\n", ending).encode()
    assert [each.name for each in tmp_path.iterdir()] == ["x.toml"]


def test_add_keys_without_a_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[dataset]")
    add_keys(path, {"dataset": {"a": "b"}})
    assert path.read_text() == '[dataset]\na = "b"'


def test_add_keys_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.toml").write_text("[dataset]\n")
    (tmp_path / "x.toml").symlink_to(tmp_path / "deep" / "x.toml")
    add_keys(tmp_path / "x.toml", {"dataset": {"a": "b"}})
    assert (tmp_path / "x.toml").is_symlink()
    assert (tmp_path / "deep" / "x.toml").read_text() == '[dataset]\na = "b"\n'


def test_add_keys_after_a_text_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[dataset]\na = """\n# text\n"""\n# end\n')
    add_keys(path, {"dataset": {"b": "c"}})
    assert path.read_text() == '[dataset]\na = """\n# text\n"""\nb = "c"\n# end\n'


@pytest.mark.parametrize(
    "text",
    [
        'dataset = { layout = "camvid" }\n',
        'dataset.layout = "camvid"\n',
        '["dataset"]\nlayout = "camvid"\n',
        '[dataset]\nsha256 = "ab"\n',
        's = """\n[dataset]\n"""\n[dataset]\nlayout = "camvid"\n',
    ],
)
def test_add_keys_refuses_what_lines_cannot_be_added_to(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r'Add yourself: \[dataset\] sha256 = "cd"$'):
        add_keys(path, {"dataset": {"sha256": "cd"}})
    assert path.read_text() == text
