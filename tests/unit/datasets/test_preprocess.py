"""Preprocessing: the same bytes as the reference scripts, and one-line errors for files that are not images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from enet.datasets.cityscapes import CLASSES
from enet.datasets.preprocess import Normalise, load_image, load_label, window
from enet.deliverable import Preprocessing
from enet.errors import InputError
from enet.measure import reference_preprocessing
from tests.unit import recipes

SPEC = Preprocessing()
SMALL = Preprocessing(size=(16, 16))
EVERY_ID = np.arange(256, dtype=np.uint8)

#: Width and height; those whose crop lies on whole pixels of the source take the short cut.
SIZES = [
    (2048, 1024),
    (1024, 2048),
    (960, 480),
    (480, 960),
    (480, 480),
    (481, 480),
    (480, 481),
    (479, 480),
    (1025, 769),
    (500, 333),
    (333, 500),
    (640, 480),
    (480, 640),
    (1242, 375),
    (375, 1242),
    (720, 720),
    (101, 101),
    (100, 60),
    (60, 100),
    (97, 31),
    (31, 97),
    (720, 480),
    (936, 468),
    (468, 936),
    (660, 968),
    (968, 660),
    (1, 1),
    (1, 3),
    (7, 2),
]


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    width, height = size
    rng = np.random.default_rng([width, height])
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(rng.integers(0, 256 if mode == "RGB" else 34, shape, np.uint8))


def written(path: Path, image: Image.Image) -> Path:
    image.save(path, compress_level=1)
    return path


def cropped(image: Image.Image, resample: Image.Resampling, size: int) -> Image.Image:
    """The reference scripts' own lines: the short side to ``size``, then the centre."""
    short_size = size
    w, h = image.size
    if w > h:
        oh = short_size
        ow = int(1.0 * w * oh / h)
    else:
        ow = short_size
        oh = int(1.0 * h * ow / w)
    image = image.resize((ow, oh), resample)
    w, h = image.size
    x1 = int(round((w - size) / 2.0))  # noqa: RUF046
    y1 = int(round((h - size) / 2.0))  # noqa: RUF046
    return image.crop((x1, y1, x1 + size, y1 + size))


def to_tensor_and_normalise(image: Image.Image, spec: Preprocessing) -> NDArray[np.float32]:
    """torchvision's ``ToTensor`` and ``Normalize``, in the torch operations they consist of."""
    tensor = torch.from_numpy(np.array(image)).permute((2, 0, 1)).contiguous().to(torch.float32).div(255)
    mean = torch.as_tensor(spec.mean, dtype=torch.float32).view(-1, 1, 1)
    std = torch.as_tensor(spec.std, dtype=torch.float32).view(-1, 1, 1)
    return np.asarray(tensor.sub_(mean).div_(std))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_load_image_equals_the_reference(tmp_path: Path, size: tuple[int, int]) -> None:
    image = noise(size)
    ours = load_image(written(tmp_path / "a.png", image), SPEC)
    reference = cropped(image, Image.Resampling.BILINEAR, 480)
    assert ours.dtype == np.uint8
    assert ours.tobytes() == np.asarray(reference).tobytes()
    floats = Normalise(SPEC)(ours[None])
    assert floats.shape == (1, 3, 480, 480)
    assert floats.tobytes() == to_tensor_and_normalise(reference, SPEC).tobytes()


@pytest.mark.parametrize("side", [8, 24, 40])
def test_window_many_sizes_equal_the_reference(side: int) -> None:
    spec = Preprocessing(size=(side, side))
    rng = np.random.default_rng(side)
    different = set()
    for width, height in rng.integers(2, 130, (600, 2)).tolist():
        image = noise((width, height))
        ours = window(image.size, spec).of_image(image)
        if ours.tobytes() != cropped(image, Image.Resampling.BILINEAR, side).tobytes():
            different.add((width, height))
    assert not different


def covered(image: Image.Image, resample: Image.Resampling, size: tuple[int, int]) -> Image.Image:
    """The rule for any size: the smallest picture of the image's shape that covers it, then the centre."""
    w, h = image.size
    scaled = min((int(1.0 * w * size[1] / h), size[1]), (size[0], int(1.0 * h * size[0] / w)), key=covering_first(size))
    x1, y1 = (round((side - wanted) / 2.0) for side, wanted in zip(scaled, size, strict=True))
    return image.resize(scaled, resample).crop((x1, y1, x1 + size[0], y1 + size[1]))


def covering_first(size: tuple[int, int]) -> Callable[[tuple[int, int]], tuple[bool, int]]:
    """Key that puts pictures that cover ``size`` first, then the smaller ones."""
    return lambda picture: (not (picture[0] >= size[0] and picture[1] >= size[1]), picture[0] * picture[1])


@pytest.mark.parametrize("size", [(48, 24), (24, 48), (40, 32), (8, 80)], ids=str)
def test_window_of_an_oblong_size_covers_it(size: tuple[int, int]) -> None:
    spec = Preprocessing(size=size)
    rng = np.random.default_rng(size)
    sources = [*rng.integers(2, 130, (150, 2)).tolist(), [96, 48], [48, 96], [96, 96], [480, 240], [8, 8]]
    for width, height in sources:
        image, label = noise((width, height)), noise((width, height), "L")
        found = window(image.size, spec)
        expected = covered(image, Image.Resampling.BILINEAR, size), covered(label, Image.Resampling.NEAREST, size)
        ours = found.of_image(image), found.of_label(label)
        assert [side.tobytes() for side in ours] == [side.tobytes() for side in expected], (width, height)
        theirs = reference_preprocessing.resize(image, spec, Image.Resampling.BILINEAR)
        assert theirs.tobytes() == ours[0].tobytes()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_load_label_equals_the_reference(tmp_path: Path, size: tuple[int, int]) -> None:
    label = noise(size, "L")
    lookup = CLASSES.lookup()
    ours = load_label(written(tmp_path / "a.png", label), SPEC, lookup)
    assert ours.dtype == np.uint8
    assert ours.shape == (480, 480)
    assert np.array_equal(ours, lookup[np.asarray(cropped(label, Image.Resampling.NEAREST, 480))])


@pytest.mark.parametrize("size", [(480, 360), (960, 720), (37, 501), (8, 8), (1, 1)], ids=str)
def test_exact_scales_the_whole_image(tmp_path: Path, size: tuple[int, int]) -> None:
    spec = Preprocessing(resize="exact", size=(480, 360), mean=(0.1, 0.2, 0.3), std=(1.0, 0.5, 0.25))
    image, label = noise(size), noise(size, "L")
    ours = load_image(written(tmp_path / "a.png", image), spec)
    reference = image.resize((480, 360), Image.Resampling.BILINEAR)
    assert ours.tobytes() == np.asarray(reference).tobytes()
    assert Normalise(spec)(ours[None]).tobytes() == to_tensor_and_normalise(reference, spec).tobytes()
    ids = load_label(written(tmp_path / "b.png", label), spec, EVERY_ID)
    assert np.array_equal(ids, np.asarray(label.resize((480, 360), Image.Resampling.NEAREST)))


def test_normalise_every_value_of_every_channel() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    images = np.stack([ramp, ramp[::-1]])
    expected = [to_tensor_and_normalise(Image.fromarray(image), SPEC) for image in images]
    result = Normalise(SPEC)(images)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert result.tobytes() == np.stack(expected).tobytes()


def test_window_rounds_the_crop_to_even() -> None:
    assert window((481, 480), SPEC).crop == (0, 0)  # 0.5
    assert window((483, 480), SPEC).crop == (2, 0)  # 1.5
    assert window((485, 480), SPEC).crop == (2, 0)  # 2.5
    assert window((2048, 1024), SPEC).crop == (240, 0)


def test_load_label_maps_ids_to_train_ids(tmp_path: Path) -> None:
    ids = np.resize(np.arange(34, dtype=np.uint8), (16, 16))
    train_ids = load_label(written(tmp_path / "a.png", Image.fromarray(ids)), SMALL, CLASSES.lookup())
    table = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13}
    table |= {27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
    assert train_ids.tolist() == [[table.get(i, 255) for i in row] for row in ids.tolist()]


def test_labels_with_a_palette_give_their_indices(tmp_path: Path) -> None:
    label = Image.new("P", (16, 16), 3)
    label.putpalette([255, 0, 0] * 256)
    assert (load_label(written(tmp_path / "a.png", label), SMALL, EVERY_ID) == 3).all()


@pytest.mark.parametrize("mode", ["1", "LA", "I;16", "RGB", "RGBA"])
def test_load_label_other_mode_gives_one_line_error(tmp_path: Path, mode: str) -> None:
    path = written(tmp_path / "a.png", Image.new(mode, (16, 16)))
    with pytest.raises(InputError, match=f"label map of mode {mode}, expected 8-bit label ids") as caught:
        load_label(path, SMALL, EVERY_ID)
    assert str(path) in str(caught.value)


CONVERTED: dict[str, tuple[Image.Image, tuple[int, int, int]]] = {
    "grey": (Image.new("L", (20, 20), 77), (77, 77, 77)),
    "black and white": (Image.new("1", (20, 20), 1), (255, 255, 255)),
    "grey with alpha": (Image.new("LA", (20, 20), (200, 0)), (200, 200, 200)),
    "alpha is left out, not blended": (Image.new("RGBA", (20, 20), (200, 100, 50, 0)), (200, 100, 50)),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_images_of_another_mode_become_rgb(tmp_path: Path, kind: str) -> None:
    image, colour = CONVERTED[kind]
    assert (load_image(written(tmp_path / "a.png", image), SMALL) == colour).all()


@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 128])], ids=["opaque", "one colour", "bytes"])
def test_images_with_a_palette_become_rgb(tmp_path: Path, transparency: int | bytes | None) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 200, 100, 50] + [0] * 762)
    if transparency is None:
        image.save(tmp_path / "a.png")
    else:
        image.save(tmp_path / "a.png", transparency=transparency)
    assert (load_image(tmp_path / "a.png", SMALL) == (200, 100, 50)).all()


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_images_with_more_than_8_bits_are_not_clipped_to_white(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.full((20, 20), 30000, np.uint16 if mode == "I;16" else np.int32))
    image.convert(mode).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=f"mode {mode}"):
        load_image(tmp_path / "a.tif", SMALL)


def refusal(load: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        load()
    return str(caught.value)


def refused(path: Path) -> str:
    """The line with which both loaders refuse a file; it names the file."""
    messages = [refusal(lambda: load_image(path, SPEC)), refusal(lambda: load_label(path, SPEC, EVERY_ID))]
    assert messages[0] == messages[1]
    assert recipes.is_plain(messages[0]), messages[0]
    assert str(path) in messages[0]
    return messages[0]


@pytest.mark.parametrize("side", [9_600, 12_000, 20_000, 2**31 - 1])
def test_load_absurd_size_in_header_gives_one_line_error(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(recipes.png_claiming(side, side))
    refused(tmp_path / "a.png")


def test_load_missing_file_gives_one_line_error(tmp_path: Path) -> None:
    assert "No such file or directory" in refused(tmp_path / "none.png")


def test_load_directory_gives_one_line_error(tmp_path: Path) -> None:
    assert "Is a directory" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"<html></html>"], ids=repr)
def test_load_other_file_gives_one_line_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert "not an image. Replace the file" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_load_truncated_file_gives_one_line_error(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a{suffix}"
    noise((64, 64)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path)


def test_load_image_flipped_bytes_raise_only_input_errors(tmp_path: Path) -> None:
    path, rng = written(tmp_path / "a.png", noise((20, 20))), np.random.default_rng(5)
    content = np.fromfile(path, np.uint8)
    leaks, refusals = set(), 0
    for _ in range(300):
        damaged = content.copy()
        damaged[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes()[: rng.integers(len(content) // 2, 2 * len(content))])
        try:
            load_image(path, SMALL)
        except InputError as error:
            refusals += 1
            if not recipes.is_plain(str(error)):
                leaks.add(str(error))
        except Exception as error:
            leaks.add(type(error).__name__)
    assert not leaks
    assert refusals > 200
