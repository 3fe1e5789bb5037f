"""Pair images with their labels by name, and refuse a data set in which some have no partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from enet.datasets.base import Sample
from enet.errors import InputError, listing


def pair(images: Mapping[str, Path], labels: Mapping[str, Path], *, expected: str) -> tuple[Sample, ...]:
    """Match images and labels of the same key.

    Args:
        images: image files by what they share with their label's name.
        labels: label files by the same.
        expected: where they were looked for, for the error.
    Returns:
        The pairs, sorted by image name.
    Raises:
        InputError: there is no image at all, an image or a label has no partner, or two images share a name; all are
            counted, five named.
    """
    if not images:
        raise InputError(f"no images: expected {expected}. Check --data-root")
    problems = []
    for what, partner, here, there in (
        ("image", "label", images, labels),
        ("label", "image", labels, images),
    ):
        lone = sorted(str(path) for key, path in here.items() if key not in there)
        if lone:
            problems.append(f"{len(lone)} {what}{'s' * (len(lone) > 1)} without {partner}: {listing(lone)}")
    if problems:
        raise InputError(f"{'; '.join(problems)}. Expected {expected}")
    samples = [Sample(path.stem, path, labels[key]) for key, path in images.items()]
    twice = sorted(name for name, count in Counter(sample.name for sample in samples).items() if count > 1)
    if twice:
        raise InputError(f"{len(twice)} image names that occur in several folders: {listing(twice)}. Rename the files")
    return tuple(sorted(samples, key=lambda sample: sample.name))
