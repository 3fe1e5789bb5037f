"""The guide's preprocessed files: one ``<image name>.bin`` per image, for ais_bench or ``enet infer``.

float32 (3, H, W) little-endian, normalised; or uint8 (H, W, 3). Each file is moved into place when it is complete, so
that an interrupted run can be resumed. ``preprocessed.json`` lists the files from the start, their hashes at the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from enet import __version__
from enet.datasets.image_source import ImageFiles
from enet.datasets.preprocess import Normalise
from enet.datasets.workers import map_on_all_cores
from enet.errors import InputError
from enet.storage.files import INPUTS, hash_file, make_folder, write_bytes, write_text
from enet.storage.text import read_text

MANIFEST = "preprocessed.json"


def write_bin_files(
    images: ImageFiles, folder: Path, kind: Literal["float", "uint8"], digests: Mapping[str, str], *, progress: bool
) -> dict[str, Any]:
    """Preprocess all images into ``folder``, on all cores.

    Args:
        digests: of the data set, by name; files from a run with other data or settings are written again.
    Returns:
        The manifest: settings, and SHA-256 by file name.
    Raises:
        InputError: an image cannot be read, or the folder cannot be written.
    """
    normalise = Normalise(images.spec)
    width, height = images.spec.size
    size = width * height * 3 * (4 if kind == "float" else 1)
    settings = {
        "enet": __version__,
        "pillow": PIL.__version__,
        "input": kind,
        "preprocessing": images.spec.of_images,
        **digests,
    }
    settings = json.loads(json.dumps(settings))  # tuples become lists, as in the manifest that is read
    intended = [f"{name}.bin" for name in images.names]
    make_folder(folder, INPUTS)
    before = read_manifest(folder)
    resumes = settings == {key: value for key, value in before.items() if key != "files"}
    if not resumes:  # or the next run would take these files for its own
        for name in {*listed_files(before), *intended}:
            (folder / name).unlink(missing_ok=True)
    write_text(folder / MANIFEST, json.dumps({**settings, "files": dict.fromkeys(intended)}, indent=1))

    def prepare(index: int) -> tuple[str, str]:
        path = folder / f"{images.names[index]}.bin"
        if not (resumes and path.is_file() and path.stat().st_size == size):
            write_bytes(path, content(images.image(index), kind, normalise))
        return path.name, hash_file(path)

    files = map_on_all_cores(prepare, range(len(images.names)), "preprocessing", progress=progress)
    manifest = {**settings, "files": dict(files)}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def content(image: NDArray[np.uint8], kind: Literal["float", "uint8"], normalise: Normalise) -> bytes:
    """Content of an image's file; ``image`` is uint8 RGB, shape (H, W, 3)."""
    return (image if kind == "uint8" else normalise(image[None])[0].astype("<f4", copy=False)).tobytes()


def listed_files(manifest: dict[str, Any]) -> list[str]:
    """Names of the ``.bin`` files in a manifest; names with a folder in them are left out."""
    files = manifest.get("files")
    names = [str(name) for name in files] if isinstance(files, dict) else []
    return [name for name in names if name.endswith(".bin") and Path(name).name == name]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the folder's manifest; empty if there is none that can be read."""
    try:
        manifest = json.loads(read_text(folder / MANIFEST))
    except (InputError, OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
