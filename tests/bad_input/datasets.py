"""Data sets with files that are damaged, odd, or not what their names say."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from enet.selftest.tiny import data_set
from tests.bad_input.base import cases, over

case = cases("images")
accepted = cases("images", code=0)

#: One of the tiny data set's images, by its name in both folders.
NAME = "alpha_000001"


def image(root: Path) -> Path:
    return root / "leftImg8bit/val/alpha" / f"{NAME}_leftImg8bit.png"


def label(root: Path) -> Path:
    return root / "gtFine/val/alpha" / f"{NAME}_gtFine_labelIds.png"


def with_file(
    here: Path, bad: Path, which: Callable[[Path], Path], content: bytes | Image.Image, kind: str = "PNG"
) -> list[object]:
    """Evaluating over a data set in which one file is another."""
    root = data_set(bad / "data")
    if isinstance(content, bytes):
        which(root).write_bytes(content)
    else:
        content.save(which(root), kind)
    return over(here, root)


def picture(mode: str, **changes: Any) -> Image.Image:
    """A picture of a mode, as large as the tiny data set's."""
    made = Image.new(mode, changes.get("size", (64, 32)))
    if mode == "P":
        made.putpalette([0, 0, 0, 255, 255, 255])
    return made


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of our own making, with whatever its header claims."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@case
def empty_image(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, b""), f"1 unreadable: {image(bad / 'data')}"


@case
def image_cut_in_its_header(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, png(64, 32)[:20]), "1 unreadable"


@case
def image_with_one_byte_changed(here: Path, bad: Path) -> tuple[list[object], str]:
    content = bytearray(image(here / "data").read_bytes())
    content[len(content) // 2] ^= 1
    return with_file(here, bad, image, bytes(content)), "1 unreadable"


@case
def image_with_a_huge_header(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, png(100_000, 100_000)), "unreadable"


@case
def image_of_no_width(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, png(0, 32)), "unreadable"


@case
def image_that_unpacks_to_gigabytes(here: Path, bad: Path) -> tuple[list[object], str]:
    packed = zlib.compress(bytes(30_000_000), 9)
    return with_file(here, bad, image, png(40_000, 40_000, packed)), "unreadable"


@case
def image_that_is_text(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, b"<html>404 Not Found</html>"), "1 unreadable"


@case
def image_of_16_bits(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, picture("I;16")), "8 bits a channel"


@accepted
def image_with_a_palette(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, picture("P")), "5 images"


@accepted
def image_in_grey(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, picture("L")), "5 images"


@accepted
def image_with_transparency(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, picture("RGBA")), "5 images"


@accepted
def image_in_cmyk(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, image, picture("CMYK"), "TIFF"), "5 images"


@case
def image_is_a_folder(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    image(root).mkdir()
    return over(here, root), "Is a directory"


@case
def image_is_a_pipe(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    os.mkfifo(image(root))
    return over(here, root), "not a plain file"


@case
def image_is_endless(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    image(root).symlink_to("/dev/zero")
    return over(here, root), "not a plain file"


@case
def image_is_a_link_to_nothing(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    image(root).symlink_to(bad / "gone.png")
    return over(here, root), "No such file"


@case
def image_is_a_link_to_itself(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    image(root).symlink_to(image(root).name)
    return over(here, root), "Too many levels of symbolic links"


@accepted
def folders_in_a_loop(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    (root / "leftImg8bit/val/alpha/again").symlink_to(root / "leftImg8bit")
    return over(here, root), "5 images"


@accepted
def names_with_spaces_dots_and_umlauts(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "my data")
    for folder, path in (("leftImg8bit", image(root)), ("gtFine", label(root))):
        city = root / folder / "val" / "Zürich v1.0 — 街"
        city.mkdir()
        path.rename(city / path.name.replace(NAME, "a b.c_ü 1"))
    return over(here, root), "5 images"


@accepted
def names_with_a_line_break(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    for path in (image(root), label(root)):
        path.rename(path.with_name(path.name.replace(NAME, "two\nlines")))
    return over(here, root), "5 images"


@case
def an_unreadable_name_with_a_line_break(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    for path in (image(root), label(root)):
        path.rename(path.with_name(path.name.replace(NAME, "two\nlines")))
    (root / "leftImg8bit/val/alpha/two\nlines_leftImg8bit.png").write_bytes(b"")
    return over(here, root), "1 unreadable"


@case
def two_images_of_one_name(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    for path in (image(root), label(root)):
        other = path.parents[1] / "beta" / path.name
        other.write_bytes(path.read_bytes())
    return over(here, root), "1 image names that occur in several folders"


@case
def empty_label(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, b""), "1 unreadable"


@case
def label_cut_short(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, label(here / "data").read_bytes()[:120]), "1 unreadable"


@case
def label_of_another_size(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, picture("L", size=(32, 32))), "32x32 for 64x32"


@case
def label_in_colour(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, picture("RGB")), "labels not 8-bit single-channel"


@case
def label_of_16_bits(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, picture("I;16")), "labels not 8-bit single-channel"


@case
def label_with_ids_that_do_not_exist(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, Image.fromarray(np.full((32, 64), 34, np.uint8))), "ids that don't exist"


@case
def label_with_a_huge_header(here: Path, bad: Path) -> tuple[list[object], str]:
    return with_file(here, bad, label, png(50_000, 50_000, colour=0)), "unreadable"


@case
def label_without_an_image(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).unlink()
    return over(here, root), "1 label without image"


@case
def folder_of_images_is_a_file(here: Path, bad: Path) -> tuple[list[object], str]:
    (bad / "leftImg8bit").write_bytes(b"")
    return over(here, bad), "no images: expected"


@case
def labels_of_another_split(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    (root / "gtFine/val").rename(root / "gtFine/test")
    return over(here, root), "5 images without label"


@case
def preprocess_of_a_damaged_image(here: Path, bad: Path) -> tuple[list[object], str]:
    root = data_set(bad / "data")
    image(root).write_bytes(b"")
    words = ["preprocess", "--src-path", root, "--save-path", "prep", "--deliverable", here / "tiny.toml"]
    return words, "1 unreadable"
