"""Subject: a missing part is named, and all faults of a data set are named at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enet import deliverable
from enet.errors import InputError
from enet.measure import subject as subjects
from enet.storage.store import Store


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def citys(tmp_path: Path) -> Path:
    """Three good pairs in the Cityscapes layout."""
    root = tmp_path / "citys"
    for i in range(3):
        save(root / f"leftImg8bit/val/x/x_{i}_leftImg8bit.png", np.full((16, 32, 3), i, np.uint8))
        save(root / f"gtFine/val/x/x_{i}_gtFine_labelIds.png", np.full((16, 32), 7, np.uint8))
    return root


def subject(tmp_path: Path, root: Path | None) -> subjects.Subject:
    return subjects.Subject(deliverable.load("cityscapes"), Store(tmp_path / "cache"), data_root=root)


def test_manifest_all_faults_give_one_error(citys: Path, tmp_path: Path) -> None:
    (citys / "leftImg8bit/val/x/x_9_leftImg8bit.png").write_bytes(b"")
    (citys / "gtFine/val/x/x_8_gtFine_labelIds.png").write_bytes(b"")
    (citys / "leftImg8bit/val/x/x_0_leftImg8bit.png").write_bytes(b"no image")
    save(citys / "gtFine/val/x/x_1_gtFine_labelIds.png", np.full((8, 8), 7, np.uint8))
    save(citys / "gtFine/val/x/x_2_gtFine_labelIds.png", np.full((16, 32), 99, np.uint8))
    for _ in range(2):  # a data set that was refused once is not accepted the second time
        with pytest.raises(InputError) as error:
            _ = subject(tmp_path, citys).manifest
        message = str(error.value)
        for part in (
            "1 image without label",
            "1 label without image",
            "1 unreadable",
            "labels of another size",
            "id 99",
        ):
            assert part in message
        assert "\n" not in message


def test_dataset_sha256_changes_with_a_file(citys: Path, tmp_path: Path) -> None:
    first = subject(tmp_path, citys).dataset_sha256
    assert subject(tmp_path, citys).dataset_sha256 == first
    save(citys / "leftImg8bit/val/x/x_0_leftImg8bit.png", np.full((16, 32, 3), 200, np.uint8))
    assert subject(tmp_path, citys).dataset_sha256 != first


def test_subject_missing_part_is_named(citys: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"includes no weights. Give them with --weights FILE"):
        _ = subject(tmp_path, citys).weights
    with pytest.raises(InputError, match="give the data set's folder with --data-root DIR"):
        _ = subject(tmp_path, None).dataset
    with pytest.raises(InputError, match="no such folder"):
        _ = subject(tmp_path, tmp_path / "absent").dataset


def test_with_split_keeps_no_hash_of_the_other_split(citys: Path, tmp_path: Path) -> None:
    """The deliverable names the data of its own split; ``evaluate --split`` measures another."""
    (citys / "leftImg8bit/val").rename(citys / "leftImg8bit/test")
    (citys / "gtFine/val").rename(citys / "gtFine/test")
    spec = deliverable.load("cityscapes")
    named = replace(spec, dataset=replace(spec.dataset, sha256="0" * 64, inputs_sha256="0" * 64))
    other = replace(subject(tmp_path, citys), deliverable=named).with_split("test").deliverable.dataset
    assert (other.split, other.images, other.sha256, other.inputs_sha256) == ("test", 3, None, None)
