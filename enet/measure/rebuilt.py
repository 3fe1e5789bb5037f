"""Build parts of the artifact cache again, chosen at random, and compare them with what it holds.

It finds what a key has left out: an entry that other code, tables or libraries have made. A part is one image with its
label map where an entry has one of each; else the whole entry.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enet.datasets import scenes
from enet.datasets.bin_files import content, read_manifest
from enet.datasets.check import check_sample
from enet.datasets.preprocess import Normalise
from enet.evidence import Rebuilt
from enet.measure.subject import Subject
from enet.storage.files import hash_file, hash_json
from enet.storage.store import hashes

#: Kinds of entries that take less than a second to build and always have the same bytes. OpenVINO's and atc's do not.
REPRODUCIBLE = ("onnx", "onnxruntime")

#: Digest by name: of what the cache holds, and of what is built now.
Pair = tuple[dict[str, str], dict[str, str]]


def compare(subject: Subject, seed: int) -> Rebuilt:
    """Build again: a sample of the data set's manifest, a prepared image with its label map (and one that INT8 was
    calibrated on), a file of preprocessed ones, and a generated scene or one of the reproducible entries. Only entries
    that were asked for before are among them, except for the first two.

    Args:
        seed: chooses them.
    Raises:
        InputError: an input of theirs cannot be read any more.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    kinds = {entry.parent.name for entry in subject.store.makers}
    pairs = [sample(subject, rng), prepared(subject, rng)]
    pairs += [prepared(subject.of_calibration, rng)] if "int8" in kinds else []
    pairs += [bin_file(subject, entry, rng) for entry in subject.store.makers if entry.parent.name == "bins"]
    with tempfile.TemporaryDirectory() as folder:
        entries = sorted(entry for entry in subject.store.makers if entry.parent.name in REPRODUCIBLE)
        generated = [None] if subject.given_root is None else []
        if choices := [*generated, *entries]:
            chosen = rng.choice(choices)
            pairs.append(scene(subject, rng, Path(folder)) if chosen is None else whole(subject, chosen, Path(folder)))
    cached, built = ({name: each for pair in pairs for name, each in pair[side].items()} for side in (0, 1))
    return Rebuilt(
        cache=str(subject.store.root), seed=seed, limited=subject.limit is not None, cached=cached, built=built
    )


def sample(subject: Subject, rng: random.Random) -> Pair:
    """Sizes, ids and hashes of an image and its label map, as the data set's manifest states them."""
    index = rng.randrange(len(subject.dataset.samples))
    chosen = subject.dataset.samples[index]
    sides = subject.manifest["samples"][index], check_sample(chosen, subject.dataset.classes)[0]
    return as_pair(f"dataset: {chosen.name}", *map(hash_json, sides))


def prepared(subject: Subject, rng: random.Random) -> Pair:
    """A preprocessed image and its label map."""
    source, files = subject.prepared(), subject.image_files()
    index = rng.randrange(len(files.names))
    sides = source.load(index), files.load(index)
    return as_pair(f"prepared: {files.names[index]}", *(digest(*arrays) for arrays in sides))


def bin_file(subject: Subject, entry: Path, rng: random.Random) -> Pair:
    """A preprocessed file for ais_bench."""
    files, kind = subject.image_files(), read_manifest(entry)["input"]
    index = rng.randrange(len(files.names))
    name = f"{files.names[index]}.bin"
    built = content(files.image(index), kind, Normalise(files.spec))
    return as_pair(f"bins: {name} ({kind})", hash_file(entry / name), hashlib.sha256(built).hexdigest())


def scene(subject: Subject, rng: random.Random, folder: Path) -> Pair:
    """The files of a generated scene."""
    spec, root = subject.deliverable.dataset, subject.generate_scenes()
    index = rng.randrange(spec.images)
    scenes.write_one(folder, spec.seed, spec.split, scenes.SIZE, index)
    paths = [scenes.scene_paths(side, spec.split, index) for side in (root, folder)]
    sides = [hash_json([hash_file(path) for path in files]) for files in paths]
    return as_pair(f"scenes: {paths[0][0].stem}", *sides)


def whole(subject: Subject, entry: Path, folder: Path) -> Pair:
    """All files of an entry."""
    subject.store.makers[entry](folder)
    return as_pair(f"{entry.parent.name}: {entry.name}", *(hash_json(hashes(side)) for side in (entry, folder)))


def as_pair(name: str, cached: str, built: str) -> Pair:
    return {name: cached}, {name: built}


def digest(*arrays: NDArray[np.uint8]) -> str:
    """SHA-256 of arrays' shapes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode() + array.tobytes())
    return found.hexdigest()
