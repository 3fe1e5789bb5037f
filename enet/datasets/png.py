"""Decoders of PNG: the fastest that is installed and proven equal decodes most files, Pillow all others.

Pillow opens every file, so that it alone says what a file is and why one is refused. A faster decoder only turns the
compressed data of the two usual kinds into pixels: RGB and grey of 8 bits, not interlaced, without transparency. Where
it fails, Pillow decodes. Libraries are imported by name, so that hashes of results do not depend on which is installed.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from enet import opencv
from enet.host import installed_version

#: From a file's bytes and its mode, "RGB" or "L", to pixels, uint8, shape (H, W, 3) or (H, W); raises anything, or
#: returns something else, for a file that it cannot decode.
Decode = Callable[[bytes, str], Any]

#: What Pillow notes of files that are transparent, interlaced, or animated.
UNUSUAL = {"transparency", "interlace", "default_image", "duration"}

#: Chunk of an animation. Pillow forgets it if there are two, and OpenCV then gives a black picture.
ANIMATION = b"acTL"

#: Length, name and CRC of the chunk that ends every PNG.
END = b"\0\0\0\0IEND\xaeB`\x82"


def wuffs() -> Decode:
    """Wuffs, from the package pywuffs: memory-safe, and other threads run meanwhile."""
    library, aux = import_module("pywuffs"), import_module("pywuffs.aux")
    settings = {}
    for mode, pixel_format in (("RGB", library.PixelFormat.RGB), ("L", library.PixelFormat.Y)):
        settings[mode] = aux.ImageDecoderConfig()
        settings[mode].enabled_decoders = [library.ImageDecoderType.PNG]
        settings[mode].pixel_format = pixel_format
        settings[mode].quirks = {library.ImageDecoderQuirks.IGNORE_CHECKSUM: 0}  # which is 1 by default

    def decode(data: bytes, mode: str) -> Any:
        result = aux.ImageDecoder(settings[mode]).decode(data)
        if result.error_message:
            raise ValueError(result.error_message)
        return result.pixbuf if mode == "RGB" else result.pixbuf[..., 0]

    return decode


def imagecodecs() -> Decode:
    """Libpng, from the package imagecodecs; other threads run meanwhile."""
    decode: Callable[[bytes], Any] = import_module("imagecodecs").png_decode
    return lambda data, _: decode(data)


def open_cv() -> Decode:
    """Libpng, from OpenCV; other threads run meanwhile."""
    library = import_module("cv2")
    kinds = {"RGB": library.IMREAD_COLOR_RGB | library.IMREAD_IGNORE_ORIENTATION, "L": library.IMREAD_UNCHANGED}
    return lambda data, mode: library.imdecode(np.frombuffer(data, np.uint8), kinds[mode])


def pillow() -> Decode:
    """Pillow, which needs nothing else, and decodes all kinds."""
    return lambda data, _: np.asarray(Image.open(io.BytesIO(data)))


#: Decoders, the fastest first; times per photograph are in docs/performance.md.
DECODERS: dict[str, Callable[[], Decode]] = {
    "pywuffs": wuffs,
    "imagecodecs": imagecodecs,
    "opencv": open_cv,
    "pillow": pillow,
}


def is_equal(decode: Decode) -> bool:
    """True if a decoder gives the pixels that were written, for a small picture of each mode."""
    noise = np.random.default_rng(0).integers(0, 256, (37, 29, 3), np.uint8)
    for mode, pixels in (("RGB", noise), ("L", noise[..., 0])):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        if not np.array_equal(decode(file.getvalue(), mode), pixels):
            return False
    return True


@functools.cache
def fastest() -> tuple[str, Decode]:
    """Name and function of the first decoder that is installed, works, and is equal."""
    for name, load in DECODERS.items():
        try:
            decode = load()
            if is_equal(decode):
                return name, decode
        except Exception:  # noqa: S112 # not installed, too old, broken: the next one serves
            continue
    raise AssertionError("Pillow decodes what it has written")


def serving() -> str:
    """Name and version of the decoder that serves, such as "pywuffs 2.0.1"."""
    name, _ = fastest()
    ((name, version),) = opencv.serving().items() if name == "opencv" else {name: installed_version(name)}.items()
    return f"{name} {version}"


def decode(image: Image.Image, data: bytes) -> Image.Image | None:
    """Decode a file that Pillow has opened but not loaded; None if Pillow is to load it.

    Args:
        image: as ``Image.open`` returned it.
        data: the file's bytes.
    """
    name, decoder = fastest()
    if name == "pillow" or not is_usual(image, data):
        return None
    try:
        pixels = decoder(data, image.mode)
    except Exception:  # its own kinds of errors: Pillow loads the file, or says what is wrong with it
        return None
    shape = (image.height, image.width, 3)[: 3 if image.mode == "RGB" else 2]
    is_complete = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape == shape
    return Image.fromarray(pixels) if is_complete else None


def is_usual(image: Image.Image, data: bytes) -> bool:
    """True for a PNG of 8-bit RGB or grey without transparency whose compressed data goes on to the file's end."""
    if not isinstance(image, PngImageFile) or image.mode not in ("RGB", "L") or UNUSUAL & {*image.info}:
        return False
    if len(image.tile) != 1:
        return False
    codec, _, start, kind = image.tile[0]
    if (codec, kind) != ("zip", image.mode):  # the kind of 16-bit RGB is "RGB;16B", and of 2-bit grey "L;2"
        return False
    if ANIMATION in data[:start]:
        return False
    place = start - 8  # Pillow's place is behind the chunk's length and name
    while data[place + 4 : place + 8] == b"IDAT":
        place += 12 + struct.unpack_from(">I", data, place)[0]
    return data[place:] == END
