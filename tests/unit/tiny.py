"""Tiny data sets, deliverables and subjects, and a slow, separate computation of their scores. No fixture, no test."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from enet import deliverable, model
from enet.deliverable import IoFormat
from enet.measure import reference_preprocessing
from enet.measure.subject import Subject
from enet.selftest.tiny import IMAGES, SIDE, TOML, data_set
from enet.storage.store import Store
from tests.unit import recipes

__all__ = ["FORMS", "IMAGES", "SIDE", "TOML", "data_set", "over", "slow_logits", "slow_matrices", "slow_matrix", "tiny"]

FORMS = {
    f"{form.input} to {form.output}": form
    for form in (
        IoFormat(),
        IoFormat(output="labels"),
        IoFormat(input="uint8"),
        IoFormat(input="uint8", output="labels"),
    )
}


def tiny(folder: Path, variant: str = "ascend", outputs: int = 19) -> Subject:
    """A seeded network over a tiny data set: ``data/``, ``tiny.toml``, ``tiny.pth`` and ``cache/`` in ``folder``."""

    torch.save(recipes.seeded(variant, outputs).state_dict(), folder / "tiny.pth")
    toml = folder / "tiny.toml"
    toml.write_text(TOML.format(variant=variant, outputs=outputs, images=IMAGES, side=SIDE))
    return Subject(deliverable.load(str(toml)), Store(folder / "cache"), data_root=data_set(folder / "data"))


def over(subject: Subject, data_root: Path, limit: int | None = None) -> Subject:
    """The same network over other images."""

    return Subject(subject.deliverable, subject.store, data_root=data_root, limit=limit)


@functools.cache
def slow_logits(subject: Subject) -> dict[str, NDArray[np.float32]]:
    """Logits by image name: preprocessed by the reference recipe, one by one through PyTorch."""
    network = model.architectures.build(subject.deliverable.network.known, subject.deliverable.network.outputs)
    network.load_state_dict(torch.load(subject.weights, weights_only=True))
    spec = subject.deliverable.preprocessing
    return {
        sample.name: recipes.run(
            network, torch.from_numpy(reference_preprocessing.network_input(sample.image, spec)[None])
        )[0].numpy()
        for sample in subject.dataset.samples
    }


def slow_matrix(subject: Subject, name: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    """The confusion matrix of one image's labels, pixel by pixel in plain Python."""
    (sample,) = (sample for sample in subject.dataset.samples if sample.name == name)
    classes = subject.dataset.classes
    matrix = np.zeros((len(classes.names), len(classes.names)), np.int64)
    truth = reference_preprocessing.train_ids(sample.label, subject.deliverable.preprocessing, dict(classes.train_ids))
    for true, predicted in zip(truth.ravel().tolist(), labels.ravel().tolist(), strict=True):
        if true != 255:
            matrix[true, predicted] += 1
    return matrix


def slow_matrices(subject: Subject) -> NDArray[np.int64]:
    """All confusion matrices, in order of name."""
    classes = subject.deliverable.scored_classes
    logits = slow_logits(subject)
    return np.stack([slow_matrix(subject, name, logits[name][:classes].argmax(axis=0)) for name in sorted(logits)])
