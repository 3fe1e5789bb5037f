"""Sound evidence of each kind, made up, for a fuzzer to change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from enet import deliverable, gates
from enet.deliverable import Deliverable, IoFormat, baselines
from enet.deliverable.target import DeviceState
from enet.evidence import (
    Accuracy,
    Agreement,
    DeviceTiming,
    Digests,
    Evidence,
    LogitComparison,
    Parity,
    Provenance,
    Rebuilt,
    Speed,
    Throughput,
)
from enet.evidence.speed import TimedOutputs
from enet.gates import Outcome, Verdict
from enet.metrics.agreement import ImageAgreement, SplitAgreement
from enet.metrics.latency import Times

IMAGES, CLASSES, PIXELS = 7, 19, 64
WEIGHTS = "0" * 64


@dataclass(frozen=True)
class World:
    """Sound evidence of each kind, made up, and the deliverable that it is of."""

    spec: Deliverable
    reference: Accuracy
    found: dict[str, Evidence]

    def judge(self, name: str, given: Evidence) -> Verdict:
        """The verdict of the gate that decides by this evidence."""
        if isinstance(given, Accuracy):
            judged = gates.accuracy.class_iou(given, self.reference, self.spec)
            verdict = gates.accuracy.miou(given, self.spec, self.reference)
            return judged if verdict.outcome is Outcome.PASS else verdict
        if isinstance(given, Agreement):
            return gates.agreement.agreement(given)
        if isinstance(given, Parity):
            return gates.parity.parity(given, self.spec)
        if isinstance(given, LogitComparison):
            return gates.parity.onnx_logits(given, self.spec)
        if isinstance(given, Digests):
            return gates.parity.preprocessing(given, self.spec)
        if isinstance(given, Rebuilt):
            return gates.cache.cached_files(given)
        if isinstance(given, Throughput):
            return gates.throughput.throughput(given, deliverable.load("cityscapes"), baselines.load())
        if isinstance(given, Speed):
            return gates.speed.speedup(given, self.spec)
        raise TypeError(f"{name}: {type(given).__name__} has no gate here")


def make_world() -> World:
    """Evidence that every gate passes."""
    rng = np.random.default_rng(0)
    names = tuple(f"image{number}" for number in range(IMAGES))
    matrices = np.stack([10 * np.eye(CLASSES, dtype=np.int64) + rng.integers(0, 2, (CLASSES,) * 2) for _ in names])
    spec = deliverable.load("scenes")
    spec = replace(
        spec,
        batch_sizes=(1, 4),
        network=replace(spec.network, sha256=WEIGHTS),
        dataset=replace(spec.dataset, images=IMAGES, sha256=None, inputs_sha256=None),
    )
    plain = {"input": IoFormat().input, "output": IoFormat().output}
    common: dict[str, Any] = {"deliverable": spec.name, "device": "cpu", "io_format": plain, "versions": {}}
    digests: dict[str, Any] = {"weights_sha256": WEIGHTS, "dataset_sha256": "d", "preprocessing_sha256": "p"}
    torch = Provenance(backend="pytorch", batch_size=1, onnx_sha256="", artifact_sha256=WEIGHTS, **common, **digests)
    ours = replace(torch, backend="onnxruntime", onnx_sha256="o", artifact_sha256="a")
    batched = replace(ours, batch_size=4, artifact_sha256="b")
    accuracy = Accuracy(
        provenance=ours,
        classes=tuple(map(str, range(CLASSES))),
        absent_classes=spec.reference.absent_classes,
        images=names,
        images_expected=IMAGES,
        matrices=matrices,
        non_finite=0,
        seconds=1.0,
    )
    spec = replace(spec, reference=replace(spec.reference, miou_percent=100 * accuracy.miou))
    parity = Parity(
        comparison="batch parity",
        first=batched,
        second=ours,
        images=names,
        images_expected=IMAGES,
        pixels_per_image=PIXELS**2,
        differing_pixels=(0,) * IMAGES,
        non_finite=0,
        is_single_class=False,
        miou=(accuracy.miou, accuracy.miou),
    )
    logits = LogitComparison(
        comparison="logits", first=ours, second=torch, values=1000, largest=1e-5, limit=spec.tolerances.logits,
        relative=spec.tolerances.logits_relative, over_limit=0, over_limit_unexcused=0, near_tie_share=0.0,
        non_finite=0,
    )  # fmt: skip
    digest = {name: f"{number}" * 8 for number, name in enumerate(names)}
    same: dict[str, Any] = {
        "dataset_sha256": "d",
        "preprocessing_sha256": "p",
        "limited": False,
        "images_expected": IMAGES,
    }
    preprocessing = Digests(comparison="preprocessing", ours=digest, theirs=dict(digest), **same)
    rebuilt = Rebuilt(cache="c", seed=1, limited=False, cached=digest, built=dict(digest))
    steady = tuple(0.1 + 0.001 * rng.random(20))
    speed = Speed(
        provenance=batched,
        reference=replace(torch, batch_size=4),
        batch_size=4,
        times=Times(images=4, rounds=steady, executions=steady),
        reference_times=Times(images=4, rounds=tuple(2 * each for each in steady), executions=steady),
        conditions={"waited_artifact": 0.0, "waited_reference": 0.0},
        outputs=TimedOutputs(seed=0, executions=20, compared=4, agreement=1.0, repeated=3, repeat_agreement=1.0),
    )
    counts = ImageAgreement(
        differing=0, border=800, border_differing=0, far_differing=0, edges=(500, 500), moved=(0, 0), lost_class=0,
        lost_class_pixels=900, lost_class_differing=0, certain_differing=0,
    )  # fmt: skip
    nothing = (0,) * CLASSES
    split = SplitAgreement(
        pixel=0, line=(20 * IMAGES, 0), class_pixels=(1000,) * CLASSES, gained=nothing, lost=nothing,
        class_edges=((100, 100),) * CLASSES, class_moved=((0, 0),) * CLASSES,
    )  # fmt: skip
    agreement = Agreement(
        first=ours, second=torch, classes=accuracy.classes, images=names, images_expected=IMAGES,
        pixels_per_image=PIXELS**2, counts=(counts,) * IMAGES, split=split,
    )  # fmt: skip
    found = {
        "accuracy": accuracy, "agreement": agreement, "parity": parity, "logits": logits,
        "preprocessing": preprocessing, "rebuilt": rebuilt, "throughput": make_throughput(rng), "speed": speed,
    }  # fmt: skip
    return World(spec, replace(accuracy, provenance=torch), found)


def make_throughput(rng: Generator) -> Throughput:
    """A run of 500 images at batch 16, half as fast again as the recorded 310."""
    state = DeviceState(
        device=0, npu=0, chip=0, name="310P3", health="OK", power=17.0, temperature=56.0, utilisation=0.0,
        memory_used=934, memory_total=23054,
    )  # fmt: skip
    rate = 1.5 * baselines.load().column("310").by_batch[16]
    times = tuple((16000 / rate * (1 + 0.01 * rng.random(32))).tolist())
    names = ("weights_sha256", "onnx_sha256", "dataset_sha256", "preprocessing_sha256")
    unknown: dict[str, Any] = dict.fromkeys(names, "")
    provenance = Provenance(
        deliverable="cityscapes", backend="ascend", device="310P3 0", batch_size=16, io_format={}, versions={},
        artifact_sha256="t", chip="310P3", devices_before=(state,), devices_after=(state,), **unknown,
    )  # fmt: skip
    mean = float(np.mean(times))
    timing = DeviceTiming(device="0", images=500, executions=32, compute_ms=times, mean_ms=mean, claimed=16000 / mean)
    return Throughput(
        provenance=provenance, tool="ais_bench", batch_size=16, batch_size_source="the compiled model",
        claimed_batch_size=16, device_timings=(timing,), images_expected=500,
    )  # fmt: skip
