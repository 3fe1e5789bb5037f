"""The table of hits: each injected fault, and whether the diagnosis names it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from enet.backends import DEFAULT
from enet.diagnosis import Diagnosis, diagnose
from enet.errors import EnetError
from enet.gates import Plan
from enet.measure import measure_split
from enet.measure.subject import Subject
from enet.selftest.acceptance import small, with_own_cache
from enet.selftest.planted import FAULTS, Fault
from enet.selftest.table import Row

#: Number of images, so that a batch of four has a tail, pixels of a side, and size of a scene; also if it is quick.
IMAGES, SIDE, QUICK_SIDE = 10, 480, 192
QUICK_IMAGES, SCENE, QUICK_SCENE = 4, (2048, 1024), (768, 384)

#: Time of a diagnosis: all hypotheses are tried, also on a busy machine.
SECONDS = 600.0

#: Causes that name a fault rightly, by the fault's name; of those that are refused, words of the message.
CAUSES = {
    "bgr": ("BGR input",),
    "no mean": ("the mean left out",),
    "no std": ("the std left out",),
    "std of another data set": ("mean and std of Cityscapes",),
    "divided by 256": ("/256 instead of /255",),
    "crop shifted by 1": ("the crop shifted by 1 to the right",),
    "crop shifted by 8": ("the crop shifted by 8 to the right",),
    "bicubic": ("bicubic resizing",),
    "not antialiased": ("resizing without antialiasing (OpenCV)",),
    "resized after the crop": ("resizing after the crop",),
    "uint8 overflow": ("uint8 overflow",),
    "mirrored": ("mirrored input",),
    "label maps smoothed": ("label maps smoothed",),
    "label of another image": ("label of another image",),
    "images missing": ("images missing",),
    "label missing": ("without label",),
    "images duplicated": ("images duplicated",),
    "train ids as label ids": ("train ids, not label ids",),
    "image cut short": ("not a complete image",),
    "wrong epsilon": ("epsilon 0.1 in batch normalisation",),
    "tensorflow epsilon": ("epsilon 0.001 in batch normalisation",),
    "classes swapped in the export": ("classes exchanged: road and sidewalk",),
    "weights rounded to fp16": ("weights rounded to fp16",),
    "one bit flipped": ("weights changed in the export",),
    "half pixels rounded up": ("half pixels rounded up in upsampling",),
    "align corners": ("align corners in upsampling",),
    "padding on the other side": ("padding on the other side",),
    "dilation lost": ("dilation lost",),
    "labels off by one": ("labels off by one, counted from 1",),
    "normalisation in the graph without std": ("the std left out of the scale alone",),
    "rows permuted": ("rows permuted",),
    "first row repeated": ("first row repeated",),
    "tail dropped": ("tail rows",),
    "tail padded in front": ("tail rows",),
    "last row less precise": ("last row of a batch",),
    "one logit NaN": ("logits not finite",),
    "one image constant": ("one image constant",),
    "saturated": ("logits saturated",),
    "half precision": ("logits in half precision",),
    "result of the previous call": ("result of the previous call",),
    "ignored pixels counted": ("ignored pixels counted as the first class",),
    "border not scored": ("the border not scored",),
}

#: PyTorch's layer, or the beginning of its name, from which an ONNX with a fault is the first to differ, by the fault's
#: name; the others are in no layer of an ONNX.
LAYERS = {
    "wrong epsilon": "initial.",
    "tensorflow epsilon": "initial.",
    "classes swapped in the export": "fullconv",
    "weights rounded to fp16": "initial.",
    "one bit flipped": "fullconv",
    "half pixels rounded up": "bottleneck4_0.upsampling",
    "align corners": "bottleneck4_0.upsampling",
    "padding on the other side": "initial.",
    "dilation lost": "bottleneck2_2.conv2.",
    "normalisation in the graph without std": "the input",
}

#: Faults of a quick table: one that needs no trial, one that needs all, one of the results.
QUICK_FAULTS = ("bgr", "wrong epsilon", "one logit NaN")

NO_CAUSE = "no cause"

#: Stages whose faults are to be named.
STAGES = ("preprocessing", "export", "data", "batching", "device", "scoring")


def run(folder: Path, *, quick: bool = False) -> Iterator[Row]:
    """First sound runs, which accuse nobody; then each fault that is injected into the product."""
    images, side, scene = (QUICK_IMAGES, QUICK_SIDE, QUICK_SCENE) if quick else (IMAGES, SIDE, SCENE)
    subject = small(folder, images=images, side=side, scene=scene)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        found = first_accusing(with_own_cache(subject, Path(own)))
        cause = accused(found)
    yield Row(name="none", stage="none", expected=NO_CAUSE, observed=cause or NO_CAUSE, ok=not cause)
    for fault in select_faults(quick=quick):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            yield check_fault(fault, subject, Path(own))


def select_faults(*, quick: bool) -> list[Fault]:
    """The faults that are injected into the product, stage by stage."""
    faults = [fault for stage in STAGES for fault in FAULTS if fault.stage == stage and fault.inject]
    return [fault for fault in faults if fault.name in QUICK_FAULTS] if quick else faults


def check_fault(fault: Fault, subject: Subject, folder: Path) -> Row:
    """Inject a fault and diagnose the subject that has it."""
    causes, layer = CAUSES.get(fault.name, ()), LAYERS.get(fault.name, "")
    assert fault.inject is not None
    try:
        with fault.inject(with_own_cache(subject, folder / "cache"), folder) as faulty:
            found = first_accusing(faulty)
            cause = accused(found)
            is_named = found is not None and found.cause in causes and first_layer(found).startswith(layer)
    except EnetError as error:  # refused before anything is measured: then the message has to name the cause
        cause = str(error)
        is_named = any(words in cause for words in causes)
    expected = " or ".join(causes) + (f", in {layer}" if layer else "")
    return Row(name=fault.name, stage=fault.stage, expected=expected, observed=cause or NO_CAUSE, ok=is_named)


def first_accusing(subject: Subject) -> Diagnosis | None:
    """The first diagnosis that names a cause or a layer: of batch 1, then of a larger batch, then of other formats."""
    return next((each for each in diagnoses(subject) if accused(each)), None)


def first_layer(found: Diagnosis) -> str:
    """PyTorch's layer that is the first to differ; empty: none is."""
    return found.layers.first.like if found.layers and found.layers.first else ""


def accused(found: Diagnosis | None) -> str:
    """Cause and layer that a diagnosis names."""
    parts = [] if found is None else [found.cause, first_layer(found) and f"in {first_layer(found)}"]
    return ", ".join(filter(None, parts))


def diagnoses(subject: Subject) -> Iterator[Diagnosis]:
    """Diagnoses of the artifacts that an acceptance measures, one after the other."""
    spec, source = subject.deliverable, subject.prepared()
    plan = Plan(deliverable=spec, backends=(DEFAULT,), delivered=bool(subject.delivered))
    for size in spec.batch_sizes:
        artifact = subject.artifact(DEFAULT, size)
        run = measure_split(subject, artifact, source)
        yield diagnose(subject, artifact, source, run, seconds=SECONDS)
    for case in plan.other_formats():
        artifact = subject.artifact(DEFAULT, 1, case.io_format)
        yield diagnose(subject, artifact, source, run, seconds=SECONDS)
