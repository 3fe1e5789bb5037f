"""An opened artifact behind one interface: uint8 images in, labels or logits out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet import backends
from enet.backends import Artifact, DeviceReadings, Model
from enet.datasets.preprocess import Normalise
from enet.errors import InputError
from enet.evidence import Provenance
from enet.measure.subject import Subject
from enet.metrics.labels import argmax, is_finite, labels_from_phases, logits_from_phases, pad_batch


class Predictor:
    """An opened artifact that turns uint8 images into labels, whatever its input and output format.

    Args:
        classes: number of outputs that are scored; the outputs after them (a void class) are never predicted.
    """

    def __init__(
        self, model: Model, artifact: Artifact, normalise: Normalise, classes: int, size: tuple[int, int]
    ) -> None:
        self.model, self.batch_size, self.interface = model, artifact.batch_size, artifact.interface
        self.is_uint8 = artifact.io_format.input == "uint8"
        self.gives_labels = artifact.gives_labels
        self.normalise, self.classes, self.size = normalise, classes, size

    def prepare_batch(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Pad images to the batch size and convert them into the artifact's input format.

        Args:
            images: uint8 RGB, shape (n, H, W, 3), n at most the batch size.
        """
        batch = pad_batch(images, self.batch_size)
        if self.interface is not None:
            return self.interface.images(batch, self.normalise)
        return batch if self.is_uint8 else self.normalise(batch)

    def infer_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Logits, float32, shape (n, C, H, W), or labels, uint8, shape (n, H, W), by the output format."""
        result = self.run(self.prepare_batch(images), len(images))
        return logits_from_phases(result) if self.model.outputs_phases else result

    def labels(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        """Labels, uint8, shape (n, H, W), and the number of images with a NaN or infinite logit."""
        return self.predict_prepared(self.prepare_batch(images), len(images))

    def predict_prepared(self, batch: NDArray[Any], count: int) -> tuple[NDArray[np.uint8], int]:
        """Like ``labels``, for the first ``count`` rows of a batch from ``prepare_batch``."""
        result = self.run(batch, count)
        if self.gives_labels:
            return result.astype(np.uint8, copy=False), 0
        finite = [is_finite(logits) for logits in result]
        decide = labels_from_phases if self.model.outputs_phases else argmax
        return np.stack([decide(logits, self.classes) for logits in result]), finite.count(False)

    def run(self, batch: NDArray[Any], count: int) -> NDArray[Any]:
        """Results for the first ``count`` rows: logits, float32, or labels, uint8, in the order of an export's axes."""
        if self.interface is None:
            return self.model.infer(batch)[:count]
        try:
            result = self.model.infer(batch)
        except InputError:
            raise
        except Exception as error:  # engines' exceptions share no base class
            reason = str(error).strip().splitlines()[0][:200]
            what = f"{self.interface.path}: cannot run a batch of {self.batch_size} images ({reason})"
            raise InputError(f"{what}. Export it again") from error
        return self.interface.result(result, self.batch_size, self.size)[:count]


@contextlib.contextmanager
def open_predictor(subject: Subject, artifact: Artifact) -> Iterator[Predictor]:
    """Open an artifact of the subject, and close it at the end.

    Raises:
        InputError: the artifact cannot be loaded.
    """
    spec = subject.deliverable
    model = backends.get(artifact.backend).open_model(artifact, spec, subject.target)
    try:
        yield Predictor(model, artifact, Normalise(spec.preprocessing), spec.scored_classes, spec.preprocessing.size)
    finally:
        model.close()


def with_device_states(provenance: Provenance, readings: DeviceReadings) -> Provenance:
    """Copy a provenance with the recorded states of the devices."""
    return replace(provenance, devices_before=readings.before, devices_after=readings.after)
