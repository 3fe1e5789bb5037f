"""``python -m benchmarks``: speed of this project over that of usual scripts, as ratios with intervals, in one table.

All workloads run alternately in one process, so drift of the clock speed does not change the ratios. ``--only`` selects
parts by name. No gate uses the results; ``docs/performance.md`` explains them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks import plain
from benchmarks.host import host
from benchmarks.stages import Stages, efficiency, on_all_cores
from benchmarks.table import Row
from enet import datasets, deliverable
from enet.host import cores, cpu_load, host_conditions, int8_instructions
from enet.measure import pipeline, predictor
from enet.measure.contest import Contest, TimingSettings, Workload
from enet.measure.race import workload
from enet.measure.subject import Subject
from enet.measure.timed_outputs import VariedImages
from enet.metrics.labels import argmax
from enet.metrics.latency import BUSY, Ratio, Times, speedup
from enet.metrics.segmentation import confusion_matrix
from enet.model import checkpoint
from enet.storage.store import Store

#: Images of an end-to-end run; the reference scripts take about half a second per image.
IMAGES = 20

#: Multiplications and additions per image of 480x480, in GFLOP.
GFLOP = 3.325


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="minimum time of each workload in seconds (default: %(default)s)"
    )
    options = parser.parse_args()
    rule = TimingSettings(warmup_seconds=1.0, min_seconds=options.seconds, min_rounds=8)
    seen, load = host_conditions(), cpu_load()
    print(f"{seen['cpu']}, {seen['cores_in_use']}, governor {seen['governor']}, Python {platform.python_version()}")
    if load is not None and load > BUSY:
        print(
            f"other processes use {100 * load:.0f} % of the CPU: efficiency and images/s are too low, ratios are wide"
        )
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(deliverable.load("scenes"), Store(Path(folder) / "cache"))
        for name in options.only:
            for row in PARTS[name](subject, Path(folder), rule):
                print(row, flush=True)


def inference(subject: Subject, folder: Path, rule: TimingSettings) -> Iterator[Row]:
    """Compare inference from the network's input to labels, batch 1."""
    spec = subject.deliverable
    network = checkpoint.load(subject.weights, spec.network.known, spec.network.outputs)
    source = subject.prepared()
    images, varied = source.load(0)[0][None], VariedImages(source, 1)
    with contextlib.ExitStack() as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual = plain.session(plain.export(network, folder / "plain.onnx", spec.preprocessing.size))
        ours = opened.enter_context(predictor.open_predictor(subject, subject.artifact("onnxruntime", 1)))
        batch = ours.prepare_batch(images)
        side = 2048
        left, right = np.random.default_rng(0).normal(size=(2, side, side)).astype(np.float32)
        torch.set_num_threads(cores())
        works = {
            "plain": Workload(lambda _: plain.predict(usual, batch), 1),
            "ours": workload(ours, varied),
            "eager": Workload(lambda _: eager_all_threads(network, batch), 1),
            "sgemm": Workload(lambda _: left @ right, 1),
        }
        if importlib.util.find_spec("openvino"):
            works["openvino"] = openvino_default(folder / "plain.onnx", batch)
            second = opened.enter_context(predictor.open_predictor(subject, subject.artifact("openvino", 1)))
            works["second"] = workload(second, varied)
            if importlib.util.find_spec("nncf"):
                artifact = subject.artifact("openvino", 1, precision="int8")
                works["int8"] = workload(opened.enter_context(predictor.open_predictor(subject, artifact)), varied)
        contest = opened.enter_context(Contest(list(works.values())))
        contest.warm_up(rule.warmup_seconds)
        contest.run(rule)
        times = dict(zip(works, contest.times(), strict=True))
        agree = float(np.mean(plain.predict(usual, batch) == ours.labels(images)[0]))
    print(f"inference, batch 1: {100 * agree:.4f} % of labels equal to plain use; plain use {rate(times['plain'])}")
    for name, comparison, required in (
        ("plain", "ONNX Runtime over its plain use (default session, argmax)", 2.2),
        ("openvino", "over OpenVINO's throughput hint on the plain ONNX", 1.3),
        ("eager", "over PyTorch eager on all cores", 4.0),
    ):
        if name in times:
            yield Row(comparison, speedup(times[name], times["ours"]), required)
    if "second" in times:
        yield Row("backend openvino over its default", speedup(times["openvino"], times["second"]), None)
        yield Row("backend openvino over backend onnxruntime", speedup(times["ours"], times["second"]), None)
    if "int8" in times:
        best = max(("ours", "second"), key=lambda name: times[name].images_per_second)
        yield Row(
            "INT8 over the best in float32", speedup(times[best], times["int8"]), 1.5 if int8_instructions() else None
        )
    flops = 2 * side**3 / 1e9
    bound = Times(images=1, rounds=tuple(t * GFLOP / flops for t in times["sgemm"].rounds), executions=())
    yield Row("of the bound that sgemm sets to direct convolution", speedup(bound, times["ours"]), 0.75)


def eager_all_threads(network: torch.nn.Module, batch: np.ndarray) -> np.ndarray:
    torch.set_num_threads(cores())  # our own backend, which runs in between, sets one
    return plain.eager(network, batch)


def openvino_default(path: Path, batch: np.ndarray) -> Workload:
    """Run as OpenVINO's documentation recommends for throughput: its hint and its number of requests."""
    import threading

    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    own = threading.local()

    def run(_: object) -> None:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        own.request.infer({0: batch})[0].argmax(axis=1).astype(np.uint8)

    return Workload(run, 1, executions=requests, threads=requests)


def end_to_end(subject: Subject, folder: Path, rule: TimingSettings) -> Iterator[Row]:
    """Compare complete runs from PNGs of 2048x1024 to mIoU."""
    some = Subject(subject.deliverable, subject.store, limit=IMAGES)
    spec = some.deliverable
    network = checkpoint.load(some.weights, spec.network.known, spec.network.outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual = plain.session(plain.export(network, folder / "plain.onnx", spec.preprocessing.size))
    artifact, prepared, photographs = some.artifact("onnxruntime", 1), some.prepared(), some.image_files()
    found = {}

    def reference(_: object) -> None:
        found["reference"] = plain.flow(some, usual, folder, IMAGES)

    def cold(_: object) -> None:
        found["cold"] = pipeline.measure_split(some, artifact, photographs).miou

    def warm(_: object) -> None:
        found["warm"] = pipeline.measure_split(some, artifact, prepared).miou

    stages = Stages(some, artifact, photographs)
    works = [reference, lambda _: stages.run(), cold, warm]
    with Contest([Workload(each, IMAGES) for each in works]) as contest:
        contest.warm_up(0)
        stages.seconds.clear()
        contest.run(TimingSettings(warmup_seconds=0, min_seconds=rule.min_seconds, min_rounds=5))
        theirs, _, first, second = contest.times()
    print(f"end to end, {IMAGES} images: mIoU {found}; reference flow {rate(theirs)}; PNG by {datasets.png.serving()}")
    print(stages)
    inference_alone = stages.times("open", "normalise", "infer", "score")
    yield Row("enet evaluate over the reference scripts, cold cache", speedup(theirs, first), 8)
    yield Row("the same with images from the artifact cache", speedup(theirs, second), 15)
    yield Row("the bound that decoding and inference set to cold", speedup(theirs, on_all_cores(stages.times())))
    yield Row("the bound that inference alone sets to both", speedup(theirs, on_all_cores(inference_alone)))
    yield Row("efficiency, cold: the stages alone over cores x wall clock", efficiency(stages.times(), first), 0.9)
    yield Row("efficiency, with images from the artifact cache", efficiency(inference_alone, second), 0.9)


def scoring(subject: Subject, folder: Path, rule: TimingSettings) -> Iterator[Row]:
    """Compare scoring of one image, from logits and from labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(plain.CLASSES, 480, 480)).astype(np.float32)
    label = rng.integers(0, plain.CLASSES + 1, (480, 480))
    label[label == plain.CLASSES] = -1
    truth = np.where(label < 0, 255, label).astype(np.uint8)
    labels = argmax(logits, plain.CLASSES)
    scores = plain.Scores()
    works = [
        Workload(lambda _: scores.update(logits, label), 1),
        Workload(lambda _: confusion_matrix(argmax(logits, plain.CLASSES), truth, plain.CLASSES), 1),
        Workload(lambda _: confusion_matrix(labels, truth, plain.CLASSES), 1),
    ]
    with Contest(works) as contest:
        contest.warm_up(0.2)
        contest.run(TimingSettings(warmup_seconds=0.2, min_seconds=min(2.0, rule.min_seconds), min_rounds=10))
        theirs, ours, counted = contest.times()
    yield Row("scoring an image's logits over the reference postprocess", speedup(theirs, ours), None)
    yield Row("scoring an image's labels over the reference postprocess", speedup(theirs, counted), 50)


def false_alarms(subject: Subject, folder: Path, rule: TimingSettings) -> Iterator[Row]:
    """Compare an artifact with itself 50 times by the gate's rule; it must never be slower or faster by 10 %."""
    with predictor.open_predictor(subject, subject.artifact("onnxruntime", 1)) as opened:
        one = workload(opened, VariedImages(subject.prepared(), 1))
        found = []
        for _ in range(50):
            with Contest([one, one]) as contest:
                contest.warm_up(0)
                contest.run(TimingSettings(warmup_seconds=0, min_seconds=1.0, min_rounds=8))
                first, second = contest.times()
            found.append(speedup(first, second))
    wrong = [ratio for ratio in found if ratio.high < 0.9 or ratio.low > 1.1]
    missed = [ratio for ratio in found if not ratio.low <= 1 <= ratio.high]
    print(f"an artifact against itself, 50 times: {len(wrong)} false alarms; {len(missed)} intervals without 1")
    values = sorted(ratio.value for ratio in found)
    yield Row("median of the ratios, and their range", Ratio(float(np.median(values)), values[0], values[-1]), None)


def rate(times: Times) -> str:
    return f"{times.images_per_second:.3g} images/s in this run"


PARTS: dict[str, Callable[[Subject, Path, TimingSettings], Iterator[Row]]] = {
    "inference": inference,
    "end-to-end": end_to_end,
    "host": host,
    "scoring": scoring,
    "false-alarms": false_alarms,
}

if __name__ == "__main__":
    main()
