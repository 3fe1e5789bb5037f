"""What families of faults share: how one is drawn, and when it is too small to be seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from enet.backends import DEFAULT, REFERENCE
from enet.measure import measure_split, predictor
from enet.measure.subject import Subject
from enet.selftest.planted.base import Inject

Array = NDArray[Any]

#: Why a fault that no gate noticed is too small to be seen, from the sound subject and the faulty one; empty if it is
#: not.
TooSmall = Callable[[Subject, Subject], str]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A fault that was drawn: ``words`` say what and where."""

    words: str
    inject: Inject
    too_small: TooSmall = field(default=lambda _, __: "")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Faults of one kind.

    Attributes:
        name: in a few words; the table of catch rates has a line for each.
        gates: meant to notice; any gate counts.
        draw: draws one fault for the sound subject.
        rebuilds: kinds of cache entries that the fault would change, although their keys do not show it.
    """

    name: str
    gates: tuple[str, ...]
    draw: Callable[[Generator, Subject], Drawn]
    rebuilds: tuple[str, ...] = ()


def patching(make: Callable[[Subject], contextlib.AbstractContextManager[Any]]) -> Inject:
    """A fault that is a patch of the code, in memory."""

    @contextlib.contextmanager
    def inject(subject: Subject, _: Path) -> Iterator[Subject]:
        with make(subject):
            yield subject

    return inject


def changing(change: Callable[[Subject, Path], Subject]) -> Inject:
    """A fault of the subject's files."""
    return lambda subject, folder: contextlib.nullcontext(change(subject, folder))


def pick(rng: Generator, items: Any) -> Any:
    """Draw one item."""
    chosen = list(items)
    return chosen[int(rng.integers(len(chosen)))]


def small_miou_change(sound: Subject, faulty: Subject) -> str:
    """Both sides of the comparison have the fault, and PyTorch's mIoU stays within the band."""
    allowed = sound.deliverable.tolerances.miou_relative
    values = [measure_split(each, each.artifact(REFERENCE, 1), each.prepared()).miou for each in (sound, faulty)]
    change = values[1] / values[0] - 1
    return f"mIoU {100 * change:+.2f} %, {100 * allowed:g} % allowed" if abs(change) <= allowed else ""


def small_logit_change(sound: Subject, faulty: Subject) -> str:
    """No logit of the exported ONNX moves by more than the limit, nor a label in any form."""
    source, limits = sound.prepared(), sound.deliverable.tolerances
    images = np.stack([source.load(index)[0] for index in range(len(source.names))])
    sides = []
    for subject in (sound, faulty):
        with predictor.open_predictor(subject, subject.artifact(DEFAULT, 1)) as opened:
            sides.append(np.concatenate([opened.infer_batch(image[None]) for image in images]))
    change, largest = float(np.abs(sides[0] - sides[1]).max()), float(np.abs(sides[0]).max())
    allowed = max(limits.logits, limits.logits_relative * largest)
    return f"logits {change:.2g}, {allowed:.2g} allowed" if change <= allowed else ""
