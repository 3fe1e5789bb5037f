"""The guide's preprocessed files: one ``<image name>.bin`` per image, for ais_bench or ``enet infer``.

float32 (3, H, W) little-endian, normalised; or uint8 (H, W, 3). Files are moved into place whole, so an interrupted
run goes on where it stopped; ``preprocessed.json`` is written at its start without, and at its end with, the files'
hashes.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import PIL
from tqdm import tqdm

from enet import __version__
from enet.machine import cores
from enet.preprocess import Normalise
from enet.source import Photographs
from enet.store import hash_file, make_folder, write_bytes, write_text

MANIFEST = "preprocessed.json"


def write(
    photographs: Photographs, folder: Path, kind: Literal["float", "uint8"], dataset_sha256: str, *, progress: bool
) -> dict[str, Any]:
    """Preprocess every photograph into ``folder``, on all cores.

    Args:
        dataset_sha256: the data set's digest; files left by a run over other data or settings are made anew.
    Returns:
        The manifest: settings, and SHA-256 by file name.
    Raises:
        InputError: an image can't be read, or the folder can't be written.
    """
    normalise = Normalise(photographs.spec)
    width, height = photographs.spec.size
    size = width * height * 3 * (4 if kind == "float" else 1)
    settings = {
        "enet": __version__, "pillow": PIL.__version__, "input": kind, "preprocessing": asdict(photographs.spec),
        "dataset_sha256": dataset_sha256,
    }  # fmt: skip
    settings = json.loads(json.dumps(settings))  # as it is read back
    make_folder(folder)
    goes_on = settings == {key: value for key, value in read_manifest(folder).items() if key != "files"}
    write_text(folder / MANIFEST, json.dumps({**settings, "files": {}}, indent=1))

    def prepare(index: int) -> tuple[str, str]:
        path = folder / f"{photographs.names[index]}.bin"
        if not (goes_on and path.is_file() and path.stat().st_size == size):
            image = photographs.image(index)
            pixels = image if kind == "uint8" else normalise(image[None])[0].astype("<f4", copy=False)
            write_bytes(path, pixels.tobytes())
        return path.name, hash_file(path)

    count = len(photographs.names)
    with ThreadPoolExecutor(cores()) as pool:
        done = pool.map(prepare, range(count))
        files = dict(tqdm(done, "preprocessing", count, unit="image", disable=None if progress else True))
    for path in folder.glob("*.bin"):  # of a run over other images: ais_bench would run these too
        if path.name not in files:
            path.unlink()
    manifest = {**settings, "files": files}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest; empty if there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
