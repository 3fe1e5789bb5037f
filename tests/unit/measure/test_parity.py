"""Comparisons: equal runs agree, every differing pixel is counted, and only near-ties excuse a logit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from enet import backends, measure
from enet.datasets.image_source import ImageFiles, ImageRange
from enet.measure import pipeline, predictor
from enet.measure.subject import Subject
from tests.unit import recipes, tiny as data

INFER = "enet.backends.onnxruntime.OnnxRuntimeModel.infer"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Two threads wait for each other if other programs use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    return {variant: data.tiny(tmp_path_factory.mktemp(variant), variant) for variant in ("ascend", "tramac")}


@pytest.fixture(scope="module")
def subject(subjects: dict[str, Subject]) -> Subject:
    return subjects["ascend"]


@pytest.fixture(scope="module")
def source(subject: Subject) -> ImageFiles:
    return subject.image_files()


def alter(monkeypatch: pytest.MonkeyPatch, change: Callable[[NDArray[Any]], None], batch_size: int) -> None:
    """Let ONNX Runtime's result for batches of one size be changed in place."""

    original = backends.onnxruntime.OnnxRuntimeModel.infer

    def infer(self: backends.onnxruntime.OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = original(self, images).copy()
        if len(images) == batch_size:
            change(result)
        return result

    monkeypatch.setattr(INFER, infer)


def test_compare_runs_counts_differing_pixels(subject: Subject, source: ImageFiles, tmp_path: Path) -> None:
    paths = tmp_path / "1.npy", tmp_path / "2.npy"
    single, batched = (
        pipeline.measure_split(subject, subject.artifact("onnxruntime", size), source, labels_to=path)
        for size, path in zip((1, 2), paths, strict=True)
    )
    parity = measure.parity.compare_runs("batch parity", (single, batched), paths)
    assert (parity.differing_pixels, parity.pixel_agreement) == ((0,) * data.IMAGES, 1.0)
    assert (parity.images, parity.images_expected, parity.pixels_per_image) == (source.names, data.IMAGES, data.SIDE**2)
    assert (parity.first.batch_size, parity.second.batch_size) == (1, 2)
    assert parity.miou == (single.miou, batched.miou)
    labels = np.load(paths[1])
    labels[3, 0, :2] += 1
    labels[4, 5, 6] += 1
    np.save(paths[1], labels)
    assert measure.parity.compare_runs("batch parity", (single, batched), paths).differing_pixels == (0, 0, 0, 2, 1)
    np.save(paths[1], labels[:4])
    with pytest.raises(ValueError, match="shorter"):
        measure.parity.compare_runs("batch parity", (single, batched), paths)


def test_non_finite_logits_and_a_single_class_are_recorded(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (4, 1))

    def broken(logits: NDArray[Any]) -> None:
        logits[:, 5::19] = 1e6  # as logits or as phases
        logits[2:, 18, 0, 0] = np.nan

    alter(monkeypatch, broken, batch_size=4)
    assert measure.parity.compare_artifacts("padded tail", subject, (batched, single), source).is_single_class
    forms = measure.parity.compare_artifacts("io formats", subject, (single, batched), source, 0)
    assert (forms.non_finite, forms.is_single_class) == (2, True)


@pytest.mark.parametrize(
    ("batch_size", "tail"), [(2, 1), (3, 2), (4, 1), (5, 1), (8, 5), (16, 5)], ids=lambda value: str(value)
)
def test_compare_artifacts_of_a_padded_tail_agree(
    batch_size: int, tail: int, subject: Subject, source: ImageFiles
) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (batch_size, 1))
    parity = measure.parity.compare_artifacts("padded tail", subject, (batched, single), source)
    assert parity.images == source.names[-tail:]
    assert parity.differing_pixels == (0,) * tail
    assert (parity.first.batch_size, parity.second.batch_size, parity.pixels_per_image) == (batch_size, 1, data.SIDE**2)


def test_compare_artifacts_counts_a_wrong_padded_tail(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (3, 1))

    def shifted(logits: NDArray[Any]) -> None:
        logits[:] = np.roll(logits, 1, axis=0)

    alter(monkeypatch, shifted, batch_size=3)
    parity = measure.parity.compare_artifacts("padded tail", subject, (batched, single), source)
    assert parity.differing_pixels[0] == 0  # the padding repeats the first image, so it rolls into itself
    assert parity.differing_pixels[1] > 0


@pytest.mark.parametrize("form", ["float to labels", "uint8 to logits", "uint8 to labels"])
def test_compare_artifacts_of_all_formats_agree(form: str, subject: Subject, source: ImageFiles) -> None:
    plain, other = subject.artifact("onnxruntime", 1), subject.artifact("onnxruntime", 2, data.FORMS[form])
    parity = measure.parity.compare_artifacts("io formats", subject, (plain, other), source)
    assert parity.differing_pixels == (0,) * data.IMAGES
    assert (parity.images, parity.comparison) == (source.names, "io formats")
    assert f"{parity.second.io_format['input']} to {parity.second.io_format['output']}" == form


def test_draw_images_spreads_over_the_split_and_takes_the_last() -> None:
    draws = [measure.parity.draw_images(20, np.random.default_rng(seed)) for seed in range(50)]
    assert {index for drawn in draws for index in drawn} == set(range(20))
    for drawn in draws:
        assert drawn[-1] == 19
        assert {index // 4 for index in drawn} == set(range(5))
    assert [measure.parity.draw_images(count, np.random.default_rng(0)) for count in (1, 2, 5)] == [
        [0], [0, 1], [0, 1, 2, 3, 4]
    ]  # fmt: skip


def test_compare_artifacts_draws_other_images_each_time_and_states_the_seed(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure.parity, "DRAWN_IMAGES", 2)
    pair = subject.artifact("onnxruntime", 1), subject.artifact("onnxruntime", 2, data.FORMS["uint8 to labels"])
    found = [measure.parity.compare_artifacts("io formats", subject, pair, source) for _ in range(2)]
    assert found[0].seed != found[1].seed
    again = measure.parity.compare_artifacts("io formats", subject, pair, source, found[0].seed)
    assert (again.images, again.seed) == (found[0].images, found[0].seed)


@pytest.mark.parametrize("variant", ["ascend", "tramac"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_compare_onnx_logits_agree_with_pytorch(variant: str, batch_size: int, subjects: dict[str, Subject]) -> None:
    subject = subjects[variant]
    found = measure.parity.compare_onnx_logits(subject, batch_size, subject.image_files())
    assert found.values == max(2, batch_size) * 19 * data.SIDE**2
    assert found.over_limit_unexcused == found.non_finite == 0
    assert found.limit == 1e-4
    assert found.over_limit == 0
    assert 0 < found.largest <= 1e-4
    assert found.near_tie_share < 1
    if variant == "ascend":
        assert found.near_tie_share == 0
    assert (found.first.backend, found.second.backend) == ("onnxruntime", "pytorch")


@pytest.mark.parametrize("variant", ["ascend", "tramac"])
def test_wrong_logits_are_not_excused(
    variant: str, subjects: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects[variant]
    raw = predictor.Predictor.infer_batch

    def wrong(self: predictor.Predictor, images: NDArray[np.uint8]) -> NDArray[Any]:
        logits = raw(self, images).copy()
        logits[:, 7] += 2e-4
        logits[:, 2] = np.nan
        return logits

    monkeypatch.setattr("enet.measure.predictor.Predictor.infer_batch", wrong)
    found = measure.parity.compare_onnx_logits(subject, 4, subject.image_files())
    pixels = 4 * data.SIDE**2
    assert (found.over_limit, found.non_finite) == (2 * pixels, pixels)
    assert found.over_limit_unexcused == 2 * round((1 - found.near_tie_share) * pixels)
    assert found.over_limit_unexcused > 0


@pytest.mark.parametrize(("difference", "over_limit"), [(1e-3, 0), (2e-3, 1)])
def test_limit_grows_with_large_logits(
    difference: float, over_limit: int, subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One logit of 1000 in the first image: there 1.3e-3 is rounding, in the second it is an error."""
    known, raw = measure.parity.logits_and_near_ties, predictor.Predictor.infer_batch
    seen: list[NDArray[Any]] = []

    def large(*arguments: Any) -> Any:
        logits, mask = known(*arguments)
        logits[0, 3, 0, 0] = 10 if seen else 1000
        seen.append(logits)
        return logits, mask

    def wrong(self: predictor.Predictor, images: NDArray[np.uint8]) -> NDArray[Any]:
        logits = raw(self, images).copy()
        logits[:, 3, 0, 0] = 1000, 10
        logits[0, 5, 1, 1] += difference
        logits[1, 5, 1, 1] += 0.9e-4
        return logits

    monkeypatch.setattr("enet.measure.parity.logits_and_near_ties", large)
    monkeypatch.setattr("enet.measure.predictor.Predictor.infer_batch", wrong)
    found = measure.parity.compare_onnx_logits(subject, 2, source)
    assert (found.over_limit, found.over_limit_unexcused, found.relative) == (over_limit, over_limit, 1.3e-6)


def test_wrong_logits_are_excused_only_at_near_ties(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    excused = measure.parity.logits_and_near_ties

    def left_half(*arguments: Any) -> Any:
        logits, mask = excused(*arguments)
        mask[..., : data.SIDE // 2] = True
        return logits, mask

    raw = predictor.Predictor.infer_batch

    def wrong(self: predictor.Predictor, images: NDArray[np.uint8]) -> NDArray[Any]:
        logits = raw(self, images).copy()
        logits[0, 7, 3, 5] += 0.5
        logits[0, 7:9, 3, 20] += 0.25
        return logits

    monkeypatch.setattr("enet.measure.parity.logits_and_near_ties", left_half)
    monkeypatch.setattr("enet.measure.predictor.Predictor.infer_batch", wrong)
    found = measure.parity.compare_onnx_logits(subject, 2, source)
    assert (found.over_limit, found.over_limit_unexcused, found.near_tie_share) == (3, 2, 0.5)
    assert found.largest == pytest.approx(0.5, abs=1e-4)


# Near-ties.

WIDTH, HEIGHT, PATCH = 192, 128, slice(16, 48)


def noise_with_a_flat_patch() -> NDArray[np.float32]:
    """Normalised noise with one patch of a single colour, in which every pooling window ties."""
    images = np.random.default_rng(4).normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
    images[:, :, PATCH, PATCH] = np.array([0.3, -0.4, 0.9]).reshape(3, 1, 1)
    return images


def test_near_ties_are_found_in_a_flat_patch() -> None:
    network = recipes.seeded("tramac")
    logits, mask = measure.parity.logits_and_near_ties(network, noise_with_a_flat_patch())
    assert (logits.shape, mask.shape, str(mask.dtype)) == ((1, 19, HEIGHT, WIDTH), (1, HEIGHT, WIDTH), "bool")
    np.testing.assert_array_equal(logits, recipes.run(network, torch.from_numpy(noise_with_a_flat_patch())).numpy())
    assert mask[0, PATCH, PATCH].all()
    assert mask.mean() < 0.5
    assert not mask[0, 100:, 150:].any()


def test_rounding_moves_logits_only_at_near_ties() -> None:
    network = recipes.seeded("tramac")
    images = noise_with_a_flat_patch()
    logits, mask = measure.parity.logits_and_near_ties(network, images)
    rounding = np.random.default_rng(5).choice([-3e-7, 0, 3e-7], images.shape).astype(np.float32)
    other, _ = measure.parity.logits_and_near_ties(network, images + rounding)
    moved = (np.abs(other - logits) > 1e-4).any(axis=1)
    assert moved.any()  # or the mask would be for nothing
    assert not (moved & ~mask).any()


@pytest.mark.parametrize("variant", ["ascend", "paper"])
def test_near_ties_need_unpooling(variant: str) -> None:
    _, mask = measure.parity.logits_and_near_ties(recipes.seeded(variant), noise_with_a_flat_patch())
    assert mask.any() == (variant == "paper")


def test_hooks_are_removed_after_an_error() -> None:
    network = recipes.seeded("tramac")
    with pytest.raises(RuntimeError):
        measure.parity.logits_and_near_ties(network, np.zeros((1, 4, 16, 16), np.float32))
    measure.parity.logits_and_near_ties(network, np.zeros((1, 3, 16, 16), np.float32))
    assert not any(module._forward_hooks for module in network.modules())


def test_image_that_one_run_lacks_is_missing_not_an_error(subject: Subject, tmp_path: Path) -> None:
    """A front end that drops a last batch that is not full leaves fewer label maps."""
    artifact, files = subject.artifact("onnxruntime", 1), (tmp_path / "all.npy", tmp_path / "some.npy")
    whole = subject.image_files()
    runs = [
        pipeline.measure_split(subject, artifact, whole, labels_to=files[0]),
        pipeline.measure_split(subject, artifact, ImageRange(whole, 1, 3), labels_to=files[1]),
    ]
    for pair, labels in (((runs[0], runs[1]), files), ((runs[1], runs[0]), files[::-1])):
        found = measure.compare_runs("batch parity", pair, labels)
        assert found.images == runs[0].images[1:3]
        assert found.images_expected == subject.deliverable.dataset.images > len(found.images)
        assert found.differing_pixels == (0, 0)
