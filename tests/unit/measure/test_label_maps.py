"""An artifact's label maps: whether they are PyTorch's, and whether they come again.

Each fault is in ONNX Runtime's results alone, of a tiny network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from enet import backends, gates, measure
from enet.datasets.image_source import ImageFiles
from enet.evidence import Accuracy, Agreement, Parity
from enet.gates import Outcome
from enet.measure import predictor
from enet.measure.parity import FEWEST_ROWS, draw_calls
from enet.measure.subject import Subject
from tests.unit import tiny as data

Array = NDArray[Any]
#: From the images of a call and what it should give, to what it gives.
Fault = Callable[[Array, Array], Array]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Two threads wait for each other if other programs use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return data.tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def source(subject: Subject) -> ImageFiles:
    return subject.image_files()


@pytest.fixture(scope="module")
def pytorch(subject: Subject, source: ImageFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Accuracy, Path]:
    return split(subject, source, "pytorch", 1, tmp_path_factory.mktemp("pytorch"))


def split(subject: Subject, source: ImageFiles, backend: str, size: int, folder: Path) -> tuple[Accuracy, Path]:
    labels = folder / "labels.npy"
    return measure.measure_split(subject, subject.artifact(backend, size), source, labels_to=labels), labels


# --- the label maps are PyTorch's -------------------------------------------------------------------------------------


def half_mirrored(labels: Array) -> Array:
    half = labels.shape[1] // 2
    return np.concatenate([labels[:, half - 1 :: -1], labels[:, half:]], axis=1)


LABEL_FAULTS: dict[str, Callable[[Array], Array]] = {
    "half mirrored": half_mirrored,
    "one pixel to the right": lambda labels: np.roll(labels, 1, 1),
    "one pixel up": lambda labels: np.roll(labels, -1, 0),
    "its last rows lost": lambda labels: np.concatenate([labels[:-2], labels[-4:-2]]),
}


def agreement(subject: Subject, source: ImageFiles, size: int, pytorch: tuple[Accuracy, Path], to: Path) -> Agreement:
    run, labels = split(subject, source, "onnxruntime", size, to)
    return measure.compare_with_reference((run, pytorch[0]), (labels, pytorch[1]))


@pytest.mark.parametrize("size", [1, 2])
def test_compare_with_reference_of_a_sound_artifact(
    size: int, subject: Subject, source: ImageFiles, pytorch: tuple[Accuracy, Path], tmp_path: Path
) -> None:
    found = agreement(subject, source, size, pytorch, tmp_path)
    assert (found.images, found.images_expected, found.pixels_per_image) == (source.names, data.IMAGES, data.SIDE**2)
    assert (found.first.backend, found.first.batch_size, found.second.backend) == ("onnxruntime", size, "pytorch")
    assert found.pixel_agreement == 1
    assert gates.agreement.agreement(found).outcome is Outcome.PASS


@pytest.mark.parametrize("fault", LABEL_FAULTS)
@pytest.mark.parametrize("where", ["in one image", "in all images"])
def test_labels_that_are_not_pytorchs_fail(
    where: str,
    fault: str,
    subject: Subject,
    source: ImageFiles,
    pytorch: tuple[Accuracy, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    predict = predictor.Predictor.predict_prepared
    marked = predictor.Predictor.prepare_batch
    mark = source.load(3)[0]

    def predict_prepared(self: predictor.Predictor, batch: Array, count: int) -> tuple[Array, int]:
        labels, non_finite = predict(self, batch, count)
        for row in range(count):
            if where == "in all images" or np.array_equal(batch[row], marked(self, mark[None])[0]):
                labels[row] = LABEL_FAULTS[fault](labels[row])
        return labels, non_finite

    monkeypatch.setattr(predictor.Predictor, "predict_prepared", predict_prepared)
    found = agreement(subject, source, 2, pytorch, tmp_path)
    assert sum(each.differing > 0 for each in found.counts) == (1 if where == "in one image" else data.IMAGES)
    verdict = gates.agreement.agreement(found)
    assert verdict.outcome is Outcome.FAIL
    assert source.names[3] in verdict.sentence or where == "in all images"


def test_compare_with_reference_leaves_out_images_that_one_run_lacks(
    subject: Subject, source: ImageFiles, pytorch: tuple[Accuracy, Path], tmp_path: Path
) -> None:
    run, path = split(subject, source, "onnxruntime", 1, tmp_path)
    rows = [4, 1]
    np.save(path, np.load(path)[rows])
    some = replace(run, images=tuple(run.images[row] for row in rows), matrices=run.matrices[rows])
    found = measure.compare_with_reference((some, pytorch[0]), (path, pytorch[1]))
    assert found.images == (source.names[4], source.names[1])
    assert found.pixel_agreement == 1  # compared by name, not by place
    assert "3 of 5 images missing" in gates.agreement.agreement(found).sentence


def test_write_certain_pixels_marks_the_larger_leads(subject: Subject, source: ImageFiles, tmp_path: Path) -> None:
    measure.write_certain_pixels(subject, source, tmp_path / "certain.npy")
    masks = np.load(tmp_path / "certain.npy")
    for name, mask in zip(source.names, masks, strict=True):
        first, second = np.sort(data.slow_logits(subject)[name], axis=0)[[-1, -2]]
        lead = first - second
        assert np.count_nonzero(mask) == mask.size // 2
        assert lead[mask > 0].min() > lead[mask == 0].max() - 1e-4
    run = split(subject, source, "onnxruntime", 1, tmp_path)
    found = measure.compare_with_reference((run[0], run[0]), (run[1], run[1]), tmp_path / "certain.npy")
    assert [each.certain_differing for each in found.counts] == [0] * data.IMAGES


# --- they come again --------------------------------------------------------------------------------------------------


def changed(result: Array, row: int) -> Array:
    """Another class at one pixel of a row."""
    result = result.copy()
    result[row, (result[row, :19, 0, 0].argmax() + 1) % 19, 0, 0] += 1000
    return result


def depends_on_neighbours(images: Array, result: Array) -> Array:
    return np.roll(result, int(1e3 * np.abs(images[1:].astype(np.float64).sum())) % 7, axis=-1)


def memo_of_the_first_row() -> Fault:
    known: dict[bytes, Array] = {}
    return lambda images, result: known.setdefault(images[0].tobytes(), result)


def previous_result() -> Fault:
    last: list[Array] = []

    def give(_: Array, result: Array) -> Array:
        last.append(result)
        return last[-2] if len(last) > 1 else result

    return give


def once(number: int) -> Fault:
    """One pixel is wrong in one call of all."""
    calls: list[int] = []

    def give(_: Array, result: Array) -> Array:
        calls.append(1)
        return changed(result, 0) if len(calls) == number else result

    return give


#: By name: a batch size, and a new fault.
REPEAT_FAULTS: dict[str, tuple[int, Callable[[], Fault]]] = {
    "rows in reverse order": (4, lambda: lambda _, result: result[::-1]),
    "first row repeated": (4, lambda: lambda _, result: np.repeat(result[:1], len(result), axis=0)),
    "a row that depends on its place": (4, lambda: lambda _, result: changed(result, 2)),
    "rows that depend on their neighbours": (4, lambda: depends_on_neighbours),
    "a memo of the first row": (4, memo_of_the_first_row),
    "the previous result, batch 4": (4, previous_result),
    "the previous result, batch 1": (1, previous_result),
    "call 3 of batch 4": (4, lambda: once(3)),  # the split has two batches
    "call 5 of batch 4": (4, lambda: once(5)),
    "call 7 of batch 1": (1, lambda: once(7)),
    "call 14 of batch 1": (1, lambda: once(14)),
}


def repeat(subject: Subject, source: ImageFiles, size: int, folder: Path, seed: int = 0) -> Parity:
    run = split(subject, source, "onnxruntime", size, folder)
    return measure.compare_rows(subject, subject.artifact("onnxruntime", size), source, run, seed)


@pytest.mark.parametrize("size", [1, 4])
def test_compare_rows_of_a_sound_artifact(size: int, subject: Subject, source: ImageFiles, tmp_path: Path) -> None:
    found = repeat(subject, source, size, tmp_path, seed=7)
    calls = draw_calls(data.IMAGES, size, np.random.default_rng(7))
    assert found.images[size] == f"{source.names[calls[1][0]]} in row 0 of call 1"
    assert len(found.images) == found.images_expected == size * len(calls)
    assert found.differing_pixels == (0,) * len(found.images)
    assert (found.seed, found.pixels_per_image) == (7, data.SIDE**2)
    assert gates.parity.parity(found, subject.deliverable).outcome is Outcome.PASS


@pytest.mark.parametrize("fault", REPEAT_FAULTS)
def test_results_that_do_not_come_again_fail(
    fault: str, subject: Subject, source: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, make = REPEAT_FAULTS[fault]
    infer, give = backends.onnxruntime.OnnxRuntimeModel.infer, make()
    monkeypatch.setattr("enet.measure.one_device.cores", lambda: 1)  # so that calls have an order
    monkeypatch.setattr(
        backends.onnxruntime.OnnxRuntimeModel, "infer", lambda self, images: give(images, infer(self, images))
    )
    verdict = gates.parity.parity(repeat(subject, source, size, tmp_path), subject.deliverable)
    assert verdict.outcome is Outcome.FAIL, verdict
    assert "of call" in verdict.sentence


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 4), (5, 1), (5, 2), (3, 16), (20, 16), (500, 32)])
def test_draw_calls(count: int, size: int) -> None:
    for seed in range(20):
        first, *others = draw_calls(count, size, np.random.default_rng(seed))
        assert {len(call) for call in (first, *others)} == {size}
        assert set(np.concatenate([first, *others]).tolist()) <= set(range(count))
        assert others[0][0] == first[0]
        assert len(others) * size >= FEWEST_ROWS
        if count >= size:  # a batch of the split: the same call again
            assert first.tolist() == list(range(first[0], first[0] + size))
            assert first[0] % size == 0
        if size > 4:
            assert len(set(others[0].tolist())) < size  # an image in several rows
    drawn = [np.concatenate(draw_calls(count, size, np.random.default_rng(seed))).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert count == 1 or drawn[0] != drawn[2]


def test_compare_rows_draws_a_new_seed_each_time(subject: Subject, source: ImageFiles, tmp_path: Path) -> None:
    run, artifact = split(subject, source, "onnxruntime", 1, tmp_path), subject.artifact("onnxruntime", 1)
    seeds = {measure.compare_rows(subject, artifact, source, run).seed for _ in range(2)}
    assert len(seeds) == 2
    assert None not in seeds
