"""Preprocessing of image files into the network's input, with the same bytes as the reference scripts.

Files become the pixels that Pillow decodes (``png``). Pillow resizes (BILINEAR for images, NEAREST for labels), the
centre is cropped, and ``(x / 255 - mean) / std`` is computed in float32 as torchvision's ``ToTensor`` and ``Normalize``
do. The uint8 crop is stored; a table of 256 values per channel turns it into float32.
"""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from enet.datasets import png
from enet.datasets.base import Colour
from enet.deliverable import Preprocessing
from enet.errors import InputError

#: Largest accepted image. Those of Cityscapes have 2 megapixels; a header that claims 100 is an error or an attack.
MAX_PIXELS = 80_000_000
#: What Pillow raises for damaged files, besides ``OSError``.
DAMAGED = (
    *(SyntaxError, ValueError, IndexError, TypeError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


@dataclass(frozen=True)
class Window:
    """The part of an image that becomes the network's input: ``size`` at ``crop`` (left, top) of ``scaled``."""

    scaled: tuple[int, int]
    crop: tuple[int, int]
    size: tuple[int, int]

    def of_image(self, image: Image.Image) -> Image.Image:
        """Scale (BILINEAR) and crop.

        If the crop's corners lie on whole pixels of the source, scaling only that box gives the same bytes in less
        time. This holds only for squares of which nothing is cut off at top and bottom: else Pillow may begin with the
        rows in one way and with the columns in the other, so that its intermediate rounding would differ.
        """
        left, top = self.crop
        edges = ((left, 0), (top, 1), (left + self.size[0], 0), (top + self.size[1], 1))
        is_square = self.size[0] == self.size[1]
        if is_square and top == 0 and all(edge * image.size[axis] % self.scaled[axis] == 0 for edge, axis in edges):
            x0, y0, x1, y1 = (edge * image.size[axis] // self.scaled[axis] for edge, axis in edges)
            return image.resize(self.size, Image.Resampling.BILINEAR, box=(x0, y0, x1, y1))
        return self.cut(image.resize(self.scaled, Image.Resampling.BILINEAR))

    def of_label(self, label: Image.Image) -> Image.Image:
        """Scale (NEAREST) and crop; no short cut, because Pillow adds up steps from the box's edge and rounds."""
        return self.cut(label.resize(self.scaled, Image.Resampling.NEAREST))

    def cut(self, scaled: Image.Image) -> Image.Image:
        (left, top), (width, height) = self.crop, self.size
        return scaled.crop((left, top, left + width, top + height))


def window(source: tuple[int, int], spec: Preprocessing) -> Window:
    """Return the window of an image that becomes the network's input.

    Args:
        source: the image's width and height.
    Returns:
        For "exact" the whole image; for "short-side" the centre of the smallest picture that covers ``size``: an image
        of a wider shape than ``size`` fits by its height, any other by its width. The rest is rounded as the reference
        scripts round for squares: ``int(1.0 * long * size / short)`` and ``int(round((scaled - size) / 2.0))``.
    """
    if spec.resize == "exact":
        return Window(spec.size, (0, 0), spec.size)
    (width, height), (across, down) = source, spec.size
    is_wider = width * down > height * across
    scaled = (int(1.0 * width * down / height), down) if is_wider else (across, int(1.0 * height * across / width))
    left, top = (round((side - size) / 2.0) for side, size in zip(scaled, spec.size, strict=True))
    return Window(scaled, (left, top), spec.size)


def open_image(path: Path) -> Image.Image:
    """Open and decode an image file.

    Raises:
        InputError: the file cannot be read, is not an image, is cut short, or has more than ``MAX_PIXELS``.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels, expected at most {MAX_PIXELS:,}")
            if (decoded := png.decode(image, data)) is not None:
                return decoded
            image.load()
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image. Replace the file") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}. Replace the file") from error
    except DAMAGED as error:
        raise InputError(f"{path}: damaged image ({error}). Replace the file") from error
    return image


def open_rgb(path: Path) -> Image.Image:
    """Open and decode an image file as 8-bit RGB.

    Raises:
        InputError: see ``open_image``; or the image has more than 8 bits per channel.
    """
    image = open_image(path)
    if image.mode.startswith("I") or image.mode == "F":
        raise InputError(f"{path}: image of mode {image.mode}, expected 8 bits per channel. Convert the file")
    return to_rgb(image, path)


def to_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Convert a decoded image to RGB.

    Raises:
        InputError: Pillow cannot, as with a text chunk that is named as a transparent colour.
    """
    try:
        if image.mode == "P":  # Pillow warns of palettes with transparency unless it is kept first
            image = image.convert("RGBA")
        return image if image.mode == "RGB" else image.convert("RGB")
    except DAMAGED as error:
        raise InputError(f"{path}: damaged image ({error}). Replace the file") from error


def load_image(path: Path, spec: Preprocessing) -> NDArray[np.uint8]:
    """Read an image at the network's resolution: RGB, shape (H, W, 3), uint8.

    Raises:
        InputError: see ``open_rgb``.
    """
    rgb = open_rgb(path)
    return np.asarray(window(rgb.size, spec).of_image(rgb))


@functools.cache
def index_of_colours(colours: tuple[Colour, ...]) -> NDArray[np.uint8]:
    """Index in ``colours`` by ``red << 16 | green << 8 | blue``, shape (2**24,); 255 for all other colours."""
    table = np.full(1 << 24, 255, np.uint8)
    for index, (red, green, blue) in enumerate(colours):
        table[red << 16 | green << 8 | blue] = index
    return table


def decode_mask(mask: Image.Image, colours: tuple[Colour, ...]) -> Image.Image:
    """Label map of an RGB mask: each pixel's index in ``colours``, or 255."""
    red, green, blue = np.moveaxis(np.asarray(mask), -1, 0).astype(np.uint32)
    return Image.fromarray(index_of_colours(colours)[red << 16 | green << 8 | blue])


def open_lossless(path: Path) -> Image.Image:
    """Open and decode a label map of any kind.

    Raises:
        InputError: see ``open_image``; or the file is a JPEG, of which no value is certain.
    """
    label = open_image(path)
    if label.format == "JPEG":
        raise InputError(f"{path}: JPEG changes the values of label maps, expected PNG, TIFF or BMP. Save it anew")
    return label


def open_mask(path: Path) -> Image.Image:
    """Open and decode an RGB mask; a palette gives its colours.

    Raises:
        InputError: see ``open_image``; or the mask is not opaque, or has more than 8 bits per channel.
    """
    mask = open_lossless(path)
    if mask.mode == "RGBA" and np.asarray(mask)[..., 3].min() == 255:
        mask = mask.convert("RGB")
    if mask.mode not in ("RGB", "P", "L") or "transparency" in mask.info:
        raise InputError(f"{path}: mask of mode {mask.mode}, expected opaque RGB. Convert the file")
    return to_rgb(mask, path)


def open_label(path: Path, colours: tuple[Colour, ...] = ()) -> Image.Image:
    """Open and decode a label map.

    Args:
        colours: see ``Classes.mask_colours``.
    Raises:
        InputError: see ``open_image``; or the file does not have one byte per pixel and is no RGB mask of ``colours``.
    """
    if colours:
        return decode_mask(open_mask(path), colours)
    label = open_lossless(path)
    if label.mode not in ("L", "P"):
        raise InputError(f"{path}: label map of mode {label.mode}, expected 8-bit label ids (mode L). Convert the file")
    return label


def load_label(
    path: Path, spec: Preprocessing, lookup: NDArray[np.uint8], colours: tuple[Colour, ...] = ()
) -> NDArray[np.uint8]:
    """Read a label map at the resolution of the comparison: train ids, shape (H, W), uint8.

    Args:
        lookup: train id by label id, shape (256,), from ``Classes.lookup``.
        colours: see ``Classes.mask_colours``.
    Raises:
        InputError: see ``open_label``.
    """
    label = open_label(path, colours)
    if spec.label_grid == "photograph":
        return lookup[np.asarray(label)]
    return lookup[np.asarray(window(label.size, spec).of_label(label))]


def resize_labels(labels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Resize a label map, shape (H, W), to ``shape`` by nearest neighbour."""
    if labels.shape == shape:
        return labels
    height, width = shape
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))


class Normalise:
    """Callable that computes ``(x / 255 - mean) / std`` of uint8 images, by a table of all 256 results per channel."""

    def __init__(self, spec: Preprocessing) -> None:
        values = np.arange(256, dtype=np.float32) / np.float32(255)
        mean, std = (np.array(side, np.float32)[:, None] for side in (spec.mean, spec.std))
        self.table = ((values - mean) / std).astype(np.float32)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn uint8 RGB, shape (N, H, W, 3), into float32, shape (N, 3, H, W), contiguous."""
        count, height, width, channels = images.shape
        out = np.empty((count, channels, height, width), np.float32)
        for image, planes in zip(images, out, strict=True):  # planes are contiguous: half the time of all at once
            for channel, plane in enumerate(planes):
                np.take(self.table[channel], image[..., channel], out=plane, mode="clip")
        return out
