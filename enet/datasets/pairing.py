"""Pair images with their label maps by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from enet.datasets.base import Sample
from enet.errors import InputError, format_list


def is_hidden(name: str) -> bool:
    """Whether a file or folder is a note of the system's: macOS writes ``._a.png`` beside ``a.png``."""
    return name.startswith(".")


def list_files(pattern: Path) -> dict[str, Path]:
    """List the files of a pattern, ``<folder>/*<suffix>`` or ``<folder>/*/*<suffix>``, by the parts for its stars.

    ``Path.glob`` skips folders that it may not read, so that images would seem to be missing.

    Raises:
        InputError: a folder cannot be read.
    """
    folder, suffix = pattern.parent, pattern.name.removeprefix("*")
    try:
        if folder.name == "*":
            inner = [list_files(each / pattern.name) for each in folder.parent.iterdir() if each.is_dir()]
            return {f"{path.parent.name}/{key}": path for files in inner for key, path in files.items()}
        found = (path for path in folder.iterdir() if path.name.endswith(suffix) and not is_hidden(path.name))
        return {path.name.removesuffix(suffix): path for path in found}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        advice = "Change its permissions or choose another --data-root"
        raise InputError(f"{error.filename}: {problem}. {advice}") from error


def pair(images: Path, labels: Path) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Match images and label maps, given as patterns for ``list_files``, that have the same key.

    Returns:
        The pairs, sorted by image name; and all problems in words, of each kind the first five files and a count.
    Raises:
        InputError: there is no image, or a folder cannot be read.
    """
    image_files, label_files = list_files(images), list_files(labels)
    expected = f"expected {images} and {labels}"
    if not image_files:
        raise InputError(f"no images: {expected}. Check --data-root")
    problems = []
    sides = (("image", "label", image_files, label_files), ("label", "image", label_files, image_files))
    for what, partner, here, there in sides:
        lone = sorted(str(path) for key, path in here.items() if key not in there)
        if lone:
            problems.append(f"{len(lone)} {what}{'s' * (len(lone) > 1)} without {partner}: {format_list(lone)}")
    samples = [Sample(path.stem, path, label_files[key]) for key, path in image_files.items() if key in label_files]
    twice = sorted(name for name, count in Counter(sample.name for sample in samples).items() if count > 1)
    if twice:
        problems.append(f"{len(twice)} image names that occur in several folders: {format_list(twice)}")
    if problems:
        problems[-1] += f" ({expected})"
    return tuple(sorted(samples, key=lambda sample: sample.name)), tuple(problems)
