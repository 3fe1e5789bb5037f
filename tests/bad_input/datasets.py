"""Data sets with damaged or odd files, or with files that are not what their names say."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from enet.selftest.tiny import data_set
from tests.bad_input.case import BAD_DATA, OVER, Setup, case, cases_of, file

#: One of the tiny data set's images, by its name in both folders.
NAME = "alpha_000001"


def image_path(root: Path) -> Path:
    return root / "leftImg8bit/val/alpha" / f"{NAME}_leftImg8bit.png"


def label_path(root: Path) -> Path:
    return root / "gtFine/val/alpha" / f"{NAME}_gtFine_labelIds.png"


def data(change: Callable[[Path], object], folder: str = "data") -> Setup:
    """A data set of which something is changed."""
    return lambda folders: change(data_set(folders.bad / folder))


def image(content: bytes | Image.Image, path: Callable[[Path], Path] = image_path, kind: str = "PNG") -> Setup:
    """A data set in which one file has another content."""
    if isinstance(content, bytes):
        return data(lambda root: path(root).write_bytes(content))
    return data(lambda root: content.save(path(root), kind))


def label(content: bytes | Image.Image) -> Setup:
    return image(content, label_path)


def instead_of_image(make: Callable[[Path], object]) -> Setup:
    """A data set in which ``make`` puts something else in an image's place."""

    def change(root: Path) -> None:
        image_path(root).unlink()
        make(image_path(root))

    return data(change)


def picture(mode: str, size: tuple[int, int] = (64, 32)) -> Image.Image:
    """A picture of a mode, by default as large as those of the tiny data set."""
    made = Image.new(mode, size)
    if mode == "P":
        made.putpalette([0, 0, 0, 255, 255, 255])
    return made


def png(width: int, height: int, content: bytes = b"", colour: int = 2) -> bytes:
    """A PNG file with an arbitrary header."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def one_bit_changed(root: Path) -> None:
    content = bytearray(image_path(root).read_bytes())
    content[len(content) // 2] ^= 1
    image_path(root).write_bytes(content)


def odd_names(root: Path) -> None:
    for folder, path in (("leftImg8bit", image_path(root)), ("gtFine", label_path(root))):
        city = root / folder / "val" / "Zürich v1.0 — 街"
        city.mkdir()
        path.rename(city / path.name.replace(NAME, "a b.c_ü 1"))


def line_break_in_names(root: Path) -> Path:
    """Returns the renamed image."""
    for path in (label_path(root), image_path(root)):
        renamed = path.rename(path.with_name(path.name.replace(NAME, "two\nlines")))
    return renamed


def images_of_one_name(root: Path) -> None:
    for path in (image_path(root), label_path(root)):
        (path.parents[1] / "beta" / path.name).write_bytes(path.read_bytes())


def train_ids_as_label_ids(root: Path) -> None:
    """A street of road, building and vegetation, by train ids."""
    for path in (root / "gtFine").rglob("*.png"):
        Image.fromarray(np.repeat(np.array([0, 2, 8, 13], np.uint8), 8)[:, None].repeat(64, 1)).save(path)


def notes_of_macos(root: Path) -> None:
    for path in [*root.rglob("*.png")]:
        path.with_name(f"._{path.name}").write_bytes(b"Mac OS X")


UNPACKS_TO_30_MB = zlib.compress(bytes(30_000_000), 9)

evaluate = cases_of(BAD_DATA)

CASES = [
    evaluate("empty image", f"1 unreadable: {{bad}}/data/leftImg8bit/val/alpha/{NAME}_leftImg8bit.png", image(b"")),
    evaluate("image cut in its header", "1 unreadable", image(png(64, 32)[:20])),
    evaluate("image with one bit changed", "1 unreadable", data(one_bit_changed)),
    evaluate("image with a huge header", "unreadable", image(png(100_000, 100_000))),
    evaluate("image of no width", "unreadable", image(png(0, 32))),
    evaluate("image that unpacks to gigabytes", "unreadable", image(png(40_000, 40_000, UNPACKS_TO_30_MB))),
    evaluate("image that is text", "1 unreadable", image(b"<html>404 Not Found</html>")),
    evaluate("image of 16 bits", "expected 8 bits per channel", image(picture("I;16"))),
    evaluate("image with a palette", "5 images", image(picture("P")), code=0),
    evaluate("image in grey", "5 images", image(picture("L")), code=0),
    evaluate("image with transparency", "5 images", image(picture("RGBA")), code=0),
    evaluate("image in CMYK", "5 images", image(picture("CMYK"), kind="TIFF"), code=0),
    evaluate("folder as image", "Is a directory", instead_of_image(Path.mkdir)),
    evaluate("pipe as image", "not a plain file", instead_of_image(os.mkfifo)),
    evaluate("endless image", "not a plain file", instead_of_image(lambda path: path.symlink_to("/dev/zero"))),
    evaluate("image that links to nothing", "No such file", instead_of_image(lambda path: path.symlink_to("gone.png"))),
    evaluate(
        "image that links to itself",
        "Too many levels of symbolic links",
        instead_of_image(lambda path: path.symlink_to(path.name)),
    ),
    evaluate(
        "folders in a loop",
        "5 images",
        data(lambda root: (root / "leftImg8bit/val/alpha/again").symlink_to(root / "leftImg8bit")),
        code=0,
    ),
    case(
        "names with spaces, dots and umlauts", OVER + "'{bad}/my data'", "5 images", data(odd_names, "my data"), code=0
    ),
    evaluate("names with a line break", "5 images", data(line_break_in_names), code=0),
    evaluate(
        "unreadable image with a line break in its name",
        "1 unreadable",
        data(lambda root: line_break_in_names(root).write_bytes(b"")),
    ),
    evaluate("two images of one name", "1 image names that occur in several folders", data(images_of_one_name)),
    evaluate("empty label map", "1 unreadable", label(b"")),
    evaluate(
        "label map cut short",
        "1 unreadable",
        data(lambda root: label_path(root).write_bytes(label_path(root).read_bytes()[:120])),
    ),
    evaluate("label map of another size", "32x32 for 64x32", label(picture("L", (32, 32)))),
    evaluate("label map in colour", "labels not 8-bit single-channel", label(picture("RGB"))),
    evaluate("label map of 16 bits", "labels not 8-bit single-channel", label(picture("I;16"))),
    evaluate(
        "label map with ids that do not exist",
        "ids that do not exist",
        label(Image.fromarray(np.full((32, 64), 34, np.uint8))),
    ),
    evaluate("train ids as label ids", "0..13 alone: train ids, not label ids", data(train_ids_as_label_ids)),
    evaluate("notes of macOS beside all files", "5 images", data(notes_of_macos), code=0),
    evaluate("label map with a huge header", "unreadable", label(png(50_000, 50_000, colour=0))),
    evaluate("label map without an image", "1 label without image", data(lambda root: image_path(root).unlink())),
    case("file as folder of images", OVER + "{bad}", "no images: expected", file("leftImg8bit")),
    evaluate(
        "label maps of another split",
        "5 images without label",
        data(lambda root: (root / "gtFine/val").rename(root / "gtFine/test")),
    ),
    case(
        "preprocess of a damaged image",
        "preprocess --src-path {bad}/data --save-path prep --deliverable {tiny}/tiny.toml",
        "1 unreadable",
        image(b""),
    ),
]
