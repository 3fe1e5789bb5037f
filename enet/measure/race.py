"""How fast an artifact is on this machine: from the input it takes to labels, timed in turn with PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet.backends import REFERENCE, Artifact
from enet.datasets.image_source import ImageSource
from enet.deliverable import IoFormat
from enet.evidence import Speed
from enet.host import cores, cpu_load, host_conditions
from enet.measure.contest import Contest, TimingSettings, Workload
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.metrics.latency import Times, early_stopped

#: The batch sizes that the recorded table has.
BATCH_SIZES = (1, 4, 8, 16, 32)

#: How often a comparison that is too noisy to decide is measured on, each time for as long again.
ATTEMPTS = 3


@dataclass
class Race:
    """An artifact and its baseline, opened and fed with the same images: 0 is the baseline, 1 the artifact."""

    contest: Contest
    baseline: tuple[Artifact, Predictor]
    candidate: tuple[Artifact, Predictor]
    subject: Subject
    conditions: dict[str, Any]

    def run(self, rule: TimingSettings, limit: float) -> None:
        """As the rule says; longer, up to a bound, while the limit lies within the ratio's interval."""
        for attempt in range(1, ATTEMPTS + 1):
            self.contest.run(TimingSettings(seconds=attempt * rule.seconds, rounds=attempt * rule.rounds))
            ratio = self.evidence().ratio
            if not ratio.low < limit <= ratio.high:
                return

    def evidence(self) -> Speed:
        first, second = self.contest.times()
        (theirs, opened), (ours, candidate) = self.baseline, self.candidate
        return Speed(
            provenance=self.subject.provenance(ours, candidate.model),
            batch_size=ours.batch_size,
            times=second,
            baseline=self.subject.provenance(theirs, opened.model),
            baseline_times=first,
            conditions=self.conditions,
        )


@contextlib.contextmanager
def race(
    subject: Subject, backend: str, batch_size: int, source: ImageSource, baseline: str = REFERENCE
) -> Iterator[Race]:
    """Open an artifact for a batch size, and what it is compared with: the checkpoint in PyTorch, or another backend's
    artifact in float32. Warmed up by whoever runs it.

    Raises:
        InputError: an artifact can't be built or loaded.
    """
    artifacts = [subject.artifact(baseline, batch_size, precision="fp32"), subject.artifact(backend, batch_size)]
    images = batch_of(source, batch_size)
    seen = {**host_conditions(), "busy_before": cpu_load()}
    with contextlib.ExitStack() as opened:
        predictors = [opened.enter_context(open_predictor(subject, artifact)) for artifact in artifacts]
        works = [work(predictor, images) for predictor in predictors]
        contest = opened.enter_context(Contest(works))
        yield Race(contest, (artifacts[0], predictors[0]), (artifacts[1], predictors[1]), subject, seen)
        seen["busy_after"] = cpu_load()


def batch_of(source: ImageSource, batch_size: int) -> NDArray[np.uint8]:
    """The first images of a split, again and again if there are too few."""
    return np.stack([source.load(index % len(source.names))[0] for index in range(batch_size)])


def work(predictor: Predictor, images: NDArray[np.uint8]) -> Workload:
    """From what the artifact takes to labels; by as many threads as keep it busy."""
    batch, count = predictor.given(images), len(images)
    threads = predictor.model.max_concurrency
    return Workload(lambda: predictor.predict(batch, count), images=count, executions=threads, threads=threads)


def sweep(
    subject: Subject,
    backend: str,
    sizes: Sequence[int],
    source: ImageSource,
    rule: TimingSettings,
    form: IoFormat | None = None,
) -> dict[int, Times]:
    """Times of a backend at several batch sizes, taken in turn; in the deliverable's form if no other is given."""
    with contextlib.ExitStack() as opened:
        works = []
        for size in sizes:
            predictor = opened.enter_context(open_predictor(subject, subject.artifact(backend, size, form)))
            works.append(work(predictor, batch_of(source, size)))
        contest = opened.enter_context(Contest(works))
        contest.warmup_seconds(rule.warmup_seconds)
        contest.run(rule, paired=False)
        return dict(zip(sizes, contest.times(), strict=True))


def timing_row(times: Times) -> dict[str, float | None]:
    """A row of a table: rate, time per image, latencies of an execution, how steady it was."""
    stopped = early_stopped(times)
    return {
        "images/s": times.images_per_second,
        "ms per image": 1000 / times.images_per_second,
        **{f"p{p} ms": 1000 * times.latency(p) for p in (50, 90, 99)},
        "MLPerf p90 ms": None if stopped is None else 1000 * stopped,
        "variation %": 100 * times.variation,
        "drift %": 100 * times.drift,
    }


def describe_scaling(times: dict[int, Times]) -> str:
    """What a sweep over batch sizes says, in a sentence: where time goes decides whether a larger batch helps."""
    rates = {size: each.images_per_second for size, each in times.items()}
    best, smallest = max(rates, key=lambda size: rates[size]), min(rates)
    gain, loss = rates[best] / rates[smallest], rates[best] / rates[max(rates)]
    if len(rates) == 1:
        return f"one batch size says nothing of scaling; {cores()} cores"
    if max(gain, loss) < 1.1:
        return "time per image is flat: compute-bound, a larger batch has nothing to save"
    if loss >= 1.1 and best != max(rates):
        return (
            f"beyond batch {best} time per image rises by {100 * (loss - 1):.0f} %: activations outgrow the caches, so "
            "larger batches wait for memory"
        )
    return (
        f"time per image falls by {100 * (1 - 1 / gain):.0f} % up to batch {best}: a call has costs that a batch shares"
    )
