"""Do two runs that should agree, agree? Label maps of two batch sizes, rows of one batch, logits of two programs."""

from __future__ import annotations

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
from enet.evidence import Accuracy, LogitComparison, Parity
from enet.measure.predictor import Predictor, open_predictor, reserve_devices, with_device_states
from enet.measure.subject import Subject

#: Two inputs of a max-pool window this close (relative, where above 1) may change places by rounding alone: float32
#: sums of some hundred terms differ by about 1e-6 between programs.
NEAR_TIE = 1e-5

#: Images that logits are compared for, half of them noise; or that one is chosen from.
DISTINCT = 8


def compare_runs(
    what: str, runs: tuple[Accuracy, Accuracy], labels: tuple[Path, Path], *, last: int | None = None
) -> Parity:
    """Compare the label maps of two runs over the same images, one image at a time.

    Args:
        labels: where ``pipeline.measure`` wrote them, .npy, uint8 (N, H, W).
        last: compare only so many images, at the end.
    """
    rows = slice(None if last is None else -last, None)
    first, second = (np.load(path, mmap_mode="r")[rows] for path in labels)
    differing = tuple(int(np.count_nonzero(a != b)) for a, b in zip(first, second, strict=True))
    return Parity(
        what=what,
        first=runs[0].provenance,
        second=runs[1].provenance,
        images=runs[0].images[rows],
        images_expected=runs[0].images_expected if last is None else last,
        pixels=int(np.prod(first.shape[1:])),
        differing_pixels=differing,
        non_finite=(runs[0].non_finite or 0) + (runs[1].non_finite or 0),
        constant=constant(first) or constant(second),
        miou=(runs[0].miou, runs[1].miou) if last is None else None,
    )


def constant(labels: NDArray[np.uint8]) -> bool:
    """Whether one class is predicted everywhere."""
    return bool(labels.size and labels.min() == labels.max())


def compare_rows(subject: Subject, artifact: Artifact, source: ImageSource, image: int = 0) -> Parity:
    """A batch of equal images: every other row's labels against the first row's.

    Args:
        image: which; if the network sees one class alone in it, where rows would be equal come what may, one of the
            ``DISTINCT`` after it.
    """
    with reserve_devices(subject, artifact) as watch, open_predictor(subject, artifact) as opened:
        for chosen in range(image, min(image + DISTINCT, len(source.names))):
            pixels, _ = source.load(chosen)
            labels, broken = opened.labels(np.repeat(pixels[None], artifact.batch_size, axis=0))
            if broken or not constant(labels):
                break
    where = with_device_states(subject.provenance(artifact, opened.model), watch)
    others = range(1, artifact.batch_size)
    return Parity(
        what="equal rows",
        first=where,
        second=where,
        images=tuple(f"{source.names[chosen]} in row {row}" for row in others),
        images_expected=len(others),
        pixels=labels[0].size,
        differing_pixels=tuple(int(np.count_nonzero(labels[row] != labels[0])) for row in others),
        non_finite=broken,
        constant=constant(labels),
    )


def compare_artifacts(what: str, subject: Subject, pair: tuple[Artifact, Artifact], source: ImageSource) -> Parity:
    """Some images through two artifacts, each in batches of its own size.

    "padded tail" takes as many last images as leave the first artifact's last batch unfilled, as 500 = 31 x 16 + 4
    does; "forms" the first four.
    """
    size, total = pair[0].batch_size, len(source.names)
    if what == "padded tail":
        count = min(total % size or max(1, size // 4), total)
        chosen = range(total - count, total)
    else:
        chosen = range(min(4, total))
    images = np.stack([source.load(index)[0] for index in chosen])
    labels, provenances, broken = [], [], 0
    for artifact in pair:
        with reserve_devices(subject, artifact) as watch, open_predictor(subject, artifact) as opened:
            found, not_finite = all_labels(opened, images)
        labels.append(found)
        provenances.append(with_device_states(subject.provenance(artifact, opened.model), watch))
        broken += not_finite
    first, second = labels
    return Parity(
        what=what,
        first=provenances[0],
        second=provenances[1],
        images=tuple(source.names[index] for index in chosen),
        images_expected=len(chosen),
        pixels=first[0].size,
        differing_pixels=tuple(int(np.count_nonzero(a != b)) for a, b in zip(first, second, strict=True)),
        non_finite=broken,
        constant=constant(first) or constant(second),
    )


def all_labels(opened: Predictor, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Labels of any number of images, uint8 (N, H, W), and how many had a logit that is no finite number."""
    size = opened.batch_size
    parts = [opened.labels(images[start : start + size]) for start in range(0, len(images), size)]
    return np.concatenate([labels for labels, _ in parts]), sum(broken for _, broken in parts)


def compare_onnx_logits(subject: Subject, batch_size: int, source: ImageSource) -> LogitComparison:
    """The exported ONNX, run by ONNX Runtime, against PyTorch: real images and noise, in one batch.

    A batch of one is run twice, with a real image and with noise; a large one holds each of ``DISTINCT`` images more
    than once, in different rows, so that PyTorch need not run them all. What is judged is the ONNX file; whatever
    backend it is compiled for later, ONNX Runtime is what says what it means.
    """
    artifact = subject.artifact("onnxruntime", batch_size, IoFormat())
    with open_predictor(subject, artifact) as onnx:
        return compared(subject, artifact, onnx, source)


def compared(subject: Subject, artifact: Artifact, onnx: Predictor, source: ImageSource) -> LogitComparison:
    """The opened ONNX's logits against PyTorch's."""
    batch_size = artifact.batch_size
    reference = subject.artifact(backends.REFERENCE, 1)
    model = PyTorchModel.open(reference, subject.deliverable)
    distinct = min(max(2, batch_size), DISTINCT)
    real = np.stack([source.load(i % len(source.names))[0] for i in range(distinct // 2)])
    noise = np.random.default_rng(0).integers(0, 256, (distinct - len(real), *real.shape[1:]), np.uint8)
    images = np.concatenate([real, noise])
    expected = [logits_and_near_ties(model.network, onnx.normalise(image[None])) for image in images]
    rows = np.arange(max(2, batch_size)) % distinct
    tolerances = subject.deliverable.tolerances
    largest, beyond, unexplained, non_finite, values, excusable = 0.0, 0, 0, 0, 0, 0
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        for row, ours in zip(batch, onnx.raw(images[batch]), strict=True):
            (theirs,), (excused,) = expected[row]
            difference = np.abs(ours - theirs)
            limit = max(tolerances.logits, tolerances.logits_relative * float(np.abs(theirs).max()))
            too_far = ~(difference <= limit)  # NaN is too far
            values += difference.size
            excusable += int(np.count_nonzero(excused)) * len(difference)
            largest = max(largest, float(difference.max()))
            beyond += int(np.count_nonzero(too_far))
            unexplained += int(np.count_nonzero(too_far & ~excused))
            non_finite += int(np.count_nonzero(~np.isfinite(ours)))
    return LogitComparison(
        what="logits",
        first=subject.provenance(artifact, onnx.model),
        second=subject.provenance(reference, model),
        values=values,
        largest=largest,
        limit=tolerances.logits,
        relative=tolerances.logits_relative,
        over_limit=beyond,
        over_limit_unexcused=unexplained,
        near_tie_share=excusable / values,
        non_finite=non_finite,
    )


def logits_and_near_ties(
    network: nn.Module, images: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """PyTorch's logits, and the pixels that a near-tie in a max-pool with indices can reach.

    Only where its value came from is uncertain after a near-tie, not the value; so only the decoder behind the
    matching unpool sees it.

    Args:
        images: float32, shape (N, 3, H, W), normalised.
    Returns:
        Logits (N, outputs, H, W), float32, and the mask (N, H, W).
    """
    height, width = images.shape[2:]
    mask = torch.zeros((len(images), 1, height, width))

    def mark(_: nn.Module, inputs: tuple[Tensor], __: object) -> None:
        nonlocal mask
        windows = nn.functional.unfold(inputs[0], 2, stride=2)
        top = windows.reshape(len(images), -1, 4, windows.shape[-1]).topk(2, dim=2).values
        near = (top[:, :, 0] - top[:, :, 1] <= NEAR_TIE * top[:, :, 0].abs().clamp(min=1)).any(dim=1)
        scale = 2 * height // inputs[0].shape[2]  # pixels of the image per pixel of the pooled map
        blocks = near.float().reshape(-1, 1, height // scale, width // scale)
        # Behind the unpool: two 3x3 convolutions at its own scale, one at half the size, the classifier. All
        # within two pooled pixels, as the pooled pixel is twice as large as the unpooled one; one more for safety.
        reached = nn.functional.max_pool2d(blocks, 7, stride=1, padding=3)
        mask = torch.maximum(mask, nn.functional.interpolate(reached, size=(height, width)))

    pools = [module for module in network.modules() if isinstance(module, nn.MaxPool2d) and module.return_indices]
    hooks = [pool.register_forward_hook(mark) for pool in pools]
    try:
        with torch.inference_mode():
            logits: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return logits, mask[:, 0].numpy() > 0
