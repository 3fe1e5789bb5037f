"""Pair images with their labels by name, and refuse a data set in which some have no partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from enet.datasets.base import Sample
from enet.errors import InputError, format_list


def inside(folder: Path, suffix: str, *, deep: bool = False) -> list[Path]:
    """Files of a suffix in a folder, or in its subfolders; none if there is no such folder.

    ``Path.glob`` leaves out what it may not read: then images would seem to be missing.

    Raises:
        InputError: a folder may not be read.
    """
    try:
        if deep:
            return [path for each in folder.iterdir() if each.is_dir() for path in inside(each, suffix)]
        return [path for path in folder.iterdir() if path.name.endswith(suffix)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}. Let yourself read it, or choose another --data-root") from error


def pair(
    images: Mapping[str, Path], labels: Mapping[str, Path], *, expected: str, problems: list[str] | None = None
) -> tuple[Sample, ...]:
    """Match images and labels of the same key.

    Args:
        images: image files by what they share with their label's name.
        labels: label files by the same.
        expected: where they were looked for, for the error.
        problems: what is wrong is added here instead of raised, to be told together with what else is wrong.
    Returns:
        The pairs, sorted by image name.
    Raises:
        InputError: there is no image at all, an image or a label has no partner, or two images share a name; all are
            counted, five named.
    """
    if not images:
        raise InputError(f"no images: expected {expected}. Check --data-root")
    found = []
    for what, partner, here, there in (("image", "label", images, labels), ("label", "image", labels, images)):
        lone = sorted(str(path) for key, path in here.items() if key not in there)
        if lone:
            found.append(f"{len(lone)} {what}{'s' * (len(lone) > 1)} without {partner}: {format_list(lone)}")
    samples = [Sample(path.stem, path, labels[key]) for key, path in images.items() if key in labels]
    twice = sorted(name for name, count in Counter(sample.name for sample in samples).items() if count > 1)
    if twice:
        found.append(f"{len(twice)} image names that occur in several folders: {format_list(twice)}")
    if problems is not None:
        problems += found
    elif found:
        raise InputError(f"{'; '.join(found)}. Expected {expected}")
    return tuple(sorted(samples, key=lambda sample: sample.name))
