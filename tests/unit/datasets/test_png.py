"""Every decoder gives Pillow's pixels of every kind of PNG, and every damaged file Pillow's refusal."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enet.datasets import png
from enet.datasets.preprocess import open_image, open_rgb
from enet.errors import InputError

#: Size, and channels by colour type: grey, RGB, palette, grey with alpha, RGB with alpha.
WIDTH, HEIGHT, CHANNELS = 31, 17, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: Bit depth and colour type of all kinds of PNG.
KINDS = [(depth, 0) for depth in (1, 2, 4, 8, 16)] + [(depth, 3) for depth in (1, 2, 4, 8)]
KINDS += [(depth, colour) for colour in (2, 4, 6) for depth in (8, 16)]
END = (b"IEND", b"")
#: Those that a fast decoder takes.
USUAL = [(8, 0), (8, 2)]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header(depth: int, colour: int, interlaced: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    return struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)


def rows(depth: int, colour: int, filters: tuple[int, ...] = (0, 1, 2, 3, 4)) -> bytes:
    """Random rows, each with its filter."""
    rng, length = np.random.default_rng(colour), (WIDTH * CHANNELS[colour] * depth + 7) // 8
    picked = [filters[row % len(filters)] for row in range(HEIGHT)]
    return b"".join(bytes([number]) + rng.integers(0, 256, length, np.uint8).tobytes() for number in picked)


def file(kind: tuple[int, int], packed: bytes, *before: tuple[bytes, bytes], after: bytes = chunk(*END)) -> bytes:
    """A PNG whose compressed data lies in pieces of 100 bytes, as those of long files do."""
    pieces = [packed[start : start + 100] for start in range(0, len(packed), 100)]
    chunks = [(b"IHDR", header(*kind)), *before, *((b"IDAT", piece) for piece in pieces)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks) + after


def palette(kind: tuple[int, int]) -> list[tuple[bytes, bytes]]:
    return [(b"PLTE", (bytes(range(256)) * 3)[: 3 << kind[0]])]


def sound(kind: tuple[int, int], *before: tuple[bytes, bytes], after: bytes = chunk(*END)) -> bytes:
    colours = palette(kind) if kind[1] == 3 else []
    return file(kind, zlib.compress(rows(*kind)), *colours, *before, after=after)


def pillow_saves(mode: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(picture).convert(mode).save(written, "png", **options)
    return written.getvalue()


#: Chunks before the pixels: colour, transparency, orientation, animation, text; some that Pillow refuses.
EXTRAS = {
    "gamma": (b"gAMA", struct.pack(">I", 45455)),
    "steep gamma": (b"gAMA", struct.pack(">I", 10)),
    "sRGB": (b"sRGB", b"\0"),
    "profile": (b"iCCP", b"x\0\0" + zlib.compress(b"p" * 200)),
    "damaged profile": (b"iCCP", b"x\0\0damaged"),
    "profile of a name alone": (b"iCCP", b"x\0"),
    "profile that unpacks to 5 MB": (b"iCCP", b"x\0\0" + zlib.compress(b"p" * 5_000_000)),
    "turned by EXIF": (b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    "transparent colour": (b"tRNS", b"\0\1\0\2\0\3"),
    "transparent grey": (b"tRNS", b"\0\1"),
    "significant bits": (b"sBIT", b"\5\5\5"),
    "resolution": (b"pHYs", b"\0" * 9),
    "short resolution": (b"pHYs", b"\0"),
    "palette for RGB": (b"PLTE", b"\1\2\3" * 4),
    "animation": (b"acTL", struct.pack(">II", 1, 0)),
    "long text": (b"tEXt", b"a\0" + b"b" * 3_000_000),
    "text that unpacks to 3 MB": (b"zTXt", b"a\0\0" + zlib.compress(b"b" * 3_000_000)),
    "unknown": (b"abcd", b"1"),
    "unknown, and required": (b"ABCD", b"1"),
    "second header": (b"IHDR", header(8, 2, size=(WIDTH + 1, HEIGHT))),
}
FRAME = (b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH - 3, HEIGHT - 3, 2, 2, 1, 1, 0, 0))


def all_files() -> Iterator[tuple[str, bytes]]:
    """Names and contents of sound and damaged PNGs of all kinds."""
    for kind in KINDS:
        yield f"{kind}", sound(kind)
    for mode in ("RGB", "L"):
        yield f"{mode} with EXIF", pillow_saves(mode, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    for kind in USUAL:
        data, good = rows(*kind), sound(kind)
        packed = zlib.compress(data)
        row = len(data) // HEIGHT
        yield f"{kind} interlaced", good.replace(chunk(b"IHDR", header(*kind)), chunk(b"IHDR", header(*kind, 1)))
        yield f"{kind} part of an animation", sound(kind, EXTRAS["animation"], FRAME)
        yield f"{kind} two animations", sound(kind, EXTRAS["animation"], (b"acTL", struct.pack(">II", 5, 0)))
        for name, extra in EXTRAS.items():
            yield f"{kind} {name}", sound(kind, extra)
            yield f"{kind} {name}, wrong CRC", sound(kind, extra).replace(chunk(*extra), chunk(*extra)[:-1] + b"?")
            yield f"{kind} {name}, behind", sound(kind, after=chunk(*extra) + chunk(*END))
        for size in ((0, HEIGHT), (WIDTH, 0), (WIDTH + 1, HEIGHT), (9_000, 9_000), (2**31 - 1, 1)):
            wrong = chunk(b"IHDR", header(*kind, size=size))
            yield f"{kind} claims {size}", good.replace(chunk(b"IHDR", header(*kind)), wrong)
        streams = {
            "wrong filter": zlib.compress(rows(*kind, (5,))),
            "wrong filter of the last row": zlib.compress(data[:-row] + b"\7" + data[-row + 1 :]),
            "wrong Adler-32": packed[:-1] + bytes([packed[-1] ^ 1]),
            "no Adler-32": packed[:-4],
            "half of the stream": packed[: len(packed) // 2],
            "no header of the stream": packed[2:],
            "a window of 256 bytes, but further back": b"\x08\x1d" + packed[2:],
            "a row too few": zlib.compress(data[:-row]),
            "three bytes too few": zlib.compress(data[:-3]),
            "rows twice": zlib.compress(2 * data),
            "a byte too many": zlib.compress(data + b"\0"),
            "something behind the stream": packed + b"something",
            "nothing": b"",
        }
        yield from ((f"{kind} {name}", file(kind, stream)) for name, stream in streams.items())
        yield f"{kind} wrong CRC of pixels", good.replace(b"IDAT" + packed[:100], b"IDAT?" + packed[1:100])
        yield f"{kind} wrong CRC of the end", good[:-1] + b"?"
        for name, content in (("no end", good[:-12]), ("cut", good[: len(good) // 2]), ("more behind", good + b"more")):
            yield f"{kind} {name}", content
    rng = np.random.default_rng(7)
    for number in range(150):  # damaged at random: the file, or the stream with the right CRC
        kind = USUAL[number % 2]
        damaged = [np.frombuffer(each, np.uint8).copy() for each in (sound(kind), zlib.compress(rows(*kind)))]
        for each in damaged:
            each[rng.integers(0, len(each), 2)] = rng.integers(0, 256, 2)
        yield f"{kind} changed {number}", damaged[0].tobytes()
        yield f"{kind} stream changed {number}", file(kind, damaged[1].tobytes())


FILES = dict(all_files())


def outcome(path: Path) -> tuple[object, ...] | str:
    """Mode, size and pixels; or the line of the refusal."""
    try:
        image = open_image(path)
    except InputError as error:
        return str(error)
    return image.mode, image.size, image.tobytes()


def loaded(name: str) -> tuple[str, png.Decode]:
    try:
        return name, png.DECODERS[name]()
    except ImportError as error:
        pytest.skip(f"not installed: {error.name}")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, png.Decode], None]:
    return lambda name, decode: monkeypatch.setattr(png, "fastest", lambda: (name, decode))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of animations
@pytest.mark.parametrize("name", [name for name in png.DECODERS if name != "pillow"])
def test_every_decoder_gives_pillows_pixels_and_refusals(
    name: str, tmp_path: Path, use: Callable[[str, png.Decode], None]
) -> None:
    _, decode = loaded(name)
    taken: list[bytes] = []

    def counted(data: bytes, mode: str) -> object:
        taken.append(data)
        return decode(data, mode)

    different, refused = [], 0
    for kind, content in FILES.items():
        path = tmp_path / "a.png"
        path.write_bytes(content)
        use("pillow", png.pillow())
        expected = outcome(path)
        use(name, counted)
        if outcome(path) != expected:
            different.append(kind)
        refused += isinstance(expected, str)
    assert not different
    assert refused > 100
    assert {FILES[f"{kind}"] for kind in USUAL} <= {*taken}
    assert not {FILES[f"{kind}"] for kind in KINDS if kind not in USUAL} & {*taken}


@pytest.mark.parametrize("kind", [(8, 0), (8, 3)])
def test_a_text_that_is_named_as_a_transparent_colour_is_one_line(kind: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(sound(kind, (b"tEXt", b"transparency\0x")))
    with pytest.raises(InputError, match=r"a\.png: damaged image \(.*\)\. Replace the file$"):
        open_rgb(path)


@pytest.mark.parametrize("name", png.DECODERS)
def test_every_decoder_works_in_several_threads_at_once(name: str) -> None:
    _, decode = loaded(name)
    modes = ["RGB", "L"] * 20
    files = {mode: pillow_saves(mode) for mode in ("RGB", "L")}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda mode: decode(files[mode], mode), modes))
    expected = {mode: np.asarray(Image.open(io.BytesIO(files[mode]))) for mode in files}
    assert all(np.array_equal(pixels, expected[mode]) for pixels, mode in zip(found, modes, strict=True))


def test_a_decoder_that_is_missing_broken_or_not_equal_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> png.Decode:
        raise ModuleNotFoundError("pywuffs")

    def fails(data: bytes, mode: str) -> object:
        raise RuntimeError("built for another processor")

    def darker(data: bytes, mode: str) -> object:
        return png.pillow()(data, mode) // 2

    table = {"missing": missing, "broken": lambda: fails, "darker": lambda: darker, "pillow": png.pillow}
    monkeypatch.setattr(png, "DECODERS", table)
    png.fastest.cache_clear()
    try:
        assert png.fastest()[0] == "pillow"
        assert png.serving().startswith("pillow ")
    finally:
        png.fastest.cache_clear()


def test_serving_names_the_decoder_and_its_version() -> None:
    name, version = png.serving().split(" ")
    assert name.startswith(("pywuffs", "imagecodecs", "opencv", "pillow"))
    assert version[0].isdigit()


def test_a_decoder_that_gives_another_shape_is_not_believed(
    tmp_path: Path, use: Callable[[str, png.Decode], None]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(sound((8, 2)))
    expected = outcome(path)
    use("other", lambda data, mode: np.zeros((HEIGHT, WIDTH), np.uint8))
    assert outcome(path) == expected
