"""Runs that agree are said to, the smallest disagreement is counted where it is, and only near-ties excuse one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from enet.backends.onnxruntime import OnnxRuntimeModel
from enet.datasets.image_source import ImageFiles
from enet.measure import parity as agreement, pipeline, predictor
from enet.measure.subject import Subject
from tests.unit import recipes, tiny as data

INFER = "enet.backends.onnxruntime.OnnxRuntimeModel.infer"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Two threads wait for each other where others use the cores."""
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
    return subject.photographs()


def alter(monkeypatch: pytest.MonkeyPatch, change: Callable[[NDArray[Any]], None], batch_size: int) -> None:
    """Let ONNX Runtime's result for batches of one size be changed in place."""

    original = OnnxRuntimeModel.infer

    def infer(self: OnnxRuntimeModel, images: NDArray[Any]) -> NDArray[Any]:
        result = original(self, images).copy()
        if len(images) == batch_size:
            change(result)
        return result

    monkeypatch.setattr(INFER, infer)


def test_between_runs(subject: Subject, source: ImageFiles, tmp_path: Path) -> None:
    paths = tmp_path / "1.npy", tmp_path / "2.npy"
    single, batched = (
        pipeline.measure_split(subject, subject.artifact("onnxruntime", size), source, labels_to=path)
        for size, path in zip((1, 2), paths, strict=True)
    )
    parity = agreement.compare_runs("batch parity", (single, batched), paths)
    assert (parity.differing_pixels, parity.agreement) == ((0,) * data.IMAGES, 1.0)
    assert (parity.images, parity.images_expected, parity.pixels) == (source.names, data.IMAGES, data.SIDE**2)
    assert (parity.first.batch_size, parity.second.batch_size) == (1, 2)
    assert parity.miou == (single.miou, batched.miou)
    labels = np.load(paths[1])
    labels[3, 0, :2] += 1
    labels[4, 5, 6] += 1
    np.save(paths[1], labels)
    assert agreement.compare_runs("batch parity", (single, batched), paths).differing_pixels == (0, 0, 0, 2, 1)
    np.save(paths[1], labels[:4])
    with pytest.raises(ValueError, match="shorter"):
        agreement.compare_runs("batch parity", (single, batched), paths)


@pytest.mark.parametrize("variant", ["ascend", "tramac"])
def test_equal_rows(variant: str, subjects: dict[str, Subject]) -> None:
    subject = subjects[variant]
    photographs = subject.photographs()
    parity = agreement.compare_rows(subject, subject.artifact("onnxruntime", 4), photographs, image=2)
    assert parity.differing_pixels == (0, 0, 0)  # against row 0
    assert parity.images == tuple(f"{photographs.names[2]} in row {row}" for row in (1, 2, 3))
    assert (parity.pixels, parity.images_expected, parity.first.batch_size) == (data.SIDE**2, 3, 4)
    assert (parity.non_finite, parity.constant) == (0, False)


def test_a_row_that_differs_is_counted(subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = subject.artifact("onnxruntime", 4)

    def third_row(logits: NDArray[Any]) -> None:
        winner = logits[2, :, 0, :3].argmax(axis=0)
        for column in range(3):
            logits[2, (winner[column] + 1) % 19, 0, column] += 1000

    alter(monkeypatch, third_row, batch_size=4)
    assert agreement.compare_rows(subject, artifact, source).differing_pixels == (0, 3, 0)


def test_a_first_row_that_differs_is_counted_in_every_other(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = subject.artifact("onnxruntime", 4)

    def first_row(logits: NDArray[Any]) -> None:
        logits[0, (logits[0, :, 0, 0].argmax() + 1) % 19, 0, 0] += 1000

    alter(monkeypatch, first_row, batch_size=4)
    assert agreement.compare_rows(subject, artifact, source).differing_pixels == (1, 1, 1)


def test_logits_that_are_no_numbers_and_a_single_class_are_told(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (4, 1))

    def broken(logits: NDArray[Any]) -> None:
        logits[:, 5::19] = 1e6  # laid out or in phases
        logits[2:, 18, 0, 0] = np.nan

    alter(monkeypatch, broken, batch_size=4)
    rows = agreement.compare_rows(subject, batched, source)
    assert (rows.differing_pixels[0], rows.non_finite, rows.constant) == (0, 2, True)
    assert agreement.compare_artifacts("padded tail", subject, (batched, single), source).constant
    forms = agreement.compare_artifacts("forms", subject, (single, batched), source)
    assert (forms.non_finite, forms.constant) == (2, True)


@pytest.mark.parametrize(
    ("batch_size", "tail"), [(2, 1), (3, 2), (4, 1), (5, 1), (8, 5), (16, 5)], ids=lambda value: str(value)
)
def test_padded_tail(batch_size: int, tail: int, subject: Subject, source: ImageFiles) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (batch_size, 1))
    parity = agreement.compare_artifacts("padded tail", subject, (batched, single), source)
    assert parity.images == source.names[-tail:]
    assert parity.differing_pixels == (0,) * tail
    assert (parity.first.batch_size, parity.second.batch_size, parity.pixels) == (batch_size, 1, data.SIDE**2)


def test_a_tail_spoilt_by_its_padding_is_counted(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    batched, single = (subject.artifact("onnxruntime", size) for size in (3, 1))

    def shifted(logits: NDArray[Any]) -> None:
        logits[:] = np.roll(logits, 1, axis=0)

    alter(monkeypatch, shifted, batch_size=3)
    parity = agreement.compare_artifacts("padded tail", subject, (batched, single), source)
    assert parity.differing_pixels[0] == 0  # the filling repeats the first image, so it rolls into itself
    assert parity.differing_pixels[1] > 0


@pytest.mark.parametrize("form", ["float to labels", "uint8 to logits", "uint8 to labels"])
def test_between_forms(form: str, subject: Subject, source: ImageFiles) -> None:
    plain, other = subject.artifact("onnxruntime", 1), subject.artifact("onnxruntime", 2, data.FORMS[form])
    parity = agreement.compare_artifacts("forms", subject, (plain, other), source)
    assert parity.differing_pixels == (0,) * 4
    assert (parity.images, parity.what) == (source.names[:4], "forms")
    assert f"{parity.second.form['input']} to {parity.second.form['output']}" == form


@pytest.mark.parametrize("variant", ["ascend", "tramac"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_onnx_gives_the_logits_of_pytorch(variant: str, batch_size: int, subjects: dict[str, Subject]) -> None:
    subject = subjects[variant]
    found = agreement.compare_onnx_logits(subject, batch_size, subject.photographs())
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
def test_a_wrong_logit_is_unexplained(
    variant: str, subjects: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects[variant]
    raw = predictor.Predictor.raw

    def wrong(self: predictor.Predictor, images: NDArray[np.uint8]) -> NDArray[Any]:
        logits = raw(self, images).copy()
        logits[:, 7] += 2e-4
        logits[:, 2] = np.nan
        return logits

    monkeypatch.setattr("enet.measure.predictor.Predictor.raw", wrong)
    found = agreement.compare_onnx_logits(subject, 4, subject.photographs())
    pixels = 4 * data.SIDE**2
    assert (found.over_limit, found.non_finite) == (2 * pixels, pixels)
    assert found.over_limit_unexcused == 2 * round((1 - found.near_tie_share) * pixels)
    assert found.over_limit_unexcused > 0


@pytest.mark.parametrize(("difference", "over_limit"), [(1e-3, 0), (2e-3, 1)])
def test_beside_large_logits_rounding_is_larger(
    difference: float, over_limit: int, subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One logit of 1000 in the first image: there 1.3e-3 is rounding, in the second it isn't."""
    known, raw = agreement.logits_and_near_ties, predictor.Predictor.raw
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
    monkeypatch.setattr("enet.measure.predictor.Predictor.raw", wrong)
    found = agreement.compare_onnx_logits(subject, 2, source)
    assert (found.over_limit, found.over_limit_unexcused, found.relative) == (over_limit, over_limit, 1.3e-6)


def test_only_wrong_logits_away_from_near_ties_are_unexplained(
    subject: Subject, source: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    excused = agreement.logits_and_near_ties

    def left_half(*arguments: Any) -> Any:
        logits, mask = excused(*arguments)
        mask[..., : data.SIDE // 2] = True
        return logits, mask

    raw = predictor.Predictor.raw

    def wrong(self: predictor.Predictor, images: NDArray[np.uint8]) -> NDArray[Any]:
        logits = raw(self, images).copy()
        logits[0, 7, 3, 5] += 0.5
        logits[0, 7:9, 3, 20] += 0.25
        return logits

    monkeypatch.setattr("enet.measure.parity.logits_and_near_ties", left_half)
    monkeypatch.setattr("enet.measure.predictor.Predictor.raw", wrong)
    found = agreement.compare_onnx_logits(subject, 2, source)
    assert (found.over_limit, found.over_limit_unexcused, found.near_tie_share) == (3, 2, 0.5)
    assert found.largest == pytest.approx(0.5, abs=1e-4)


# Near-ties.

WIDTH, HEIGHT, PATCH = 192, 128, slice(16, 48)


def noise_with_a_flat_patch() -> NDArray[np.float32]:
    """Normalised noise with one patch of a single colour, in which every pooling window ties."""
    images = np.random.default_rng(4).normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
    images[:, :, PATCH, PATCH] = np.array([0.3, -0.4, 0.9]).reshape(3, 1, 1)
    return images


def test_near_ties_are_found_where_they_are() -> None:
    network = recipes.seeded("tramac")
    logits, mask = agreement.logits_and_near_ties(network, noise_with_a_flat_patch())
    assert (logits.shape, mask.shape, str(mask.dtype)) == ((1, 19, HEIGHT, WIDTH), (1, HEIGHT, WIDTH), "bool")
    np.testing.assert_array_equal(logits, recipes.run(network, torch.from_numpy(noise_with_a_flat_patch())).numpy())
    assert mask[0, PATCH, PATCH].all()
    assert mask.mean() < 0.5
    assert not mask[0, 100:, 150:].any()


def test_rounding_moves_logits_only_where_a_near_tie_excuses_it() -> None:
    network = recipes.seeded("tramac")
    images = noise_with_a_flat_patch()
    logits, mask = agreement.logits_and_near_ties(network, images)
    rounding = np.random.default_rng(5).choice([-3e-7, 0, 3e-7], images.shape).astype(np.float32)
    other, _ = agreement.logits_and_near_ties(network, images + rounding)
    moved = (np.abs(other - logits) > 1e-4).any(axis=1)
    assert moved.any()  # or the mask would be for nothing
    assert not (moved & ~mask).any()


@pytest.mark.parametrize("variant", ["ascend", "paper"])
def test_networks_excuse_only_what_their_unpooling_explains(variant: str) -> None:
    _, mask = agreement.logits_and_near_ties(recipes.seeded(variant), noise_with_a_flat_patch())
    assert mask.any() == (variant == "paper")


def test_hooks_are_taken_off_again() -> None:
    network = recipes.seeded("tramac")
    with pytest.raises(RuntimeError):
        agreement.logits_and_near_ties(network, np.zeros((1, 4, 16, 16), np.float32))
    agreement.logits_and_near_ties(network, np.zeros((1, 3, 16, 16), np.float32))
    assert not any(module._forward_hooks for module in network.modules())
