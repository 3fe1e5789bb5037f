"""The user's own folders, ``layout = "folders"``: patterns of files, and the table from label values to classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from enet.deliverable.toml_reader import expect, require
from enet.errors import unknown_name_error

#: A label's key in the table: a value of 0..255, a colour of an RGB mask, or ``OTHERS``.
Key = int | str | tuple[int, int, int]
#: The key of all values that are not listed, and the name of what is no class.
OTHERS, IGNORED = "*", "ignore"
#: Keys of ``[dataset]`` that only this layout has.
OWN = ("image_files", "label_files", "list", "classes", "colours", "labels")
#: Train ids are bytes, and 255 is not scored.
MAX_CLASSES = 255


def parse_key(text: str) -> Key:
    """Read a label's key.

    Raises:
        ValueError: it is none.

    >>> parse_key("255"), parse_key("#804080"), parse_key("128, 64, 128"), parse_key("*")
    (255, (128, 64, 128), (128, 64, 128), '*')
    """
    if text == OTHERS:
        return OTHERS
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        red, green, blue = bytes.fromhex(text[1:])
        return red, green, blue
    numbers = (
        [int(part) for part in text.split(",")] if re.fullmatch(r"\s*\d{1,3}(\s*,\s*\d{1,3}){0,2}\s*", text) else []
    )
    if not numbers or max(numbers) > 255 or len(numbers) == 2:
        raise ValueError(f'label {text!r}, expected a value such as 7, a colour such as "#804080", or {OTHERS!r}')
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1], numbers[2])


def label_table(labels: Mapping[str, str], classes: Sequence[str]) -> dict[Key, str]:
    """Class name or ``IGNORED`` by key.

    Raises:
        ValueError: a key is none or occurs twice, values and colours are mixed, or a class does not exist.
    """
    table: dict[Key, str] = {}
    for text, name in labels.items():
        key = parse_key(text)
        require(key not in table, f"label {text!r} occurs twice, expected once")
        if name not in (*classes, IGNORED):
            raise ValueError(str(unknown_name_error(f"label {text!r}: class", name, [*classes, IGNORED])))
        table[key] = name
    kinds = {type(key) for key in table if key != OTHERS}
    require(len(kinds) < 2, "labels has both values and colours, expected one of them")
    return table


def check_folders(spec: Any) -> None:
    """Check the keys of ``layout = "folders"``, and that other layouts have none of them.

    Args:
        spec: a ``DatasetSpec``, whose module imports this one.
    Raises:
        ValueError: a key is missing, has no effect, or its value is wrong.
    """
    own = spec.layout == "folders"
    for name in OWN:
        expect(spec, name, own or not getattr(spec, name), "none: it is for layout='folders' alone")
    is_cityscapes = spec.layout == "cityscapes" or (own and not spec.classes)
    expect(spec, "label_ids", not spec.label_ids or is_cityscapes, "none: it names the classes of Cityscapes")
    if not own:
        return
    patterns = (spec.image_files, spec.label_files)
    advice = 'image_files and label_files, such as "images/{split}/{stem}.jpg", or a list of pairs'
    require(all(patterns) or (spec.list is not None and not any(patterns)), f"layout='folders', expected {advice}")
    for name in ("image_files", "label_files", "list"):
        check_pattern(spec, name)
    expect(spec, "label_files", spec.label_files is None or spec.label_files != spec.image_files, "other files")
    check_classes(spec)


def check_pattern(spec: Any, name: str) -> None:
    """Check that a pattern is relative and has only known parts in braces."""
    pattern = getattr(spec, name)
    if pattern is None:
        return
    inside = pattern and not pattern.startswith("/") and "\\" not in pattern and ".." not in pattern.split("/")
    expect(spec, name, inside, "a path below --data-root, with '/' between folders")
    known = ("{split}",) if name == "list" else ("{split}", "{stem}")
    rest = re.sub("|".join(map(re.escape, known)), "", pattern)
    expect(spec, name, "{" not in rest and "}" not in rest, f"no other braces than {' and '.join(known)}")
    if name == "list":
        expect(spec, name, "*" not in pattern, "one text file, without '*'")
    else:
        expect(spec, name, "{stem}" in pattern, "{stem} in it, the part by which images and label maps pair")


def check_classes(spec: Any) -> None:
    """Check classes, their colours and the table of labels against each other."""
    names = spec.classes
    require(bool(names or spec.label_ids), "layout='folders', expected classes = [names], or label_ids = \"trainIds\"")
    fits = not names or (2 <= len(names) <= MAX_CLASSES and len({*names}) == len(names))
    expect(spec, "classes", fits, f"2..{MAX_CLASSES} distinct names")
    named = all(name.strip() for name in names) and IGNORED not in names
    expect(spec, "classes", named, f"names that are not empty and not {IGNORED!r}")
    expect(spec, "colours", not spec.colours or len(spec.colours) == len(names), "one for each of classes")
    expect(spec, "colours", all(0 <= c <= 255 for rgb in spec.colours for c in rgb), "red, green, blue in 0..255")
    if names and spec.labels:
        table = label_table(spec.labels, names)
        lacking = [name for name in names if name not in table.values()]
        require(not lacking, f"labels has no line for {', '.join(lacking[:3])}, expected one for each of classes")
        colours = [key for key in table if isinstance(key, tuple)]
        require(len(colours) < MAX_CLASSES, f"labels has {len(colours)} colours, expected at most {MAX_CLASSES - 1}")
    if not names:  # what the ids of Cityscapes lack
        label_table(spec.labels, ())
        expect(spec, "labels", all(key.isdigit() for key in spec.labels), "values alone beside label_ids")
