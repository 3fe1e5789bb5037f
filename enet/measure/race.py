"""Speed on this host: race an artifact against PyTorch, or compare its batch sizes (``sweep``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enet import backends
from enet.backends import REFERENCE, Artifact
from enet.datasets.image_source import ImageSource
from enet.evidence import Speed
from enet.host import cores, host_conditions
from enet.measure.contest import Contest, TimingSettings, Workload
from enet.measure.predictor import Predictor, open_predictor
from enet.measure.subject import Subject
from enet.measure.timed_outputs import OutputCheck, VariedImages
from enet.metrics.latency import Times, early_stopped, speedup

#: Largest number of times that a comparison too noisy to decide is measured, each time for as long again.
ATTEMPTS = 3

#: Number of threads that can compute at once. Of more, some may sleep until they get Python's interpreter lock, which
#: PyTorch holds for less than a tenth of an image's time.
ALWAYS_BUSY = 8


@dataclass
class Race:
    """Two opened artifacts that get the same images, other ones in every round; workload 0 is the reference, 1 the
    candidate."""

    contest: Contest
    subject: Subject
    opened: Sequence[tuple[Artifact, Predictor]]
    check: OutputCheck
    conditions: dict[str, Any]

    def run(self, settings: TimingSettings, *limits: float) -> None:
        """Time rounds; again, up to ``ATTEMPTS`` times, while a limit is inside the ratio's interval."""
        for attempt in range(1, ATTEMPTS + 1):
            seconds, rounds = attempt * settings.min_seconds, attempt * settings.min_rounds
            self.contest.run(TimingSettings(min_seconds=seconds, min_rounds=rounds))
            theirs, ours = self.contest.times()
            ratio = speedup(theirs, ours)
            if not any(ratio.low < limit <= ratio.high for limit in limits):
                return

    def evidence(self) -> Speed:
        """Build evidence from the times; the outputs are checked when the race has been left."""
        reference_times, times = self.contest.times()
        reference, provenance = (self.subject.provenance(each, predictor.model) for each, predictor in self.opened)
        theirs, ours = self.contest.cpu_time
        threads = min(self.contest.workloads[0].threads, ALWAYS_BUSY)
        idle = theirs.share_idle(sum(reference_times.rounds) * threads)
        used = {"waited_reference": theirs.share_waited, "waited_artifact": ours.share_waited, "idle_reference": idle}
        return Speed(
            provenance=provenance,
            batch_size=provenance.batch_size,
            times=times,
            reference=reference,
            reference_times=reference_times,
            conditions=self.conditions | used,
            outputs=self.check.evidence(),
        )


@contextlib.contextmanager
def race(
    subject: Subject, backend: str, batch_size: int, source: ImageSource, reference: str = REFERENCE
) -> Iterator[Race]:
    """Open an artifact and its reference for a race; the caller warms them up. At the end, both are closed, and the
    artifact, opened anew, runs some of the timed inputs again.

    Args:
        reference: backend that the artifact is compared with, in float32; PyTorch runs the checkpoint itself. Without a
            checkpoint, ONNX Runtime runs the delivered file in a session with its own settings.
    Raises:
        InputError: an artifact cannot be built or loaded.
    """
    artifacts = [subject.artifact(reference, batch_size, precision="fp32"), subject.artifact(backend, batch_size)]
    artifacts[0] = replace(artifacts[0], is_plain=not subject.has_weights)
    images = VariedImages(source, batch_size)
    check = OutputCheck(images.seed, batch_size)
    conditions = host_conditions()
    with contextlib.ExitStack() as stack:
        predictors = [stack.enter_context(open_predictor(subject, artifact)) for artifact in artifacts]
        works = [workload(predictor, images) for predictor in predictors]
        works = [replace(each, accept=check.accept(side == 0)) for side, each in enumerate(works)]
        contest = stack.enter_context(Contest(works))
        yield Race(contest, subject, list(zip(artifacts, predictors, strict=True)), check, conditions)
        for side, artifact, each in zip(("reference_engine", "artifact_engine"), artifacts, predictors, strict=True):
            conditions[side] = {**backends.get(artifact.backend).conditions(), **each.model.conditions()}
    with open_predictor(subject, artifacts[1]) as again:
        check.repeat(lambda number, execution: again.labels(images.batch(number, execution))[0])


def workload(predictor: Predictor, images: VariedImages) -> Workload:
    """Workload from prepared input to labels, on as many threads as keep the predictor busy."""
    count, threads = images.batch_size, predictor.model.max_concurrency

    def execute(batch: NDArray[Any]) -> NDArray[np.uint8]:
        # Copied, so that a result that is not complete yet, or is overwritten later, does not count as one.
        return np.array(predictor.predict_prepared(batch, count)[0])

    def inputs(number: int) -> list[NDArray[Any]]:
        return [predictor.prepare_batch(images.batch(number, execution)) for execution in range(threads)]

    return Workload(execute, images=count, executions=threads, threads=threads, inputs=inputs)


def sweep(
    subject: Subject, artifacts: Sequence[Artifact], source: ImageSource, settings: TimingSettings
) -> dict[int, Times]:
    """Time artifacts of several batch sizes in alternating rounds; return the times by batch size."""
    sizes = [artifact.batch_size for artifact in artifacts]
    with contextlib.ExitStack() as stack:
        predictors = [stack.enter_context(open_predictor(subject, artifact)) for artifact in artifacts]
        workloads = [workload(each, VariedImages(source, each.batch_size)) for each in predictors]
        contest = stack.enter_context(Contest(workloads))
        contest.warm_up(settings.warmup_seconds)
        contest.run(settings, paired=False)
    return dict(zip(sizes, contest.times(), strict=True))


def timing_row(times: Times) -> dict[str, float | None]:
    """Row of a table: throughput, time per image, latency of an execution, and steadiness."""
    mlperf_p90 = early_stopped(times)
    return {
        "images/s": times.images_per_second,
        "ms per image": 1000 / times.images_per_second,
        **{f"p{p} ms": 1000 * times.latency(p) for p in (50, 90, 99)},
        "MLPerf p90 ms": None if mlperf_p90 is None else 1000 * mlperf_p90,
        "variation %": 100 * times.variation,
        "drift %": 100 * times.drift,
    }


def describe_scaling(times: dict[int, Times]) -> str:
    """Say in a sentence whether a larger batch helps, and why."""
    rates = {size: each.images_per_second for size, each in times.items()}
    best, smallest = max(rates, key=lambda size: rates[size]), min(rates)
    gain, loss = rates[best] / rates[smallest], rates[best] / rates[max(rates)]
    if len(rates) == 1:
        return f"one batch size says nothing of scaling; {cores()} cores"
    if max(gain, loss) < 1.1:
        return "time per image is flat: compute-bound, a larger batch has nothing to save"
    if loss >= 1.1 and best != max(rates):
        cause = "activations outgrow the caches, so larger batches wait for memory"
        return f"beyond batch {best} time per image rises by {100 * (loss - 1):.0f} %: {cause}"
    saved = 100 * (1 - 1 / gain)
    return f"time per image falls by {saved:.0f} % up to batch {best}: a call has costs that a batch shares"
