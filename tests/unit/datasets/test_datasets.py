"""Data sets on disk: all pairs are found, and all problems are in one message."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enet import datasets
from enet.datasets import IGNORE, LAYOUTS, Classes, Dataset, camvid, check, cityscapes
from enet.datasets.pairing import pair
from enet.deliverable import LAYOUT_FACTS, DatasetSpec
from enet.errors import InputError
from tests.unit import recipes

SIZE = (24, 16)


def image_path(root: Path, city: str, number: int) -> Path:
    return root / "leftImg8bit" / "val" / city / f"{city}_{number:06d}_000019_leftImg8bit.png"


def label_path(root: Path, city: str, number: int) -> Path:
    return root / "gtFine" / "val" / city / f"{city}_{number:06d}_000019_gtFine_labelIds.png"


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(path)


def write_label(path: Path, label_id: int = 7, size: tuple[int, int] = SIZE, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, label_id).save(path)


def write_cityscapes(root: Path, count: int = 4) -> Path:
    """``count`` whole pairs in two cities."""
    for number in range(count):
        city = ("aachen", "bonn")[number % 2]
        write_image(image_path(root, city, number), seed=number)
        write_label(label_path(root, city, number))
    return root


def write_camvid(root: Path, count: int = 3) -> Path:
    for number in range(count):
        write_image(root / "val" / f"frame{number}.png", seed=number)
        write_label(root / "valannot" / f"frame{number}.png", label_id=number)
    return root


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert recipes.is_plain(message), message
    return message


def test_find_cityscapes_lists_pairs_by_name(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path), "val")
    assert (found.layout, found.root, found.split) == ("cityscapes", tmp_path, "val")
    assert [sample.name for sample in found.samples] == [
        f"{city}_{number:06d}_000019_leftImg8bit"
        for city, number in (("aachen", 0), ("aachen", 2), ("bonn", 1), ("bonn", 3))
    ]
    assert found.samples[2].image == image_path(tmp_path, "bonn", 1)
    assert found.samples[2].label == label_path(tmp_path, "bonn", 1)


def test_find_cityscapes_ignores_other_files(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, 2)
    for name in ("aachen_000000_000019_gtFine_color.png", "aachen_000000_000019_gtFine_instanceIds.png"):
        write_image(tmp_path / "gtFine" / "val" / "aachen" / name)
    (tmp_path / "leftImg8bit" / "val" / "aachen" / "notes.txt").write_text("mine")
    assert len(datasets.find("cityscapes", tmp_path, "val").samples) == 2


def test_find_leaves_out_what_macos_writes_beside_files(tmp_path: Path) -> None:
    write_cityscapes(tmp_path / "citys", 2)
    write_camvid(tmp_path / "camvid")
    for path in [*tmp_path.rglob("*.png")]:
        (path.parent / f"._{path.name}").write_bytes(b"Mac OS X")
    for layout, count in (("citys", 2), ("camvid", 3)):
        found = datasets.find({"citys": "cityscapes"}.get(layout, layout), tmp_path / layout, "val")
        assert (len(found.samples), found.problems) == (count, ())


def test_find_offers_train_ids_where_only_they_are(tmp_path: Path) -> None:
    for sample in datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val").samples:
        sample.label.rename(sample.label.with_name(sample.label.name.replace("labelIds", "labelTrainIds")))
    message = refused(datasets.find("cityscapes", tmp_path, "val").require_sound)
    assert 'give [dataset] label_ids = "trainIds"' in message
    spec = DatasetSpec(layout="cityscapes", images=2, label_ids="trainIds")
    found = datasets.find(datasets.declared_layout(spec), tmp_path, "val")
    assert (len(found.samples), found.problems) == (2, ())
    assert found.classes.train_ids == {**{i: i for i in range(19)}, 255: IGNORE}


def test_find_camvid_lists_pairs_by_name(tmp_path: Path) -> None:
    found = datasets.find("camvid", write_camvid(tmp_path), "val")
    assert (found.layout, len(found.classes.names)) == ("camvid", 11)
    assert [sample.name for sample in found.samples] == ["frame0", "frame1", "frame2"]
    assert found.samples[1].label == tmp_path / "valannot" / "frame1.png"


#: What writes a small data set of a layout.
WRITERS = {"cityscapes": write_cityscapes, "scenes": write_cityscapes, "camvid": write_camvid}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_find_uses_the_named_layout(tmp_path: Path, layout: str) -> None:
    found = datasets.find(layout, WRITERS[layout](tmp_path), "val")
    assert found.samples
    assert (found.classes, found.problems) == (LAYOUTS[layout].classes, ())


def test_layouts_agree_with_layout_facts() -> None:
    facts = {name: each.classes for name, each in LAYOUT_FACTS.items() if name != "folders"}
    assert {name: len(each.classes.names) for name, each in LAYOUTS.items()} == facts


def test_package_loads_no_heavy_module() -> None:
    code = "import sys; from enet import datasets; datasets.find; print({'numpy', 'PIL', 'cv2'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_find_unknown_layout_names_the_nearest(tmp_path: Path) -> None:
    message = refused(lambda: datasets.find("cityscape", tmp_path, "val"))
    assert message.startswith("layout='cityscape' is not known: did you mean 'cityscapes'?")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_find_missing_folder_names_the_option(tmp_path: Path, layout: str) -> None:
    message = refused(lambda: datasets.find(layout, tmp_path / "none", "val"))
    assert f"{tmp_path / 'none'}: no such folder" in message
    assert "--data-root" in message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_find_empty_folder_names_the_expected_files(tmp_path: Path, layout: str) -> None:
    message = refused(lambda: datasets.find(layout, tmp_path, "val"))
    assert message.startswith(f"no images: expected {tmp_path}")
    assert "--data-root" in message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_find_missing_split_finds_no_images(tmp_path: Path, layout: str) -> None:
    root = WRITERS[layout](tmp_path)
    assert "no images" in refused(lambda: datasets.find(layout, root, "test"))


def test_find_lone_images_and_labels_are_problems_in_one_message(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, 2)
    for number in range(10, 17):
        write_image(image_path(tmp_path, "bonn", number))
    write_label(label_path(tmp_path, "ulm", 50))
    found = datasets.find("cityscapes", tmp_path, "val")
    assert len(found.samples) == 2
    message = refused(found.require_sound)
    assert message.startswith(f"data set {tmp_path}: ")
    assert message == refused(lambda: check.inspect(found))
    assert "7 images without label: " in message
    assert "1 label without image: " in message
    for number in range(10, 15):
        assert str(image_path(tmp_path, "bonn", number)) in message
    assert str(image_path(tmp_path, "bonn", 15)) not in message
    assert "and 2 more" in message
    assert str(label_path(tmp_path, "ulm", 50)) in message
    assert "(expected " in message


def test_find_camvid_lone_files_are_problems(tmp_path: Path) -> None:
    write_camvid(tmp_path)
    (tmp_path / "valannot" / "frame1.png").unlink()
    (tmp_path / "val" / "frame2.png").unlink()
    message = "; ".join(datasets.find("camvid", tmp_path, "val").problems)
    assert f"1 image without label: {tmp_path / 'val' / 'frame1.png'}" in message
    assert f"1 label without image: {tmp_path / 'valannot' / 'frame2.png'}" in message


def test_find_equal_names_in_two_cities_are_a_problem(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, 2)
    copied = image_path(tmp_path, "aachen", 0)
    write_image(tmp_path / "leftImg8bit" / "val" / "duplicate_images" / copied.name, seed=9)
    assert copied.name in refused(datasets.find("cityscapes", tmp_path, "val").require_sound)


def test_find_label_in_another_city_is_not_a_partner(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, 2)
    label = label_path(tmp_path, "aachen", 0)
    moved = tmp_path / "gtFine" / "val" / "bonn" / label.name
    label.rename(moved)
    message = refused(datasets.find("cityscapes", tmp_path, "val").require_sound)
    assert str(image_path(tmp_path, "aachen", 0)) in message
    assert str(moved) in message


def test_pair_sorts_by_name(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        (tmp_path / f"{name}.jpg").touch()
        (tmp_path / f"{name}.png").touch()
    samples, problems = pair(tmp_path / "*.jpg", tmp_path / "*.png")
    assert [(s.name, s.label.stem) for s in samples] == [(n, n) for n in "abc"]
    assert problems == ()


def test_first_keeps_the_first_samples(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path), "val")
    assert found.first(None) is found
    assert found.first(2).samples == found.samples[:2]
    assert found.first(100).samples == found.samples
    assert found.first(2).classes is found.classes


def test_inspect_returns_the_manifest(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path), "val")
    manifest = check.inspect(found)
    assert (manifest["layout"], manifest["split"]) == ("cityscapes", "val")
    assert [sample["name"] for sample in manifest["samples"]] == [sample.name for sample in found.samples]
    for entry, sample in zip(manifest["samples"], found.samples, strict=True):
        assert entry["size"] == list(SIZE)
        for key, path in (("image_sha256", sample.image), ("label_sha256", sample.label)):
            pixels = np.asarray(Image.open(path))
            expected = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
            assert entry[key] == expected


def damaged(path: Path, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])


def test_inspect_reports_all_problems_in_one_message(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 14), "val")
    images, labels = [s.image for s in found.samples], [s.label for s in found.samples]
    for path in labels[:7]:
        write_label(path, size=(8, 8))
    write_label(labels[7], label_id=34)
    write_label(labels[8], mode="I;16")
    damaged(images[9], 0.5)
    damaged(labels[10], 0.5)
    images[11].write_text("hello")
    labels[12].unlink()
    message = refused(lambda: check.inspect(found))
    assert message.startswith(f"data set {tmp_path}: ")
    assert "7 labels of another size than their image: " in message
    assert "and 2 more" in message
    assert "(8x8 for 24x16)" in message
    assert f"1 labels with ids that do not exist: {labels[7]} (id 34)" in message
    assert f"1 labels not 8-bit single-channel: {labels[8]} (I;16)" in message
    assert "4 unreadable: " in message
    for path in (images[9], labels[10], images[11], labels[12]):
        assert str(path) in message
    assert str(labels[6]) not in message
    assert "Repair or replace these files" in message


@pytest.mark.parametrize("which", ["image", "label"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_inspect_truncated_file_is_unreadable(tmp_path: Path, which: str, kept: float) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val")
    path: Path = getattr(found.samples[0], which)
    Image.fromarray(np.random.default_rng(0).integers(0, 34, SIZE[::-1], np.uint8)).save(found.samples[0].label)
    damaged(path, kept)
    message = refused(lambda: check.inspect(found))
    assert "1 unreadable: " in message
    assert str(path) in message


@pytest.mark.parametrize("which", ["image", "label"])
def test_inspect_flipped_byte_is_reported(tmp_path: Path, which: str) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val")
    path: Path = getattr(found.samples[0], which)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 12] ^= 0xFF
    path.write_bytes(content)
    assert str(path) in refused(lambda: check.inspect(found))


def test_inspect_truncated_jpeg_named_png_is_reported(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val")
    path = found.samples[0].image
    Image.new("RGB", SIZE).save(path, format="jpeg")
    damaged(path, 0.9)
    assert str(path) in refused(lambda: check.inspect(found))


@pytest.mark.parametrize("side", [9_600, 12_000, 20_000])
@pytest.mark.parametrize("which", ["image", "label"])
def test_inspect_absurd_size_in_header_is_reported(tmp_path: Path, which: str, side: int) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val")
    path: Path = getattr(found.samples[0], which)
    path.write_bytes(recipes.png_claiming(side, side))
    assert str(path) in refused(lambda: check.inspect(found))


def test_inspect_folder_named_like_an_image_is_unreadable(tmp_path: Path) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 2), "val")
    path = found.samples[0].image
    path.unlink()
    path.mkdir()
    assert f"1 unreadable: {path} (Is a directory)" in refused(lambda: check.inspect(found))


@pytest.mark.parametrize(("label_id", "fine"), [(0, True), (33, True), (34, False), (255, False)])
def test_inspect_cityscapes_accepts_ids_0_to_33(tmp_path: Path, label_id: int, fine: bool) -> None:
    found = datasets.find("cityscapes", write_cityscapes(tmp_path, 1), "val")
    write_label(found.samples[0].label, label_id)
    if fine:
        check.inspect(found)
    else:
        assert f"(id {label_id})" in refused(lambda: check.inspect(found))


@pytest.mark.parametrize(("label_id", "fine"), [(10, True), (11, True), (12, False), (255, False)])
def test_inspect_camvid_accepts_ids_0_to_11(tmp_path: Path, label_id: int, fine: bool) -> None:
    found = datasets.find("camvid", write_camvid(tmp_path, 1), "val")
    write_label(found.samples[0].label, label_id)
    if fine:
        check.inspect(found)
    else:
        assert f"(id {label_id})" in refused(lambda: check.inspect(found))


def found_at(root: Path) -> Dataset:
    return datasets.find("cityscapes", write_cityscapes(root), "val")


def test_digest_is_the_same_in_another_folder(tmp_path: Path) -> None:
    here, there = (check.inspect(found_at(tmp_path / name)) for name in ("here", "there"))
    assert here == there
    assert check.digest(here) == check.digest(there)


@pytest.mark.parametrize("which", ["image", "label"])
def test_digest_changes_with_any_file(tmp_path: Path, which: str) -> None:
    found = found_at(tmp_path)
    before = check.digest(check.inspect(found))
    path: Path = getattr(found.samples[1], which)
    if which == "image":
        write_image(path, seed=99)
    else:
        write_label(path, label_id=8)
    assert check.digest(check.inspect(found)) != before
    assert check.digest(check.inspect(found.first(2))) != check.digest(check.inspect(found))


def test_fingerprint_changes_with_time_and_size(tmp_path: Path) -> None:
    found = found_at(tmp_path)
    before = check.dataset_fingerprint(found)
    assert check.dataset_fingerprint(found) == before
    assert len(before) == 2 * len(found.samples)
    os.utime(found.samples[2].label, ns=(1, 1))
    after = check.dataset_fingerprint(found)
    assert [a != b for a, b in zip(after, before, strict=True)].count(True) == 1
    with found.samples[0].image.open("ab") as file:
        file.write(b"more")
    assert check.dataset_fingerprint(found) != after


def test_fingerprint_missing_file_is_named(tmp_path: Path) -> None:
    found = found_at(tmp_path)
    found.samples[0].image.unlink()
    assert str(found.samples[0].image) in refused(lambda: check.dataset_fingerprint(found))


def test_lookup_maps_unknown_ids_to_ignore() -> None:
    classes = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)), {3: 0, 200: 1, 5: IGNORE})
    table = classes.lookup()
    assert table.shape == (256,)
    assert table.dtype == np.uint8
    assert {int(i): int(table[i]) for i in np.flatnonzero(table != IGNORE)} == {3: 0, 200: 1}


@pytest.mark.parametrize(("layout", "count"), [(cityscapes, 19), (camvid, 11)])
def test_every_class_has_a_name_a_colour_and_an_id(layout: object, count: int) -> None:
    classes: Classes = layout.CLASSES  # type: ignore[attr-defined]
    assert len(classes.names) == len(set(classes.names)) == len(set(classes.colours)) == count
    assert sorted(set(classes.lookup().tolist())) == [*range(count), IGNORE]
    assert all(0 <= value <= 255 for colour in classes.colours for value in colour)
