"""The test bench of a diagnosis: a few images, the artifact and PyTorch, opened once, and their results."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet import backends
from enet.backends import Artifact
from enet.backends.pytorch import PyTorchModel
from enet.datasets.image_source import ImageSource
from enet.diagnosis.networks import Change
from enet.diagnosis.outputs import Output, Outputs
from enet.diagnosis.recipe import DECLARED, By, Photo, Pixels, ToFloats, open_photos, pixels, truth
from enet.errors import EnetError, InputError
from enet.evidence import Accuracy
from enet.host import cores
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.reference_folders import train_id_table
from enet.measure.subject import Subject
from enet.metrics import segmentation

#: Images that are looked at: as many of the worst as of the typical ones.
WORST, TYPICAL = 4, 4
#: Seconds after which no further hypothesis is tried.
SECONDS = 45.0


def choose(run: Accuracy | None, count: int) -> list[int]:
    """Places of the worst and of some typical images, the worst first; evenly spread ones if no run is known."""
    total = min(count, WORST + TYPICAL)
    if run is None or len(run.images) != count:
        return [index * count // total for index in range(total)]
    scores = [segmentation.miou(matrix, "skip") for matrix in run.matrices]
    order = np.argsort(np.nan_to_num(scores, nan=1.0), kind="stable").tolist()
    worst, rest = order[: min(WORST, count)], order[WORST:]
    start = max(0, (len(rest) - TYPICAL) // 2)
    return [*worst, *rest[start : start + TYPICAL]]


@dataclass(eq=False)
class Bench:
    """What hypotheses are tried on.

    Attributes:
        run: a run of the artifact over the split; None: not known.
        photos: the chosen images.
        artifact: opened; None if it is PyTorch itself.
        reference: PyTorch; None without a checkpoint.
        no_reference: why there is none.
        deadline: of ``time.monotonic``; no trial begins after it.
    """

    subject: Subject
    source: ImageSource
    run: Accuracy | None
    photos: list[Photo]
    artifact: Predictor
    reference: Predictor | None
    deadline: float
    is_exact_type: bool
    no_reference: str = ""
    left_out: list[str] = field(default_factory=list)

    @property
    def classes(self) -> int:
        return self.subject.deliverable.scored_classes

    @cached_property
    def pixels(self) -> Pixels:
        """The reference recipe's pixels of all photos, uint8, shape (N, H, W, 3)."""
        spec = self.subject.deliverable.preprocessing
        return np.stack([pixels(photo.image, spec) for photo in self.photos])

    @cached_property
    def truths(self) -> list[NDArray[np.uint8]]:
        """The reference recipe's train ids of all photos."""
        return [truth(photo, self.subject) for photo in self.photos]

    @cached_property
    def seen(self) -> list[Output]:
        """The artifact's results for the reference recipe's input, one call after the other."""
        return list(self.run_artifact(self.pixels, one_by_one=True))

    @cached_property
    def expected(self) -> list[Output]:
        """PyTorch's results for the same input; none without a checkpoint."""
        if self.reference is None:
            return []
        return self.seen if self.reference is self.artifact else list(self.run_reference(self.pixels))

    @cached_property
    def label_ids(self) -> dict[Any, int]:
        """Train id by label value, as the reference recipe reads it."""
        return train_id_table(self.subject.deliverable.dataset)

    @property
    def few(self) -> list[int]:
        """Places of the photos, at most two, on which every hypothesis is tried."""
        return sorted({0, len(self.photos) // 2})

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def takes_floats(self) -> bool:
        """Whether the artifact's input is of floating point, so that its values can be changed."""
        interface = self.artifact.interface
        return not self.artifact.is_uint8 if interface is None else interface.input_dtype != "uint8"

    @property
    def to_floats(self) -> ToFloats:
        """The recipe's step from pixels to the artifact's values."""
        interface = self.artifact.interface
        return DECLARED["normalised" if interface is None else interface.spec.pixels]

    def run_artifact(self, images: Pixels, to_floats: ToFloats | None = None, *, one_by_one: bool = False) -> Outputs:
        """The artifact's results.

        Args:
            images: uint8 RGB, shape (N, H, W, 3).
            to_floats: makes its values of them; None: as declared.
        """
        return self.feed(self.artifact, images, to_floats or self.to_floats, one_by_one=one_by_one)

    def run_reference(
        self, images: Pixels, to_floats: ToFloats = DECLARED["normalised"], change: Change | None = None
    ) -> Outputs:
        """PyTorch's results, perhaps of a changed network; none if there is nothing to change in it."""
        predictor = self.reference
        if predictor is not None and change is not None:
            predictor = changed(predictor, change)
        return [] if predictor is None else self.feed(predictor, images, to_floats)

    def prepared(self, images: Pixels) -> NDArray[Any]:
        """A batch of images as the artifact takes it."""
        return self.with_values(self.artifact, self.to_floats).prepare_batch(images)

    def with_values(self, predictor: Predictor, to_floats: ToFloats) -> Predictor:
        """The same predictor, which makes its values of pixels in another way."""
        given = copy.copy(predictor)
        given.normalise = By(to_floats, self.subject.deliverable.preprocessing)
        if (interface := given.interface) is not None and interface.input_dtype != "uint8":
            given.interface = replace(interface, spec=replace(interface.spec, pixels="normalised"))
        return given

    def feed(
        self, predictor: Predictor, images: Pixels, to_floats: ToFloats, *, one_by_one: bool = False
    ) -> list[Output]:
        """Run images in batches, on all cores if the model lets several threads call it."""
        given = self.with_values(predictor, to_floats)
        size = predictor.batch_size

        def run(start: int) -> list[Output]:
            return [Output.of(each, self.classes) for each in given.infer_batch(images[start : start + size])]

        workers = 1 if one_by_one else min(cores(), predictor.model.max_concurrency)
        with ThreadPoolExecutor(workers) as pool:
            return [output for batch in pool.map(run, range(0, len(images), size)) for output in batch]


def changed(predictor: Predictor, change: Change) -> Predictor | None:
    """PyTorch with a changed copy of its network; None if there is nothing to change in it."""
    model = predictor.model
    if not isinstance(model, PyTorchModel):
        return None
    network = change(copy.deepcopy(model.network))
    if network is None:
        return None
    other, opened = copy.copy(predictor), copy.copy(model)
    opened.network, opened.copies = network, threading.local()
    other.model = opened
    return other


@contextlib.contextmanager
def open_bench(
    subject: Subject, artifact: Artifact, source: ImageSource, run: Accuracy | None, seconds: float = SECONDS
) -> Iterator[Bench]:
    """Open the artifact and PyTorch, and decode the chosen images.

    Args:
        source: the images that the artifact got.
        run: of the artifact over all of ``source``; None: not known.
    Raises:
        InputError: the artifact cannot be loaded, or an image cannot be read.
    """
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        predictor = stack.enter_context(open_predictor(subject, artifact))
        reference, reason = None, "no checkpoint is here"
        if artifact.backend == backends.REFERENCE:
            reference = predictor
        elif subject.has_weights:
            try:
                of_weights = subject.artifact(backends.REFERENCE, 1)
                reference = stack.enter_context(open_predictor(subject, of_weights))
            except EnetError as error:
                reason = str(error)
        photos = open_photos(subject, source.names, choose(run, len(source.names)))
        if not photos:
            raise InputError(f"data set {subject.dataset.root}: the reference recipe finds none of its images")
        yield Bench(
            subject=subject,
            source=source,
            run=run,
            photos=photos,
            artifact=predictor,
            reference=reference,
            deadline=begin + seconds,
            is_exact_type=is_float32(subject, artifact),
            no_reference="" if reference else reason,
        )


def is_float32(subject: Subject, artifact: Artifact) -> bool:
    """Whether the artifact computes in float32, so that it must give PyTorch's logits up to rounding."""
    is_rounded = artifact.precision != "fp32" or subject.target.provider
    return artifact.backend not in ("cuda", *backends.DEVICE_BACKENDS) and not is_rounded
