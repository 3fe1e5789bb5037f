"""From image files to the network's input, byte for byte as the reference scripts do it.

Pillow decodes and resizes (BILINEAR for images, NEAREST for labels), the centre is cropped, and
``(x / 255 - mean) / std`` is computed in float32 as torchvision's ``ToTensor`` and ``Normalize`` do. The uint8 crop
is the common form: the float one follows from it by a table of 256 values a channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from enet.deliverable import Preprocessing
from enet.errors import InputError

# Cityscapes images are 2 megapixels; a header that claims 100 is a mistake or an attack, not a photograph.
MAX_PIXELS = 80_000_000

#: How a PNG begins; and bit depth and colour type, as they stand in its header, of the plainest photograph.
PNG, RGB_OF_8_BITS = b"\x89PNG\r\n\x1a\n", b"\x08\x02"


@dataclass(frozen=True)
class Window:
    """How an image of one size becomes the network's grid: scale to ``scaled``, cut ``crop`` (left, top)."""

    scaled: tuple[int, int]
    crop: tuple[int, int]
    size: tuple[int, int]

    def of_image(self, image: Image.Image) -> Image.Image:
        """Scale (BILINEAR) and crop.

        Where the crop's corners lie on whole pixels of the source, scaling that box alone gives the same bytes
        without the pixels that would be cut off. Only where sides are cut off: Pillow goes through rows first, and
        where rows are cut off instead, its rounding in between differs.
        """
        left, top = self.crop
        edges = ((left, 0), (top, 1), (left + self.size[0], 0), (top + self.size[1], 1))
        if top == 0 and all(edge * image.size[axis] % self.scaled[axis] == 0 for edge, axis in edges):
            x0, y0, x1, y1 = (edge * image.size[axis] // self.scaled[axis] for edge, axis in edges)
            return image.resize(self.size, Image.Resampling.BILINEAR, box=(x0, y0, x1, y1))
        return self.cut(image.resize(self.scaled, Image.Resampling.BILINEAR))

    def of_label(self, label: Image.Image) -> Image.Image:
        """Scale (NEAREST) and crop. No short cut: Pillow sums up steps from the box's edge, so rounding differs."""
        return self.cut(label.resize(self.scaled, Image.Resampling.NEAREST))

    def cut(self, scaled: Image.Image) -> Image.Image:
        (left, top), (width, height) = self.crop, self.size
        return scaled.crop((left, top, left + width, top + height))


def window(source: tuple[int, int], spec: Preprocessing) -> Window:
    """Where the network's grid lies in an image.

    Args:
        source: the image's width and height.
    Returns:
        For "exact" the whole image; for "short-side" the centre, rounded as the reference scripts round:
        ``int(1.0 * long * size / short)`` and ``int(round((scaled - size) / 2.0))``.
    """
    if spec.resize == "exact":
        return Window(spec.size, (0, 0), spec.size)
    width, height = source
    size = spec.size[0]
    is_wide = width > height
    scaled = (int(1.0 * width * size / height), size) if is_wide else (size, int(1.0 * height * size / width))
    left, top = (round((side - size) / 2.0) for side in scaled)
    return Window(scaled, (left, top), spec.size)


def open_image(path: Path) -> Image.Image:
    """Open and decode an image file.

    Raises:
        InputError: the file can't be read, is no image, is cut short, or claims an absurd size.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels, but should be at most {MAX_PIXELS:,}")
            image.load()
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image. Replace the file") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}. Replace the file") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path}: damaged image ({error}). Replace the file") from error
    return image


def decode_plain(path: Path) -> NDArray[np.uint8] | None:
    """Decode a PNG of 8-bit RGB by OpenCV, which takes 0.6 times as long as Pillow for the same bytes.

    None for every other file, and for one that OpenCV refuses, such as a damaged one: then Pillow has the say.
    """
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    header = data[:26].tobytes()
    if not header.startswith(PNG) or len(header) < 26 or header[24:26] != RGB_OF_8_BITS:
        return None
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    if width * height > MAX_PIXELS or b"tRNS" in data[:4096].tobytes():
        return None
    return cast("NDArray[np.uint8] | None", cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION))


def load_image(path: Path, spec: Preprocessing) -> NDArray[np.uint8]:
    """An image at the network's grid: RGB, shape (H, W, 3), uint8.

    Raises:
        InputError: as ``open_image``.
    """
    if (decoded := decode_plain(path)) is not None:
        rgb = Image.fromarray(decoded)
        return np.asarray(window(rgb.size, spec).of_image(rgb))
    image = open_image(path)
    if image.mode.startswith("I") or image.mode == "F":
        raise InputError(f"{path}: an image of mode {image.mode}, but should have 8 bits a channel. Convert the file")
    if image.mode == "P":  # Pillow warns of palettes with transparency unless that is kept first
        image = image.convert("RGBA")
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return np.asarray(window(rgb.size, spec).of_image(rgb))


def open_label(path: Path) -> Image.Image:
    """Open and decode a label map.

    Raises:
        InputError: as ``open_image``; or the file isn't one byte a pixel.
    """
    label = open_image(path)
    if label.mode not in ("L", "P"):
        raise InputError(f"{path}: a label map of mode {label.mode}, but should be 8-bit label ids (mode L)")
    return label


def load_label(path: Path, spec: Preprocessing, lookup: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A label map at the grid that predictions are compared at: train ids, shape (H, W), uint8.

    Args:
        lookup: train id by label id, shape (256,), from ``Classes.lookup``.
    Raises:
        InputError: as ``open_label``.
    """
    label = open_label(path)
    if spec.label_grid == "photograph":
        return lookup[np.asarray(label)]
    return lookup[np.asarray(window(label.size, spec).of_label(label))]


def resize_labels(labels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A label map (H, W) at another grid, by the nearest pixel; itself if it is there already."""
    if labels.shape == shape:
        return labels
    height, width = shape
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))


class Normalise:
    """``(x / 255 - mean) / std`` for uint8 images, through a table that holds every possible result."""

    def __init__(self, spec: Preprocessing) -> None:
        values = np.arange(256, dtype=np.float32) / np.float32(255)
        mean, std = (np.array(side, np.float32)[:, None] for side in (spec.mean, spec.std))
        self.table = ((values - mean) / std).astype(np.float32)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 RGB, shape (N, H, W, 3), to float32, shape (N, 3, H, W), contiguous."""
        count, height, width, channels = images.shape
        out = np.empty((count, channels, height, width), np.float32)
        for channel in range(channels):
            np.take(self.table[channel], images[..., channel], out=out[:, channel], mode="clip")
        return out
