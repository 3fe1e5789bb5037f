"""Preprocessed files: equal to the reference recipe, complete or absent, never of other settings."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from enet import datasets
from enet.datasets import bin_files as bins, image_source as source, preprocess
from enet.deliverable import Preprocessing
from enet.errors import InputError
from enet.measure import reference_preprocessing
from tests.unit import tiny as data

SPEC = Preprocessing(size=(32, 32))


@pytest.fixture
def photographs(tmp_path: Path) -> source.ImageFiles:
    return source.ImageFiles(datasets.find("cityscapes", data.data_set(tmp_path / "data"), "val"), SPEC)


def write(
    photographs: source.ImageFiles, folder: Path, kind: Literal["float", "uint8"] = "float", sha256: str = "d"
) -> dict[str, Any]:
    return bins.write_bin_files(photographs, folder, kind, {"dataset_sha256": sha256}, progress=False)


def expected(photographs: source.ImageFiles, kind: str = "float") -> dict[str, bytes]:
    """Content by file name, by the reference_preprocessing."""
    content = {}
    for sample in photographs.samples:
        if kind == "float":
            content[f"{sample.name}.bin"] = (
                reference_preprocessing.network_input(sample.image, photographs.spec).astype("<f4").tobytes()
            )
        else:
            with Image.open(sample.image) as image:
                pixels = reference_preprocessing.resize(
                    image.convert("RGB"), photographs.spec, Image.Resampling.BILINEAR
                )
            content[f"{sample.name}.bin"] = np.asarray(pixels).tobytes()
    return content


def written(folder: Path) -> dict[str, bytes]:
    """Content by file name of all but the manifest."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != bins.MANIFEST}


@pytest.mark.parametrize(("kind", "size"), [("float", 32 * 32 * 3 * 4), ("uint8", 32 * 32 * 3)])
def test_bin_files_equal_the_reference_recipe(
    kind: Literal["float", "uint8"], size: int, photographs: source.ImageFiles, tmp_path: Path
) -> None:
    manifest = write(photographs, tmp_path / "a" / "b", kind)
    found = written(tmp_path / "a" / "b")
    assert found == expected(photographs, kind)
    assert list(manifest["files"]) == [f"{name}.bin" for name in photographs.names]
    assert photographs.names[0] == "alpha_000001_leftImg8bit"
    assert {len(content) for content in found.values()} == {size}
    assert manifest == json.loads((tmp_path / "a" / "b" / bins.MANIFEST).read_text())
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    assert (manifest["input"], manifest["preprocessing"]["size"]) == (kind, [32, 32])


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != bins.MANIFEST}


def test_interrupted_run_resumes(photographs: source.ImageFiles, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    manifest = write(photographs, folder)
    before = times(folder)
    lost, cut, *kept = sorted(before)
    (folder / lost).unlink()
    (folder / cut).write_bytes((folder / cut).read_bytes()[:-1])
    assert write(photographs, folder) == manifest
    after = times(folder)
    assert {name for name in after if after[name] != before[name]} == {lost, cut}
    assert all(after[name] == before[name] for name in kept)
    assert written(folder) == expected(photographs)


@pytest.mark.parametrize("change", ["data", "mean", "kind"])
def test_other_settings_write_every_file_again(change: str, photographs: source.ImageFiles, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(photographs, folder)
    before = times(folder)
    if change == "mean":
        photographs.spec = replace(SPEC, mean=(0.5, 0.5, 0.5))
    kind: Literal["float", "uint8"] = "uint8" if change == "kind" else "float"
    write(photographs, folder, kind, "other" if change == "data" else "d")
    after = times(folder)
    assert all(after[name] != before[name] for name in before)
    assert written(folder) == expected(photographs, kind)


@contextlib.contextmanager
def interrupted(photographs: source.ImageFiles, readable: int) -> Iterator[None]:
    """A run that fails once the first few photographs are read."""
    unreadable = {sample.image for sample in photographs.samples[readable:]}
    load_image = preprocess.load_image

    def load(path: Path, spec: Preprocessing) -> NDArray[np.uint8]:
        if path in unreadable:
            raise InputError("the run was interrupted")
        return load_image(path, spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enet.datasets.image_source.load_image", load)
        with pytest.raises(InputError, match="interrupted"):
            yield


def test_failed_run_leaves_complete_files_and_no_hashes(photographs: source.ImageFiles, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with interrupted(photographs, 3):
        write(photographs, folder)
    found = written(folder)
    assert len(found) == 3
    assert found.items() <= expected(photographs).items()
    assert not any(bins.read_manifest(folder)["files"].values())
    before = times(folder)
    write(photographs, folder)
    assert times(folder).items() >= before.items()
    assert written(folder) == expected(photographs)


def test_interrupted_run_removes_files_of_other_settings(photographs: source.ImageFiles, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(photographs, folder)
    photographs.spec = replace(SPEC, mean=(0.5, 0.5, 0.5))  # as many bytes a file
    with interrupted(photographs, 1):
        write(photographs, folder)
    write(photographs, folder)
    assert written(folder) == expected(photographs)


def test_removed_images_have_their_files_removed(photographs: source.ImageFiles, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(photographs, folder)
    fewer = source.ImageFiles(datasets.find("cityscapes", data.data_set(tmp_path / "fewer", images=2), "val"), SPEC)
    write(fewer, folder, sha256="fewer")
    assert written(folder) == expected(fewer)


def test_foreign_files_are_not_deleted(photographs: source.ImageFiles, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "firmware.bin").write_text("mine")
    with contextlib.suppress(InputError):  # ais_bench would run it too: it may be refused
        write(photographs, tmp_path / "out")
    assert (tmp_path / "out" / "firmware.bin").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_unreadable_manifest_counts_as_none(content: bytes, photographs: source.ImageFiles, tmp_path: Path) -> None:
    (tmp_path / bins.MANIFEST).write_bytes(content)
    assert bins.read_manifest(tmp_path) == {}


def test_folder_that_cannot_be_created_gives_one_line_error(photographs: source.ImageFiles, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below"):
        with pytest.raises(InputError) as caught:
            write(photographs, folder)
        assert str(caught.value).startswith(f"{folder}: ")
        assert "Choose another" in str(caught.value)
    assert file.read_text() == "mine"
