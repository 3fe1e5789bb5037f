"""The guide's preprocessed files: one ``<image name>.bin`` per image, for ais_bench or ``enet infer``.

float32 (3, H, W) little-endian, normalised; or uint8 (H, W, 3). Files are moved into place whole, so an interrupted
run goes on where it stopped; ``preprocessed.json`` names the files from the start, and holds their hashes at the end.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import PIL
from tqdm import tqdm

from enet import __version__
from enet.datasets.image_source import ImageFiles
from enet.datasets.preprocess import Normalise
from enet.host import cores
from enet.storage.files import hash_file, make_folder, write_bytes, write_text

MANIFEST = "preprocessed.json"


def write_bin_files(
    photographs: ImageFiles, folder: Path, kind: Literal["float", "uint8"], dataset_sha256: str, *, progress: bool
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
        "enet": __version__,
        "pillow": PIL.__version__,
        "input": kind,
        "preprocessing": photographs.spec.of_images,
        "dataset_sha256": dataset_sha256,
    }
    settings = json.loads(json.dumps(settings))  # as it is read back
    intended = [f"{name}.bin" for name in photographs.names]
    make_folder(folder)
    before = read_manifest(folder)
    goes_on = settings == {key: value for key, value in before.items() if key != "files"}
    if not goes_on:  # an interrupted run must not take these for its own
        for name in {*stated(before), *intended}:
            (folder / name).unlink(missing_ok=True)
    write_text(folder / MANIFEST, json.dumps({**settings, "files": dict.fromkeys(intended)}, indent=1))

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
    manifest = {**settings, "files": files}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def stated(manifest: dict[str, Any]) -> list[str]:
    """Names of ``.bin`` files that a manifest lists; a name with a folder in it is none of ours."""
    files = manifest.get("files")
    names = [str(name) for name in files] if isinstance(files, dict) else []
    return [name for name in names if name.endswith(".bin") and Path(name).name == name]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest; empty if there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
