"""A picture of where a layer is wrong: the photograph beside a map of its errors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from enet.storage.files import make_folder, write_bytes

#: Colours of an error that the arithmetic allows, and of the largest: as in the report, they differ in lightness, too.
ALLOWED, LARGEST = (0, 63, 92), (255, 166, 0)
#: Pixels of the longer side of a panel, between panels, and of a line of text.
SIDE, GAP, LINE = 480, 8, 22


def strength(errors: NDArray[np.float64], allowed: float) -> NDArray[np.float64]:
    """How strong the error of each pixel is, in 0..1 on a logarithmic scale, from ``allowed`` to the largest one.

    Args:
        errors: of a layer, shape (C, H, W); of each pixel the largest counts.
    """
    by_pixel = errors.max(axis=0)
    finite = by_pixel[np.isfinite(by_pixel)]
    low = max(allowed, 1e-30)
    high = max(float(finite.max(initial=0.0)), 10 * low)
    scaled = np.log(np.clip(by_pixel, low, high) / low) / np.log(high / low)
    return np.where(np.isfinite(by_pixel), scaled, 1.0)


def draw(errors: NDArray[np.float64], allowed: float, photo: NDArray[np.uint8], layer: str, name: str) -> Image.Image:
    """Photograph, map and scale.

    Args:
        errors: shape (C, H, W), any resolution.
        photo: uint8 RGB, shape (H, W, 3), and its ``name``.
        layer: in words.
    """
    height, width = photo.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    low, high = (np.array(colour, np.float64) for colour in (ALLOWED, LARGEST))
    coloured = low + strength(errors, allowed)[..., None] * (high - low)
    maps = Image.fromarray(np.round(coloured).astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (2 * size[0] + GAP, 3 * LINE + size[1] + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    pen.text((2, 2), layer, "black", font=ImageFont.load_default(14))
    for left, panel, words in ((0, Image.fromarray(photo).resize(size), name), (size[0] + GAP, maps, "errors")):
        pen.text((left + 2, LINE), words, "black", font=font)
        sheet.paste(panel, (left, 2 * LINE))
    finite = errors[np.isfinite(errors)]
    most = f"the largest: {finite.max(initial=0.0):.3g}{', or not finite' if finite.size < errors.size else ''}"
    for left, colour, words in ((0, ALLOWED, f"at most {allowed:.2g}, as allowed"), (size[0] + GAP, LARGEST, most)):
        top = 2 * LINE + size[1] + GAP
        pen.rectangle((left + 2, top + 2, left + 16, top + 16), colour, "black")
        pen.text((left + 22, top + 1), words, "black", font=font)
    return sheet


def save(picture: Image.Image, path: Path) -> None:
    """Write a PNG, completely or not at all."""
    make_folder(path.parent)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
