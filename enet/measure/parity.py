"""Comparisons of results that must agree: label maps of two runs, rows of a batch, ONNX logits."""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet import backends
from enet.backends import Artifact
from enet.backends.pytorch import PyTorchModel
from enet.datasets.image_source import ImageSource
from enet.deliverable import IoFormat
from enet.evidence import Accuracy, Agreement, LogitComparison, Parity, Provenance
from enet.measure.predictor import open_predictor, with_device_states
from enet.measure.subject import Subject
from enet.metrics.agreement import ImageAgreement, certain_pixels, compare_label_maps, compare_splits
from enet.storage.memmap import create_memmap

#: Two inputs of a max-pool window this close (relative, where above 1) may change places by rounding alone: float32
#: sums of some hundred terms differ by about 1e-6 between programs.
NEAR_TIE = 1e-5
#: Number of images that logits are compared for, half of them noise.
MAX_IMAGES = 8
#: Number of images, besides the last, that two artifacts are compared for.
DRAWN_IMAGES = 5
#: Least number of rows that images are drawn for anew, in batches after the first.
FEWEST_ROWS = 8
#: One side of a comparison: labels, uint8, shape (N, H, W); provenance; number of images with NaN or infinite logits.
Side = tuple[NDArray[np.uint8], Provenance, int]


def compare_runs(
    comparison: str, runs: tuple[Accuracy, Accuracy], labels: tuple[Path, Path], *, last: int | None = None
) -> Parity:
    """Compare the label maps of two runs over the same images, one image at a time.

    Images that only one of the runs has are left out; the evidence says that they are missing.

    Args:
        labels: where ``measure_split`` wrote them, .npy, uint8, shape (N, H, W).
        last: compare only this number of images, at the end of the split.
    """
    rows = slice(None if last is None else -last, None)
    maps = [np.load(path, mmap_mode="r") for path in labels]
    names, is_same = runs[0].images, runs[0].images == runs[1].images
    if not is_same:
        names, *places = common_images(*runs)
        maps = [each[at] for each, at in zip(maps, places, strict=True)]
    if last is not None and len(names) < runs[0].images_expected:  # which of them the split ends with is unknown
        names, maps = (), [each[:0] for each in maps]
    first, second = ((each[rows], run.provenance, run.non_finite or 0) for run, each in zip(runs, maps, strict=True))
    parity = compare_labels(comparison, names[rows], first, second)
    if last is not None:
        return replace(parity, images_expected=last)
    miou = (runs[0].miou, runs[1].miou) if is_same else None  # of other images, they differ for no fault
    return replace(parity, images_expected=runs[0].images_expected, miou=miou)


def common_images(first: Accuracy, second: Accuracy) -> tuple[tuple[str, ...], list[int], list[int]]:
    """Return the names of the images that both runs have, in the first one's order, and their places in each."""
    place = {name: index for index, name in enumerate(second.images)}
    both = [(name, index, place[name]) for index, name in enumerate(first.images) if name in place]
    return tuple(name for name, *_ in both), [ours for _, ours, _ in both], [theirs for *_, theirs in both]


def write_certain_pixels(subject: Subject, source: ImageSource, path: Path) -> None:
    """Run PyTorch over the images, and write which pixels it is certain of: .npy, uint8 0 or 1, shape (N, H, W)."""
    width, height = subject.deliverable.preprocessing.size
    masks = create_memmap(path, (len(source.names), height, width))
    with open_predictor(subject, subject.artifact(backends.REFERENCE, 1)) as predictor:
        for index, mask in enumerate(masks):
            (logits,) = predictor.infer_batch(source.load(index)[0][None])
            mask[...] = certain_pixels(logits[: subject.deliverable.scored_classes])
    masks.flush()


def compare_with_reference(
    runs: tuple[Accuracy, Accuracy], labels: tuple[Path, Path], certain: Path | None = None
) -> Agreement:
    """Compare the label maps of an artifact's run with those of PyTorch's, one image at a time, by name.

    Args:
        runs: the artifact's and PyTorch's. Images that only one of them has are left out.
        labels: where their label maps are, .npy, uint8, shape (N, H, W).
        certain: what ``write_certain_pixels`` wrote, for PyTorch's images; None if it is not needed.
    """
    run, reference = runs
    ours, theirs = (np.load(path, mmap_mode="r") for path in labels)
    masks = None if certain is None else np.load(certain, mmap_mode="r")

    def compare(index: int, at: int) -> ImageAgreement:
        return compare_label_maps(ours[index], theirs[at], None if masks is None else masks[at].astype(bool))

    names, *places = common_images(run, reference)
    compared = list(zip(*places, strict=True))
    return Agreement(
        first=run.provenance,
        second=reference.provenance,
        classes=run.classes,
        images=names,
        images_expected=run.images_expected,
        pixels_per_image=int(np.prod(theirs.shape[1:])),
        counts=tuple(compare(index, at) for index, at in compared),
        split=compare_splits(((ours[index], theirs[at]) for index, at in compared), len(run.classes)),
    )


def compare_rows(
    subject: Subject, artifact: Artifact, source: ImageSource, run: tuple[Accuracy, Path], seed: int | None = None
) -> Parity:
    """Run images once more, in other rows and beside others, and compare their labels with those of an earlier run.

    Args:
        run: the artifact's run over ``source``, and its label maps as in ``compare_runs``.
        seed: of ``draw_calls``; None for a new one, which nobody knows beforehand. The evidence has it.
    """
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    size, (accuracy, path) = artifact.batch_size, run
    calls = draw_calls(len(source.names), size, np.random.default_rng(seed))
    rows = np.concatenate(calls)
    again = run_images(subject, artifact, np.stack([source.load(index)[0] for index in rows]))
    earlier = np.load(path, mmap_mode="r")[rows], accuracy.provenance, 0
    names = tuple(
        f"{source.names[index]} in row {row} of call {number}"
        for number, call in enumerate(calls)
        for row, index in enumerate(call)
    )
    return replace(compare_labels("equal rows", names, again, earlier), seed=seed)


def draw_calls(count: int, size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Draw batches in which images come again: in the same batch, in other rows, beside others and after others.

    The first is one of the split's own batches. The second has its first row, so that an artifact that only looks at
    this cannot tell them apart; all else is drawn at random from few images, so that some are in several rows.

    Args:
        count: number of images of the split.
        size: rows of a batch.
    Returns:
        Indices of images, int64, shape (size,) each.
    """
    first = (size * rng.integers(max(1, count // size)) + np.arange(size)) % count
    few = rng.permutation(count)[: max(3, size // 2)]
    others = rng.choice(few, (max(1, FEWEST_ROWS // size), size))
    others[0, 0] = first[0]
    return [first, *others]


def compare_artifacts(
    comparison: str, subject: Subject, pair: tuple[Artifact, Artifact], source: ImageSource, seed: int | None = None
) -> Parity:
    """Run some images through two artifacts, each in batches of its own size, and compare their labels.

    "padded tail" takes as many last images as leave the first artifact's last batch unfilled, as 500 = 31 x 16 + 4
    does; other comparisons those of ``draw_images``.

    Args:
        seed: as in ``compare_rows``.
    """
    size, total = pair[0].batch_size, len(source.names)
    if comparison == "padded tail":
        seed, chosen = None, list(range(total - min(total % size or max(1, size // 4), total), total))
    else:
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        chosen = draw_images(total, np.random.default_rng(seed))
    images = np.stack([source.load(index)[0] for index in chosen])
    first, second = (run_images(subject, artifact, images) for artifact in pair)
    names = tuple(source.names[index] for index in chosen)
    return replace(compare_labels(comparison, names, first, second), seed=seed)


def draw_images(count: int, rng: np.random.Generator) -> list[int]:
    """Draw an image from each of ``DRAWN_IMAGES`` equal parts of a split of ``count``, and the last one."""
    bounds = np.linspace(0, count, DRAWN_IMAGES + 1).astype(int)
    return sorted({*(int(rng.integers(low, high)) for low, high in pairwise(bounds) if low < high), count - 1})


def run_images(subject: Subject, artifact: Artifact, images: NDArray[np.uint8]) -> Side:
    """Run any number of images, uint8, shape (N, H, W, 3), through an artifact, in batches."""
    size = artifact.batch_size
    reserved = backends.get(artifact.backend).reserve_devices(subject.target)
    with reserved as readings, open_predictor(subject, artifact) as predictor:
        parts = [predictor.labels(images[start : start + size]) for start in range(0, len(images), size)]
    provenance = with_device_states(subject.provenance(artifact, predictor.model), readings)
    return np.concatenate([labels for labels, _ in parts]), provenance, sum(count for _, count in parts)


def compare_labels(comparison: str, images: tuple[str, ...], first: Side, second: Side) -> Parity:
    """Count the pixels of each image whose labels differ."""
    (a, first_provenance, a_non_finite), (b, second_provenance, b_non_finite) = first, second
    return Parity(
        comparison=comparison,
        first=first_provenance,
        second=second_provenance,
        images=images,
        images_expected=len(images),
        pixels_per_image=int(np.prod(a.shape[1:])),
        differing_pixels=tuple(int(np.count_nonzero(x != y)) for x, y in zip(a, b, strict=True)),
        non_finite=a_non_finite + b_non_finite,
        is_single_class=is_single_class(a) or is_single_class(b),
    )


def is_single_class(labels: NDArray[np.uint8]) -> bool:
    """Return True if all labels are of one class."""
    return bool(labels.size and labels.min() == labels.max())


def compare_onnx_logits(subject: Subject, batch_size: int, source: ImageSource) -> LogitComparison:
    """Compare the exported ONNX's logits with PyTorch's, for real images and noise in one batch.

    A batch of one is run twice, with a real image and with noise; a large one holds each of ``MAX_IMAGES`` images more
    than once, in different rows, so that PyTorch need not run them all. This checks the ONNX file; whatever backend it
    is compiled for later, ONNX Runtime defines its meaning.
    """
    artifact = subject.artifact(backends.DEFAULT, batch_size, IoFormat())
    reference = subject.artifact(backends.REFERENCE, 1)
    model = PyTorchModel(reference.path, subject.deliverable)
    count = min(max(2, batch_size), MAX_IMAGES)
    real = np.stack([source.load(index % len(source.names))[0] for index in range(count // 2)])
    noise = np.random.default_rng(0).integers(0, 256, (count - len(real), *real.shape[1:]), np.uint8)
    images = np.concatenate([real, noise])
    rows = np.arange(max(2, batch_size)) % count
    tolerances, largest = subject.deliverable.tolerances, 0.0
    counts = []
    with open_predictor(subject, artifact) as onnx:
        expected = [logits_and_near_ties(model.network, onnx.normalise(image[None])) for image in images]
        for batch in rows.reshape(-1, batch_size):
            for row, ours in zip(batch, onnx.infer_batch(images[batch]), strict=True):
                (theirs,), (near_tie,) = expected[row]
                difference = np.abs(ours - theirs)
                limit = max(tolerances.logits, tolerances.logits_relative * float(np.abs(theirs).max()))
                over = ~(difference <= limit)  # NaN is over the limit
                masks = (np.broadcast_to(near_tie, over.shape), over, over & ~near_tie, ~np.isfinite(ours))
                counts.append([difference.size, *(np.count_nonzero(mask) for mask in masks)])
                largest = max(largest, float(difference.max()))
    values, near_ties, over_limit, over_limit_unexcused, non_finite = np.sum(counts, axis=0).tolist()
    return LogitComparison(
        comparison="logits",
        first=subject.provenance(artifact, onnx.model),
        second=subject.provenance(reference, model),
        values=values,
        largest=largest,
        limit=tolerances.logits,
        relative=tolerances.logits_relative,
        over_limit=over_limit,
        over_limit_unexcused=over_limit_unexcused,
        near_tie_share=near_ties / values,
        non_finite=non_finite,
    )


def keeps_indices_of_2x2(module: nn.Module) -> bool:
    """Whether it is a max-pool of 2x2 blocks that keeps indices; own code may have others, which excuse nothing."""
    if not isinstance(module, nn.MaxPool2d) or not module.return_indices or module.ceil_mode:
        return False
    return [module.kernel_size, module.stride, module.padding, module.dilation] in (
        [2, 2, 0, 1],
        [(2, 2), (2, 2), 0, 1],
    )


def logits_and_near_ties(
    network: nn.Module, images: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Compute PyTorch's logits, and the pixels that a near-tie in a max-pool with indices can reach.

    A near-tie leaves the value certain but not its place, so only the decoder behind the matching unpool sees it.

    Args:
        images: float32, shape (N, 3, H, W), normalised.
    Returns:
        Logits, float32, shape (N, outputs, H, W), and the mask, bool, shape (N, H, W).
    """
    height, width = images.shape[2:]
    mask = torch.zeros((len(images), 1, height, width))

    def mark(_: nn.Module, inputs: tuple[Tensor], __: object) -> None:
        nonlocal mask
        windows = nn.functional.unfold(inputs[0], 2, stride=2)
        top = windows.reshape(len(images), -1, 4, windows.shape[-1]).topk(2, dim=2).values
        near = (top[:, :, 0] - top[:, :, 1] <= NEAR_TIE * top[:, :, 0].abs().clamp(min=1)).any(dim=1)
        blocks = near.float().reshape(-1, 1, *(side // 2 for side in inputs[0].shape[2:]))
        # Behind the unpool: two 3x3 convolutions at its own scale, one at half the size, the classifier. All
        # within two pooled pixels, as the pooled pixel is twice as large as the unpooled one; one more for safety.
        reached = nn.functional.max_pool2d(blocks, 7, stride=1, padding=3)
        mask = torch.maximum(mask, nn.functional.interpolate(reached, size=(height, width)))

    hooks = [pool.register_forward_hook(mark) for pool in network.modules() if keeps_indices_of_2x2(pool)]
    try:
        with torch.inference_mode():
            logits: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return logits, mask[:, 0].numpy() > 0
