"""An opened artifact: uint8 images in, labels or logits out."""

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
from enet.evidence import Provenance
from enet.measure.subject import Subject
from enet.metrics.labels import argmax, is_finite, labels_from_phases, logits_from_phases, pad_batch


class Predictor:
    """An opened artifact that takes uint8 images and gives labels, whatever the artifact's form.

    Args:
        classes: how many of the network's outputs are scored; the rest (a void class) never win.
    """

    def __init__(self, model: Model, artifact: Artifact, normalise: Normalise, classes: int) -> None:
        self.model, self.batch_size, self.form = model, artifact.batch_size, artifact.form
        self.normalise, self.classes = normalise, classes

    def raw(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Labels or logits for at most one batch, as the artifact's form says.

        A smaller batch is filled up; the rows of the filling are dropped.

        Args:
            images: uint8 RGB, shape (n, H, W, 3), n at most the batch size.
        """
        result = self.model.infer(self.given(images))[: len(images)]
        return logits_from_phases(result) if self.model.outputs_phases else result

    def given(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What the artifact takes for at most one batch of images."""
        batch = pad_batch(images, self.batch_size)
        return batch if self.form.input == "uint8" else self.normalise(batch)

    def labels(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        """Labels, uint8, shape (n, H, W), and how many images had a logit that is no finite number."""
        return self.predict(self.given(images), len(images))

    def predict(self, batch: NDArray[Any], count: int) -> tuple[NDArray[np.uint8], int]:
        """As ``labels``, of a batch that is ready for the artifact; the first ``count`` rows."""
        result = self.model.infer(batch)[:count]
        if self.form.output == "labels":
            return result.astype(np.uint8, copy=False), 0
        finite = [is_finite(logits) for logits in result]
        decide = labels_from_phases if self.model.outputs_phases else argmax
        return np.stack([decide(logits, self.classes) for logits in result]), finite.count(False)


@contextlib.contextmanager
def open_predictor(subject: Subject, artifact: Artifact) -> Iterator[Predictor]:
    """Open an artifact of the subject; it is closed in the end.

    Raises:
        InputError: it can't be loaded.
    """
    spec = subject.deliverable
    model = backends.get(artifact.backend).open_model(artifact, spec, subject.target)
    try:
        yield Predictor(model, artifact, Normalise(spec.preprocessing), spec.scored_classes)
    finally:
        model.close()


def reserve_devices(subject: Subject, artifact: Artifact) -> contextlib.AbstractContextManager[DeviceReadings]:
    """Have the devices that an artifact runs on to oneself, and look at them before and after."""
    return backends.get(artifact.backend).watched(subject.target)


def with_device_states(provenance: Provenance, watch: DeviceReadings) -> Provenance:
    """With what was seen of the devices."""
    return replace(provenance, devices_before=watch.before, devices_after=watch.after)
