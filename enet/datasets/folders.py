"""Folders of the user's own: files by patterns or a list, classes by a table; ``layout = "folders"``."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from enet.datasets import cityscapes
from enet.datasets.base import IGNORE, Classes, Colour, Sample
from enet.datasets.pairing import is_hidden
from enet.deliverable import DatasetSpec
from enet.deliverable.folders import IGNORED, OTHERS, label_table
from enet.errors import InputError, format_list
from enet.storage.text import read_text

#: Suffixes that ``.*`` at the end of a pattern stands for.
SUFFIXES = "png|jpg|jpeg|tif|tiff|bmp"

#: Of the values that ``{stem}`` and each ``*`` of a pattern stand for: those that pair an image and a label map.
Key = tuple[str, ...]


def palette_colour(number: int) -> Colour:
    """Colour of a number in Pascal VOC's palette (``VOClabelcolormap.m``): its bits, dealt to red, green and blue.

    >>> [palette_colour(number) for number in (0, 1, 2, 15)]
    [(0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128)]
    """
    red, green, blue = (
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)
    )
    return red, green, blue


def classes_of(spec: DatasetSpec) -> Classes:
    """Classes, colours and the meaning of label values, as the deliverable's file declares them."""
    if not spec.classes:
        base = cityscapes.BY_TRAIN_ID if spec.label_ids == "trainIds" else cityscapes.CLASSES
        more = {int(value): IGNORE for value in spec.labels}
        return Classes(base.names, base.colours, {**base.train_ids, **more})
    names = spec.classes
    numbers = {name: number for number, name in enumerate(names)} | {IGNORED: IGNORE}
    table = {key: numbers[name] for key, name in label_table(spec.labels, names).items()}
    others = table.pop(OTHERS, None)
    mask_colours = tuple(key for key in table if isinstance(key, tuple))
    if mask_colours:
        train_ids = dict(enumerate(table.values())) | ({} if others is None else {255: others})
    elif spec.labels:
        rest = {} if others is None else dict.fromkeys(range(256), others)
        train_ids = rest | {key: train for key, train in table.items() if isinstance(key, int)}
    else:
        train_ids = {number: number for number in range(len(names))} | {255: IGNORE}
    first = {train: colour for colour, train in reversed([*zip(mask_colours, train_ids.values(), strict=False)])}
    colours = spec.colours or tuple(first.get(i, palette_colour(i + 1)) for i in range(len(names)))
    return Classes(names, colours, train_ids, mask_colours, is_default=not spec.labels)


def list_samples(spec: DatasetSpec, root: Path, split: str) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Find the pairs of a split.

    Returns:
        The pairs, sorted by name; and all problems in words, of each kind the first five files and a count.
    Raises:
        InputError: there is no image, or a folder or the list cannot be read.
    """
    listed = None if spec.list is None else read_list(root / spec.list.replace("{split}", split))
    if spec.image_files is None or spec.label_files is None:
        return listed_pairs(root, listed or [])
    patterns = [pattern.replace("{split}", split) for pattern in (spec.image_files, spec.label_files)]
    return matched_pairs(root, patterns[0], patterns[1], listed)


def read_list(path: Path) -> list[str]:
    """Lines of a list that are neither empty nor comments.

    Raises:
        InputError: the file cannot be read, or has no line.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except OSError as error:
        raise InputError(f"list {path}: {error.strerror}. Check --data-root and [dataset] list") from error
    except UnicodeDecodeError as error:
        raise InputError(f"list {path}: not UTF-8 at byte {error.start}. Save it as UTF-8") from error
    lines = [line for line in lines if line and not line.startswith("#")]
    if any("\0" in line for line in lines):
        raise InputError(f"list {path}: not a text. Save it as UTF-8")
    if not lines:
        raise InputError(f"list {path}: no line. Check [dataset] list")
    return lines


def listed_pairs(root: Path, lines: list[str]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Pairs of a list with an image and a label map a line; a name is the image's path without its suffix.

    Lists are often made elsewhere: of ``/SegNet/CamVid/val/a.png``, leading folders that are not in ``root`` are left
    out.
    """
    samples, problems, odd, absent = [], [], [], []
    for line in lines:
        parts = re.split(r"[\s,;]+", line)
        if len(parts) != 2:
            odd.append(line)
            continue
        image, label = (below(root, part) for part in parts)
        absent += [str(path) for path in (image, label) if not path.exists()]
        samples.append(Sample(as_name(without_suffix(image.relative_to(root).as_posix())), image, label))
    if odd:
        problems.append(f"{len(odd)} lines of the list that are not 'image label': {format_list(odd)}")
    if absent:
        problems.append(f"{len(absent)} files of the list that do not exist: {format_list(absent)}")
    return checked(samples, problems)


def below(root: Path, listed: str) -> Path:
    """Path of a listed file below ``root``, without leading folders that are not there."""
    parts = [part for part in listed.split("/") if part not in ("", ".", "..")]
    tails = (root.joinpath(*parts[start:]) for start in range(max(1, len(parts))))
    return next((path for path in tails if path.exists()), root.joinpath(*parts))


#: Files of a pattern, and the parts of each.
Matched = list[tuple[Key, Path]]


def matched_pairs(
    root: Path, image_pattern: str, label_pattern: str, listed: list[str] | None
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Pairs of the files that two patterns match, as in ``list_samples``; of those in the list if there is one."""
    images, labels = list(matches(root, image_pattern)), list(matches(root, label_pattern))
    # "{stem}.png" also matches "a_mask.png" beside it: a file belongs to the pattern that says more of it.
    if said(image_pattern) < said(label_pattern):
        images = without(images, labels)
    else:
        labels = without(labels, images)
    expected = f"expected {root / image_pattern} and {root / label_pattern}"
    if not images:
        raise InputError(f"no images: {expected}. Check --data-root and [dataset] image_files")
    stars = [pattern.removesuffix(".*").count("*") for pattern in (image_pattern, label_pattern)]
    keys = slice(None if stars[0] == stars[1] else 1)  # else they pair by the stem alone
    problems: list[str] = []
    if listed is not None:
        wanted = Counter(without_suffix(line) for line in listed)
        images, labels = ([each for each in side if each[0][0] in wanted] for side in (images, labels))
        problems += list_problems(wanted, {key[0] for key, _ in images})
    by_key = {key[keys]: path for key, path in labels}
    problems += pairing_problems(
        [(key[keys], path) for key, path in images], [(key[keys], path) for key, path in labels]
    )
    if problems:
        problems[-1] += f" ({expected})"
    paired = [(key, path, by_key[key[keys]]) for key, path in images if key[keys] in by_key]
    return checked([Sample(as_name("/".join((*key[1:], key[0]))), *paths) for key, *paths in paired], problems)


def without_suffix(path: str) -> str:
    """A listed path without the suffix of a picture, if it has one.

    >>> without_suffix("val/a.JPG"), without_suffix("frame.1")
    ('val/a', 'frame.1')
    """
    return re.sub(rf"\.(?i:{SUFFIXES})$", "", path)


def said(pattern: str) -> int:
    """Number of characters that a pattern gives."""
    return len(re.sub(r"{stem}|\*", "", pattern))


def without(files: Matched, others: Matched) -> Matched:
    """The files that are not among the others."""
    taken = {path for _, path in others}
    return [each for each in files if each[1] not in taken]


def list_problems(wanted: Counter[str], stems: set[str]) -> list[str]:
    """Problems of a list of stems, given the stems of the images that are there."""
    absent = sorted(wanted.keys() - stems)
    twice = [stem for stem, count in wanted.items() if count > 1]
    kinds = {"images of the list that do not exist": absent, "images that the list has twice": twice}
    return [f"{len(stems)} {kind}: {format_list(stems)}" for kind, stems in kinds.items() if stems]


def pairing_problems(images: Matched, labels: Matched) -> list[str]:
    """Files without a partner, and several for one."""
    problems = []
    for what, partner, here, there in (("image", "label", images, labels), ("label", "image", labels, images)):
        keys, counts = {key for key, _ in there}, Counter(key for key, _ in here)
        if lone := sorted(str(path) for key, path in here if key not in keys):
            problems.append(f"{len(lone)} {what}{'s' * (len(lone) > 1)} without {partner}: {format_list(lone)}")
        if several := sorted(str(path) for key, path in here if counts[key] > 1):
            problems.append(f"{len(several)} {what}s for one {partner}: {format_list(several)}")
    return problems


def as_name(place: str) -> str:
    """Name of a sample, which becomes part of file names, by what the pattern leaves open or by its path."""
    return place.replace("/", "_")


def checked(samples: list[Sample], problems: list[str]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Samples sorted by name, and the problems with one of equal names."""
    twice = sorted(name for name, count in Counter(sample.name for sample in samples).items() if count > 1)
    more = [f"{len(twice)} images of one name: {format_list(twice)}"] if twice and not problems else []
    return tuple(sorted(samples, key=lambda sample: sample.name)), (*problems, *more)


def matches(root: Path, pattern: str) -> Iterator[tuple[Key, Path]]:
    """Yield what stands for ``{stem}`` and each ``*``, and the file, of all files that a pattern matches.

    ``{stem}`` may span folders, ``*`` may not. Upper and lower case of the suffix are the same.

    Raises:
        InputError: a folder cannot be read.
    """
    # Only folders that every match is in are read.
    fixed = re.split(r"[{*]", pattern)[0].rpartition("/")[0]
    expression = pattern_expression(pattern)
    for folder, folders, files in os.walk(root / fixed, onerror=cannot_read, followlinks=True):
        real = Path(folder).resolve()
        # No hidden folder, and no link to a folder that this one is in.
        folders[:] = (name for name in folders if not (is_hidden(name) or real.is_relative_to((real / name).resolve())))
        for name in files:
            path = Path(folder, name)
            found = None if is_hidden(name) else expression.fullmatch(path.relative_to(root).as_posix())
            if found:
                yield (found["stem"], *(text for name, text in found.groupdict().items() if name != "stem")), path


def pattern_expression(pattern: str) -> re.Pattern[str]:
    """Regular expression of a pattern; its groups are ``stem`` and ``star<n>``.

    >>> pattern_expression("a/*/{stem}.*").fullmatch("a/b/c/d.JPG").groupdict()
    {'star0': 'b', 'stem': 'c/d'}
    """
    body, dot, suffix = pattern.rpartition(".")
    if not dot or "/" in suffix or "{" in suffix:
        body, suffix = pattern, ""
    parts: list[str] = []
    for part in re.split(r"({stem}|\*)", body):
        if part == "{stem}":
            parts.append("(?P=stem)" if any("<stem>" in each for each in parts) else "(?P<stem>.+)")
        else:
            stars = sum("<star" in each for each in parts)
            parts.append(f"(?P<star{stars}>[^/]*)" if part == "*" else re.escape(part))
    end = SUFFIXES if suffix == "*" else re.escape(suffix)
    return re.compile("".join(parts) + (rf"\.(?i:{end})" if suffix else ""), re.DOTALL)


def cannot_read(error: OSError) -> None:
    """Raise InputError, unless the folder is not there: then there are no files."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        problem = f"cannot be read ({error.strerror})"
        raise InputError(
            f"{error.filename}: {problem}. Change its permissions or choose another --data-root"
        ) from error
