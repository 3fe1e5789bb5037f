"""A small deliverable that is accepted, for runs of the suite from outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from enet import deliverable
from enet.datasets import scenes as generator
from enet.datasets.scenes import scene_paths
from enet.measure import pipeline
from enet.measure.subject import Subject
from enet.selftest import result_folders
from enet.storage.store import Store

IMAGES = 10

#: Pixels of a side of the network's input, fewer than the embedded deliverable's so that a run takes seconds.
SIDE = 240


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of the embedded scenes."""

    folder = tmp_path_factory.mktemp("scenes")
    generator.write(folder, images=IMAGES, split="val")
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """The embedded deliverable over these scenes alone, with its reference measured over them."""

    folder = tmp_path_factory.mktemp("deliverable")
    path = folder / "small.toml"
    text = (deliverable.BUILTIN / "scenes.toml").read_text(encoding="utf-8")
    spec = deliverable.load("scenes")
    replacements = {
        'name = "scenes"': 'name = "small"',
        f"images = {spec.dataset.images}": f"images = {IMAGES}",
        f'weights = "{spec.network.weights}"': f'weights = "{deliverable.BUILTIN / str(spec.network.weights)}"',
        f'golden = "{spec.network.golden}"': f'golden = "{deliverable.BUILTIN / str(spec.network.golden)}"',
        f'sha256 = "{spec.dataset.sha256}"\n': "",  # these are other data
        f'inputs_sha256 = "{spec.dataset.inputs_sha256}"\n': "",
        "batch_sizes = [1, 16]": "batch_sizes = [1, 4]",
        "[reference]": f"[preprocessing]\nsize = [{SIDE}, {SIDE}]\n\n[reference]",
    }
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    subject = Subject(deliverable.load(str(path)), Store(folder / "cache"), data_root=scenes)
    measured = pipeline.measure_split(subject, subject.artifact("pytorch", 1), subject.prepared())
    old = f"miou_percent = {spec.reference.miou_percent}"
    assert old in text
    path.write_text(text.replace(old, f"miou_percent = {100 * measured.miou:.4f}"), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def cache(small: Path) -> Path:
    """An artifact cache of the small deliverable, for runs that need not build all anew."""
    return small.parent / "cache"


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Times of the embedded deliverable on a 310P3, fast enough."""
    folder = tmp_path_factory.mktemp("records")
    outputs = {scene_paths(Path(), "val", number)[0].stem: np.zeros(1, np.uint8) for number in range(20)}
    for size in (1, 16):
        result_folders.write(folder, outputs, size, ms_per_image=1.0)
    (folder / "npu_smi.txt").write_text(result_folders.NPU_SMI)
    return folder
