"""The oracle of preprocessing: it finds a fault in any one image, and shares nothing that could hide one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from enet import datasets, gates
from enet.datasets import LAYOUTS, Classes, cityscapes, preprocess
from enet.datasets.image_source import ImageSource, Pair
from enet.deliverable import Preprocessing
from enet.evidence import Digests
from enet.gates import Outcome
from enet.measure import reference_labels, reference_preprocessing
from enet.measure.subject import Subject
from enet.storage.store import Store
from tests.unit.tiny import IMAGES, data_set, over, tiny


class Changed:
    """A source in which a function changes one image's pair."""

    def __init__(self, source: ImageSource, index: int, change: Callable[[Pair], Pair]) -> None:
        self.source, self.index, self.change, self.names = source, index, change, source.names

    def load(self, index: int) -> Pair:
        pair = self.source.load(index)
        return self.change(pair) if index == self.index else pair


def outcome(subject: Subject, source: ImageSource) -> tuple[Outcome, str]:
    verdict = gates.parity.preprocessing(reference_preprocessing.compare(subject, source), subject.deliverable)
    return verdict.outcome, verdict.sentence


def test_compare_takes_every_image_and_agrees(subject: Subject) -> None:
    evidence = reference_preprocessing.compare(subject, subject.prepared())
    assert tuple(evidence.ours) == tuple(evidence.theirs) == subject.prepared().names
    assert outcome(subject, subject.prepared())[0] is Outcome.PASS


CHANGES: dict[str, Callable[[Pair], Pair]] = {
    "darker": lambda pair: (pair[0] - (pair[0] > 0).astype(np.uint8), pair[1]),
    "one value": lambda pair: (pair[0] ^ np.eye(1, pair[0].size, dtype=np.uint8).reshape(pair[0].shape), pair[1]),
    "shifted": lambda pair: (np.roll(pair[0], 1, axis=1), pair[1]),
    "mirrored label map": lambda pair: (pair[0], pair[1][:, ::-1]),
    "ignored pixels scored": lambda pair: (pair[0], np.where(pair[1] == 255, 0, pair[1]).astype(np.uint8)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("index", range(IMAGES))
def test_compare_finds_any_one_changed_image(subject: Subject, index: int, change: str) -> None:
    result, sentence = outcome(subject, Changed(subject.prepared(), index, CHANGES[change]))
    assert result is Outcome.FAIL
    assert f"1 of {IMAGES} images differ" in sentence
    assert subject.prepared().names[index] in sentence


def test_compare_finds_label_maps_of_other_images_and_another_order(subject: Subject) -> None:
    prepared = subject.prepared()
    other = prepared.load(1)[1]
    assert outcome(subject, Changed(prepared, 0, lambda pair: (pair[0], other)))[0] is Outcome.FAIL
    backwards = Changed(prepared, -1, lambda pair: pair)
    backwards.names = prepared.names[::-1]
    assert outcome(subject, backwards)[0] is Outcome.NO_EVIDENCE


def test_compare_finds_a_stale_cache(tmp_path: Path) -> None:
    subject = tiny(tmp_path)
    stale = subject.prepared()
    image = subject.dataset.samples[2].image
    Image.fromarray(np.asarray(Image.open(image)) // 2).save(image)
    assert outcome(subject, stale)[0] is Outcome.FAIL


def swapped(classes: Classes) -> Classes:
    """Two classes have each other's label id, in the table that the pipeline reads."""
    first, second = (next(i for i, train in classes.train_ids.items() if train == number) for number in (0, 13))
    return replace(classes, train_ids={**classes.train_ids, first: 13, second: 0})


def scored(classes: Classes) -> Classes:
    """An ignored id is scored as road."""
    return replace(classes, train_ids={**classes.train_ids, 9: 0})


@pytest.mark.parametrize("change", [swapped, scored])
def test_compare_finds_a_fault_in_the_table_of_label_ids(
    change: Callable[[Classes], Classes], subject: Subject, tmp_path: Path
) -> None:
    layout = replace(LAYOUTS["cityscapes"], classes=change(cityscapes.CLASSES))
    with mock.patch.dict(LAYOUTS, {"cityscapes": layout}):
        faulty = Subject(subject.deliverable, Store(tmp_path), data_root=subject.data_root)
        assert outcome(faulty, faulty.prepared())[0] is Outcome.FAIL


def bicubic(self: preprocess.Window, image: Image.Image) -> Image.Image:
    return self.cut(image.resize(self.scaled, Image.Resampling.BICUBIC))


def one_channel(self: preprocess.Normalise, spec: Preprocessing) -> None:
    INIT(self, replace(spec, std=(*spec.std[:2], spec.std[2] * 1.001)))


def cut_elsewhere(self: preprocess.Window, scaled: Image.Image) -> Image.Image:
    return scaled.crop((self.crop[0] + 1, self.crop[1], self.crop[0] + 1 + self.size[0], self.crop[1] + self.size[1]))


INIT = preprocess.Normalise.__init__
FAULTS = {
    "resize kernel": (preprocess.Window, "of_image", bicubic),
    "crop of label maps": (preprocess.Window, "cut", cut_elsewhere),
    "one channel's std": (preprocess.Normalise, "__init__", one_channel),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_compare_finds_faults_of_a_step(fault: str, subject: Subject) -> None:
    spec = subject.deliverable  # at half the size: the tiny images have the network's height
    smaller = replace(subject, deliverable=replace(spec, preprocessing=replace(spec.preprocessing, size=(16, 16))))
    assert outcome(smaller, smaller.image_files())[0] is Outcome.PASS
    with mock.patch.object(*FAULTS[fault]):
        assert outcome(smaller, smaller.image_files())[0] is Outcome.FAIL


def test_named_inputs_find_what_both_recipes_share(subject: Subject) -> None:
    """As if a library had changed: the pipeline and the oracle agree, but not with what was named."""
    evidence = reference_preprocessing.compare(subject, subject.prepared())
    spec = subject.deliverable
    named = replace(spec, dataset=replace(spec.dataset, inputs_sha256=evidence.inputs_sha256))
    assert gates.parity.preprocessing(evidence, named).outcome is Outcome.PASS
    both = {**evidence.ours, next(iter(evidence.ours)): "f" * 64}
    changed: Digests = replace(evidence, ours=both, theirs=both)
    assert gates.parity.preprocessing(changed, spec).outcome is Outcome.PASS
    verdict = gates.parity.preprocessing(changed, named)
    assert verdict.outcome is Outcome.FAIL
    assert f"expected {evidence.inputs_sha256[:12]} of the deliverable" in verdict.sentence


def test_named_data_are_not_limited_or_others(subject: Subject, tmp_path: Path) -> None:
    spec = subject.deliverable
    named = replace(spec, dataset=replace(spec.dataset, sha256=subject.dataset_sha256, inputs_sha256="0" * 64))
    other = replace(over(subject, data_set(tmp_path / "other", seed=1)), deliverable=named)
    result, sentence = outcome(other, other.prepared())
    assert result is Outcome.NO_EVIDENCE
    assert (
        sentence == f"data set {other.dataset_sha256[:12]}, expected {subject.dataset_sha256[:12]} of the deliverable"
    )
    few = replace(subject, deliverable=named, limit=2)
    assert outcome(few, few.prepared()) == (
        Outcome.NO_EVIDENCE,
        f"0 of 2 images differ from the reference recipe, expected none; {IMAGES - 2} of {IMAGES} images missing",
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_agree_and_are_independent(layout: str) -> None:
    classes, rows = LAYOUTS[layout].classes, reference_labels.rows(layout)
    assert {label_id: train_id for label_id, _, train_id in rows} == dict(classes.train_ids)
    assert [name for _, name, train_id in sorted(rows, key=lambda row: row[2]) if train_id != 255] == [*classes.names]
    assert Path(reference_labels.__file__).read_text().count("\nfrom ") == 1  # __future__ alone


def test_table_is_that_of_cityscapes_scripts() -> None:
    labels = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    public = [(label.id, label.name, label.trainId) for label in labels if label.id >= 0]
    assert reference_labels.rows("cityscapes") == public


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    for kind, mode in (("val", "RGB"), ("valannot", "L")):
        (tmp_path / kind).mkdir()
        for name in ("b", "a", "c"):
            Image.new(mode, (16, 8)).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def test_list_pairs_finds_what_the_pipeline_finds(camvid: Path, tmp_path: Path) -> None:
    for layout, root in (("camvid", camvid), ("cityscapes", data_set(tmp_path / "citys"))):
        samples = datasets.find(layout, root, "val").samples
        pairs = reference_preprocessing.list_pairs(root, layout, "val")
        assert pairs == [(sample.image, sample.label) for sample in samples]
