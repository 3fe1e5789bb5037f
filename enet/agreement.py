"""Do two runs that should agree, agree? Label maps of two batch sizes, rows of one batch, logits of two programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from enet import backends, weights
from enet.backends import Artifact
from enet.deliverable import Form
from enet.evidence import Accuracy, Difference, Parity
from enet.pipeline import Predictor
from enet.preprocess import Normalise
from enet.source import Source
from enet.subject import Subject

#: Two inputs of a max-pool window this close (relative, where above 1) may change places by rounding alone: float32
#: sums of some hundred terms differ by about 1e-6 between programs.
NEAR_TIE = 1e-5


def between_runs(what: str, runs: tuple[Accuracy, Accuracy], labels: tuple[Path, Path]) -> Parity:
    """Compare the label maps of two runs over the same images, one image at a time.

    Args:
        labels: where ``pipeline.measure`` wrote them, .npy, uint8 (N, H, W).
    """
    first, second = (np.load(path, mmap_mode="r") for path in labels)
    differing = tuple(int(np.count_nonzero(a != b)) for a, b in zip(first, second, strict=True))
    return Parity(
        what=what, first=runs[0].provenance, second=runs[1].provenance, images=runs[0].images,
        images_expected=runs[0].images_expected, pixels=int(np.prod(first.shape[1:])), differing=differing,
        miou=(runs[0].miou, runs[1].miou),
    )  # fmt: skip


def predictor(subject: Subject, artifact: Artifact) -> Predictor:
    """The artifact, opened."""
    model = backends.get(artifact.backend).open_model(artifact, subject.deliverable)
    normalise = Normalise(subject.deliverable.preprocessing)
    return Predictor(model, artifact, normalise, subject.deliverable.scored_classes)


def equal_rows(subject: Subject, artifact: Artifact, source: Source, image: int = 0) -> Parity:
    """A batch of equal images: every row's labels against the first row's."""
    opened = predictor(subject, artifact)
    pixels, _ = source.load(image)
    labels, _ = opened.labels(np.repeat(pixels[None], artifact.batch_size, axis=0))
    where = subject.provenance(artifact, opened.model)
    return Parity(
        what="equal rows", first=where, second=where,
        images=tuple(f"{source.names[image]} in row {row}" for row in range(artifact.batch_size)),
        images_expected=artifact.batch_size, pixels=pixels[..., 0].size,
        differing=tuple(int(np.count_nonzero(row != labels[0])) for row in labels),
    )  # fmt: skip


def padded_tail(subject: Subject, artifact: Artifact, single: Artifact, source: Source) -> Parity:
    """A last batch that isn't full, as 500 = 31 x 16 + 4 leaves one, against the same images one by one."""
    size = artifact.batch_size
    count = min(len(source.names) % size or max(1, size // 4), len(source.names))
    chosen = range(len(source.names) - count, len(source.names))
    images = np.stack([source.load(index)[0] for index in chosen])
    whole, alone = predictor(subject, artifact), predictor(subject, single)
    together, _ = whole.labels(images)
    apart = np.concatenate([alone.labels(image[None])[0] for image in images])
    return Parity(
        what="padded tail", first=subject.provenance(artifact, whole.model),
        second=subject.provenance(single, alone.model), images=tuple(source.names[index] for index in chosen),
        images_expected=count, pixels=together[0].size,
        differing=tuple(int(np.count_nonzero(a != b)) for a, b in zip(together, apart, strict=True)),
    )  # fmt: skip


def between_forms(subject: Subject, source: Source, count: int = 8) -> Parity:
    """Labels from inside the graph and from uint8 images against the argmax of logits from float images."""
    plain = predictor(subject, subject.artifact("onnxruntime", 1, Form()))
    images = [source.load(index)[0][None] for index in range(min(count, len(source.names)))]
    expected = [plain.labels(image)[0] for image in images]
    names, differing = [], []
    for form in (Form(input="float", output="labels"), Form(input="uint8"), Form(input="uint8", output="labels")):
        artifact = subject.artifact("onnxruntime", 1, form)
        other = predictor(subject, artifact)
        names += [f"{source.names[i]} ({form.input}, {form.output})" for i in range(len(images))]
        differing += [
            int(np.count_nonzero(other.labels(image)[0] != labels))
            for image, labels in zip(images, expected, strict=True)
        ]
    return Parity(
        what="forms", first=subject.provenance(artifact, other.model),
        second=subject.provenance(subject.artifact("onnxruntime", 1, Form()), plain.model), images=tuple(names),
        images_expected=len(names), pixels=expected[0].size, differing=tuple(differing),
    )  # fmt: skip


def onnx_logits(subject: Subject, batch_size: int, source: Source) -> Difference:
    """The exported ONNX, run by ONNX Runtime, against PyTorch: half real images, half noise, in one batch.

    A batch of one is run twice, with a real image and with noise.
    """
    artifact = subject.artifact("onnxruntime", batch_size, Form())
    onnx = predictor(subject, artifact)
    torch_artifact = subject.artifact("pytorch", batch_size, Form())
    network = weights.load(subject.weights, subject.deliverable.network.variant, subject.deliverable.network.outputs)
    real = np.stack([source.load(i % len(source.names))[0] for i in range(max(1, batch_size // 2))])
    noise = np.random.default_rng(0).integers(0, 256, (max(1, batch_size - len(real)), *real.shape[1:]), np.uint8)
    images = np.concatenate([real, noise])
    limit = subject.deliverable.tolerances.logits
    largest, beyond, unexplained, non_finite, values, excusable = 0.0, 0, 0, 0, 0, 0
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        for image, ours in zip(batch, onnx.raw(batch), strict=True):
            (theirs,), (excused,) = logits_and_near_ties(network, onnx.normalise(image[None]))
            difference = np.abs(ours - theirs)
            too_far = ~(difference <= limit)  # NaN is too far
            values += difference.size
            excusable += int(np.count_nonzero(excused)) * len(difference)
            largest = max(largest, float(difference.max()))
            beyond += int(np.count_nonzero(too_far))
            unexplained += int(np.count_nonzero(too_far & ~excused))
            non_finite += int(np.count_nonzero(~np.isfinite(ours)))
    torch_model = backends.get("pytorch").open_model(torch_artifact, subject.deliverable)
    return Difference(
        what="logits", first=subject.provenance(artifact, onnx.model),
        second=subject.provenance(torch_artifact, torch_model), values=values, largest=largest, limit=limit,
        beyond=beyond, unexplained=unexplained, excusable=excusable / values, non_finite=non_finite,
    )  # fmt: skip


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
