"""The catalogue of gates, and which cases of them an acceptance consists of.

Everything else follows from it: the parameters of the acceptance tests, what a conclusion requires, the order of
reports, the table in the README.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from enet.backends.registry import DEFAULT, REFERENCE
from enet.deliverable import Deliverable, IoFormat, baselines

Aspect = Literal["accuracy", "perf"]

#: pytest's marker of an aspect, and its name in words.
ASPECTS: dict[Aspect, str] = {"accuracy": "accuracy", "perf": "performance"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one verdict is about; fields that make no difference to the gate are left out.

    Attributes:
        deliverable: name.
        backend: what runs the artifact; "recorded" for results recorded on a device.
        batch_size: of the artifact, in images.
        precision: "int8" if the user chose it.
        io_format: input and output format of the artifact, if it is not the deliverable's.
        reference: the backend whose speed is the reference.
    """

    deliverable: str
    backend: str = ""
    batch_size: int = 0
    precision: str = "fp32"
    io_format: IoFormat | None = None
    reference: str = ""

    @property
    def parts(self) -> list[str]:
        """The fields that are given, in words."""
        backend = self.backend + ("-int8" if self.precision == "int8" else "")
        form = [self.io_format.input, self.io_format.output] if self.io_format else []
        size = f"bs{self.batch_size}" if self.batch_size else ""
        return [part for part in (backend, *form, size, self.reference and f"over-{self.reference}") if part]

    def __str__(self) -> str:
        return "-".join([self.deliverable, *self.parts])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run was asked to check; the cases of every gate follow from it alone.

    Attributes:
        host_backends: run on this machine; their speed is compared here. Without the reference.
        device_backends: run on a device, or were recorded on one; their throughput is compared with baselines.
        backends: those whose accuracy is checked, in order.
        int8_backends: those of ``host_backends`` that run the artifact in INT8.
        float_engines: engines of this machine that an INT8 artifact is compared with.
        batch_sizes: whose accuracy is checked.
        timed_sizes: whose speed is measured, if the user named some; otherwise those of the recorded table.
        recorded: results recorded on a device are checked; nothing runs here.
        delivered: files that were handed over are checked; nothing is exported.
        has_reference: PyTorch runs the checkpoint. Without it there is none, or no outputs to compare with its own.
        gives_logits: the delivered ONNX gives float32 logits; what the suite exports always does.
        served: batch sizes that the delivered files of a backend can run, by its name; without an entry: any.
        has_baseline: an earlier run was named, to compare speed with.
        shipped_speeds: otherwise, the cases whose speed on this kind of machine the deliverable states.
    """

    deliverable: Deliverable
    backends: tuple[str, ...]
    host_backends: tuple[str, ...] = ()
    device_backends: tuple[str, ...] = ()
    int8_backends: tuple[str, ...] = ()
    float_engines: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    timed_sizes: tuple[int, ...] = ()
    recorded: bool = False
    delivered: bool = False
    has_reference: bool = True
    gives_logits: bool = True
    served: Mapping[str, frozenset[int]] = field(default_factory=dict)
    has_baseline: bool = False
    shipped_speeds: frozenset[str] = frozenset()

    @property
    def complete(self) -> Plan:
        """The plan of an acceptance: all batch sizes of the deliverable, whatever smaller part was requested."""
        sizes = {*self.batch_sizes, *self.deliverable.batch_sizes}
        timed = {*self.timed_sizes, *sizes, *baselines.load().batch_sizes} if self.timed_sizes else ()
        served = {name: can_run | {*self.deliverable.batch_sizes} for name, can_run in self.served.items()}
        return replace(self, batch_sizes=tuple(sorted(sizes)), timed_sizes=tuple(sorted(timed)), served=served)

    def serves(self, backend: str, batch_size: int) -> bool:
        """Whether there is a file for this batch size, or one is built."""
        return batch_size in self.served.get(backend, {batch_size})

    def first(self, backend: str) -> int:
        """The smallest batch size whose accuracy is checked."""
        return min(case.batch_size for case in self.artifacts() if case.backend == backend)

    def smallest(self, backend: str) -> int:
        """The batch size that larger ones are compared with: 1, or the smallest of the delivered files."""
        return 1 if self.serves(backend, 1) else min(self.served[backend])

    def case(self, backend: str = "", batch_size: int = 0, **fields: object) -> Case:
        precision = "int8" if backend in self.int8_backends else "fp32"
        return replace(
            Case(deliverable=self.deliverable.name, backend=backend, batch_size=batch_size, precision=precision),
            **fields,  # type: ignore[arg-type]
        )

    def artifacts(self) -> list[Case]:
        return [self.case(name, n) for name in self.backends for n in self.batch_sizes if self.serves(name, n)]

    def reference_of(self, backend: str) -> str:
        """The backend whose labels those of this one must agree with; empty if there is none.

        A delivered ONNX is compared with the checkpoint, and what was compiled from it with the ONNX.
        """
        if self.delivered and DEFAULT in self.backends and backend != DEFAULT:
            return DEFAULT
        return REFERENCE if self.has_reference else ""

    def compared(self) -> list[Case]:
        """Artifacts that are compared with PyTorch, or with the delivered ONNX."""
        return [case for case in self.artifacts() if self.reference_of(case.backend)]

    def with_classes(self) -> list[Case]:
        """Artifacts whose classes are compared: with a reference, or with the figures that the deliverable states."""
        return self.artifacts() if self.deliverable.reference.class_iou_percent else self.compared()

    def batched(self) -> list[Case]:
        return [case for case in self.artifacts() if case.batch_size > self.smallest(case.backend)]

    def partly_filled(self) -> list[Case]:
        """Recorded batches have a padded tail only if the images do not fill them; a live run makes one."""
        images = self.deliverable.dataset.images
        return [case for case in self.batched() if not self.recorded or images % case.batch_size]

    def whole(self) -> list[Case]:
        return [self.case()]

    def of_checkpoint(self) -> list[Case]:
        return [self.case()] if self.has_reference else []

    def with_golden(self) -> list[Case]:
        """Recorded logits hold the network's source: a variant always has them, own code if its checkpoint's are named;
        without them the hash of the code in the evidence is all."""
        network = self.deliverable.network
        return self.of_checkpoint() if network.variant or network.golden else []

    def logits(self) -> list[Case]:
        is_comparable = self.has_reference and self.gives_logits
        return [self.case(batch_size=n) for n in self.batch_sizes if is_comparable and self.serves(DEFAULT, n)]

    def other_formats(self) -> list[Case]:
        if self.delivered:
            return []
        formats = [IoFormat(input=i, output=o) for i in ("float", "uint8") for o in ("logits", "labels")]
        return [self.case(io_format=each) for each in formats if each != IoFormat()]

    def int8(self) -> list[Case]:
        return [case for case in self.artifacts() if case.precision == "int8"]

    def int8_over_float(self) -> list[Case]:
        return [replace(case, reference=engine) for case in self.int8() for engine in self.float_engines]

    def sizes_to_time(self, backend: str) -> list[int]:
        """Those that were asked for, or those of the recorded table, as far as the delivered files can run them."""
        sizes = self.timed_sizes or baselines.load().batch_sizes
        can_run = self.served.get(backend)
        return list(sizes) if can_run is None else sorted(can_run & {*sizes, *self.deliverable.batch_sizes})

    def raced(self) -> list[Case]:
        return [self.case(name, size) for name in self.host_backends for size in self.sizes_to_time(name)]

    def since_baseline(self) -> list[Case]:
        return [case for case in self.raced() if self.has_baseline or str(case) in self.shipped_speeds]

    def timed(self) -> list[Case]:
        return [
            self.case(name, size)
            for name in self.device_backends
            for size in (self.batch_sizes if self.recorded else self.sizes_to_time(name))
        ]

    def devices(self) -> list[Case]:
        return [self.case(name) for name in self.device_backends]

    def has_limit(self, gate: Gate, case: Case) -> bool:
        """Whether a verdict on the case decides something; at a batch size without a recorded baseline it does not, nor
        does a speed over that of the delivered ONNX itself.

        Of a network without any baseline, throughput stays required: what cannot be decided is not accepted.
        """
        if gate.name == "speedup":
            return self.has_reference
        if gate.name not in ("throughput", "best_batch"):
            return True
        limit = self.deliverable.throughput
        if limit is None:
            return True
        return not case.batch_size or baselines.load().column(limit.baseline).at(case.batch_size) is not None

    def unasked(self, aspects: Collection[str]) -> dict[str, list[str]]:
        """By reason: titles of the gates that would be asked of delivered files, too, if more came with them."""
        if not self.delivered:
            return {}
        plans = {
            "the file gives no float32 logits": replace(self, gives_logits=True),
            "the checkpoint is not here": replace(self, has_reference=True),
        }
        titles = {gate.title for gate, _ in self.required()}
        found: dict[str, list[str]] = {}
        for reason, plan in plans.items():
            whole = {gate.title: None for gate, _ in plan.required() if gate.aspect in aspects}
            found[reason] = [title for title in whole if title not in titles]
        return {reason: left_out for reason, left_out in found.items() if left_out}

    def required(self) -> list[tuple[Gate, Case]]:
        """Every (gate, case) that an acceptance needs a PASS of, in the catalogue's order."""
        plan = self.complete
        gates = [gate for gate in CATALOGUE if gate.of_records or not self.recorded]
        return [(gate, case) for gate in gates for case in gate.cases(plan) if plan.has_limit(gate, case)]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate.

    Attributes:
        name: its acceptance test is ``test_<name>``.
        aspect: pytest's marker.
        title: in tables, together with a case.
        sentence: what it asserts, for people.
        needs: kinds of evidence that it decides by (``kind`` of the classes in ``enet.evidence``).
        of_records: results recorded on a device can answer it.
        cases: its cases in a plan.
    """

    name: str
    aspect: Aspect
    title: str
    sentence: str
    needs: tuple[str, ...]
    cases: Callable[[Plan], Iterable[Case]]
    of_records: bool = False


CATALOGUE = (
    Gate(
        name="reference_miou", aspect="accuracy", title="reference mIoU", needs=("accuracy",), cases=Plan.of_checkpoint,
        sentence="PyTorch, measured now with these weights on these images, has the mIoU that the deliverable states; "
        "to 0.01 pp if it names both by hash",
    ),
    Gate(
        name="network", aspect="accuracy", title="network source", needs=("golden",), cases=Plan.with_golden,
        sentence="PyTorch gives logits that were recorded before: of the variant with weights by formula, and of the "
        "checkpoint if the deliverable has them",
    ),
    Gate(
        name="preprocessing", aspect="accuracy", title="preprocessing", needs=("digests",), cases=Plan.whole,
        sentence="the network's input is that of the reference scripts, byte for byte, on every image",
    ),
    Gate(
        name="onnx_logits", aspect="accuracy", title="ONNX logits", needs=("difference",), cases=Plan.logits,
        sentence="the ONNX gives PyTorch's logits to 1e-4 (large ones to 1.3e-6 of the largest), for "
        "photographs and noise, at every batch size",
    ),
    Gate(
        name="io_formats", aspect="accuracy", title="I/O format", needs=("parity",), cases=Plan.other_formats,
        sentence="argmax or normalisation inside the graph give the same labels",
    ),
    Gate(
        name="miou", aspect="accuracy", title="mIoU", needs=("accuracy",), cases=Plan.artifacts, of_records=True,
        sentence="the artifact's mIoU is within 1 % (relative, both sides) of the stated one, at every batch size",
    ),
    Gate(
        name="agreement", aspect="accuracy", title="agreement", needs=("agreement",), cases=Plan.compared,
        of_records=True, sentence="in every image, the labels differ from PyTorch's by no more than rounding explains: "
        "hardly any pixel away from borders, no border moved one way, no class lost",
    ),
    Gate(
        name="class_iou", aspect="accuracy", title="class IoU", needs=("accuracy",), cases=Plan.with_classes,
        of_records=True, sentence="no class has lost more than 5 pp of IoU, which a mean could hide",
    ),
    Gate(
        name="int8_miou", aspect="accuracy", title="INT8 mIoU", needs=("accuracy",), cases=Plan.int8,
        sentence="with `--precision int8`: mIoU is within 1 % of PyTorch's in float32",
    ),
    Gate(
        name="batch_parity", aspect="accuracy", title="batch parity", needs=("parity",), cases=Plan.batched,
        of_records=True, sentence="a large batch gives the label maps of batch 1",
    ),
    Gate(
        name="padded_tail", aspect="accuracy", title="padded tail", needs=("parity",), cases=Plan.partly_filled,
        of_records=True, sentence="a last batch that is not full gives what its images give one by one",
    ),
    Gate(
        name="equal_rows", aspect="accuracy", title="equal rows", needs=("parity",), cases=Plan.artifacts,
        sentence="an image gives the same labels in every call, in every row of a batch and beside all other images",
    ),
    Gate(
        name="cached_files", aspect="accuracy", title="cached files", needs=("rebuilt",), cases=Plan.whole,
        sentence="files of the artifact cache, some chosen at random in each run, are built again to the same bytes",
    ),
    Gate(
        name="throughput", aspect="perf", title="throughput", needs=("throughput",), cases=Plan.timed, of_records=True,
        sentence="a device, timed now or recorded, reaches 1.2 times the 310's recorded images/s at every batch size "
        "that has one",
    ),
    Gate(
        name="best_batch", aspect="perf", title="best batch", needs=("throughput",), cases=Plan.devices,
        of_records=True, sentence="the device's best batch size reaches 1.2 times the 310's best",
    ),
    Gate(
        name="speedup", aspect="perf", title="speedup", needs=("speed",), cases=Plan.raced,
        sentence="here, the artifact is at least 1.2 times as fast as the checkpoint in PyTorch, timed alternately, "
        "at batch 1 to 32",
    ),
    Gate(
        name="int8_speedup", aspect="perf", title="INT8 speedup", needs=("speed",), cases=Plan.int8_over_float,
        sentence="with `--precision int8`: at least 1.5 times as fast as every float32 engine here",
    ),
    Gate(
        name="regression", aspect="perf", title="regression", needs=("speed",), cases=Plan.since_baseline,
        sentence="no slower than the deliverable states for this kind of machine; with `--baseline FILE`: than in the "
        "run that `--record-baseline FILE` kept",
    ),
)  # fmt: skip

GATES = {gate.name: gate for gate in CATALOGUE}
