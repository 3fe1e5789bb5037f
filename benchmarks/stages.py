"""Each stage of a run measured alone, on one thread: what they take if nothing is in their way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from enet.backends import Artifact
from enet.datasets.image_source import ImageFiles
from enet.datasets.preprocess import load_label, open_rgb, window
from enet.datasets.workers import keep_freed_memory
from enet.host import cores
from enet.measure.predictor import open_predictor
from enet.measure.subject import Subject
from enet.metrics.latency import Ratio, Times, speedup
from enet.metrics.segmentation import confusion_matrix


@dataclass
class Stages:
    """The stages of a run over all images of a source, one stage after the other.

    Attributes:
        seconds: of each stage and round.
    """

    subject: Subject
    artifact: Artifact
    files: ImageFiles
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self) -> None:
        """One round."""
        spec, classes = self.files.spec, self.subject.deliverable.scored_classes
        keep_freed_memory()
        with contextlib.ExitStack() as stack:
            (opened,) = self.stage(
                "open", lambda _: stack.enter_context(open_predictor(self.subject, self.artifact)), "1"
            )
            photographs = self.stage("decode", lambda sample: open_rgb(sample.image), self.files.samples)
            scaled = self.stage("scale", lambda each: np.asarray(window(each.size, spec).of_image(each)), photographs)
            del photographs
            labels = self.stage("label map", self.label, self.files.samples)
            batches = self.stage("normalise", lambda image: opened.prepare_batch(image[None]), scaled)
            found = self.stage("infer", lambda batch: opened.predict_prepared(batch, 1)[0][0], batches)
            pairs = list(zip(found, labels, strict=True))
            self.stage("score", lambda pair: confusion_matrix(pair[0], pair[1], classes), pairs)

    def label(self, sample: Any) -> Any:
        return load_label(sample.label, self.files.spec, self.files.lookup, self.files.mask_colours)

    def stage(self, name: str, function: Callable[[Any], Any], items: Any) -> list[Any]:
        """Time one stage over all images."""
        begin = time.perf_counter()
        done = [function(item) for item in items]
        self.seconds.setdefault(name, []).append(time.perf_counter() - begin)
        return done

    def times(self, *names: str) -> Times:
        """Core-seconds of some stages together, by round; of all, if none is named."""
        rounds = zip(*(self.seconds[name] for name in names or self.seconds), strict=True)
        return Times(images=len(self.files.names), rounds=tuple(map(sum, rounds)), executions=())

    def __str__(self) -> str:
        count = len(self.files.names)
        parts = (f"{name} {1e3 * float(np.median(each)) / count:.1f}" for name, each in self.seconds.items())
        return f"stages alone, ms an image on one core: {', '.join(parts)}"


def efficiency(stages: Times, run: Times) -> Ratio:
    """Core-seconds of the stages alone over cores times wall clock of the run, with an interval."""
    found = speedup(stages, run)
    return Ratio(*(value / cores() for value in (found.value, found.low, found.high)))


def on_all_cores(stages: Times) -> Times:
    """The wall clock of stages that keep all cores busy."""
    return Times(images=stages.images, rounds=tuple(each / cores() for each in stages.rounds), executions=())
